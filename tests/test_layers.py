"""Layers by hand, and against what Keras 2 did."""

import numpy as np
import pytest

from lus_keras.core.environment import start_tensorflow

start_tensorflow()
import keras  # noqa: E402

from lus_keras.layers import (  # noqa: E402
    AttentionPooling,
    BatchNormalization,
    CoralLogits,
    FrameMaxPooling,
    TemporalAttention,
    TimeDistributed,
)


def test_attention_weights_are_softmax_of_scores():
    """h = (0, ln 3), w_a = 1: e = (0, ln 3), a = (1/4, 3/4)."""
    attention = TemporalAttention()
    attention.build((None, 2, 1))
    attention.set_weights([np.array([[1.0]])])
    weights = attention(np.array([[[0.0], [np.log(3)]]], "float32"))
    np.testing.assert_allclose(weights, [[1 / 4, 3 / 4]], rtol=1e-6)


def test_additive_attention_scores_through_a_tanh():
    """e = v·tanh(W h), written out; saved and loaded it is the same."""
    frames = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")
    layer = TemporalAttention("additive")
    weights = np.asarray(layer(frames))
    vector, matrix = (np.asarray(weight) for weight in layer.get_weights())
    scores = np.exp(np.tanh(frames @ matrix) @ vector)[..., 0]
    np.testing.assert_allclose(weights, scores / scores.sum(1, keepdims=True), rtol=1e-5)
    assert TemporalAttention.from_config(layer.get_config()).scoring == "additive"
    with pytest.raises(ValueError, match="`scoring` must be one of"):
        TemporalAttention("cosine")


def test_gated_attention_is_that_of_multiple_instance_learning():
    """e = v·(tanh(W h) ⊙ sigmoid(U h)), written out; the weights of a clip sum to 1."""
    frames = np.random.default_rng(0).normal(size=(2, 5, 3)).astype("float32")
    layer = TemporalAttention("gated")
    weights = np.asarray(layer(frames))
    vector, matrix, gate = (np.asarray(weight) for weight in layer.get_weights())
    scores = np.exp((np.tanh(frames @ matrix) / (1 + np.exp(-frames @ gate))) @ vector)[..., 0]
    np.testing.assert_allclose(weights, scores / scores.sum(1, keepdims=True), rtol=1e-5)
    np.testing.assert_allclose(weights.sum(1), 1, rtol=1e-6)


def test_coral_is_consistent_in_rank():
    """Chances are those of ordered questions, sum to 1, and a higher score is a higher class."""
    layer = CoralLogits(4)
    layer.build((None, 1))
    scores = np.linspace(-6, 6, 25, dtype="float32")[:, None]
    chances = np.exp(layer(scores))
    np.testing.assert_allclose(chances.sum(1), 1, atol=1e-5)
    above = 1 - np.cumsum(chances, axis=1)[:, :-1]
    # The thresholds start at -2.5, 0 and 2.5, where every class is the most probable somewhere.
    np.testing.assert_allclose(above, 1 / (1 + np.exp([-2.5, 0, 2.5] - scores)), atol=2e-3)
    assert set(chances.argmax(axis=1)) == {0, 1, 2, 3}
    assert (np.diff(above, axis=1) < 0).all()
    assert (np.diff(above, axis=0) > 0).all()
    # Steps of softplus(0.62) = 1.05, less than log 3, hide the classes in the middle.
    layer.set_weights([np.array([-1.05, 0.62, 0.62])])
    assert set(np.asarray(layer(scores)).argmax(axis=1)) == {0, 3}
    # Whatever it learns, questions stay in order.
    layer.set_weights([np.array([3.0, -5.0, -9.0])])
    chances = np.exp(layer(scores))
    assert (np.diff(1 - np.cumsum(chances, axis=1)[:, :-1], axis=1) <= 1e-6).all()
    assert CoralLogits.from_config(layer.get_config()).classes == 4


def test_attention_score_is_one_product_without_tanh():
    """A score of 100 would be squashed to 1 by a tanh; here it takes all the weight."""
    attention = TemporalAttention()
    attention.build((None, 2, 2))
    attention.set_weights([np.array([[10.0], [-5.0]])])
    weights = attention(np.array([[[10.0, 0.0], [0.0, 0.0]]], "float32"))
    np.testing.assert_allclose(weights, [[1, 0]], atol=1e-12)


def test_pooling_divides_by_the_number_of_frames():
    """a = (1/4, 3/4), h = (4, 8): Σ = 1 + 6 = 7; the mean over n = 2 frames is 7/2."""
    frames = np.array([[[4.0], [8.0]]], "float32")
    weights = np.array([[0.25, 0.75]], "float32")
    np.testing.assert_allclose(AttentionPooling("mean")([frames, weights]), [[3.5]])
    np.testing.assert_allclose(AttentionPooling("sum")([frames, weights]), [[7.0]])


def test_time_distributed_equals_a_loop_at_inference():
    rng = np.random.default_rng(0)
    clips = rng.random((2, 3, 6, 6, 1)).astype("float32")
    convolution = keras.layers.Conv2D(4, 3)
    folded = TimeDistributed(convolution)(clips)
    for step in range(3):
        np.testing.assert_allclose(folded[:, step], convolution(clips[:, step]), atol=1e-6)


