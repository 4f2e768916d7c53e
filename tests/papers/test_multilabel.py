"""Several signs of one frame: packing, strata, loss, metrics, manifest, and a run of it all.

The run is of a tiny network on made-up frames, once, through the command line.
"""

import json
import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from fake_run import revouch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from lus_keras.core.environment import start_tensorflow

start_tensorflow()
import keras  # noqa: E402

from lus_keras import papers  # noqa: E402
from lus_keras.cli import main  # noqa: E402
from lus_keras.core import config, multilabel  # noqa: E402
from lus_keras.core.errors import ManifestError, RunError  # noqa: E402
from lus_keras.data.manifest import SIGNS, Video, read_manifest, write_manifest  # noqa: E402
from lus_keras.data.splits import make_holdout, make_kfold  # noqa: E402
from lus_keras.data.video import write_video  # noqa: E402
from lus_keras.evaluation.metrics import majority_baseline, point, video_level  # noqa: E402
from lus_keras.evaluation.metrics.multilabel import label_scores, label_statistics, set_statistics  # noqa: E402
from lus_keras.evaluation.run_record import read_run  # noqa: E402
from lus_keras.evaluation.run_record.read import read_predictions  # noqa: E402
from lus_keras.experiments.report import write_report  # noqa: E402
from lus_keras.inference.export import export_models  # noqa: E402
from lus_keras.inference.predict import load_models, predict_video  # noqa: E402
from lus_keras.losses import LabelSetCrossentropy, label_set_accuracy  # noqa: E402

SETS = st.integers(0, 15)
QUICK = settings(deadline=None, max_examples=60, derandomize=True)


# Packing


@given(st.sets(st.sampled_from(SIGNS)))
@QUICK
def test_a_set_is_one_number_and_comes_back(signs):
    mask = multilabel.pack(signs, SIGNS)
    (bits,) = multilabel.unpack([mask], 4)
    assert {sign for sign, bit in zip(SIGNS, bits, strict=True) if bit} == signs
    assert mask == sum(2 ** SIGNS.index(sign) for sign in signs)


def test_counts_of_sets_count_a_clip_with_each_of_its_labels():
    """0, 1, 3, 8, 11 are {}, {a}, {a, b}, {d}, {a, b, d}."""
    found = multilabel.class_counts([0, 1, 3, 8, 11], "abcd", "signs")
    assert found == {"a": 3, "b": 2, "c": 0, "d": 2, "none of them": 1}
    assert multilabel.class_counts([0, 1, 3, 1], "abcd", "sign") == {"a": 1, "b": 2, "c": 0, "d": 1}


# Strata


def test_the_rarest_label_is_the_stratum():
    """Bit 0 is shown by 4 patients, bit 2 by 2: who shows both is of the stratum of bit 2."""
    patients = ["a", "a", "b", "c", "d", "e", "f", "g"]
    masks = [0b001, 0b100, 0b101, 0b001, 0b001, 0, 0, 0]
    assert multilabel.rarest_first(patients, masks).tolist() == [2, 2, 2, 1, 1, 0, 0, 0]


def test_a_stratum_of_one_patient_joins_the_largest():
    assert multilabel.rarest_first(list("abcd"), [1, 1, 1, 2]).tolist() == [1, 1, 1, 1]


@given(st.lists(SETS, min_size=8, max_size=40), st.integers(0, 99))
@QUICK
def test_any_combinations_can_be_divided(masks, seed):
    """No stratum stands alone, and none of the draws fails or puts a patient on two sides."""
    patients = [f"p{number % (len(masks) // 2)}" for number in range(len(masks))]
    strata = multilabel.rarest_first(patients, masks)
    by_patient = dict(zip(patients, strata.tolist(), strict=True))
    assert [by_patient[name] for name in patients] == strata.tolist()
    sizes = np.bincount(list(by_patient.values()))
    assert (sizes != 1).all() and len(sizes) <= 5
    (fold,) = make_holdout(
        patients, strata, test_fraction=0.3, validation_fraction=0.2, seed=seed
    ).folds
    assert not set(fold.train) & set(fold.test)
    assert len(make_kfold(patients, strata, folds=2, seed=seed).folds) == 2


