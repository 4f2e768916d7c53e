"""Nuisances: what each does to a clip, and predictions of clips as they are."""

from dataclasses import replace

import numpy as np
import pytest
from fake_run import write_run

from lus_keras.core.environment import start_tensorflow

start_tensorflow()
import keras  # noqa: E402

from lus_keras.core import config  # noqa: E402
from lus_keras.data.cache import FrameStore  # noqa: E402
from lus_keras.data.clip_source import ClipSource  # noqa: E402
from lus_keras.data.clips import index_clips  # noqa: E402
from lus_keras.data.disturb import DISPLAY_DB, NUISANCES, DisturbedClips, Nuisance  # noqa: E402
from lus_keras.data.manifest import Video  # noqa: E402
from lus_keras.evaluation.run_record import read_run  # noqa: E402
from lus_keras.papers.bline.tables import BEYOND  # noqa: E402
from lus_keras.papers.robustness import (  # noqa: E402
    explain,
    robustness_figure,
    robustness_table,
)

FRAMES, SIDE = 12, 24
SETTINGS = config.load(
    "bline", overrides=["clip.frames=12", "clip.stride=12", "clip.size=[24, 24]"]
)


def smooth_clip(channels=1):
    """A bright disk that drifts over speckle."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:SIDE, :SIDE]
    frames = [
        60
        + 150 * np.exp(-((y - 12) ** 2 + (x - 8 - t / 2) ** 2) / 20)
        + rng.normal(0, 12, (24, 24))
        for t in range(FRAMES)
    ]
    gray = np.clip(frames, 1, 255).astype(np.uint8)
    return np.repeat(gray[..., None], channels, axis=-1)


def psnr(one, other):
    return 10 * np.log10(255**2 / np.mean((one.astype(float) - other) ** 2))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", NUISANCES)
def test_each_step_disturbs_more(name, channels):
    """Shape and type stay, the clip itself is left alone, and each level is further from it."""
    nuisance, clip = NUISANCES[name], smooth_clip(channels)
    before, apart = clip.copy(), []
    for level in nuisance.levels:
        disturbed = nuisance.apply(clip, level)
        assert (disturbed.shape, disturbed.dtype) == (clip.shape, np.uint8)
        apart.append(psnr(clip, disturbed))
    np.testing.assert_array_equal(clip, before)
    assert apart == sorted(apart, reverse=True)
    assert len(set(apart)) == len(apart)


def test_gain_shifts_levels_of_a_logarithmic_display():
    """12 dB of 60 are a fifth of the gray levels: 51; black stays black, white stays white."""
    frames = np.array([0, 10, 230], np.uint8).reshape(1, 1, 3, 1)
    assert 255 * 12 / DISPLAY_DB == 51
    assert NUISANCES["gain"].apply(frames, 12).ravel().tolist() == [0, 61, 255]


def test_depth_moves_what_is_deep_up():
    """At twice the depth, row 8 is row 4 and the lower half is black; the middle column stays."""
    frames = np.zeros((1, 16, 17, 1), np.uint8)
    frames[0, 8] = 200
    deeper = NUISANCES["depth"].apply(frames, 2)[0, ..., 0]
    assert deeper[4, 8] == 200
    assert not deeper[9:].any()


def test_frames_are_held_and_come_in_order():
    frames = np.arange(7, dtype=np.uint8).reshape(7, 1, 1, 1)
    assert NUISANCES["frame_rate"].apply(frames, 3).ravel().tolist() == [0, 0, 0, 3, 3, 3, 6]


def test_a_shadow_takes_its_share_of_the_width():
    frames = np.full((1, 2, 10, 1), 100, np.uint8)
    row = NUISANCES["shadow"].apply(frames, 40)[0, 0, :, 0]
    assert row.tolist() == [100] * 3 + [15] * 4 + [100] * 3


def test_motion_starts_where_the_clip_does_and_sways_both_ways():
    """Of 40 pixels 10 % are 4: a column is at 20 first, then at 24 and at 16."""
    frames = np.zeros((8, 1, 40, 1), np.uint8)
    frames[:, :, 20] = 255
    moved = NUISANCES["motion"].apply(frames, 10)[:, 0, :, 0].argmax(axis=1)
    assert moved.tolist() == [20, 24, 20, 16] * 2


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Four videos of one and a third clips, the last of which is padded."""
    folder = tmp_path_factory.mktemp("store")
    frames = np.concatenate([np.concatenate([smooth_clip(), smooth_clip()[:4]])] * 4)
    (folder / "frames.u8").write_bytes(frames.tobytes())
    videos = tuple(Video("", f"p{i}", f"v{i}", b_lines=i % 2) for i in range(4))
    store = FrameStore(folder, videos, (16,) * 4, ((SIDE, SIDE),) * 4, 1, "key")
    index = index_clips(videos, store.counts, store.sizes, SETTINGS.clip, "b_lines")
    return ClipSource((store,), index, SETTINGS.clip)