def test_time_distributed_normalizes_over_batch_and_time_and_updates_once():
    """Frames of value 0 … 5: mean 2.5; moving mean after one step 0.01 · 2.5, not six updates."""
    clips = np.arange(6, dtype="float32").reshape(2, 3, 1, 1, 1)
    layer = TimeDistributed(BatchNormalization(epsilon=0.0))
    outputs = np.asarray(layer(clips, training=True)).ravel()
    np.testing.assert_allclose(outputs, (np.arange(6) - 2.5) / np.arange(6).std(), rtol=1e-5)
    np.testing.assert_allclose(layer.layer.moving_mean, [0.025], rtol=1e-5)


def test_time_distributed_takes_an_unknown_number_of_frames():
    clip = keras.Input((None, 4, 4, 1))
    model = keras.Model(clip, TimeDistributed(keras.layers.Flatten())(clip))
    assert model(np.zeros((2, 5, 4, 4, 1), "float32")).shape == (2, 5, 16)
    assert model(np.zeros((3, 1, 4, 4, 1), "float32")).shape == (3, 1, 16)


@pytest.mark.parametrize("shape", [(8, 3, 3, 2), (2, 4, 3, 3, 2)])
def test_moving_variance_follows_the_unbiased_variance_for_images_and_clips(shape):
    """0.99 · 1 + 0.01 · var · n/(n-1), n = values a channel."""
    values = np.random.default_rng(1).normal(2, 3, shape).astype("float32")
    layer = BatchNormalization()
    layer(values, training=True)
    expected = 0.99 + 0.01 * values.reshape(-1, 2).var(axis=0, ddof=1)
    np.testing.assert_allclose(layer.moving_variance, expected, rtol=1e-5)


def test_moving_variance_follows_the_biased_variance_for_sequences():
    """Rank 3 never used the fused kernel."""
    values = np.random.default_rng(1).normal(2, 3, (3, 4, 2)).astype("float32")
    layer = BatchNormalization()
    layer(values, training=True)
    expected = 0.99 + 0.01 * values.reshape(-1, 2).var(axis=0)
    np.testing.assert_allclose(layer.moving_variance, expected, rtol=1e-5)


@pytest.mark.parametrize("shape", [(4, 5, 5, 3), (2, 3, 5, 5, 3), (4, 6, 3)])
@pytest.mark.parametrize("training", [True, False])
def test_outputs_equal_those_of_keras(shape, training):
    values = np.random.default_rng(2).normal(1, 2, shape).astype("float32")
    ours, theirs = BatchNormalization(), keras.layers.BatchNormalization()
    for layer in (ours, theirs):
        layer.build(shape)
        layer.set_weights(np.array([[2, 1, 3], [0, 1, -1], [1, 0, 2], [1, 2, 3]], "float32"))
    np.testing.assert_allclose(
        ours(values, training=training), theirs(values, training=training), atol=2e-5
    )


def test_fused_and_plain_paths_agree():
    """Other backends take the plain path; its outputs and averages are those of the kernel."""
    values = np.random.default_rng(3).normal(1, 2, (6, 4, 4, 2)).astype("float32")
    fused, plain = BatchNormalization(), BatchNormalization()
    plain.build(values.shape)
    outputs = plain._call_unfused(keras.ops.convert_to_tensor(values))
    np.testing.assert_allclose(fused(values, training=True), outputs, atol=1e-5)
    for ours, theirs in zip(fused.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_frozen_normalization_does_not_move():
    layer = BatchNormalization(trainable=False)
    layer(np.random.default_rng(0).random((4, 3, 3, 2)).astype("float32"), training=True)
    np.testing.assert_array_equal(layer.moving_mean, [0, 0])


def gradient(layer, values):
    import tensorflow as tf

    values = tf.constant(values)
    with tf.GradientTape() as tape:
        tape.watch(values)
        total = tf.reduce_sum(layer(values))
    return tape.gradient(total, values).numpy()


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="uses TensorFlow's tape")
def test_max_pooling_sends_the_gradient_to_every_tied_value():
    """Window (1, 1, 0, 1): the three ones get 1 each; a lone maximum gets it alone."""
    clip = np.array([[1, 1, 5, 2], [0, 1, 3, 4]], "float32").reshape(1, 1, 2, 4, 1)
    expected = [[1, 1, 1, 0], [0, 1, 0, 0]]
    np.testing.assert_array_equal(gradient(FrameMaxPooling(), clip)[0, 0, :, :, 0], expected)


@pytest.mark.parametrize("size", [(4, 6), (5, 7)])
def test_max_pooling_equals_keras_where_nothing_ties(size):
    clips = np.random.default_rng(0).random((2, 3, *size, 2)).astype("float32")
    expected = keras.layers.MaxPooling3D((1, 2, 2))(clips)
    np.testing.assert_array_equal(FrameMaxPooling()(clips), expected)