def test_a_rare_sign_is_on_both_sides():
    """Ten of a hundred patients show it, half of them with another: two are tested, of 20."""
    patients = [f"p{number:03d}" for number in range(100)]
    masks = [0b1000 | number % 2 if number < 10 else 1 + number % 2 for number in range(100)]
    strata = multilabel.rarest_first(patients, masks)
    for seed in range(5):
        (fold,) = make_holdout(patients, strata, test_fraction=0.2, seed=seed).folds
        assert sum(masks[patients.index(name)] >= 8 for name in fold.test) == 2


# Loss and training metric

LOGITS = np.float32([[0.0, 0.0, 0.0, 0.0], [2.0, -1.0, 0.5, -3.0], [-0.3, 4.0, -5.0, 0.1]])
MASKS = np.array([5, 9, 0])


def test_the_loss_is_the_mean_binary_cross_entropy_of_sigmoids():
    """-log σ(z) where a bit is set, -log(1 - σ(z)) where not; log 2 for logits of 0."""
    chance = 1 / (1 + np.exp(-LOGITS.astype(np.float64)))
    bits = np.array([[1, 0, 1, 0], [1, 0, 0, 1], [0, 0, 0, 0]])
    each = -np.where(bits, np.log(chance), np.log(1 - chance)).mean(axis=1)
    assert each[0] == pytest.approx(np.log(2))
    loss = LabelSetCrossentropy()
    assert float(loss(MASKS, LOGITS)) == pytest.approx(each.mean(), rel=1e-5)
    plain = LabelSetCrossentropy(reduction=None)(MASKS, LOGITS)
    np.testing.assert_allclose(plain, each, rtol=1e-5)


def test_training_accuracy_is_the_share_of_right_answers():
    """A logit of 0 says no: of {0, 2} two are right, of {0, 3} two, of {} two."""
    found = label_set_accuracy(MASKS, LOGITS)
    np.testing.assert_allclose(found, [2 / 4, 2 / 4, 2 / 4])


def test_the_variant_changes_loss_and_decoding_and_nothing_of_the_papers_task():
    paper, single = papers.get("signs"), config.load("signs", "quick")
    several = config.load("signs", "quick", variant="multilabel")
    assert isinstance(paper.loss(single), keras.losses.SparseCategoricalCrossentropy)
    assert isinstance(paper.loss(several), LabelSetCrossentropy)
    assert single.label_column == "sign" and not single.multilabel
    changed = {key for key, value in several.experiment().items()
               if value != single.experiment()[key]}  # fmt: skip
    assert changed == {"label_column"}
    logits = np.log([[1.0, 3.0, 1 / 3, 1.0]])
    np.testing.assert_allclose(
        paper.decoder(multilabel=True)(logits), [[1 / 2, 3 / 4, 1 / 4, 1 / 2]]
    )
    assert paper.decoder(multilabel=False) is paper.decode
    assert paper.notes(single) == [] and "not the paper's" in paper.notes(several)[0]


# Metrics by hand

TRUTH = [[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0]]
CHANCE = [
    [0.9, 0.2, 0.1, 0.4],
    [0.6, 0.7, 0.6, 0.1],
    [0.7, 0.3, 0.2, 0.3],
    [0.1, 0.4, 0.3, 0.8],
    [0.2, 0.1, 0.2, 0.45],
    [0.5, 0.1, 0.1, 0.2],
]
# Answers above 1/2:  a: 1 1 1 0 0 0, b: 0 1 0 0 0 0, c: 0 1 0 0 0 0, d: 0 0 0 1 0 0.
BY_HAND = {
    "precision": (Fraction(2, 3), Fraction(1), None, Fraction(1)),
    "recall": (Fraction(1), Fraction(1, 2), None, Fraction(1, 2)),
    "specificity": (Fraction(3, 4), Fraction(1), Fraction(5, 6), Fraction(1)),
    "f1": (Fraction(4, 5), Fraction(2, 3), None, Fraction(2, 3)),
    "accuracy": (Fraction(5, 6), Fraction(5, 6), Fraction(5, 6), Fraction(5, 6)),
    # a: .9 beats 4, .6 beats .1 .2 .5; b: .7 beats 4, .3 beats .2 .1 .1; d: .8 4, .45 4.
    "roc_auc": (Fraction(7, 8), Fraction(7, 8), None, Fraction(1)),
}


