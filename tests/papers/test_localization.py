"""Maps against masks of the simulator: measures by hand, and networks that see a known place."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from fake_run import fold_dir, write_run

from lus_keras import papers
from lus_keras.core import config
from lus_keras.core.environment import start_tensorflow
from lus_keras.data.cache import FrameStore
from lus_keras.data.clip_source import ClipSource
from lus_keras.data.clips import index_clips
from lus_keras.data.manifest import Video
from lus_keras.evaluation.run_record import read_run
from lus_keras.simulation import plan_cohort, simulate_video
from lus_keras.simulation.dataset import sources
from lus_keras.simulation.masks import FINDINGS, finding_masks

start_tensorflow()
import keras  # noqa: E402

from lus_keras.experiments.reproduce import train  # noqa: E402
from lus_keras.experiments.reproduce.explained import explanations  # noqa: E402
from lus_keras.papers import localization  # noqa: E402
from lus_keras.papers.localization import explain, measure, table_of  # noqa: E402

SIZE, FRAMES = (32, 32), 2
SMALL = ["clip.frames=2", "clip.stride=2", "clip.size=[32, 32]", "clip.per_video=1"]
SETTINGS = config.load("bline", overrides=SMALL)


def test_pointing_and_energy_by_hand():
    """3 of 6 lies on the mask; two largest values, one of them there, point half."""
    value = np.array([[[2.0, 1.0], [2.0, 1.0]]])
    assert measure(value, np.array([[[True, True], [False, False]]])) == (0.5, 0.5)
    assert measure(value, np.array([[[False, True], [False, True]]])) == (0, pytest.approx(1 / 3))


def test_a_map_of_nothing_is_at_chance():
    mask = np.arange(8).reshape(2, 2, 2) < 2
    for value in (np.zeros((2, 2, 2)), np.ones((2, 2, 2))):
        assert measure(value, mask) == (0.25, 0.25)


def test_findings_are_where_the_video_shows_them():
    """Fluid is darker than the picture, the pleura brighter; each where it was drawn, else none."""
    drawn = {}
    for plan in plan_cohort("signs", patients=12, videos=12, seed=2):
        drawn.setdefault(plan.drawn, plan)
    for sign, name in {"effusion": "fluid", "consolidation": "consolidation"}.items():
        plan = drawn[sign]
        masks = finding_masks(plan, [0], (240, 320), "screen")
        frame = simulate_video(plan, height=240, width=320).frames[0]
        seen = {key for key in FINDINGS[1:3] if masks[key].any()}
        assert seen == {name}
        assert masks[name].shape == (1, 240, 320)
        assert frame[masks["pleura"][0]].mean() > frame[masks[name][0]].mean()
        assert not (masks["fluid"] & masks["consolidation"]).any()


def test_b_lines_are_masked_in_the_frames_that_show_them_alone():
    """As the truth counts them, but for lines behind ribs; brighter than what is beside them."""
    for plan in plan_cohort("bline", patients=6, videos=6, seed=1, duration_s=1.0):
        video = simulate_video(plan, height=240, width=320, crop="sector")
        frames = np.arange(0, len(video.frames), 10)
        masks = finding_masks(plan, frames, (240, 320), "sector")["b_lines"]
        marked = masks.any(axis=(1, 2))
        assert not marked[video.truth.contrast_db.max(axis=0, initial=0)[frames] < 3].any()
        if marked.sum() > 1:
            rows = slice(120, 220)
            lines, shown = masks[marked][:, rows], video.frames[frames][marked][:, rows]
            assert shown[lines].mean() > shown[~lines].mean() + 5
            return
    pytest.fail("no video of this seed shows B-lines")


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """Clips of noise whose plans show B-lines, and what the simulator knows of each."""
    folder = tmp_path_factory.mktemp("store")
    plans = [
        plan
        for plan in plan_cohort("bline", patients=12, videos=12, seed=1, duration_s=1.0)
        if finding_masks(plan, [0, 1], SIZE, "sector")["b_lines"].any()
    ][:3]
    frames = np.random.default_rng(0).integers(0, 256, (len(plans), FRAMES, *SIZE, 1), np.uint8)
    (folder / "frames.u8").write_bytes(frames.tobytes())
    videos = tuple(Video("", p.patient_id, p.video_id, b_lines=1) for p in plans)
    store = FrameStore(folder, videos, (FRAMES,) * len(plans), (SIZE,) * len(plans), 1, "key")
    index = index_clips(videos, store.counts, store.sizes, SETTINGS.clip, "b_lines")
    return ClipSource((store,), index, SETTINGS.clip), sources(plans)


def network(mask):
    """Logits of pixels inside a mask `(t, h, w)` alone, behind a convolution for Grad-CAM."""
    clip = keras.Input((*mask.shape, 1))
    kept = keras.layers.Rescaling(mask[..., None].astype("float32"))(clip)
    x = keras.layers.Conv3D(2, 1)(kept)
    logits = keras.layers.Dense(2, name="logits")(keras.layers.Flatten()(x))
    return keras.Model(clip, logits)


def test_a_network_that_sees_the_finding_alone_has_all_energy_there(seen):
    """Trained or not, all gradients lie on the mask, so nothing is gained over random weights."""
    source, items = seen
    row = np.array([0])
    mask = items[0].masks(0, FRAMES, SETTINGS.clip)["b_lines"]
    model = network(mask)
    before = [values.copy() for values in model.get_weights()]
    found = explain(model, source, row, SETTINGS, items, ("b_lines",))
    assert found["area"] == pytest.approx([mask.mean()])
    for method in ("vanilla", "smooth", "integrated"):
        for ending in ("", "_untrained"):
            assert found[f"{method}_energy{ending}"] == pytest.approx([1], abs=1e-5)
            assert found[f"{method}_pointing{ending}"] == [1]
    assert found["even_energy"] == pytest.approx([mask.mean()])
    for values, kept in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(values, kept)
    beside = explain(network(~mask), source, row, SETTINGS, items, ("b_lines",))
    assert beside["vanilla_energy"] == pytest.approx([0], abs=1e-5)


def test_clips_without_a_finding_and_real_videos_are_not_measured(seen):
    source, items = seen
    model, rows = network(np.ones((FRAMES, *SIZE), bool)), np.arange(len(source.index))
    assert len(explain(model, source, rows, SETTINGS, items, ("fluid",))["area"]) == 0
    real = list(source.stores[0].videos)
    assert len(explain(model, source, rows, SETTINGS, real, ("b_lines",))["area"]) == 0


def test_the_target_measures_the_first_fold_and_the_report_reads_it(seen, tmp_path):
    """The paper's own network: what is written is vouched for, read again and not made twice."""
    source, items = seen
    folder = tmp_path / "run"
    fold = fold_dir(write_run(folder, models=("c2d_lstm_a",), folds=1), "c2d_lstm_a", 0)
    paper, settings = papers.get("bline"), config.load("bline", "smoke", SMALL)
    paper.network("c2d_lstm_a", settings).save_weights(fold / "model.weights.h5")
    said = []
    rows = np.arange(len(source.index))
    training = SimpleNamespace(
        plan=SimpleNamespace(
            paper=paper, targets=["localization"], data_of=lambda _: SimpleNamespace(items=items)
        ),
        prepared=SimpleNamespace(source=source),
        variant=SimpleNamespace(config=settings, entry=lambda model: model),
        out=folder,
        note=said.append,
    )
    of_fold = SimpleNamespace(fold=0, rows=lambda index, part: rows)
    jobs = [SimpleNamespace(folder=fold, model="c2d_lstm_a", fold=of_fold)]
    (maps,) = (made for made in explanations(paper) if made.module is localization)
    for _ in range(2):
        train._explain(training, jobs, maps)
    assert said == ["explaining c2d_lstm_a …"]
    run = read_run(folder)[1]["bline"]
    assert run.model("c2d_lstm_a").explanations is None
    shown = table_of("c2d_lstm_a")(run)
    area = run.model("c2d_lstm_a").localization["area"].mean()
    assert shown.cell("even", "energy").value == pytest.approx(area)
    for method in ("vanilla", "smooth", "grad-cam", "integrated"):
        assert shown.cell(method, "energy").baseline == pytest.approx(area)
        assert shown.cell(method, "energy_gain").n_clips == len(rows)


