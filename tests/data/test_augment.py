"""Transforms of clips do what their names say, to arrays as to tensors."""

import numpy as np
import pytest

from lus_keras.data.augment import AUGMENTATIONS, flip_horizontally, training_set


def test_flipping_mirrors_columns_and_nothing_else():
    clip = np.arange(2 * 2 * 3 * 1).reshape(2, 2, 3, 1)
    flipped = flip_horizontally(clip)
    np.testing.assert_array_equal(flipped[0, :, :, 0], [[2, 1, 0], [5, 4, 3]])
    np.testing.assert_array_equal(flipped[1, :, :, 0], [[8, 7, 6], [11, 10, 9]])
    assert np.shares_memory(flipped, clip)


def test_flipping_twice_is_nothing():
    clips = np.random.default_rng(0).integers(0, 256, (3, 4, 5, 6, 3), np.uint8)
    np.testing.assert_array_equal(flip_horizontally(flip_horizontally(clips)), clips)


def test_flipping_a_tensor_in_tf_data_is_flipping_an_array(tensorflow):
    clips = np.random.default_rng(0).integers(0, 256, (3, 4, 5, 6, 3), np.uint8)
    dataset = tensorflow.data.Dataset.from_tensor_slices(clips).map(flip_horizontally)
    np.testing.assert_array_equal(
        np.stack(list(dataset.as_numpy_iterator())), flip_horizontally(clips)
    )


def test_no_augmentation_keeps_the_rows():
    rows, mirrored = training_set(np.array([5, 2, 7]), "none")
    assert list(rows) == [5, 2, 7]
    assert list(mirrored) == [False, False, False]


def test_flip_appends_one_mirrored_copy_of_every_clip():
    rows, mirrored = training_set(np.array([5, 2, 7]), "flip")
    assert list(rows) == [5, 2, 7, 5, 2, 7]
    assert list(mirrored) == [False, False, False, True, True, True]
    assert (rows.dtype, mirrored.dtype) == (np.int64, np.bool_)


@pytest.mark.parametrize("augment", AUGMENTATIONS)
def test_no_clip_gives_no_clip(augment):
    rows, mirrored = training_set(np.array([], int), augment)
    assert len(rows) == len(mirrored) == 0


def test_an_unknown_augmentation_is_refused():
    with pytest.raises(ValueError, match=r"`augment` must be one of .*Received: 'rotate'"):
        training_set(np.array([0]), "rotate")