def frame_of(truth, chance, patients="aabbcd"):
    columns = {
        "clip_id": [f"v{number}@0" for number in range(len(truth))],
        "video_id": [f"v{number}" for number in range(len(truth))],
        "patient_id": list(patients),
        "fold": 0,
    }
    columns |= {f"y_{k}": column for k, column in enumerate(np.transpose(truth))}
    columns |= {f"p_{k}": column for k, column in enumerate(np.transpose(chance))}
    return pd.DataFrame(columns)


@pytest.mark.parametrize("metric", BY_HAND)
def test_every_sign_by_hand_and_one_that_is_never_shown_has_no_recall(metric):
    for number, scores in enumerate(label_scores(frame_of(TRUTH, CHANCE))):
        found = point(label_statistics(scores)[metric], scores.clusters)
        expected = BY_HAND[metric][number]
        if expected is None:
            assert np.isnan(found)
        else:
            assert found == pytest.approx(float(expected), rel=1e-12)


def test_all_signs_by_hand():
    """Means are over a, b and d; right in all four are frames 0, 3 and 5: 3/6."""
    scores = label_scores(frame_of(TRUTH, CHANCE))
    found = {name: point(each, scores[0].clusters) for name, each in set_statistics(scores).items()}
    for metric, values in BY_HAND.items():
        mean = sum(values[number] for number in (0, 1, 3)) / 3
        assert found[metric] == pytest.approx(float(mean), rel=1e-12)
    assert found["exact_match"] == pytest.approx(3 / 6)


def test_the_more_frequent_answer_is_no_of_equals():
    """Of six frames two show a, b and d each: "no" is right for 4/6; all right is frame 5 alone."""
    scores = [majority_baseline(one) for one in label_scores(frame_of(TRUTH, CHANCE))]
    found = {name: point(each, scores[0].clusters) for name, each in set_statistics(scores).items()}
    assert found["accuracy"] == pytest.approx(4 / 6) and found["exact_match"] == pytest.approx(
        1 / 6
    )
    assert found["recall"] == 0 and np.isnan(found["precision"])
    half = label_scores(frame_of([[1], [0]], [[0.9], [0.1]], "ab"))[0]
    assert majority_baseline(half).y_pred.tolist() == [0, 0]


def test_a_sign_that_every_frame_shows_has_no_specificity():
    scores = label_scores(frame_of([[1], [1]], [[0.9], [0.2]], "ab"))[0]
    found = {name: point(each, scores.clusters) for name, each in label_statistics(scores).items()}
    assert np.isnan(found["specificity"]) and np.isnan(found["roc_auc"])
    assert found["recall"] == 1 / 2 and found["precision"] == 1


@given(st.lists(st.tuples(SETS, SETS), min_size=1, max_size=20))
@QUICK
def test_mean_accuracy_over_all_signs_is_one_less_hamming_loss(pairs):
    truth, said = (multilabel.unpack(column, 4) for column in zip(*pairs, strict=True))
    scores = label_scores(frame_of(truth, 0.25 + 0.5 * said, ["p"] * len(pairs)))
    accuracies = [point(label_statistics(one)["accuracy"], one.clusters) for one in scores]
    assert np.mean(accuracies) == pytest.approx(1 - sk.hamming_loss(truth, said))
    exact = point(set_statistics(scores)["exact_match"], scores[0].clusters)
    assert exact == pytest.approx(sk.accuracy_score(truth, said))


