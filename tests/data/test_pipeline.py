"""Batches hold the clips that were asked for, in that order, with the labels that are theirs."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lus_keras.core.config import SCALINGS, ClipConfig
from lus_keras.data.augment import training_set
from lus_keras.data.cache import FrameStore
from lus_keras.data.clips import index_clips
from lus_keras.data.manifest import Video

QUICK = settings(deadline=None, max_examples=50, derandomize=True)
FRAMES, STRIDE, VIDEOS, COUNT = 4, 3, 5, 11


@pytest.fixture(scope="module")
def pipeline(tensorflow):
    """The module; it imports Keras, which only these tests need."""
    from lus_keras.data import pipeline

    return pipeline


@pytest.fixture
def source(pipeline, tmp_path):
    """Five videos of 11 frames of 2×3; the left column of frame f, counted over all, is f gray."""
    frames = np.zeros((VIDEOS * COUNT, 2, 3, 1), np.uint8)
    frames[:, :, 0, 0] = np.arange(len(frames))[:, None]
    frames[:, :, 2, 0] = 255
    (tmp_path / "frames.u8").write_bytes(frames.tobytes())
    videos = tuple(
        Video("", patient_id=f"p{i}", video_id=f"v{i}", severity=i % 4) for i in range(VIDEOS)
    )
    counts, sizes = (COUNT,) * VIDEOS, ((2, 3),) * VIDEOS
    store = FrameStore(tmp_path, videos, counts, sizes, 1, "key")
    clip = ClipConfig(fps=30.0, frames=FRAMES, stride=STRIDE, size=(2, 3))
    index = index_clips(videos, counts, sizes, clip, "severity")
    return pipeline.ClipSource((store,), index, clip)


def scaled(source, scaling):
    return replace(source, clip=source.clip.model_copy(update={"scaling": scaling}))


def make(pipeline, kind, *arguments):
    """The batches of one of the two ways, as NumPy."""
    if kind == "dataset":
        return list(pipeline.make_dataset(*arguments).as_numpy_iterator())
    return list(pipeline.ClipBatches(*arguments))


BOTH = pytest.mark.parametrize("kind", ["dataset", "batches"])


def test_reading_copies_the_clips_of_the_rows(source):
    """The second clip of the first video starts at frame 3, the first of the second at 11."""
    clips = source.read([1, 3])
    assert clips.shape == (2, FRAMES, 2, 3, 1)
    assert clips.dtype == np.uint8
    np.testing.assert_array_equal(clips[:, :, 0, 0, 0], [[3, 4, 5, 6], [11, 12, 13, 14]])
    assert (clips[..., 2, 0] == 255).all()
    assert source.read([]).shape == (0, FRAMES, 2, 3, 1)


def test_gray_and_colored_videos_are_read_together(source, tmp_path):
    """Simulated videos are gray, files may have colors: gray stands in all three channels."""
    colors = np.arange(COUNT * 2 * 3 * 3, dtype=np.uint8).reshape(COUNT, 2, 3, 3)
    folder = tmp_path / "color"
    folder.mkdir()
    (folder / "frames.u8").write_bytes(colors.tobytes())
    (gray,) = source.stores
    own = (Video("", patient_id="q", video_id="w", severity=1),)
    colored = FrameStore(folder, own, (COUNT,), ((2, 3),), 3, "other")
    videos, counts = (*gray.videos, *own), (*gray.counts, COUNT)
    sizes = (*gray.sizes, (2, 3))
    index = index_clips(videos, counts, sizes, source.clip, "severity")
    both = replace(source, stores=(gray, colored), index=index)
    rows = [0, int(np.flatnonzero(index.video_id == "w")[0])]
    clips = both.read(rows)
    assert clips.shape == (2, FRAMES, 2, 3, 3)
    for channel in range(3):
        np.testing.assert_array_equal(clips[0, ..., channel], source.read([0])[0, ..., 0])
    np.testing.assert_array_equal(clips[1], colors[:FRAMES])


def test_reading_mirrors_the_clips_that_are_marked(source):
    plain, mirrored = source.read([1, 1], [False, True])
    np.testing.assert_array_equal(mirrored, plain[:, :, ::-1])
    assert (mirrored[:, :, 0] == 255).all()


@QUICK
@given(st.integers(0, 300), st.integers(0, 2**32), st.integers(0, 1000))
def test_the_order_is_a_permutation_and_a_function_of_seed_and_epoch(pipeline, count, seed, epoch):
    order = pipeline.epoch_order(count, seed=seed, epoch=epoch)
    assert sorted(order) == list(range(count))
    np.testing.assert_array_equal(order, pipeline.epoch_order(count, seed=seed, epoch=epoch))


def test_every_epoch_and_every_seed_has_its_order(pipeline):
    orders = {
        tuple(pipeline.epoch_order(20, seed=seed, epoch=epoch))
        for seed in range(5)
        for epoch in range(5)
    }
    assert len(orders) == 25


def test_the_order_is_the_same_on_every_machine(pipeline):
    """A resumed run may be on another one: the numbers are part of the format."""
    assert list(pipeline.epoch_order(6, seed=1, epoch=2)) == [4, 5, 1, 0, 3, 2]


@BOTH
def test_pixels_labels_and_order_go_together(pipeline, source, kind):
    """The gray of the first pixel tells the clip, hence its label, in a shuffled training set."""
    rows, mirrored = training_set(source.index.rows_of(["p0", "p2", "p4"]), "flip")
    order = pipeline.epoch_order(len(rows), seed=0, epoch=0)
    rows, mirrored = rows[order], mirrored[order]
    batches = make(pipeline, kind, source, rows, mirrored, 4)
    clips = np.concatenate([batch[0] for batch in batches])
    labels = np.concatenate([batch[1] for batch in batches])
    column = np.where(mirrored, 2, 0)
    first = np.rint(clips[np.arange(len(clips)), 0, 0, column, 0] * 255)
    np.testing.assert_array_equal(first, (COUNT * source.index.video + source.index.first)[rows])
    np.testing.assert_array_equal(labels, (first // COUNT) % 4)
    assert set(first // COUNT) == {0, 2, 4}
    assert mirrored.sum() == len(rows) / 2


@BOTH
@pytest.mark.parametrize(("batch_size", "sizes"), [(4, [4, 4, 4, 3]), (5, [5, 5, 5]), (99, [15])])
def test_the_last_batch_holds_what_is_left(pipeline, source, kind, batch_size, sizes):
    batches = make(pipeline, kind, source, np.arange(15), np.zeros(15, bool), batch_size)
    assert [len(clips) for clips, _ in batches] == sizes
    assert [len(labels) for _, labels in batches] == sizes


@BOTH
@pytest.mark.parametrize("scaling", ["unit", "minmax"])
def test_batches_are_float32_from_0_to_1(pipeline, source, kind, scaling):
    source = scaled(source, scaling)
    for clips, labels in make(pipeline, kind, source, np.arange(15), np.zeros(15, bool), 4):
        assert (clips.dtype, labels.dtype) == (np.float32, np.int64)
        assert clips.shape[1:] == (FRAMES, 2, 3, 1)
        assert clips.min() == 0
        assert clips.max() == 1


@pytest.mark.parametrize("scaling", ["unit", "minmax"])
def test_both_ways_give_the_same_batches(pipeline, source, scaling):
    source = scaled(source, scaling)
    rows, mirrored = training_set(np.arange(15), "flip")
    order = pipeline.epoch_order(30, seed=3, epoch=1)
    arguments = (source, rows[order], mirrored[order], 7)
    ours, theirs = (make(pipeline, kind, *arguments) for kind in ("dataset", "batches"))
    assert len(ours) == len(theirs) == 5
    for (clips, labels), (other_clips, other_labels) in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(clips, other_clips)
        np.testing.assert_array_equal(labels, other_labels)


def test_a_dataset_can_be_iterated_again_and_knows_its_length(pipeline, source):
    dataset = pipeline.make_dataset(source, np.arange(15), np.zeros(15, bool), 4)
    first, second = (list(dataset.as_numpy_iterator()) for _ in range(2))
    np.testing.assert_array_equal(first[2][0], second[2][0])
    assert int(dataset.cardinality()) == 4


def test_batches_beyond_the_last_are_refused(pipeline, source):
    batches = pipeline.ClipBatches(source, np.arange(15), np.zeros(15, bool), 4)
    assert len(batches) == 4
    with pytest.raises(IndexError, match=r"0 … 3\. Received: batch=4"):
        batches[4]


@pytest.mark.parametrize("way", ["array", "eager", "tf.data"])
def test_scaling_is_the_same_eagerly_and_in_tf_data(pipeline, tensorflow, way):
    clips = np.random.default_rng(0).integers(3, 250, (4, 3, 5, 6, 1), np.uint8)

    def scaled(scaling):
        if way == "array":
            return np.asarray(pipeline.scale(clips, scaling))
        if way == "eager":
            return pipeline.scale(tensorflow.constant(clips), scaling).numpy()
        dataset = tensorflow.data.Dataset.from_tensor_slices(clips)
        dataset = dataset.map(lambda clip: pipeline.scale(clip, scaling))
        return np.stack(list(dataset.as_numpy_iterator()))

    values = clips.astype(np.float32)
    np.testing.assert_array_equal(scaled("unit"), values / np.float32(255))
    low, high = values.min(axis=(2, 3, 4), keepdims=True), values.max(axis=(2, 3, 4), keepdims=True)
    np.testing.assert_array_equal(scaled("minmax"), (values - low) / (high - low))


def test_every_scaling_of_the_configuration_is_described():
    assert get_args(ClipConfig.model_fields["scaling"].annotation) == tuple(SCALINGS)


def test_a_clip_is_measured_in_its_own_spread(pipeline):
    """Levels 10 and 30: mean 20, spread 10 + 2, so ∓10/12, whatever the gain and the other clip."""
    clips = np.full((2, 3, 4, 2, 1), 10, np.uint8)
    clips[..., 1, 0] = 30
    clips[1] += 100
    scaled = np.asarray(pipeline.scale(clips, "clip"))
    expected = np.broadcast_to(np.array([-10 / 12, 10 / 12])[:, None], clips.shape)
    np.testing.assert_allclose(scaled, expected, atol=1e-6)
    assert (np.asarray(pipeline.scale(np.full((1, 2, 3, 3, 1), 77, np.uint8), "clip")) == 0).all()


def test_minmax_stretches_each_frame_and_leaves_a_constant_one_black(pipeline):
    """Gray 10, 20, 30 become 0, 1/2, 1; a frame that is 7 everywhere becomes 0."""
    clip = np.full((1, 2, 1, 3, 1), 7, np.uint8)
    clip[0, 0, 0, :, 0] = [10, 20, 30]
    scaled = np.asarray(pipeline.scale(clip, "minmax"))
    np.testing.assert_array_equal(scaled[0, :, 0, :, 0], [[0, 0.5, 1], [0, 0, 0]])


def test_an_unknown_scaling_is_refused(pipeline):
    with pytest.raises(ValueError, match=r"`scaling` must be one of .*Received: 'zscore'"):
        pipeline.scale(np.zeros((1, 1, 1), np.uint8), "zscore")


def test_tensorflow_is_fed_by_a_dataset(pipeline, source, tensorflow):
    batches = pipeline.make_batches(source, np.arange(3), np.zeros(3, bool), 2)
    assert isinstance(batches, tensorflow.data.Dataset)
    clips, labels = batches.element_spec
    assert clips.shape.as_list() == [None, FRAMES, 2, 3, 1]
    assert labels.shape.as_list() == [None]


@BOTH
@pytest.mark.parametrize("padding", ["zero", "last"])
def test_a_short_video_is_padded_after_scaling(source, pipeline, kind, padding):
    """Of 11 frames 14 are made: the last three are 0 after scaling, or the eleventh over again."""
    clip = ClipConfig(unit="video", fps=30.0, frames=14, size=(2, 3), channels=3,
                      scaling="imagenet", padding=padding)  # fmt: skip
    store = source.stores[0]
    index = index_clips(store.videos, store.counts, store.sizes, clip, "severity")
    whole = pipeline.ClipSource(source.stores, index, clip)
    ((clips, _),) = make(pipeline, kind, whole, np.array([1]), np.zeros(1, bool), 1)
    frames = np.asarray(clips)[0]
    np.testing.assert_allclose(
        frames[:11, 0, 0, 0] * 0.229 + 0.485, np.arange(11, 22) / 255, rtol=1e-5
    )
    expected = np.zeros_like(frames[11:]) if padding == "zero" else np.stack([frames[10]] * 3)
    np.testing.assert_array_equal(frames[11:], expected)