def test_padding_is_not_disturbed(source):
    """A nuisance that whitens everything whitens what exists."""
    white = Nuisance("white", (1,), lambda frames, level: np.full_like(frames, 255))
    clips = DisturbedClips(source.stores, source.index, source.clip, white, 1)
    rows = np.arange(len(source.index.label))
    for clip, length in zip(clips.read(rows), source.index.length, strict=True):
        assert (clip[:length] == 255).all()
        assert not clip[length:].any()


def network():
    clip = keras.Input((FRAMES, SIDE, SIDE, 1))
    x = keras.layers.Dense(2, name="logits")(keras.layers.Flatten()(clip))
    return keras.Model(clip, x)


def test_clips_as_they_are_are_predicted_as_in_training(source):
    """Exactly: softmax of the network's own logits; and a disturbed clip is another."""
    model, rows = network(), np.arange(len(source.index.label))
    found = explain(model, source, rows, SETTINGS, ())
    logits = model.predict(source.read(rows).astype("float32") / 255, verbose=0).astype(float)
    chances = np.exp(logits - logits.max(1, keepdims=True))
    np.testing.assert_allclose(found["none"], chances / chances.sum(1, keepdims=True), atol=1e-6)
    for name, nuisance in NUISANCES.items():
        for step, level in enumerate(nuisance.levels, start=1):
            disturbed = DisturbedClips(source.stores, source.index, source.clip, nuisance, level)
            expected = model.predict(disturbed.read(rows).astype("float32") / 255, verbose=0)
            ratio = np.log(found[f"{name}_{step}"][:, 1] / found[f"{name}_{step}"][:, 0])
            np.testing.assert_allclose(ratio, expected[:, 1] - expected[:, 0], atol=1e-4)
            assert np.abs(found[f"{name}_{step}"] - found["none"]).max() > 0


def known(share_wrong):
    """A network that is right as clips are, and wrong in a share of them from JPEG 15 on."""
    y = np.tile([0, 1], 40)
    right = np.stack([1 - y, y], axis=1) * 0.8 + 0.1
    wrong = right.copy()
    count = int(share_wrong * 80)
    wrong[:count] = wrong[:count, ::-1]
    patients = np.repeat([f"p{i}" for i in range(20)], 4)
    ids = {"clip_id": np.arange(80).astype(str), "video_id": patients, "patient_id": patients}
    levels = {f"{name}_{i}": right for name in NUISANCES for i in range(1, 5)}
    return {**ids, "y_true": y, "none": right, **levels, "jpeg_3": wrong, "jpeg_4": wrong}


def test_the_table_says_which_network_breaks_first(tmp_path):
    """Half wrong is an F1 of 0.5, a change of -0.5; where nothing changes, no network breaks."""
    _, runs = read_run(write_run(tmp_path))
    run = runs["bline"]
    names = ("c2d_a", "c2d_lstm_a")
    models = {
        name: replace(run.models[name], robustness=known(share))
        for name, share in zip(names, (0, 0.5), strict=True)
    }
    run = replace(run, models={**run.models, **models})
    made = robustness_table(BEYOND, names)(run)
    cells = {(cell.row, cell.metric): cell for cell in made.cells}
    assert cells["c2d_lstm_a/none", "f1_pooled"].value == 1
    assert cells["c2d_lstm_a/jpeg_3", "f1_pooled"].value == 0.5
    assert cells["c2d_lstm_a/jpeg_3", "change"].value == -0.5
    assert cells["c2d_lstm_a/jpeg_3", "change"].ci_high < 0
    assert cells["c2d_a/jpeg_4", "change"].value == 0
    text = " ".join(made.notes)
    assert "JPEG quality, interval below 0: C2D+LSTM+A from 15 on." in text
    assert "H.264 CRF, interval below 0: no network." in text
    assert robustness_figure(BEYOND, names)(run) is not None


def test_what_was_not_disturbed_has_no_value(tmp_path):
    _, runs = read_run(write_run(tmp_path))
    made = robustness_table(BEYOND, ("c2d_a",))(runs["bline"])
    assert {cell.value for cell in made.cells} == {None}
    assert robustness_figure(BEYOND, ("c2d_a",))(runs["bline"]) is None
