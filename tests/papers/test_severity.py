"""The severity paper: its numbers, its protocol, and its tables rebuilt from files."""

import csv
import json
import re
from dataclasses import replace
from itertools import combinations
from types import SimpleNamespace

import fake_severity
import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from lus_keras.core import config
from lus_keras.core.errors import ConfigError, DataError
from lus_keras.core.soft_labels import soft_labels
from lus_keras.data.clips import index_clips
from lus_keras.data.manifest import Video
from lus_keras.data.splits import make_holdout
from lus_keras.evaluation.metrics import soft_cross_entropy
from lus_keras.evaluation.run_record import read_run
from lus_keras.experiments.report import write_report
from lus_keras.papers import severity
from lus_keras.papers.severity import NETWORK, RESULT_ROWS, SCRATCH, VAL_SELECTED, figures, tables
from lus_keras.papers.severity.gradients import study
from lus_keras.simulation.tasks.severity import LENGTHS, SHARES

PUBLISHED = config.load("severity").published
SCORES = ("score_0", "score_1", "score_2", "score_3")


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    """A complete run with its report; tests only read it."""
    run_dir = fake_severity.write_run(tmp_path_factory.mktemp("severity"))
    return run_dir, write_report(run_dir)


def paper_run(run_dir):
    return read_run(run_dir)[1]["severity"]


def cells(run_dir):
    rows = json.loads((run_dir / "report" / "results.json").read_text())["rows"]
    return {(c["table"], c["row"], c["metric"]): c for c in rows}


# The paper's own numbers


def test_table1_sums_to_246_videos_not_239():
    sides = [PUBLISHED["table1"][side] for side in ("train", "test")]
    for side in sides:
        assert sum(side[score] for score in SCORES) == side["total"]
    assert sum(side["total"] for side in sides) == 177 + 69 == 246


def test_figures_3_4_8_and_9_count_the_videos_of_table1():
    table = [sum(PUBLISHED["table1"][s][score] for s in ("train", "test")) for score in SCORES]
    assert table == [45, 45, 101, 55] == list(SHARES)
    lengths = np.array(list(PUBLISHED["figure3"].values()))
    assert lengths.sum(axis=0).tolist() == table
    assert sum(PUBLISHED["figure4"].values()) == 246
    matrix = np.array([PUBLISHED["figure8"][score] for score in SCORES])
    assert matrix.sum(axis=1).tolist() == table
    assert (matrix.sum(axis=1) - np.diag(matrix)).tolist() == list(PUBLISHED["figure9"].values())
    # 41.06 % of all videos: those of score 2.
    printed = PUBLISHED["results"]["all_videos"]["accuracy"]
    assert round(100 * matrix.trace() / matrix.sum(), 2) == printed == 41.06


def test_simulated_lengths_are_those_of_figure_3():
    figure = {frames: sum(row) for frames, row in PUBLISHED["figure3"].items()}
    assert dict(LENGTHS) == figure
    assert max(figure) == config.load("severity").clip.frames == 252


def test_printed_accuracies_are_counts_of_68_videos():
    """44.12 % is 30 of 68: 69 videos in batches of four, the last left out."""
    tested = PUBLISHED["table1"]["test"]["total"] // 4 * 4
    assert tested == 68
    printed = [*PUBLISHED["figure6"].values(), PUBLISHED["results"][NETWORK]["accuracy"]]
    for percent in printed:
        assert round(100 * round(percent * tested / 100) / tested, 2) == percent
    assert round(100 * 30 / tested, 2) == 44.12
    assert round(100 * PUBLISHED["table1"]["test"]["score_2"] / tested, 2) == 38.24


def test_the_test_set_is_four_patients_of_whom_one_is_not_known():
    """13 + 14 + 14 + 28 = 69; five patients have 28 videos, and no other choice gives 69."""
    videos = PUBLISHED["figure4"]
    forced = {1047, 1051}
    found = [
        {*forced, *others}
        for count in range(10)
        for others in combinations([1066, *sorted(set(videos) - forced - {1066})], count)
        if sum(videos[name] for name in {*forced, *others}) == 69
    ]
    assert found == [{*forced, 1066, other} for other in (1017, 1052, 1067, 1068, 1069)]


