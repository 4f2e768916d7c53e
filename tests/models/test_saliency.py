"""Saliency maps against tf-keras-vis, by hand, and measures of maps by hand."""

import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lus_keras
from lus_keras.core.environment import start_tensorflow
from lus_keras.evaluation.metrics import map_similarity, share_in

start_tensorflow()
import keras  # noqa: E402

from lus_keras.layers import FramesAsChannels  # noqa: E402
from lus_keras.models import attribution  # noqa: E402
from lus_keras.models.attribution import gradients, maps, pooling  # noqa: E402

SHAPES = {
    "resnet3d_18": ((6, 9, 10, 2), {"filters": 4, "num_outputs": 3}),
    "mmode_resnet18": ((9, 10, 2), {"filters": 4}),
    "c2d_lstm_a": ((3, 8, 8, 1), {}),
}


@pytest.fixture(scope="module", params=SHAPES)
def network(request):
    """A small network and two clips; the second is three times as bright."""
    keras.utils.set_random_seed(1)
    shape, options = SHAPES[request.param]
    model = lus_keras.build_model(request.param, input_shape=shape, **options)
    clips = np.random.default_rng(3).random((2, *shape)).astype(np.float32)
    return model, clips * np.array([1, 3], np.float32).reshape(2, *[1] * len(shape))


def by_tf_keras_vis(model, clips, classes, **options):
    from tf_keras_vis.saliency import Saliency
    from tf_keras_vis.utils.scores import BinaryScore, CategoricalScore

    score = BinaryScore if model.outputs[0].shape[-1] == 1 else CategoricalScore
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Saliency(model)(score(classes), clips, **options)


def test_vanilla_saliency_equals_tf_keras_vis(network):
    model, clips = network
    expected = by_tf_keras_vis(model, clips, [0, 1])
    np.testing.assert_allclose(
        attribution.vanilla_saliency(model, clips, [0, 1]), expected, atol=1e-5
    )


@pytest.mark.parametrize("chunk", [2, 5, 50])
def test_smooth_grad_equals_tf_keras_vis_for_equal_noise(network, chunk, monkeypatch):
    model, clips = network
    seeds = [maps.noise_seeds(7, place, 5) for place in range(2)]
    draws = [[gradients.unit_noise(clips.shape[1:], s) for s in of_clip] for of_clip in seeds]
    unit = np.swapaxes(np.array(draws), 0, 1)
    monkeypatch.setattr(np.random, "normal", lambda loc, scale, size: np.asarray(scale) * unit)
    expected = by_tf_keras_vis(model, clips, [1, 0], smooth_samples=5, smooth_noise=0.2)
    monkeypatch.undo()
    options = {"samples": 5, "noise": 0.2, "seed": 7, "chunk": chunk}
    ours = attribution.smooth_grad(model, clips, [1, 0], **options)
    np.testing.assert_allclose(ours, expected, atol=1e-5)


