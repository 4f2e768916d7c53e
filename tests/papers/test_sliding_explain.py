"""Where maps lie: networks that see a known place, the pleura of plans, the input of M-mode."""

from types import SimpleNamespace

import numpy as np
import pytest

from lus_keras import papers
from lus_keras.core import config
from lus_keras.core.environment import start_tensorflow
from lus_keras.core.errors import ConfigError
from lus_keras.data.cache import FrameStore
from lus_keras.data.clip_source import ClipSource
from lus_keras.data.clips import index_clips
from lus_keras.data.manifest import Video
from lus_keras.simulation import plan_cohort
from lus_keras.simulation.dataset import sources
from lus_keras.simulation.geometry import Acquisition, scan_map
from lus_keras.simulation.pleura import pleural_region, pleural_rows, visible_anatomy
from lus_keras.simulation.truth import TRUTH_BEAMS, TRUTH_ROWS

start_tensorflow()
import keras  # noqa: E402

from lus_keras.experiments.reproduce import train  # noqa: E402
from lus_keras.papers.sliding import explain as sliding_explain  # noqa: E402
from lus_keras.papers.sliding.explain import BAND, explain, spread  # noqa: E402
from lus_keras.papers.sliding.figures import figure5  # noqa: E402
from lus_keras.papers.sliding.pictures import figure2, figure3  # noqa: E402

OVERRIDES = [
    *("clip.frames=3", "clip.stride=3", "clip.tile=[30, 30]", "clip.fps=3"),
    *("options.samples=2", "options.frames=3", "options.step=1"),
]
SETTINGS = config.load("sliding", overrides=OVERRIDES)


def region_of(plan):
    acquisition = Acquisition.of(plan, TRUTH_BEAMS, TRUTH_ROWS)
    return pleural_region(acquisition, scan_map(acquisition, 480, 640, "screen"))


def around_the_line(plan):
    """60×60 pixels whose left side meets the line 12 rows below its upper end."""
    x = region_of(plan)[0]
    return x, round(pleural_rows(plan, 480, 640)[x]) - 12, 60, 60


@pytest.fixture(scope="module")
def plans():
    return plan_cohort("sliding", patients=6, videos=6, seed=1, probe="linear")


@pytest.fixture(scope="module")
def source(plans, tmp_path_factory):
    """Regions of two plans, 60×60 pixels of noise, cut into four tiles at each of two times."""
    folder = tmp_path_factory.mktemp("store")
    frames = np.random.default_rng(0).integers(0, 256, (2, 6, 60, 60, 1)).astype(np.uint8)
    (folder / "frames.u8").write_bytes(frames.tobytes())
    videos = tuple(
        Video("", plan.patient_id, plan.video_id, sliding=number, roi=around_the_line(plan))
        for number, plan in enumerate(plans[:2])
    )
    store = FrameStore(folder, videos, (6, 6), ((60, 60),) * 2, 1, "key")
    index = index_clips(videos, store.counts, store.sizes, SETTINGS.clip, "sliding")
    return ClipSource((store,), index, SETTINGS.clip)


def network(mask):
    """Logit of the pixels inside a mask `(t, h, w)` alone."""
    clip = keras.Input((*mask.shape, 3))
    layer = keras.layers.Rescaling(mask[..., None].astype("float32"))
    x = keras.layers.Flatten()(layer(clip))
    return keras.Model(clip, keras.layers.Dense(1, name="logits")(x))


def masks_of(source, plan, row):
    """Band and below of one tile, from the rows of the line in the whole picture."""
    x, y, _, _ = source.stores[0].videos[source.index.video[row]].roi
    down, across = source.index.corner[row]
    line = pleural_rows(plan, 480, 640)
    band, below = np.zeros((30, 30), bool), np.zeros((30, 30), bool)
    for i in range(30):
        for j in range(30):
            depth = (y + down + i) - line[x + across + j]
            band[i, j], below[i, j] = abs(depth) <= BAND, depth >= -BAND
    return [np.broadcast_to(mask, (3, 30, 30)) for mask in (band, below)]


def test_marked_areas_lie_where_the_line_is(plans):
    """The pleura on the line, lung from it downwards, ribs above it; no pixel in two areas."""
    with_ribs = 0
    for plan in plans:
        masks = visible_anatomy(plan, 480, 640)
        line = pleural_rows(plan, 480, 640)
        rows = np.arange(480)[:, None] - line
        assert abs(rows[masks["pleura"]]).max() < 2 * BAND
        assert rows[masks["lung"]].min() > 0
        assert np.sum(list(masks.values()), axis=0).max() == 1
        if masks["ribs"].any():
            with_ribs += 1
            assert rows[masks["ribs"]].max() < 0
    assert with_ribs