def test_the_loss_that_is_printed_is_a_quarter_of_the_mean():
    """0.3207 · 4 = 1.283 lies below ln 4 and above the lowest loss that soft labels allow."""
    last = PUBLISHED["figure7"][34] * config.load("severity").fit.batch_size
    targets = soft_labels(4)
    floor = soft_cross_entropy(np.arange(4), targets, targets).mean()
    assert floor < last < np.log(4)
    assert PUBLISHED["results"][NETWORK]["loss_as_published"] == round(last / 4, 2)


def test_every_inconsistency_names_its_place():
    found = config.load("severity").inconsistencies
    assert len(found) >= 8
    assert all(re.match(r"(Sec\.|Figure|Public code)", text) for text in found)
    for number in ("239", "246", "26 of", "0.335", "ln 4", "swapped"):
        assert any(number in text for text in found), number


# The protocol


def test_protocol_is_the_papers():
    fit, split = config.load("severity").fit, config.load("severity").split
    assert (fit.learning_rate, fit.momentum, fit.weight_decay) == (1e-3, 0.7, 1e-3)
    assert fit.learning_rate * fit.rate_multipliers["backbone"] == pytest.approx(1e-4)
    assert (fit.batch_size, fit.epochs, fit.shuffle, fit.drop_remainder) == (4, 35, False, True)
    assert (split.test_fraction, split.seed) == (0.2, 5)


def test_only_the_published_row_looks_at_the_test_set():
    """Every other row chooses on patients of their own, or the last epoch, and tests on all."""
    assert config.load("severity").fit.select == "test_loss"
    for row in RESULT_ROWS[1:]:
        settings = config.load("severity", "paper", (), row.partition("/")[0])
        assert (settings.fit.select, settings.split.validation_fraction) == ("val_loss", 0.2)
        assert not settings.fit.drop_test_remainder
    for variant in severity.NAN_VARIANTS:
        settings = config.load("severity", "paper", (), variant)
        assert (settings.fit.select, settings.fit.log_gradients) == ("last", True)


def test_a_variant_of_the_nan_study_changes_one_thing():
    base = config.load("severity", "paper", (), "nan_baseline").experiment()
    for variant in severity.NAN_VARIANTS[1:]:
        ours = config.load("severity", "paper", (), variant).experiment()
        changed = [
            f"{section}.{key}"
            for section in ("clip", "split", "model", "fit", "options")
            for key in ours[section]
            if ours[section][key] != base[section][key]
        ]
        assert len(changed) == (2 if variant == "nan_leaky" else 1)


def test_class_weights_are_inverse_shares_of_the_training_set():
    """N / (4 n), by hand of Table I's 35, 31, 75 and 36 videos; a score without any weighs 1."""
    settings = config.load("severity", "paper", (), "weighted")
    counts = [PUBLISHED["table1"]["train"][score] for score in SCORES]
    fitted = severity.fitted(settings, np.repeat(range(4), counts))
    assert fitted.options["class_weights"] == pytest.approx(
        [177 / 140, 177 / 124, 177 / 300, 177 / 144]
    )
    lacking = severity.fitted(settings, np.array([0, 0, 0, 2])).options["class_weights"]
    assert lacking == pytest.approx([1 / 3, 1, 1, 1])
    # Numbers are taken as they are, and the paper has none.
    own = config.load("severity", "paper", ["options.class_weights=[1, 2, 3, 4]"])
    assert severity.fitted(own, np.array([0])) is own
    plain = config.load("severity")
    assert severity.fitted(plain, np.array([0])).options["class_weights"] is None


@pytest.mark.usefixtures("tensorflow")
def test_each_fold_is_weighed_by_the_videos_it_learns_from():
    """The loss of the network that a job gets: of score 0, 3 videos of 4, a third of the plain."""
    from lus_keras.experiments.training.grid import Batch, Worker

    tiny = ("clip.frames=2", "clip.size=[64, 64]", "model.filters=[2, 2, 2, 2, 3]")
    settings = config.load("severity", "paper", tiny, "weighted")
    index = SimpleNamespace(label=np.array([0, 0, 0, 2, 1]))
    source = SimpleNamespace(index=index)
    fold = SimpleNamespace(rows=lambda index, side: np.arange(4) if side == "train" else [4])
    worker = Worker(Batch("severity", settings, source))
    network = worker._network_for(SimpleNamespace(model=NETWORK, fold=fold))
    weighted = network.model.loss([0], np.zeros((1, 4), np.float32))
    assert float(weighted) == pytest.approx(np.log(4) / 3, rel=1e-6)