def test_the_table_has_gains_over_random_weights_and_chance_beside(tmp_path):
    """Energies 0.6 and 0.2 against 0.1 and 0.3 of random weights: 0.4, gain 0.2; area 0.25."""
    run = read_run(write_run(tmp_path / "run", models=("c2d_lstm_a",), folds=1))[1]["bline"]
    assert table_of("c2d_lstm_a")(run).cell("smooth", "energy").note == "not run"
    endings = ("pointing", "energy", "pointing_untrained", "energy_untrained")
    found = {f"{m}_{e}": np.array([0.6, 0.2]) for m in ("vanilla", "even") for e in endings}
    found |= {"vanilla_energy_untrained": np.array([0.1, 0.3]), "area": np.array([0.2, 0.3])}
    found["patient_id"] = np.array(["a", "b"])
    model = replace(run.model("c2d_lstm_a"), localization=found)
    shown = table_of("c2d_lstm_a")(replace(run, models={model.name: model}))
    cell, gain = shown.cell("vanilla", "energy"), shown.cell("vanilla", "energy_gain")
    nothing = replace(model, localization={"area": np.array([])})
    empty = table_of("c2d_lstm_a")(replace(run, models={model.name: nothing}))
    assert empty.cell("even", "energy").note.startswith("no simulated test clip")
    assert cell.value == pytest.approx(0.4) and cell.baseline == pytest.approx(0.25)
    assert (gain.value, gain.baseline, gain.n_patients) == (pytest.approx(0.2), 0, 2)


def test_the_spatial_attention_of_another_network_has_a_row_where_it_was_measured(tmp_path):
    """Its own energies, 0.5 and 0.7, beside the areas of its own clips, and no row of gradients."""
    run = read_run(write_run(tmp_path / "run", models=("c2d_lstm_a",), folds=1))[1]["bline"]
    other, label = "spatial/c2d_lstm_a", "Spatial attention"
    made = table_of("c2d_lstm_a", {other: label})
    assert other not in {cell.row for cell in made(run).cells}
    endings = ("pointing", "energy", "pointing_untrained", "energy_untrained")
    found = {f"{m}_{e}": np.array([0.5, 0.7]) for m in ("vanilla", "attention") for e in endings}
    found |= {"area": np.array([0.1, 0.3]), "patient_id": np.array(["a", "b"])}
    model = replace(run.model("c2d_lstm_a"), name=other, localization=found)
    shown = made(replace(run, models={**run.models, other: model}))
    cell = shown.cell(other, "energy")
    assert (cell.value, cell.baseline) == (pytest.approx(0.6), pytest.approx(0.2))
    assert {cell.row for cell in shown.cells} & set(run.models) == set()


@pytest.mark.parametrize("name", ["bline", "sliding", "severity", "signs"])
def test_every_paper_has_the_target_but_all_does_not_mean_it(name):
    paper = papers.get(name)
    assert paper.targets["localization"] and "localization" in paper.extras
    assert set(paper.findings) <= set(FINDINGS)
    assert "localization" in papers.results(name).tables
