"""Explanations of a trained network: what they are of, and what random weights say of them."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from matplotlib import colormaps

from lus_keras.core.environment import start_tensorflow

start_tensorflow()
from lus_keras import papers  # noqa: E402
from lus_keras.cli import main  # noqa: E402
from lus_keras.core import config  # noqa: E402
from lus_keras.core.errors import ConfigError  # noqa: E402
from lus_keras.core.style import png_bytes  # noqa: E402
from lus_keras.data.video import iter_resampled, read_video  # noqa: E402
from lus_keras.inference import explain  # noqa: E402
from lus_keras.inference.predict import load_models, predict_video  # noqa: E402
from lus_keras.inference.predict.overlay import clip_box  # noqa: E402
from lus_keras.inference.predict.stream import stream_clips  # noqa: E402
from lus_keras.inference.sheet import explanation_sheet, under_heat  # noqa: E402
from lus_keras.models.attribution import grad_cam, randomized_copy, vanilla_saliency  # noqa: E402


@pytest.fixture(scope="module")
def models(trained):
    return load_models(trained.run, fold=0)


@pytest.fixture(scope="module")
def explained(trained, models):
    return explain.explain_video(models, trained.videos[1], clips=2, samples=2)


def test_the_clearest_clips_are_explained_each_with_its_own_frames(trained, models, explained):
    found = predict_video(models, trained.videos[1])
    order = np.argsort(-found.probabilities[:, found.predicted], kind="stable")
    pieces = list(stream_clips(trained.videos[1], models.clip))
    assert [each.clip for each in explained] == order[:2].tolist()
    for each in explained:
        np.testing.assert_array_equal(each.frames, pieces[each.clip].pixels[..., 0])
        assert each.label == models.labels[found.predicted]
        assert list(each.maps) == list(explain.STANDARD)
        for values in each.maps.values():
            assert values.shape == each.frames.shape
            assert (values.min(), values.max()) == pytest.approx((0, 1), abs=1e-3)


def test_maps_are_of_the_class_that_the_video_is_predicted_to_be(models, explained):
    each = explained[0]
    values = each.frames[None, ..., None].astype(np.float32) / 255
    expected = vanilla_saliency(models.networks[0], values, each.prediction.predicted)
    np.testing.assert_allclose(each.maps["vanilla"], expected[0], atol=1e-5)


def test_a_network_that_has_learned_nothing_is_like_itself(trained, models):
    """Its weights are those of the random copy: the correlation is 1; of the trained one less."""
    network = models.networks[0]
    before = network.get_weights()
    settings = {"methods": ("vanilla",), "seed": 5}
    learned = explain.explain_video(models, trained.videos[1], **settings)[0].random["vanilla"]
    network.set_weights(randomized_copy(network, 5).get_weights())
    try:
        random = explain.explain_video(models, trained.videos[1], **settings)[0].random["vanilla"]
    finally:
        network.set_weights(before)
    assert random == pytest.approx(1, abs=1e-6)
    assert learned < 0.9


def test_grad_cam_of_columns_over_time_lies_as_the_columns_do(monkeypatch):
    """The inner network sees (h, t, c): its map, turned, is that of the clip (t, h, 1, c)."""
    settings = config.load("sliding", "smoke", ["clip.tile=[40, 1]"], "mmode")
    model = papers.get("sliding").build("mmode_resnet18", settings)
    values = np.random.default_rng(0).random((1, *settings.clip.shape), np.float32)
    found = explain._grad_cam(model, values, 1, explain.Making())
    assert found.shape == values.shape[:-1] == (1, 6, 40, 1)
    pictures = values[:, :, :, 0].swapaxes(1, 2)
    inner = grad_cam(model.layers[-1], pictures, 1)
    np.testing.assert_allclose(found[0, ..., 0], inner[0].T, atol=1e-5)


def test_columns_are_shown_as_one_picture_of_depth_by_time():
    values = np.arange(6.0).reshape(2, 3, 1)
    np.testing.assert_array_equal(explain._as_frames(values), [[[0, 3], [1, 4], [2, 5]]])


def test_sheets_videos_and_the_check_are_written_and_told(trained, models, tmp_path):
    arguments = ["explain", trained.run, trained.videos[1].video, trained.videos[0].video]
    arguments += ["--fold", "0", "--method", "vanilla", "--method", "grad-cam"]
    result = CliRunner().invoke(main, [*map(str, arguments), "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    told = json.loads((tmp_path / "sanity.json").read_text())
    values = [clip["random_weights"]["vanilla"] for clip in told["clips"]]
    assert [clip["video_id"] for clip in told["clips"]] == ["v1", "v0"]
    assert {(clip["engine"], clip["order"]) for clip in told["clips"]} == {("fast", "mean_abs")}
    assert told["mean"]["vanilla"] == pytest.approx(np.mean(values))
    assert f"rank correlation with random weights: {np.mean(values):+.3f}" in result.output
    clip_id = told["clips"][0]["clip_id"]
    maps = read_video(tmp_path / f"{clip_id}_maps.mp4", grayscale=False)
    # The picture and two maps side by side, 240 pixels high, above two lines of text. The sector
    # is cut out of the file with a margin: 36×48 pixels and a few more.
    count, height, width, _ = maps.frames.shape
    assert (count, height, width % 3) == (4, 280, 0)
    assert width / 3 / 240 == pytest.approx(48 / 36, abs=0.1)
    assert (tmp_path / f"{clip_id}_sheet.png").is_file()
    assert (tmp_path / f"{clip_id}_sheet.pdf").read_bytes().startswith(b"%PDF")


def test_a_sheet_names_what_it_shows_and_lays_maps_over_the_file_s_own_frames(trained, explained):
    each = explained[0]
    found = each.prediction
    figure = explanation_sheet(each, "c2d_lstm_a, fold_0")
    title = figure.get_suptitle()
    chance = found.probabilities[each.clip, found.predicted]
    assert f"{each.label.replace('_', ' ')}: probability {chance:.2f}" in title
    assert found.video.video_id in title and "c2d_lstm_a, fold_0" in title
    *rows, bar = figure.axes
    assert "percentile" in bar.get_ylabel()
    names = [axes.get_ylabel().partition("\n")[0] for axes in rows]
    assert names == ["Input", "Saliency", "SmoothGrad", "Grad-CAM"]
    png_bytes(figure)
    places = np.array([axes.get_position().bounds for axes in rows])
    assert np.ptp(places[:, [0, 2]], axis=0).max() < 1e-6
    assert min(axes.yaxis.label.get_window_extent().x0 for axes in rows) >= 0
    # The sector of these videos is columns 8 … 55 and rows 6 … 41 of 64×48, shown with a margin.
    # Frames are those at the rate of the clips, not that of the file.
    source = trained.videos[1].video
    pixels = np.stack(list(iter_resampled(source, fps=found.clip.fps, grayscale=False)))
    strip = np.asarray(rows[0].images[0].get_array())
    ticks = rows[0].get_xticks()
    assert len(ticks) == len(rows[0].get_xticklabels()) == len(each.frames)
    # A frame is as wide as twice the way to its center; the last one ends with the row.
    width = round(2 * ticks[0]) + 1
    assert strip.shape[1] == round(ticks[-1] + (width + 1) / 2)
    picture, mixed = (np.asarray(axes.images[0].get_array())[:, :width] for axes in rows[:2])
    assert (strip[:, width] == 255).all()
    first = found.cuts[each.clip].first
    x, y, w, h = clip_box(found, each.clip, pixels.shape[1:3])
    assert (h, w) == pytest.approx((36, 48), abs=3)
    top, left = max(0, round(y - 0.04 * h)), max(0, round(x - 0.04 * w))
    shown = pixels[first, top : top + len(picture), left : left + picture.shape[1]]
    np.testing.assert_array_equal(picture, shown)
    outside = np.ones(picture.shape[:2], bool)
    outside[y - top : y - top + h, x - left : x - left + w] = False
    assert mixed.shape == picture.shape and outside.any()
    np.testing.assert_array_equal(mixed[outside], picture[outside])
    assert (mixed[~outside] != picture[~outside]).any()


def test_a_map_hides_the_picture_by_the_root_of_its_level():
    """Level 0 leaves the picture; 1/4 hides 0.85 · 1/2 of it, 1 hides 0.85, under its color."""
    picture = np.full((3, 5, 3), 100, np.uint8)
    levels = np.array([[0, 0.25, 1]], np.float32)
    mixed = under_heat(picture, levels, (1, 1, 3, 1))
    colors = colormaps["inferno"](levels[0])[:, :3] * 255
    opacity = np.array([[0], [0.425], [0.85]])
    expected = 100 * (1 - opacity) + colors * opacity
    np.testing.assert_allclose(mixed[1, 1:4], expected, atol=0.51)
    assert (mixed[1, 1] == 100).all() and (mixed[[0, 2]] == 100).all()
    assert (picture == 100).all()


def test_an_unknown_method_is_named(trained, models):
    with pytest.raises(
        ConfigError, match=r"unknown method 'lime'. Known: vanilla, smooth, grad-cam, integrated"
    ):
        explain.explain_video(models, trained.videos[0], methods=("lime",))


def test_a_named_class_is_explained_by_the_library_s_own_call(trained, models):
    """The class that is not predicted; tf-keras-vis gives the maps of the fast engine."""
    found = predict_video(models, trained.videos[1])
    other = models.labels[1 - found.predicted]
    settings = {"methods": ("smooth", "integrated"), "samples": 2, "explained": other}
    fast, library = (
        explain.explain_video(models, trained.videos[1], engine=engine, **settings)[0]
        for engine in ("fast", "tf-keras-vis")
    )
    assert fast.label == library.label == other
    assert fast.clip == found.probabilities[:, 1 - found.predicted].argmax()
    np.testing.assert_allclose(fast.maps["smooth"], library.maps["smooth"], atol=1e-5)
    title = explanation_sheet(library, "net\nengine: tf-keras-vis").get_suptitle()
    assert title.startswith(other.replace("_", " ")) and title.endswith("engine: tf-keras-vis")
    told = explain.as_json(models, [library])["clips"][0]
    assert (told["engine"], told["explained"]) == ("tf-keras-vis", other)


def test_an_unknown_class_is_named(trained, models):
    with pytest.raises(ConfigError, match=f"no class 'none'. Known: {models.labels[0]}"):
        explain.explain_video(models, trained.videos[0], explained="none")