def test_a_video_is_the_mean_of_its_frames():
    table = frame_of(TRUTH[:2], CHANCE[:2], "aa").assign(video_id="v")
    (row,) = video_level(table).to_dict("records")
    assert row["p_0"] == pytest.approx(0.75) and [row[f"y_{k}"] for k in range(4)] == [1, 1, 0, 0]


def test_wrong_answers_know_how_sure_they_were():
    """ "No" at .45 and at .5 to what is there is sure of .55 and .5; right answers count 0."""
    found = multilabel.wrong_answers([[1, 0, 1, 0]], [[0.45, 0.8, 0.5, 0.5]])
    np.testing.assert_allclose(found, [[0.55, 0.8, 0.5, 0.0]])


def test_predictions_that_cannot_be_are_refused(tmp_path):
    path = tmp_path / "predictions.csv"
    frame_of(TRUTH, CHANCE).to_csv(path, index=False)
    assert read_predictions(path)["y_1"].tolist() == [0, 1, 1, 0, 0, 0]
    frame_of(TRUTH, CHANCE).assign(y_2=2).to_csv(path, index=False)
    with pytest.raises(RunError, match="row 2: 'y_…' must be 0 … 1"):
        read_predictions(path)
    frame_of(TRUTH, CHANCE).assign(p_2=1.5).to_csv(path, index=False)
    with pytest.raises(RunError, match=r"must lie in 0 … 1\."):
        read_predictions(path)
    frame_of(TRUTH, CHANCE).drop(columns="y_3").to_csv(path, index=False)
    with pytest.raises(RunError, match="'y_3'"):
        read_predictions(path)


# Manifest


def manifest_with(tmp_path, column, *cells):
    (tmp_path / "a.avi").touch()
    rows = [f"a.avi,p,v{number},{cell}" for number, cell in enumerate(cells)]
    path = tmp_path / "m.csv"
    path.write_text("\n".join([f"video,patient_id,video_id,{column}", *rows]) + "\n")
    return path


def test_none_is_a_word_and_an_empty_cell_is_unlabeled(tmp_path):
    cells = ("", "none", "None", "b_lines", "consolidation; a_lines")
    found = [video.signs for video in read_manifest(manifest_with(tmp_path, "signs", *cells))]
    assert found == [None, (), (), ("b_lines",), ("a_lines", "consolidation")]
    with pytest.raises(ManifestError, match="row 2: `signs` must be filled"):
        read_manifest(manifest_with(tmp_path, "signs", ""), labels=["signs"])


@pytest.mark.parametrize(
    ("cell", "hint"),
    [
        ("a_lines;b_line", "Did you mean 'b_lines'?"),
        ("a_lines;a_lines", "each at most once"),
        ("a_lines;none", "each at most once"),
        ("a_lines;", "'none' if none of them is visible"),
        ("0", "Write 'a_lines;b_lines'"),
    ],
)
def test_what_are_no_signs_is_refused_with_a_hint(tmp_path, cell, hint):
    with pytest.raises(ManifestError, match="row 2: `signs` must be a_lines, b_lines") as caught:
        read_manifest(manifest_with(tmp_path, "signs", cell))
    assert hint in str(caught.value)


def test_columns_that_deny_each_other_are_refused(tmp_path):
    path = manifest_with(tmp_path, "signs,sign", "none,a_lines", "a_lines;effusion,effusion")
    with pytest.raises(ManifestError) as caught:
        read_manifest(path)
    assert str(caught.value).endswith(
        "row 2: `sign` must be among `signs`. Received 'a_lines' and 'none'. Correct one."
    )
    path = manifest_with(tmp_path, "signs,b_lines", "b_lines,0", "none,1", "effusion,0", ",1")
    with pytest.raises(ManifestError) as caught:
        read_manifest(path)
    found = [line for line in str(caught.value).splitlines() if "must agree" in line]
    assert [line.partition(": ")[0].rpartition(", ")[2] for line in found] == ["row 2", "row 3"]