def test_patients_are_forced_beside_those_that_are_drawn():
    """Two of eleven are drawn, two are forced: four, as the printed counts have it."""
    patients = np.repeat([str(name) for name in PUBLISHED["figure4"]], 2)
    named = ("1047", "1051")
    split = make_holdout(
        patients,
        np.zeros(len(patients)),
        test_fraction=0.2,
        seed=5,
        validation_fraction=0.2,
        test_patients=named,
    )
    (fold,) = split.folds
    assert len(fold.test) == 4
    assert set(named) < set(fold.test)
    assert not set(fold.validation) & {*fold.train, *fold.test}
    assert len(fold.validation) == 1


def test_a_video_is_one_clip_in_the_order_of_its_frames():
    clip = config.load("severity").clip
    videos = [Video("", f"p{n}", f"v{n}", severity=n) for n in range(3)]
    index = index_clips(videos, [82, 252, 300], [(256, 256)] * 3, clip, "severity")
    assert index.first.tolist() == [0, 0, 0]
    assert index.length.tolist() == [82, 252, 252]
    assert index.label.tolist() == [0, 1, 2]


@pytest.mark.usefixtures("tensorflow")
def test_unknown_options_are_refused():
    for wrong, said in (
        ("weight=a.pth", r"unknown key 'options\.weight'"),
        ("class_weights=[1, 2]", r"4 numbers \(one per score\), or balanced"),
        ("class_weights=balance", r"4 numbers \(one per score\), or balanced"),
    ):
        with pytest.raises(ConfigError, match=said):
            severity.build(NETWORK, config.load("severity", "paper", [f"options.{wrong}"]))
    with pytest.raises(DataError, match=r"absent\.pth is not a file"):
        severity.build(NETWORK, config.load("severity", "paper", ["options.weights=absent.pth"]))


def test_every_output_says_where_the_weights_are_from():
    assert "random weights" in severity.notes(config.load("severity"))[0]
    given = config.load("severity", "paper", ["options.weights=my.pth"])
    assert severity.notes(given) == ["AlexNet starts from the weights in my.pth."]


@pytest.mark.usefixtures("tensorflow")
def test_given_weights_fill_the_backbone_alone(tmp_path):
    """A file with AlexNet's `features` and a last layer of 1000 classes, as torchvision has it."""
    from lus_keras import to_torch_state

    tiny = ("clip.frames=2", "clip.size=[64, 64]", "model.filters=[2, 2, 2, 2, 3]")
    plain = severity.build(NETWORK, config.load("severity", "paper", tiny))
    rng = np.random.default_rng(0)
    theirs = {
        name: rng.normal(size=values.shape).astype(np.float32)
        for name, values in to_torch_state(plain).items()
        if name.startswith("features")
    }
    np.savez(tmp_path / "alexnet.npz", **theirs, **{"classifier.6.bias": np.zeros(1000)})
    given = (*tiny, f"options.weights={tmp_path / 'alexnet.npz'}")
    model = severity.build(NETWORK, config.load("severity", "paper", given))
    ours = to_torch_state(model)
    for name, values in theirs.items():
        np.testing.assert_array_equal(ours[name], values)
    assert len(theirs) == 2 * 5


@pytest.mark.usefixtures("tensorflow")
def test_the_backbone_that_ships_starts_the_network():
    from lus_keras import to_torch_state
    from lus_keras.models.pretrained import registry

    given = ("clip.frames=2", "options.weights=severity/alexnet")
    settings = config.load("severity", "quick", given)
    ours = to_torch_state(severity.build(NETWORK, settings))
    shipped = registry.load_backbone("severity/alexnet")
    assert len(shipped) == 2 * 5
    for name, values in shipped.items():
        np.testing.assert_array_equal(ours[name], np.float32(values))
    assert severity.notes(settings) == ["AlexNet starts from the weights in severity/alexnet."]


# Tables and figures


def test_every_table_and_figure_is_written(complete):
    run_dir, paths = complete
    names = {path.relative_to(run_dir / "report").as_posix() for path in paths}
    sheets = {f"tables/severity_{name}.csv" for name in tables.TABLES}
    latex = {name.replace(".csv", ".tex") for name in sheets}
    # Studies that were not run have nothing to draw.
    drawn = figures.FIGURES.keys() - {"beyond", "learning_curve", "robustness"}
    pictures = {f"figures/severity_{name}.png" for name in drawn}
    pages = {"index.html", "report.md", "checklist.md", "results.json"}
    drawn = {name for name in names if name.endswith(".pdf")}
    assert names - drawn == pages | sheets | latex | pictures
    assert drawn and {name.replace(".pdf", ".png") for name in drawn} <= pictures