def test_figures_2_and_3_are_drawn_where_they_are_asked_for():
    """Figure 3's rectangle is the cohort's region; a tile each 30 pixels of it, rows first."""
    asked, other = (
        SimpleNamespace(record=SimpleNamespace(targets=targets), seed=0)
        for targets in (["figure2", "figure3"], ["table1"])
    )
    assert figure2(other) is None
    assert all(draw(asked).caption.startswith("SIMULATED") for draw in (figure2, figure3))
    whole, region = figure3(asked).figure.axes
    (box,) = whole.patches
    width, height = int(box.get_width()), int(box.get_height())
    assert len(region.patches) == (width // 30) * (height // 30)
    assert region.images[0].get_array().shape == (height, width)
    first_rows = sum(patch.get_linewidth() > 1 for patch in region.patches)
    assert first_rows == 2 * (width // 30)


def test_a_network_that_sees_only_the_band_has_its_whole_map_there(source, plans):
    """Share 1 by both methods; chance is the area of the band; the rest holds none of it."""
    (row,) = source.index.rows_named([f"{plans[0].video_id}@0000+000+000"])
    band, below = masks_of(source, plans[0], row)
    assert 0.1 < band.mean() < below.mean() < 1
    found = explain(network(band), source, np.array([row]), SETTINGS, sources(plans))
    for method in ("vanilla", "smooth"):
        assert found[f"{method}_band"] == pytest.approx([1], abs=1e-6)
        assert found[f"{method}_below"] == pytest.approx([1], abs=1e-6)
    assert found["band_area"] == pytest.approx([band.mean()])
    assert found["below_area"] == pytest.approx([below.mean()])
    beside = explain(network(~below), source, np.array([row]), SETTINGS, sources(plans))
    assert beside["vanilla_band"] == pytest.approx([0], abs=1e-6)
    assert beside["smooth_below"] == pytest.approx([0], abs=1e-6)


def test_a_network_that_sees_all_alike_is_near_chance(source, plans):
    """Weights of one size, noise aside: the share of the map is about the share of the area."""
    rows = source.index.rows_of({plans[0].patient_id})
    everywhere = network(np.ones((3, 30, 30), bool))
    weights = np.random.default_rng(0).uniform(0.5, 1, (8100, 1))
    everywhere.layers[-1].set_weights([weights, np.zeros(1)])
    found = explain(everywhere, source, rows, SETTINGS, sources(plans))
    np.testing.assert_allclose(found["vanilla_band"], found["band_area"], atol=0.03)
    np.testing.assert_allclose(found["vanilla_band_untrained"], found["band_area"], atol=0.03)
    # Nothing binds maps of other weights to these.
    assert np.abs(found["vanilla_random"]).max() < 0.1


def test_weights_are_drawn_anew_for_the_comparison(source, plans):
    """Where an untrained network looks at the band too, its map is bound to it: a high rank."""
    (row,) = source.index.rows_named([f"{plans[0].video_id}@0000+000+000"])
    band, _ = masks_of(source, plans[0], row)
    model = network(band)
    before = [values.copy() for values in model.get_weights()]
    found = explain(model, source, np.array([row]), SETTINGS, sources(plans))
    assert 0.3 < found["vanilla_random"][0] < 1
    for values, kept in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(values, kept)


def test_the_pleura_of_real_videos_is_not_known(source):
    (row,) = source.index.rows_named([source.index.clip_id[0]])
    items = list(source.stores[0].videos)
    found = explain(network(np.ones((3, 30, 30), bool)), source, np.array([row]), SETTINGS, items)
    assert np.isnan(found["vanilla_band"]).all()
    assert np.isnan(found["band_area"]).all()
    assert found["frames"].shape == found["vanilla"].shape == (1, 3, 30, 30)


def test_tiles_of_the_uppermost_row_are_shown_those_with_sliding_first(source):
    chosen = spread(source, np.arange(len(source.index)))
    assert (source.index.corner[chosen, 0] == 0).all()
    assert len(chosen) == 8
    assert list(source.index.label[chosen]) == [1] * 4 + [0] * 4


@pytest.mark.parametrize("probe", ["linear", "convex"])
def test_the_pleural_line_runs_through_the_upper_part_of_the_region(probe):
    """Of a convex probe the line rises beside the space between the ribs: its middle counts."""
    for plan in plan_cohort("sliding", patients=6, videos=6, seed=3, probe=probe):
        x, y, w, h = region_of(plan)
        line = pleural_rows(plan, 480, 640)
        assert line.shape == (640,)
        margin = 0 if probe == "linear" else w // 4
        inside = line[x + margin : x + w - margin]
        assert np.isfinite(inside).all()
        assert (inside >= y - 1).all()
        assert (inside < y + h / 4).all()


def test_the_line_scales_with_the_picture(plans):
    """Half the rows and columns: half the row, at half the column."""
    whole, half = pleural_rows(plans[0], 480, 640), pleural_rows(plans[0], 240, 320)
    known = np.isfinite(whole[::2]) & np.isfinite(half)
    assert known.sum() > 100
    np.testing.assert_allclose(half[known], whole[::2][known] / 2, atol=1)


def test_the_mmode_network_is_fed_depth_by_time():
    """Columns (t, h, 1, c) reach it as (h, t, c), as NumPy turns them."""
    paper = papers.get("sliding")
    changes = ["clip.frames=20", "clip.stride=20", "clip.tile=[36, 1]", "clip.tile_step=[36, 10]"]
    settings = config.load("sliding", overrides=changes, variant="mmode")
    model = paper.build("mmode_resnet18", settings)
    core = model.layers[-1]
    assert model.input_shape == (None, 20, 36, 1, 3)
    assert core.input_shape == (None, 36, 20, 3)
    columns = np.random.default_rng(0).random((2, 20, 36, 1, 3)).astype("float32")
    turned = np.transpose(columns[:, :, :, 0, :], (0, 2, 1, 3))
    np.testing.assert_allclose(model(columns), core(turned), rtol=1e-5)
    assert not np.allclose(model(columns), core(turned[:, ::-1]), rtol=1e-3)


def test_the_run_leaves_a_video_of_every_clip_that_is_shown(source, plans, tmp_path):
    """Its name is that of the clip; the picture says SIMULATED as the data are."""
    rows = np.arange(len(source.index))
    arrays = explain(network(np.ones((3, 30, 30), bool)), source, rows, SETTINGS, sources(plans))
    plan = SimpleNamespace(
        paper=SimpleNamespace(name="sliding"), data=SimpleNamespace(name="simulated")
    )
    variant = SimpleNamespace(config=SETTINGS)
    training = SimpleNamespace(plan=plan, variant=variant, out=tmp_path)
    train._write_overlays(training, sliding_explain, arrays)
    names = sorted(path.name for path in (tmp_path / "sliding" / "explanations").iterdir())
    assert names == sorted(f"figure5_{clip_id}.mp4" for clip_id in arrays["clip_id"][:3])


def test_figure_5_names_the_engine_the_order_and_the_class(source, plans):
    """Maps of both engines are equal to 1e-5; a wrong name is refused with what is known."""
    rows = np.arange(2)
    mask = np.ones((3, 30, 30), bool)
    made = {}
    for engine in ("fast", "tf-keras-vis"):
        options = [f"options.engine={engine}", "options.order=abs_mean", "options.explained=absent"]
        settings = config.load("sliding", overrides=[*OVERRIDES, *options])
        made[engine] = explain(network(mask), source, rows, settings, sources(plans))
        told = [str(made[engine][name]) for name in ("engine", "order", "explained")]
        assert told == [engine, "abs_mean", "absent"]
    wrong = config.load("sliding", overrides=[*OVERRIDES, "options.order=max"])
    with pytest.raises(ConfigError, match=r"must be 'mean_abs' or 'abs_mean'\. Received 'max'"):
        explain(network(mask), source, rows, wrong, sources(plans))
    model = SimpleNamespace(explanations={**made["fast"], "grad-cam": made["fast"]["vanilla"]})
    options = SimpleNamespace(options={"frames": 3, "step": 1})
    run = SimpleNamespace(model=lambda _: model, settings=options)
    drawing = figure5(run)
    assert "engine fast" in drawing.caption
    assert "explained class: absent" in drawing.caption
    assert "absolute mean gradient" in drawing.caption
    names = [a.get_ylabel() for a in drawing.figure.axes[:15:3]]
    assert names == ["input", "saliency", "SmoothGrad", "Grad-CAM", "integrated\ngradients"]
