"""Studies beyond the papers: variants beside their networks, quality by patients, robustness.

Every paper's are run once at `smoke`, through the command line.
"""

import json
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from sklearn.metrics import f1_score

from lus_keras.core.environment import start_tensorflow

start_tensorflow()
from lus_keras import papers  # noqa: E402
from lus_keras.cli import main  # noqa: E402
from lus_keras.core import config  # noqa: E402
from lus_keras.core.errors import ConfigError  # noqa: E402
from lus_keras.data.splits import make_holdout  # noqa: E402
from lus_keras.evaluation.run_record import read_run  # noqa: E402
from lus_keras.evaluation.run_record.record import flat  # noqa: E402
from lus_keras.experiments.training.rows import learned_rows  # noqa: E402
from lus_keras.papers.base import AMOUNTS  # noqa: E402

NETWORK = "alexnet_attention_bilstm"
# Of each paper; those left out take what these do, for longer.
CHOSEN = {
    "bline": (
        "tcn/c2d_lstm_a",
        "gated/c2d_a",
        "paper_rate/c2d_lstm_a",
        *(f"{amount}/c2d_a" for amount in AMOUNTS),
    ),
    "sliding": ("resnet3d_18",),
    "severity": [
        f"{variant}/{NETWORK}"
        for variant in ("scratch", "scratch_accumulated", "scratch_coral", *AMOUNTS)
    ],
    "signs": ("resnet152",),
}
# Disturbed clips are predicted in float32; what training wrote in bfloat16 is a little different.
FURTHER = {
    "bline": ("--fold", "0"),
    "signs": ("--set", "model.width=8", "--set", "fit.precision=float32"),
}
STUDIES = {
    "bline": ("beyond", "learning-curve", "robustness", "ablation"),
    # Six trainings of ResNet152 take minutes: its learning curve is left to the other papers.
    "signs": ("beyond", "robustness"),
}


@pytest.fixture(scope="module", params=CHOSEN)
def study(request, tmp_path_factory):
    """A paper's run of all three studies."""
    out = tmp_path_factory.mktemp(request.param)
    name = request.param
    targets = STUDIES.get(name, ("beyond", "learning-curve", "robustness"))
    words = ["reproduce", *targets, "--paper", name, "--preset", "smoke"]
    words += [word for model in CHOSEN[name] for word in ("--model", model)]
    words += FURTHER.get(name, ())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lus_keras.evaluation.report.write.png_bytes", lambda _: b"no picture")
        result = CliRunner().invoke(main, [*words, "--out", str(out)])
    assert result.exit_code == 0, result.output
    return SimpleNamespace(name=name, out=out, run=read_run(out)[1][name])


def study_metric(paper):
    return "f1_pooled" if paper == "bline" else "accuracy"


def cells(study, table):
    """Cells of a table of the report by row and metric."""
    rows = json.loads((study.out / "report" / "results.json").read_text())["rows"]
    return {(cell["row"], cell["metric"]): cell for cell in rows if cell["table"] == table}


def test_variants_stand_beside_the_papers_networks(study):
    """Same patients tested; parameters are those of the network; no verdict of one training."""
    found = cells(study, "beyond")
    assert {row for row, _ in found} == set(papers.get(study.name).targets["beyond"])
    ran = {name for name, model in study.run.models.items() if model.predictions is not None}
    for name in ran & {row for row, _ in found}:
        variant, _, model = name.rpartition("/")
        changed = [word for word in FURTHER.get(study.name, ()) if word.startswith("model.")]
        settings = config.load(study.name, "smoke", changed, variant)
        built = papers.get(study.name).build(model, settings)
        assert found[name, "parameters"]["value"] == built.count_params()
        gain = found.get((name, "gain"), {"value": None})
        assert gain["value"] is None or gain["note"].endswith("one training: no verdict")
    # What was never trained has no value, rather than 0.
    for (row, _), cell in found.items():
        assert row in ran or cell["value"] is None


def test_an_ablation_sets_one_thing_to_what_is_printed():
    """Between the preset and a row only that differs, and it has the paper's value."""
    printed, preset = (flat(config.load("bline", name).experiment()) for name in ("paper", "quick"))
    size, cohort = {"clip.size"}, {"cohort.patients", "cohort.videos", "cohort.duration_s"}
    rate = {"fit.learning_rate", "fit.schedule"}
    rows = {"size": size, "cohort": cohort, "rate": rate, "both": cohort | rate}
    for row, expected in rows.items():
        found = flat(config.load("bline", "quick", (), f"paper_{row}").experiment())
        assert {key for key in found if found[key] != preset[key]} == expected
        assert all(found[key] == printed[key] for key in expected)
    longer, both = (config.load("bline", "quick", (), f"paper_{row}") for row in ("longer", "both"))
    epochs = both.fit.model_copy(update={"epochs": 12})
    assert both.model_copy(update={"fit": epochs}) == longer