@given(st.none() | st.sets(st.sampled_from(SIGNS)))
@QUICK
def test_what_is_written_is_read_back(tmp_path_factory, signs):
    folder = tmp_path_factory.mktemp("manifest")
    (folder / "a.avi").touch()
    known = None if signs is None else tuple(sign for sign in SIGNS if sign in signs)
    video = Video(str(folder / "a.avi"), "p", "v", signs=known)
    write_manifest([video], folder / "m.csv")
    assert read_manifest(folder / "m.csv") == [video]


# A run of the whole path

pytestmark = pytest.mark.usefixtures("shallow_resnet152")
TINY = ("clip.size=[32, 32]", "model.width=4", "fit.precision=float32")
SHOWN = ((), ("a_lines",), ("b_lines",), ("effusion", "consolidation"), ("a_lines", "b_lines"))


def invoke(*arguments, overrides=TINY):
    options = [part for override in overrides for part in ("--set", override)]
    return CliRunner().invoke(main, [*map(str, arguments), *options])


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A manifest of 24 patients with a video each, one of them unmarked, and the run's output."""
    folder = tmp_path_factory.mktemp("several")
    rng, rows = np.random.default_rng(0), []
    for number in range(24):
        path = folder / "videos" / f"v{number:02d}.avi"
        write_video(path, rng.integers(0, 255, (2, 40, 40), dtype=np.uint8), 25, codec="mjpeg")
        signs = SHOWN[number % len(SHOWN)] if number else None
        sign = signs[0] if signs and len(signs) == 1 else None
        rows.append(Video(str(path), f"p{number:02d}", path.stem, sign=sign, signs=signs))
    write_manifest(rows, folder / "m.csv")
    result = invoke(
        *("reproduce", "multilabel", "--paper", "signs", "--data", folder / "m.csv"),
        *("--preset", "smoke", "--out", folder / "run"),
        overrides=(*TINY, "fit.epochs=2"),
    )
    assert result.exit_code == 0, result.output
    return folder, result.output


def predictions_of(out: Path) -> pd.DataFrame:
    (path,) = out.rglob("predictions.csv")
    return pd.read_csv(path, dtype={"patient_id": str})


def cells_of(out: Path, table="multilabel") -> dict:
    rows = json.loads((out / "report" / "results.json").read_text())["rows"]
    return {(cell["row"], cell["metric"]): cell for cell in rows if cell["table"] == table}


def test_none_and_several_take_part_and_the_unmarked_is_named(world):
    folder, printed = world
    assert "1 videos have no label in 'signs' and are excluded: v00." in printed
    assert "46 clips of 23 videos of 23 patients, 18 A line, 18 B line, " in printed
    assert "8 none of them" in printed
    assert "[X] variants.multilabel.set.label_column = signs: ours: in the paper" in printed
    table = predictions_of(folder / "run")
    truth = {f"v{number:02d}": SHOWN[number % len(SHOWN)] for number in range(1, 24)}
    for _, row in table.iterrows():
        seen = tuple(sign for number, sign in enumerate(SIGNS) if row[f"y_{number}"])
        assert seen == truth[row["video_id"]]
    assert "y_true" not in table


def test_the_split_has_a_name_of_its_own_and_divides_patients(world):
    folder, _ = world
    splits = json.loads((folder / "run" / "split.json").read_text())["papers"]
    (fold,) = splits["signs/multilabel"]["folds"]
    sides = [set(fold[side]) for side in ("train", "test", "validation")]
    assert len(set.union(*sides)) == sum(map(len, sides)) == 23
    assert "p00" not in set.union(*sides)