# Every family of networks that ships, small; the library takes all of them.
FAMILIES = SHAPES | {
    "c3d_a": ((4, 16, 16, 1), {}),
    "alexnet_attention_bilstm": ((2, 64, 64, 3), {"num_outputs": 4}),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_both_engines_give_the_same_maps(name):
    """Equal to 1e-5 for equal noise: vanilla, and SmoothGrad in both orders of |·| and mean."""
    keras.utils.set_random_seed(2)
    shape, options = FAMILIES[name]
    model = lus_keras.build_model(name, input_shape=shape, **options)
    clips = np.random.default_rng(4).random((2, *shape)).astype(np.float32)
    fast, library = (
        [
            attribution.vanilla_saliency(model, clips, 1, engine=engine),
            *(
                attribution.smooth_grad(model, clips, 1, samples=3, order=order, engine=engine)
                for order in attribution.ORDERS
            ),
        ]
        for engine in attribution.ENGINES
    )
    np.testing.assert_allclose(fast, library, atol=1e-5)
    assert np.abs(fast[1] - fast[2]).max() > 1e-3


def quadratic(weights):
    """Logits (w·x², −w·x²): their gradient at x is ±2·w·x."""
    values = keras.Input((len(weights), 1))
    squares = keras.layers.Flatten()(keras.layers.Multiply()([values, values]))
    model = keras.Model(values, keras.layers.Dense(2, use_bias=False)(squares))
    model.set_weights([np.stack([weights, -np.array(weights)], axis=1)])
    return model


@pytest.mark.parametrize("engine", attribution.ENGINES)
def test_noise_about_a_flat_place_cancels_in_the_mean_alone(engine):
    """At the bottom of x², gradients of noise have both signs: |mean| ≪ mean of |·|.

    Gradients are 2σz at the first place and, about 1, near 2 at the second: with order `abs_mean`
    the first is 0 ± 2σ/√n, with `mean_abs` it is 2σ·√(2/π).
    """
    model, clip = quadratic([1.0, 1.0, 0.0]), np.array([[[0.0], [1.0], [0.0]]])
    options = {"samples": 64, "noise": 0.5, "chunk": 64, "engine": engine}
    mean_abs, abs_mean = (
        attribution.smooth_grad(model, clip, 0, order=order, **options)[0]
        for order in attribution.ORDERS
    )
    assert abs_mean[0] < 4 * 0.5 / np.sqrt(64)
    assert mean_abs[0] == pytest.approx(0.5 * np.sqrt(2 / np.pi), abs=0.1)


def test_integrated_gradients_add_up_to_the_difference_of_the_scores(network):
    """Completeness: over all pixels, the score of the clip minus that of its darkest value.

    Networks are bent, so the sum over 200 places of the path is close, not equal.
    """
    model, clips = network
    parts = maps.path_contributions(model, clips, 1, steps=200, chunk=100)
    axes = tuple(range(1, clips.ndim - 1))
    dark = np.broadcast_to(clips.min(axis=axes, keepdims=True), clips.shape)
    after, before = (model.predict(values, verbose=0) for values in (clips, dark))
    column = 0 if after.shape[1] == 1 else 1
    np.testing.assert_allclose(
        parts.sum(axis=tuple(range(1, parts.ndim))), (after - before)[:, column], atol=0.02
    )


def test_integrated_gradients_of_a_parabola_by_hand():
    """Of w·x² from 0 to x the contribution is w·x²: middles of two parts give it exactly."""
    model = quadratic([1.0, 3.0, -2.0])
    clip = np.array([[[0.0], [2.0], [1.0]]])
    parts = maps.path_contributions(model, clip, 0, steps=2)
    np.testing.assert_allclose(parts[0, :, 0], [0, 12, -2], atol=1e-5)
    shown = attribution.integrated_gradients(model, clip, 0, steps=2)
    np.testing.assert_allclose(shown, [[0, 1, 2 / 12]], atol=1e-5)


def test_compiled_maps_of_whole_clips_equal_tf_keras_vis():
    """Windows of the stem's pooling hold values within 1e-5 of their maximum, as small ones do not.

    oneDNN's kernel, which compiled graphs take for pooling, would be off by a hundredth.
    """
    keras.utils.set_random_seed(0)
    shape = (60, 30, 30, 3)
    model = lus_keras.build_model("resnet3d_18", input_shape=shape, filters=16)
    clips = np.random.default_rng(3).random((1, *shape), dtype=np.float32)
    expected = by_tf_keras_vis(model, clips, [1])
    np.testing.assert_allclose(attribution.vanilla_saliency(model, clips, 1), expected, atol=1e-5)


SIZES = st.tuples(*[st.integers(1, 3)] * 3)


@settings(max_examples=40, deadline=None)
@given(pool=SIZES, strides=SIZES, same=st.booleans(), seed=st.integers(0, 99))
def test_gradient_of_maxima_is_that_of_tensorflows_kernel(pool, strides, same, seed):
    """Ties, values within 1e-5 of the maximum, and remainders that "valid" windows leave out."""
    import tensorflow as tf

    rng = np.random.default_rng(seed)
    shape = (2, *rng.integers(3, 9, 3), 2)
    values = rng.normal(size=shape).round() + 4e-6 * rng.normal(size=shape)
    values = tf.constant(values, tf.float32)
    options = {"ksize": [1, *pool, 1], "strides": [1, *strides, 1]}
    options["padding"] = "SAME" if same else "VALID"
    pooled = tf.raw_ops.MaxPool3D(input=values, **options)
    slope = tf.constant(rng.normal(size=pooled.shape), tf.float32)
    expected = tf.raw_ops.MaxPool3DGrad(
        orig_input=values, orig_output=pooled, grad=slope, **options
    )
    ours = pooling.gradient_of_maximum(values, pooled, slope, pool, strides, same=same)
    np.testing.assert_allclose(ours, expected, atol=1e-5)


def test_smooth_grad_is_a_function_of_its_seed(network):
    model, clips = network
    first, again, other = (
        attribution.smooth_grad(model, clips, 1, samples=3, seed=seed) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3


def test_smooth_grad_without_noise_is_vanilla_saliency(network):
    model, clips = network
    smooth = attribution.smooth_grad(model, clips, 0, samples=3, noise=0.0)
    np.testing.assert_allclose(smooth, attribution.vanilla_saliency(model, clips, 0), atol=1e-5)


def test_unit_noise_has_mean_0_and_variance_1_and_differs_between_copies():
    seeds = np.concatenate([maps.noise_seeds(0, place, 3) for place in range(2)])
    noise = np.array([gradients.unit_noise((20_000,), seed) for seed in seeds])
    np.testing.assert_allclose(noise.mean(axis=1), 0, atol=0.03)
    np.testing.assert_allclose(noise.var(axis=1), 1, atol=0.05)
    assert np.abs(np.corrcoef(noise) - np.eye(len(seeds))).max() < 0.04


def test_gradient_of_a_linear_network_is_its_weights():
    """Logit = 1·a + 3·b − 5·c: |gradient| (1, 3, 5), stretched (0, 1/2, 1)."""
    model = linear_network()
    maps_of = attribution.vanilla_saliency(model, np.zeros((1, 3, 1)), 1)
    np.testing.assert_allclose(maps_of, [[0, 0.5, 1]], atol=1e-6)


def linear_network():
    values = keras.Input((3, 1))
    logits = keras.layers.Dense(1, use_bias=False)(keras.layers.Flatten()(values))
    model = keras.Model(values, logits)
    model.set_weights([np.array([[1.0], [3.0], [-5.0]])])
    return model


def test_new_weights_are_seen_by_the_compiled_function():
    model = linear_network()
    attribution.vanilla_saliency(model, np.zeros((1, 3, 1)), 1)
    model.set_weights([np.array([[4.0], [2.0], [0.0]])])
    changed = attribution.vanilla_saliency(model, np.zeros((1, 3, 1)), 1)
    np.testing.assert_allclose(changed, [[1, 0.5, 0]], atol=1e-6)


def test_predicted_class_is_taken_where_none_is_named(network):
    model, clips = network
    logits = model.predict(clips, verbose=0)
    classes = (logits[:, 0] > 0) if logits.shape[1] == 1 else logits.argmax(axis=1)
    expected = attribution.vanilla_saliency(model, clips, classes.astype(int))
    np.testing.assert_array_equal(attribution.vanilla_saliency(model, clips), expected)


@pytest.mark.parametrize(
    ("kernel_size", "sizes"),
    [(2, (6, 9, 10)), (2, (5, 4, 8)), (3, (6, 9, 10)), (3, (5, 4, 8)), (7, (8, 9, 10))],
)
def test_woven_input_gradient_is_that_of_the_convolution(kernel_size, sizes):
    """No kernel is longer than its input: TensorFlow's own gradient then crashes now and then."""
    import tensorflow as tf

    rng = np.random.default_rng(0)
    inputs = tf.constant(rng.normal(size=(2, *sizes, 3)), tf.float32)
    kernel = tf.constant(rng.normal(size=(kernel_size,) * 3 + (3, 16)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = tf.nn.conv3d(inputs, kernel, [1, 2, 2, 2, 1], "SAME")
    slope = tf.constant(rng.normal(size=outputs.shape), tf.float32)
    expected = tape.gradient(outputs, inputs, output_gradients=slope)
    ours = gradients.strided_input_gradient(slope, kernel, sizes)
    np.testing.assert_allclose(ours, expected, atol=1e-4)


def test_grad_cam_of_one_convolution_by_hand():
    """Maps a = x and 2x pooled to 3·mean(x): weights 1/4 each over 4 pixels, CAM ∝ x, 0 … 1."""
    image = keras.Input((2, 2, 1))
    x = keras.layers.Conv2D(2, 1, use_bias=False, name="conv")(image)
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(image, keras.layers.Dense(1, use_bias=False)(x))
    model.set_weights([np.array([[[[1.0, 2.0]]]]), np.ones((2, 1))])
    values = np.array([[0.0, 1.0], [2.0, 4.0]]).reshape(1, 2, 2, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cam = attribution.grad_cam(model, values, 1, layer="conv")
        np.testing.assert_allclose(attribution.grad_cam(model, values, 1), cam)
    np.testing.assert_allclose(cam, values[..., 0] / 4, atol=1e-5)


def test_grad_cam_of_frames_as_channels_is_that_of_their_image_for_each_frame():
    clip, image = keras.Input((3, 8, 6, 1)), keras.Input((8, 6, 3))

    def network(start, pixels):
        x = keras.layers.Conv2D(4, 3, 2, padding="same", name="conv")(pixels)
        x = keras.layers.GlobalAveragePooling2D()(x)
        return keras.Model(start, keras.layers.Dense(2, name="logits")(x))

    joined, plain = network(clip, FramesAsChannels()(clip)), network(image, image)
    plain.set_weights(joined.get_weights())
    values = np.random.default_rng(0).random((2, 3, 8, 6, 1), np.float32)
    found = attribution.grad_cam(joined, values, 1)
    expected = attribution.grad_cam(plain, np.moveaxis(values[..., 0], 1, -1), 1)
    assert found.shape == (2, 3, 8, 6)
    for frame in range(3):
        np.testing.assert_allclose(found[:, frame], expected, atol=1e-6)


def test_grad_cam_is_of_the_last_convolution_that_tells_places_apart():
    """Within TimeDistributed, too; one filter is a mask, and 8 pixels halved thrice are one."""
    clip = keras.Input((2, 8, 8, 1))
    x = clip
    for name, filters in (("first", 3), ("second", 2), ("small", 4)):
        convolution = keras.layers.Conv2D(filters, 3, 2, padding="same")
        x = keras.layers.TimeDistributed(convolution, name=name)(x)
    mask = keras.layers.TimeDistributed(keras.layers.Conv2D(1, 1), name="mask")(x)
    x = keras.layers.GlobalAveragePooling3D()(keras.layers.Multiply()([x, mask]))
    model = keras.Model(clip, keras.layers.Dense(2)(x))
    assert maps.last_convolution(model) == "second"
    with pytest.raises(ValueError, match="must contain a convolution"):
        maps.last_convolution(linear_network())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"samples": 0}, "`samples` must be 1 or more"),
        ({"chunk": 0}, "`chunk` must be 1 or more"),
        ({"noise": -0.1}, "`noise` must be 0 or more"),
        ({"engine": "slow"}, "`engine` must be one of fast, tf-keras-vis. Received: 'slow'"),
        ({"order": "max"}, "`order` must be one of mean_abs, abs_mean. Received: 'max'"),
        ({"output": 2}, "`output` must be a class 0 … 1.*output=2"),
        ({"output": [1, 1]}, r"one for each of 1 clips. Received: output=\[1, 1\]"),
        ({"clips": np.zeros((3, 1))}, r"`clips` must be \(None, 3, 1\)"),
    ],
)
def test_bad_arguments_are_refused_with_what_was_received(options, message):
    options = {"clips": np.zeros((1, 3, 1)), **options}
    with pytest.raises(ValueError, match=message):
        attribution.smooth_grad(linear_network(), **options)


def test_another_backend_is_refused_by_name():
    pytest.importorskip("jax", reason="JAX is not installed")
    code = (
        "import keras, numpy as np; from lus_keras.core import errors\n"
        "from lus_keras.models import attribution\n"
        "x = keras.Input((3,)); m = keras.Model(x, keras.layers.Dense(1)(x))\n"
        "for f in (attribution.vanilla_saliency, attribution.smooth_grad, attribution.grad_cam):\n"
        "    try: f(m, np.zeros((1, 3)))\n"
        "    except errors.ConfigError as e: print(e)\n"
    )
    env = {**os.environ, "KERAS_BACKEND": "jax"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=200)
    assert done.stdout.count("KERAS_BACKEND is 'jax': saliency maps need 'tensorflow'") == 3


def test_randomized_copy_has_other_weights_and_leaves_the_model_alone(network):
    model, clips = network
    before = model.get_weights()
    copies = [attribution.randomized_copy(model, seed) for seed in (0, 0, 1)]
    outputs = [copy.predict(clips, verbose=0) for copy in copies]
    np.testing.assert_array_equal(outputs[0], outputs[1])
    assert np.abs(outputs[0] - outputs[2]).max() > 1e-5
    assert [layer.name for layer in copies[0].layers] == [layer.name for layer in model.layers]
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_network_is_lent_random_weights_and_has_its_own_afterwards(network):
    """Maps are those of the random copy, by the same compiled function; also after an error."""
    model, clips = network
    before = model.get_weights()
    expected = attribution.vanilla_saliency(attribution.randomized_copy(model, 3), clips, 0)
    trained = attribution.vanilla_saliency(model, clips, 0)
    with pytest.raises(KeyError), attribution.random_weights(model, 3):
        np.testing.assert_array_equal(attribution.vanilla_saliency(model, clips, 0), expected)
        raise KeyError
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    np.testing.assert_array_equal(attribution.vanilla_saliency(model, clips, 0), trained)


def test_similarity_is_the_correlation_of_ranks():
    """Ranks (1, 2, 3, 4) and (1, 2, 4, 3): 1 − 6·2 / (4·15) = 0.8; stretching changes nothing."""
    first, second = np.array([[0.0, 1], [2, 3]]), np.array([[5.0, 6], [90, 7]])
    assert map_similarity(first, second) == pytest.approx(0.8)
    assert map_similarity(first, np.exp(second)) == pytest.approx(0.8)
    assert map_similarity(first, -first) == pytest.approx(-1)
    assert np.isnan(map_similarity(first, np.ones((2, 2))))


def test_share_of_mass_against_share_of_area():
    """3 + 3 of 8 in half of the pixels; an even map has its mass where the area is."""
    saliency_map, mask = np.array([[3.0, 1], [3, 1]]), np.array([[True, False], [True, False]])
    assert share_in(saliency_map, mask) == (0.75, 0.5)
    assert share_in(np.ones((2, 2)), mask) == (0.5, 0.5)
    assert np.isnan(share_in(np.zeros((2, 2)), mask)[0])


def test_measures_of_maps_refuse_what_does_not_fit():
    for measure in (map_similarity, share_in):
        with pytest.raises(ValueError, match=r"shapes \(2,\) and \(3,\)"):
            measure(np.ones(2), np.ones(3))
    with pytest.raises(ValueError, match="0 or more"):
        share_in([-1.0, 1.0], [True, False])