def test_a_row_of_the_ablation_is_named_by_what_it_changes(study):
    if study.name != "bline":
        return
    report = (study.out / "report" / "report.md").read_text(encoding="utf-8")
    assert "… with a constant learning rate of 1e-4" in report
    found = cells(study, "ablation")
    run = study.run.models["paper_rate/c2d_lstm_a"].predictions
    scores = f1_score(run["y_true"], run["p_1"] > run["p_0"])
    assert found["paper_rate/c2d_lstm_a", "f1_pooled"]["value"] == pytest.approx(scores)
    assert found["paper_size/c2d_lstm_a", "f1_pooled"]["value"] is None


def test_learning_curves_share_a_test_set(study):
    """More patients hold those that fewer do; none is tested, and all are tested on the same."""
    found = cells(study, "learning_curve")
    counts = [config.load(study.name, "smoke", (), name).fit.patients for name in AMOUNTS]
    assert counts == sorted(set(counts))
    for name in {name.partition("/")[2] for name in study.run.models if name.startswith("n1000/")}:
        rows = [f"{amount}/{name}" for amount in AMOUNTS]
        assert [found[row, "patients"]["value"] for row in rows] == counts
        tested = [study.run.models[row].predictions for row in rows]
        for predictions in tested:
            pd.testing.assert_series_equal(predictions["clip_id"], tested[0]["clip_id"])


def test_clips_that_are_not_disturbed_are_those_of_the_fold(study):
    """Exactly the probabilities that training wrote, of the same clips."""
    for name in papers.get(study.name).targets["robustness"]:
        model = study.run.models.get(name)
        if model is None or model.predictions is None:
            continue
        written = model.predictions[model.predictions["fold"] == 0]
        assert model.robustness["clip_id"].tolist() == written["clip_id"].tolist()
        chances = written.filter(regex=r"^p_\d+$").to_numpy()
        np.testing.assert_allclose(model.robustness["none"], chances, rtol=1e-6, atol=1e-8)
        assert (f"{name}/jpeg_4", study_metric(study.name)) in cells(study, "robustness")


def test_fewer_patients_are_some_of_more_and_none_is_tested():
    patients = np.repeat([f"p{i}" for i in range(20)], 3)
    (fold,) = make_holdout(patients, np.arange(60) % 2, test_fraction=0.25, seed=1).folds
    index = SimpleNamespace(
        patient_id=patients, rows_of=lambda names: np.flatnonzero(np.isin(patients, names))
    )
    source = SimpleNamespace(index=index)

    def learned(count, seed=0):
        job = SimpleNamespace(fold=fold, fit=SimpleNamespace(patients=count), seed=seed)
        return learned_rows(source, job)

    sizes = (1, 4, 9, 15)
    drawn = [set(patients[learned(count)]) for count in sizes]
    assert [len(some) for some in drawn] == list(sizes)
    assert all(few < more for few, more in pairwise(drawn))
    assert not drawn[-1] & set(patients[fold.rows(source.index, "test")])
    # All clips of a patient take part, and without a number those of all patients.
    assert all(len(learned(count)) == 3 * count for count in sizes)
    np.testing.assert_array_equal(learned(None), learned(15))
    assert set(patients[learned(4, seed=1)]) != drawn[1]
    with pytest.raises(ConfigError, match=r"fit.patients: must be at most 15"):
        learned(16)


def test_step_times_leave_out_the_first_step():
    from lus_keras.experiments.training.guard import FiniteGuard

    guard = FiniteGuard(SimpleNamespace(), 0)
    assert np.isnan(guard.milliseconds)
    guard.seconds = [9.0, 0.1, 0.3, 0.2]
    assert guard.milliseconds == pytest.approx(200)


@pytest.mark.parametrize("paper", CHOSEN)
def test_every_variant_is_built_with_options_of_its_network(paper):
    """What a variant sets is an option of the builder: a wrong name would be passed by."""
    from lus_keras.models import builders
    from lus_keras.models.options import settable

    entries = {name for name in papers.get(paper).targets["beyond"] if "/" in name}
    for entry in entries:
        variant, _, model = entry.rpartition("/")
        set_here = config.load(paper).variants[variant].set.get("model", {})
        assert set_here.keys() <= settable(builders()[model]).keys(), entry