def test_the_table_is_that_of_the_predictions(world):
    folder, printed = world
    table, cells = predictions_of(folder / "run"), cells_of(folder / "run")
    truth = table[[f"y_{number}" for number in range(4)]].to_numpy()
    chance = table[[f"p_{number}" for number in range(4)]].to_numpy()
    said = chance > 0.5
    for number, sign in enumerate(SIGNS):
        shown = truth[:, number]
        assert cells[sign, "positives"]["value"] == shown.sum()
        assert cells[sign, "patients"]["value"] == table["patient_id"][shown == 1].nunique()
        right = 100 * sk.accuracy_score(shown, said[:, number])
        assert cells[sign, "accuracy"]["value"] == pytest.approx(right)
        share = shown.mean()
        assert cells[sign, "accuracy"]["baseline"] == pytest.approx(100 * max(share, 1 - share))
        assert cells[sign, "roc_auc"]["value"] == pytest.approx(
            sk.roc_auc_score(shown, chance[:, number])
        )
    exact = 100 * sk.accuracy_score(truth, said)
    assert cells["all", "exact_match"]["value"] == pytest.approx(exact)
    assert {cell["published"] for cell in cells.values()} == {None}
    assert "Multi-label: each of four signs separately" in printed
    report = (folder / "run" / "report" / "report.md").read_text()
    assert "Ours, not the paper's, whose classes exclude each other" in report
    assert "Classification of four signs in single frames" not in report
    for figure in ("roc", "precision_recall", "reliability", "mistakes", "learning_curves"):
        assert (folder / "run/report/figures" / f"signs_multilabel_{figure}.png").is_file()
    assert not (folder / "run/report/figures/signs_figure4.png").exists()


def test_a_sign_that_no_tested_frame_shows_is_null(world, tmp_path):
    folder, _ = world
    shutil.copytree(folder / "run", tmp_path / "run")
    (path,) = (tmp_path / "run").rglob("predictions.csv")
    pd.read_csv(path, dtype=str).assign(y_2="0").to_csv(path, index=False)
    revouch(path.parent)
    write_report(tmp_path / "run")
    cells = cells_of(tmp_path / "run")
    for metric in ("precision", "recall", "f1", "roc_auc"):
        cell = cells["effusion", metric]
        assert cell["value"] is None and cell["ci_low"] is None and cell["baseline"] is None
        assert cell["note"].startswith("n/a: no test frame shows it")
    assert cells["effusion", "positives"]["value"] == 0
    assert cells["effusion", "accuracy"]["value"] == cells["effusion", "specificity"]["value"]


def test_counts_in_the_record_are_by_sign(world):
    folder, _ = world
    record = json.loads((folder / "run" / "run.json").read_text())["papers"]["signs"]
    assert record["data"]["classes"] == {
        "A line": 18, "B line": 18, "pleural effusion": 10, "lung consolidation": 10,
        "none of them": 8,
    }  # fmt: skip
    sides = record["variants"]["multilabel"]["videos"]["sides"][0]
    assert sum(counts["none of them"] for counts in sides.values()) == 4


def test_the_surest_wrong_answers_are_kept(world):
    folder, _ = world
    table = predictions_of(folder / "run")
    truth = table[[f"y_{number}" for number in range(4)]].to_numpy()
    wrong = multilabel.wrong_answers(truth, table[[f"p_{number}" for number in range(4)]])
    surest = table.assign(sure=wrong.max(axis=1))[wrong.max(axis=1) > 0]
    surest = surest.sort_values("sure", ascending=False).drop_duplicates("video_id")
    model = read_run(folder / "run")[1]["signs"].model("multilabel/resnet152")
    assert len(surest) and {one.clip_id for one in model.examples} == set(surest["clip_id"])


def test_prediction_names_every_sign_above_one_half(world):
    """Probabilities are those of predictions.csv, and do not sum to 1."""
    folder, _ = world
    table = predictions_of(folder / "run")
    models = load_models(folder / "run")
    video_id = table["video_id"].iloc[0]
    found = predict_video(models, folder / "videos" / f"{video_id}.avi")
    rows = table[table["video_id"] == video_id]
    expected = rows[[f"p_{number}" for number in range(4)]].to_numpy()
    np.testing.assert_allclose(found.probabilities, expected, atol=1e-5)
    assert found.probabilities.sum(axis=1) != pytest.approx(1.0, abs=1e-6)
    named = [name for name, chance in zip(found.labels, found.mean, strict=True) if chance > 0.5]
    assert found.answer == (";".join(named) or "none")


