"""SORD by hand and against printed soft labels."""

import numpy as np
import pytest

import lus_keras
from lus_keras.core.environment import start_tensorflow

start_tensorflow()
import keras  # noqa: E402

from lus_keras.losses import Coral, Sord, soft_labels, sord  # noqa: E402

LOGITS = np.float32([[0.3, -0.2, 1.1, 0.5], [2.0, 0.0, -1.0, 0.4], [0.0, 0.0, 0.0, 0.0]])


def test_soft_labels_are_those_of_the_public_code():
    """Rows 0 and 1 rounded to four places; 2 and 3 mirror them."""
    table = soft_labels(4)
    expected = [[0.8805, 0.1192, 0.0003, 0.0], [0.1065, 0.7868, 0.1065, 0.0003]]
    np.testing.assert_allclose(table[:2], expected, atol=5e-5)
    np.testing.assert_allclose(table[2:], table[1::-1, ::-1], atol=1e-15)


def test_soft_labels_by_hand():
    """Distances 0, 1, 2, 3 squared, times 2: e^0, e^-2, e^-8, e^-18 over their sum."""
    weights = np.exp([0.0, -2, -8, -18])
    np.testing.assert_allclose(soft_labels(4)[0], weights / weights.sum(), rtol=1e-12)
    half = np.exp([0.0, -0.5, -2.0])
    np.testing.assert_allclose(soft_labels(3, scale=0.5)[0], half / half.sum(), rtol=1e-12)


def test_gap_moves_class_0_away():
    """Class 0 at -0.5: from class 1 it is 1.5 away, so exp(-2 · 2.25) against exp(-2) above."""
    weights = np.exp([-4.5, 0.0, -2.0, -8.0])
    np.testing.assert_allclose(soft_labels(4, zero_gap=0.5)[1], weights / weights.sum(), rtol=1e-12)
    assert soft_labels(4, zero_gap=0.5)[0, 0] > soft_labels(4)[0, 0]
    np.testing.assert_allclose(
        soft_labels(4, zero_gap=0.5)[3, 1:].argsort(), soft_labels(4)[3, 1:].argsort()
    )


def test_floor_is_the_entropy_of_the_soft_labels():
    """The best logits are the logarithms of the soft labels: .3679, .6678, .6678, .3679."""
    labels, best = np.arange(4), np.log(soft_labels(4)).astype("float32")
    np.testing.assert_allclose(sord(labels, best), [0.3679, 0.6678, 0.6678, 0.3679], atol=5e-5)
    np.testing.assert_allclose(sord(labels, best, kl=True), 0, atol=1e-6)


def test_equal_logits_cost_the_logarithm_of_the_number_of_classes():
    np.testing.assert_allclose(sord(np.array([0, 3]), np.zeros((2, 4), "float32")), np.log(4))


def test_each_clip_has_its_own_loss():
    """-Σ y log softmax(z) in float64, for labels as numbers of any type and as a column."""
    labels = np.array([2, 0, 1])
    shifted = LOGITS.astype(float) - np.log(np.exp(LOGITS.astype(float)).sum(1, keepdims=True))
    expected = -(soft_labels(4)[labels] * shifted).sum(axis=1)
    for form in (labels, labels.astype("float32"), labels[:, None]):
        np.testing.assert_allclose(sord(form, LOGITS), expected, rtol=1e-6)


def test_large_logits_stay_finite():
    assert np.isfinite(sord(np.array([0]), np.float32([[-1e4, 1e4, 0, 0]]))).all()


def test_class_weights_scale_the_loss_of_their_class():
    labels = np.array([2, 0, 1])
    weighted = sord(labels, LOGITS, class_weights=[3.0, 0.0, 0.5, 9.0])
    np.testing.assert_allclose(weighted, np.float32([0.5, 3, 0]) * sord(labels, LOGITS), rtol=1e-6)
    with pytest.raises(ValueError, match=r"one entry for each of 4 classes.*\[1, 2\]"):
        sord(labels, LOGITS, class_weights=[1, 2])


def test_keras_loss_is_the_mean_and_comes_back_from_its_config():
    labels = np.array([2, 0, 1])
    loss = Sord(scale=1.0, zero_gap=0.5, kl=True, class_weights=[1, 2, 3, 4])
    options = {"scale": 1.0, "zero_gap": 0.5, "kl": True, "class_weights": [1, 2, 3, 4]}
    expected = np.mean(sord(labels, LOGITS, **options))
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    for form in (loss, again):
        np.testing.assert_allclose(form(labels, LOGITS), expected, rtol=1e-6)


def test_losses_are_reached_from_the_package():
    assert lus_keras.losses.sord is sord


def test_coral_asks_whether_the_class_is_above_each():
    """Chances 0.2, 0.3, 0.5 are above 0 by 0.8 and above 1 by 0.5; of class 1 that is yes, no."""
    logits = np.log(np.float32([[0.2, 0.3, 0.5]] * 3))
    losses = Coral(reduction=None)(np.array([0, 1, 2]), logits)
    above, beyond = np.log([0.2, 0.8]), np.log(0.5)
    np.testing.assert_allclose(
        losses, -np.array([above[0] + beyond, above[1] + beyond, above[1] + beyond]) / 2, rtol=1e-5
    )