def test_no_number_is_nan(complete):
    """NaN stands in words only, for this paper is about it."""
    for path in complete[1]:
        if path.suffix == ".csv":
            with path.open() as stream:
                for row in csv.DictReader(stream):
                    assert not {row["value"], row["baseline"]} & {"nan", "inf", "-inf", "None"}
        if path.suffix == ".json":
            constants = []
            json.loads(path.read_text(), parse_constant=constants.append)
            assert constants == []


def test_table1_counts_those_who_choose_an_epoch_as_training(complete):
    """Score 2: 15 + 2 to train on, 8 to test on."""
    table = cells(complete[0])
    assert table["table1", "train", "score_2"]["value"] == 15 + 2
    assert table["table1", "test", "score_2"]["value"] == 8
    assert table["table1", "train", "total"]["value"] == 36 + 6
    assert table["table1", "test", "total"]["published"] == 69


def test_results_equal_scikit_learn_on_the_files(complete):
    run_dir, _ = complete
    table = cells(run_dir)
    for row in (NETWORK, VAL_SELECTED, SCRATCH):
        frame = pd.read_csv(fake_severity.fold_dir(run_dir, row) / "predictions.csv")
        true, chances = frame["y_true"], frame[[f"p_{k}" for k in range(4)]].to_numpy()
        predicted = chances.argmax(axis=1)
        expected = {
            "accuracy": 100 * sk.accuracy_score(true, predicted),
            "f1": sk.f1_score(true, predicted, average="micro"),
            "macro_f1": sk.f1_score(true, predicted, average="macro"),
            "kappa": sk.cohen_kappa_score(true, predicted, weights="quadratic"),
            "mae": sk.mean_absolute_error(true, predicted),
            "loss": -(soft_labels(4)[true] * np.log(chances)).sum(axis=1).mean(),
        }
        for metric, value in expected.items():
            assert table["results", row, metric]["value"] == pytest.approx(value), metric


def test_the_published_loss_is_a_quarter_of_the_mean_where_batches_are_full(complete):
    """The first row leaves the last batch of three out: 20 videos in five batches of four."""
    table = cells(complete[0])
    published, mean = (table["results", NETWORK, m] for m in ("loss_as_published", "loss"))
    assert published["n_clips"] == 20
    assert published["value"] == pytest.approx(mean["value"] / 4)
    assert published["published"] == 0.32
    assert table["results", VAL_SELECTED, "loss"]["n_clips"] == 23


def test_baselines_stand_in_the_table(complete):
    """Score 2 is the commonest: 8 of 23."""
    table = cells(complete[0])
    assert table["results", "majority", "accuracy"]["value"] == pytest.approx(100 * 8 / 23)
    assert table["results", "majority", "loss"]["value"] is None
    shares = soft_labels(4)[np.repeat(range(4), fake_severity.TESTED)].mean(axis=0)
    entropy = -(shares * np.log(shares)).sum()
    assert table["results", "constant", "loss"]["value"] == pytest.approx(entropy)
    assert table["results", VAL_SELECTED, "loss"]["baseline"] == pytest.approx(entropy)
    assert table["variants", NETWORK, "accuracy"]["published"] == 44.12
    assert table["results", NETWORK, "kappa"]["note"] == "chosen on the test set"


def test_the_statistic_data_set_is_all_videos(complete):
    """46 videos, every second one right: of each score the errors, beside the printed 41.06 %."""
    run = paper_run(complete[0])
    truth = np.repeat(range(4), (8, 10, 16, 12))
    named = np.where(np.arange(46) % 2, truth, (truth + 1) % 4)
    found = {
        "clip_id": np.arange(46).astype(str),
        "patient_id": np.array([f"p{n % 5}" for n in range(46)]),
        "y_true": truth,
        "tested": np.arange(46) < 9,
        **{f"p_{k}": np.where(named == k, 0.7, 0.1) for k in range(4)},
    }
    model = replace(run.models[NETWORK], explanations=found)
    run = replace(run, models={**run.models, NETWORK: model})
    cell = tables.results(run).cell("all_videos", "accuracy")
    assert (cell.value, cell.published, cell.n_clips) == (pytest.approx(50), 41.06, 46)
    assert cell.note == "37 of these 46 videos were used for training"
    drawing = figures.figure9(run)
    assert drawing.caption.endswith("46 videos were used for training, as in the paper.")
    heights = [[bar.get_height() for bar in axes.patches] for axes in drawing.figure.axes]
    assert heights[0] == [4, 5, 8, 6]
    assert heights[2] == [45, 45, 0, 55]
    titles = [axes.get_title() for axes in figures.figure8(run).figure.axes]
    assert titles == ["All videos here", "Test videos here", "Published, all videos"]