def test_an_export_answers_each_sign_by_itself(world, tmp_path):
    """The export is compared with the network in a fresh process before it is kept."""
    folder, _ = world
    _, differences = export_models(load_models(folder / "run"), tmp_path / "exported")
    assert differences["probabilities"] <= 1e-5
    contract = json.loads((tmp_path / "exported" / "contract.json").read_text())
    assert "none or several may apply" in contract["outputs"]["probabilities"]
    card = (tmp_path / "exported" / "model_card.md").read_text()
    assert "Labels, none or several of which apply: A line" in card
    assert "| multilabel, all | exact_match |" in card


def test_both_tasks_in_one_run_keep_apart(world):
    """The single-label table is that of a run without the other task; sites differ, not seeds."""
    folder, _ = world
    manifest = ("--paper", "signs", "--data", folder / "m.csv", "--preset", "smoke")
    alone = invoke("reproduce", "table1", *manifest, "--out", folder / "alone")
    assert alone.exit_code == 0, alone.output
    both = invoke("reproduce", "table1", "multilabel", *manifest, "--out", folder / "both")
    assert both.exit_code == 0, both.output
    (single,) = (folder / "alone").rglob("predictions.csv")
    assert (folder / "both" / single.relative_to(folder / "alone")).read_bytes() == (
        single.read_bytes()
    )
    assert "multilabel" not in json.loads(single.with_name("model.json").read_text())
    assert cells_of(folder / "both", "table1") == cells_of(folder / "alone", "table1")
    assert cells_of(folder / "both") and not cells_of(folder / "alone")
    record = json.loads((folder / "both" / "run.json").read_text())["papers"]["signs"]
    assert (
        record["data"]["videos"] == 10 and record["variants"]["multilabel"]["data"]["videos"] == 23
    )


def test_sign_alone_is_not_taken_for_all_signs(world, tmp_path):
    folder, _ = world
    rows = [row for row in read_manifest(folder / "m.csv") if row.sign]
    path = folder / "single.csv"
    write_manifest([Video(r.video, r.patient_id, r.video_id, sign=r.sign) for r in rows], path)
    arguments = ("reproduce", "multilabel", "--data", path, "--preset", "smoke", "--dry-run")
    result = invoke(*arguments)
    assert result.exit_code == 3
    assert "no video has a label in 'signs'" in result.output
    assert "does not state that the other three signs are absent" in " ".join(result.output.split())


def test_all_means_what_the_paper_has(world):
    folder, _ = world
    arguments = ("--paper", "signs", "--data", folder / "m.csv", "--preset", "smoke", "--dry-run")
    everything = invoke("reproduce", "all", *arguments).output
    assert "Multi-label" not in everything and "1 network ×" in everything
    assert "Multi-label (ours): 1 network ×" in invoke("reproduce", "multilabel", *arguments).output


def test_folds_drawn_by_data_split_are_taken(world, tmp_path):
    folder, _ = world
    rows = [row for row in read_manifest(folder / "m.csv") if row.signs is not None]
    path = folder / "marked.csv"
    write_manifest(rows, path)
    drawn = CliRunner().invoke(
        main,
        ["data", "split", str(path), "--label", "signs", "--folds", "3",
         "--out", str(tmp_path / "s.json")],
    )  # fmt: skip
    assert drawn.exit_code == 0 and "signs > 0" in drawn.output, drawn.output
    arguments = ("--data", path, "--preset", "smoke", "--split", tmp_path / "s.json", "--dry-run")
    result = invoke("reproduce", "multilabel", *arguments)
    assert result.exit_code == 0 and "3 folds" in result.output, result.output
