"""The video of Figure 5: what is drawn where, and that it can be read back."""

import av
import numpy as np
import pytest

from lus_keras.data.video import read_video
from lus_keras.inference import overlay


@pytest.fixture
def clip():
    """Three frames of 30×40 and two maps, each bright at one pixel."""
    frames = np.full((3, 30, 40), 90, np.uint8)
    maps = {"vanilla": np.zeros((3, 30, 40), np.float16), "smooth": np.zeros((3, 30, 40))}
    maps["vanilla"][1, 2, 5] = 1
    maps["smooth"][1, 29, 39] = 1
    return frames, maps


def panels(picture, count=3, factor=8, shape=(30, 40)):
    """The enlarged pictures below their titles, one value a pixel of the clip."""
    height, width = shape[0] * factor, shape[1] * factor
    for number in range(count):
        left = number * (width + overlay.GAP)
        part = picture[overlay.BAR : overlay.BAR + height, left : left + width].astype(int)
        blocks = part.reshape(shape[0], factor, shape[1], factor, 3)
        assert (np.ptp(blocks, axis=(1, 3)) == 0).all()
        yield blocks[:, 0, :, 0]


def test_input_and_maps_stand_side_by_side_enlarged_without_smoothing(clip):
    """30 pixels are enlarged 8 times to 240; the brightest pixel of a map is inferno's end."""
    picture = overlay.overlay_frame(*clip, 1, False)
    gray, vanilla, smooth = panels(picture)
    assert (gray == 90).all()
    for shown, place in ((vanilla, (2, 5)), (smooth, (29, 39))):
        brightness = shown.sum(axis=-1)
        assert np.unravel_index(brightness.argmax(), brightness.shape) == place
        assert (np.sort(np.unique(brightness))[:-1] < 10).all()
        assert shown[place].tolist() == [252, 255, 164]


def test_simulated_is_burned_in_and_only_then(clip):
    plain, marked = (overlay.overlay_frame(*clip, 1, simulated) for simulated in (False, True))
    differing = np.argwhere((plain != marked).any(axis=-1))
    assert len(differing) > 50
    # In the foot, on the right, where no pixel of the clip is.
    assert differing[:, 0].min() >= len(plain) - overlay.BAR
    assert differing[:, 1].min() > plain.shape[1] / 2
    reds = marked[tuple(differing.T)].astype(int)
    assert (reds[:, 0] >= reds[:, 2]).all()


@pytest.mark.parametrize("shape", [(30, 30), (31, 33), (300, 250)])
def test_pictures_have_even_sides(shape):
    """H.264 takes no others."""
    frames = np.zeros((1, *shape), np.uint8)
    picture = overlay.overlay_frame(frames, {"map": frames.astype(float)}, 0, True)
    assert [side % 2 for side in picture.shape[:2]] == [0, 0]


def test_the_video_holds_every_frame_at_the_clips_rate(clip, tmp_path):
    path = overlay.overlay_video(tmp_path / "a" / "x.mp4", *clip, fps=7.5, simulated=True)
    assert path.suffix == ".mp4"
    decoded = read_video(path, grayscale=False)
    assert decoded.frames.shape == (3, *overlay.overlay_frame(*clip, 0, True).shape)
    np.testing.assert_allclose(decoded.times_s, np.arange(3) / 7.5, atol=1e-3)
    expected = overlay.overlay_frame(*clip, 1, True).astype(int)
    assert np.abs(decoded.frames[1] - expected).mean() < 4


def test_without_an_encoder_for_mp4_it_is_an_avi(clip, tmp_path, monkeypatch):
    monkeypatch.setattr(av, "codecs_available", {"mjpeg"})
    path = overlay.overlay_video(tmp_path / "x.mp4", *clip, fps=5)
    assert path == tmp_path / "x.avi"
    assert read_video(path).frames.shape[0] == 3


def test_maps_of_another_shape_are_refused(clip, tmp_path):
    with pytest.raises(ValueError, match="the shape of the frames"):
        overlay.overlay_video(tmp_path / "x.mp4", clip[0], {"map": np.zeros((3, 30, 39))}, 5)