def test_without_a_prediction_of_all_videos_the_printed_accuracy_stands_alone(complete):
    cell = cells(complete[0])["results", "all_videos", "accuracy"]
    assert (cell["published"], cell["value"]) == (41.06, None)


def test_figure_4_has_a_histogram_for_each_patient(complete):
    """Patient p1: 15 videos of 20 frames and 5 of 9; p2: 23 of 20."""
    drawing = figures.figure4(paper_run(complete[0]))
    titles = [axes.get_title() for axes in drawing.figure.axes[:2]]
    assert titles == ["p1: 20 videos", "p2: 23 videos"]
    heights = [[bar.get_height() for bar in axes.patches] for axes in drawing.figure.axes[:2]]
    assert [[h for h in bars if h] for bars in heights] == [[5, 15], [23]]
    assert "1047: 13" in drawing.caption


def test_figure_10_says_how_fine_its_mask_is(complete):
    run = paper_run(complete[0])
    assert "Masks of 7 × 7 positions are resized" in figures.figure10(run).caption
    masks = tuple(replace(frame, mask=frame.mask[:2, :2]) for frame in run.models[NETWORK].masks)
    models = {NETWORK: replace(run.models[NETWORK], masks=masks)}
    coarse = figures.figure10(replace(run, models=models)).caption
    assert "2 × 2 positions (paper: 7 × 7, as its frames are larger) are" in coarse


def test_a_run_without_any_training_has_table1_and_says_not_run(tmp_path):
    run_dir = fake_severity.write_run(tmp_path, rows=(), nan_variants=())
    run = paper_run(run_dir)
    assert tables.table1(run).cell("test", "total").value == 23
    assert tables.results(run).cell(NETWORK, "accuracy").note == "not run"
    made = {name for name, make in figures.FIGURES.items() if make(run)}
    assert made == {"figure3", "figure4"}


# The NaN study


def test_gradients_are_read_as_they_were_written(complete):
    """First layer 10^-1, then 10^-2; last layer 1; training loss 1.5 - 0.2."""
    table = cells(complete[0])
    row = {m: table["nan_study", "nan_baseline", m] for m in ("first_epoch", "last_epoch", "ratio")}
    assert [row[m]["value"] for m in row] == pytest.approx([-1, -2, -2])
    assert table["nan_study", "nan_baseline", "loss"]["value"] == pytest.approx(1.3)
    assert table["nan_study", "nan_baseline", "largest"]["note"] == "logits, epoch 1, batch 1"
    assert table["nan_study", "nan_baseline", "nan_epoch"]["value"] is None
    assert "no NaN in 2 epochs" in table["nan_study", "nan_baseline", "nan_epoch"]["note"]


def test_a_diverged_training_is_a_result(complete):
    cell = cells(complete[0])["nan_study", fake_severity.DIVERGED, "nan_epoch"]
    assert cell["value"] == 2
    assert cell["note"].startswith("batch 3, in backbone_conv1, attention_conv1")
    assert "diverged at epoch 2" in cell["note"]


def test_a_norm_of_zero_has_no_logarithm_and_no_ratio():
    log = pd.DataFrame({"epoch": [1], "batch": [1], "loss": [1.0], "backbone_conv1": [0.0]})
    found = study(log.assign(logits=0.0))
    assert np.isnan(found.ratio)
    assert found.nan_epoch is None


def test_published_epoch_of_nan_is_the_one_after_the_last_that_worked(complete):
    with (complete[0] / "report" / "tables" / "severity_nan_study.csv").open() as stream:
        rows = [row for row in csv.DictReader(stream) if row["published"]]
    assert [(row["row"], float(row["published"])) for row in rows] == [("nan_baseline", 36)]
