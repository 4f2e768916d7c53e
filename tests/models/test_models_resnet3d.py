"""The 3D networks against keras-resnet3d, and the M-mode network against its published size."""

import golden_weights
import numpy as np
import pytest
from on_jax import passes_on_jax
from scipy.special import expit, softmax

import lus_keras
from lus_keras.core.environment import (
    computes_in_bfloat16,
    start_tensorflow,
)

start_tensorflow()
import keras  # noqa: E402

from lus_keras.models.convolution import L2, Conv3D, StemConv3D, taps_that_meet_data  # noqa: E402

CASES = {
    f"{case['model']}_{case['num_outputs']}": case for case in golden_weights.cases("resnet3d.json")
}
needs_tape = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="uses TensorFlow's tape"
)


def build(case):
    options = {key: case[key] for key in ("num_outputs", "reg_factor")}
    model = lus_keras.build_model(case["model"], input_shape=tuple(case["input_shape"]), **options)
    model.set_weights(golden_weights.seeded_weights(model, case["seed"], dense_scale=0.002))
    return model


def clips_of(case):
    shape = (case["batch"], *case["input_shape"])
    return np.random.default_rng(case["seed"] + 1).random(shape).astype(np.float32)


def probabilities(logits):
    logits = keras.ops.convert_to_numpy(logits)
    return expit(logits) if logits.shape[1] == 1 else softmax(logits, axis=1)


@pytest.fixture(scope="module", params=CASES.values(), ids=CASES)
def built(request):
    """A case, its network and its clips; tests leave the weights as they are."""
    return request.param, build(request.param), clips_of(request.param)


def test_parameters_are_those_of_the_original(built):
    case, model, _ = built
    trainable = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert (model.count_params(), trainable) == (case["params"], case["trainable"])
    assert len(model.weights) == case["n_weights"]


def test_inference_equals_the_original(built):
    case, model, clips = built
    outputs = probabilities(model(clips, training=False))
    np.testing.assert_allclose(outputs, case["output"], rtol=1e-5)


def test_penalty_equals_the_original(built):
    case, model, _ = built
    np.testing.assert_allclose(float(sum(model.losses)), case["l2_penalty"], rtol=1e-5)


def test_outputs_in_training_equal_the_original():
    """Batch statistics, moving averages untouched by the outputs; all shapes of block."""
    for case in (CASES["resnet3d_18_4"], CASES["resnet3d_50_1"]):
        outputs = probabilities(build(case)(clips_of(case), training=True))
        np.testing.assert_allclose(outputs, case["output_training"], rtol=1e-5)


def test_bfloat16_is_the_original_within_its_rounding(bfloat16):
    """Probabilities at inference and with batch statistics."""
    for case in CASES.values():
        model, clips = build(case), clips_of(case)
        found = probabilities(model(clips, training=False))
        np.testing.assert_allclose(found, case["output"], atol=bfloat16)
        if "output_training" in case:
            found = probabilities(model(clips, training=True))
            np.testing.assert_allclose(found, case["output_training"], atol=bfloat16)


@needs_tape
def test_input_gradient_equals_the_original():
    """Of the sum of outputs: for four softmax outputs that sum is 1, and its gradient 0."""
    import tensorflow as tf

    for case in (CASES["resnet3d_18_1"], CASES["resnet3d_18_4"]):
        model, clips = build(case), tf.constant(clips_of(case))
        with tf.GradientTape() as tape:
            tape.watch(clips)
            logits = model(clips, training=False)
            outputs = tf.sigmoid(logits) if case["num_outputs"] == 1 else tf.nn.softmax(logits)
            total = tf.reduce_sum(outputs)
        gradient = np.abs(tape.gradient(total, clips))
        for name, value in (("mean", gradient.mean()), ("max", gradient.max())):
            np.testing.assert_allclose(value, case[f"input_grad_abs_{name}"], rtol=1e-4, atol=1e-9)


def test_inference_equals_the_original_on_jax():
    """In a process whose Keras computes with JAX."""
    passes_on_jax(__file__, "(inference and resnet3d_18_4) or kernel")


@pytest.mark.parametrize(
    ("depth", "total", "convolutions"),
    [(18, 33_215_233, 20), (34, 63_536_001, 36), (50, 46_265_345, 53)],
)
@pytest.mark.parametrize("size", [30, 60, 90])
def test_parameter_totals_at_the_papers_sizes(depth, total, convolutions, size):
    model = lus_keras.build_model(f"resnet3d_{depth}", input_shape=(60, size, size, 3))
    assert model.count_params() == total
    assert sum(isinstance(layer, Conv3D) for layer in model.layers) == convolutions
    assert model.layers[-1].name == "logits"
    assert model.get_layer("features").output.shape == (None, 2048 if depth == 50 else 512)


def test_depth_counts_convolutions_and_the_last_layer():
    """101 and 152 as the names say, the shortcuts of the four stages not counted."""
    for depth in (101, 152):
        model = lus_keras.build_model(f"resnet3d_{depth}", input_shape=(8, 8, 8, 1), filters=4)
        convolutions = [layer for layer in model.layers if isinstance(layer, Conv3D)]
        assert len(convolutions) - 4 + 1 == depth


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (3, 5, 7, 2), (17, 31, 2, 1)])
def test_any_size_is_taken(shape):
    """Sizes are halved and rounded up; those of 1 stay."""
    model = lus_keras.build_model("resnet3d_18", input_shape=shape, filters=4)
    expected = tuple(-(-size // 32) for size in shape[:3])
    assert model.get_layer("top_relu").output.shape[1:4] == expected
    assert np.isfinite(model.predict(np.ones((2, *shape), "float32"), verbose=0)).all()


def test_shortcuts_keep_their_own_penalty_and_strides_are_on_the_first_convolution():
    model = lus_keras.build_model(
        "resnet3d_50", input_shape=(8, 8, 8, 1), filters=4, reg_factor=0.5, bn_momentum=0.9
    )
    for layer in model.layers:
        if isinstance(layer, Conv3D):
            shortcut = layer.name.endswith("shortcut")
            assert layer.kernel_regularizer.l2 == pytest.approx(1e-4 if shortcut else 0.5)
        if isinstance(layer, keras.layers.BatchNormalization):
            assert (layer.momentum, layer.epsilon) == (0.9, 1e-3)
    assert model.get_layer("stage2_block1_conv1").strides == (2, 2, 2)
    assert model.get_layer("stage2_block1_conv2").strides == (1, 1, 1)
    assert model.get_layer("logits").kernel_regularizer.l2 == 0.5
    names = [layer.name for layer in model.layers]
    assert "stage1_block1_conv1_bn" not in names and "stage1_block1_conv2_bn" in names


def test_saved_model_gives_equal_outputs(tmp_path):
    clips = np.random.default_rng(0).random((2, 6, 9, 8, 1)).astype("float32")
    for name, inputs in (("resnet3d_50", clips), ("mmode_resnet18", clips[:, 0])):
        model = lus_keras.build_model(name, input_shape=inputs.shape[1:], filters=4)
        model.save(tmp_path / f"{name}.keras")
        loaded = keras.models.load_model(tmp_path / f"{name}.keras")
        expected = model.predict(inputs, verbose=0)
        np.testing.assert_array_equal(loaded.predict(inputs, verbose=0), expected)


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_logits_and_features_are_float32(precision):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        model = lus_keras.build_model("resnet3d_18", input_shape=(4, 4, 4, 1), filters=4)
    finally:
        keras.config.set_dtype_policy(before)
    compute = "bfloat16" if precision == "mixed_bfloat16" else "float32"
    stem = keras.Model(model.input, model.get_layer("stem").output)
    clips = np.zeros((1, 4, 4, 4, 1), np.float32)
    assert keras.backend.standardize_dtype(stem(clips).dtype) == compute
    assert keras.backend.standardize_dtype(model(clips).dtype) == "float32"
    assert keras.backend.standardize_dtype(model.get_layer("features").output.dtype) == "float32"


@pytest.mark.parametrize("kernel_size", [1, 2, 3, 7])
@pytest.mark.parametrize("strides", [1, 2, (1, 2, 2)])
@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 1, 1), (2, 2, 3), (4, 1, 6)])
def test_cutting_the_kernel_changes_nothing(kernel_size, strides, shape):
    inputs = np.random.default_rng(0).normal(size=(2, *shape, 3)).astype("float32")
    options = {"strides": strides, "padding": "same", "activation": "relu"}
    ours = Conv3D(4, kernel_size, bias_initializer="random_normal", **options)
    theirs = keras.layers.Conv3D(4, kernel_size, **options)
    for layer in (ours, theirs):
        layer.build(inputs.shape)
    theirs.set_weights(ours.get_weights())
    np.testing.assert_allclose(ours(inputs), theirs(inputs), atol=1e-5)


@needs_tape
def test_gradients_of_a_cut_kernel_are_those_of_the_whole():
    import tensorflow as tf

    inputs = tf.random.stateless_normal((2, 2, 1, 1, 3), seed=(1, 2))
    ours, theirs = (
        kind(4, 3, padding="same", kernel_regularizer=penalty(0.1))
        for kind, penalty in ((Conv3D, L2), (keras.layers.Conv3D, keras.regularizers.L2))
    )
    for layer in (ours, theirs):
        layer.build(inputs.shape)
    theirs.set_weights(ours.get_weights())
    gradients = []
    for layer in (ours, theirs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = tf.reduce_sum(layer(inputs) ** 2) + sum(layer.losses)
        gradients.append(tape.gradient(loss, [inputs, layer.kernel.value]))
    for mine, reference in zip(*gradients, strict=True):
        np.testing.assert_allclose(mine, reference, rtol=1e-5, atol=1e-6)


def stems(shape):
    """A stem and a plain convolution with its weights, built for `shape`."""
    options = {"strides": 2, "padding": "same", "bias_initializer": "random_normal"}
    ours, plain = StemConv3D(4, 7, **options), keras.layers.Conv3D(4, 7, **options)
    for layer in (ours, plain):
        layer.build(shape)
    plain.set_weights(ours.get_weights())
    return ours, plain


def clips_by_color():
    """Gray, colored, and gray but for one value of one channel of one clip."""
    rng = np.random.default_rng(0)
    gray = np.repeat(rng.normal(size=(2, 6, 5, 7, 1)), 3, axis=-1).astype("float32")
    spotted = gray.copy()
    spotted[1, 2, 3, 4, 2] += 1
    return {"gray": gray, "color": rng.normal(size=gray.shape).astype("float32"), "spot": spotted}


CLIPS = clips_by_color()


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("color", CLIPS)
def test_one_channel_of_gray_clips_meets_the_kernel_and_changes_nothing(
    color, training, monkeypatch
):
    ours, plain = stems(CLIPS[color].shape)
    taken, of_gray = [], StemConv3D._of_gray
    monkeypatch.setattr(StemConv3D, "_of_gray", lambda *args: taken.append(1) or of_gray(*args))
    outputs = ours(CLIPS[color], training=training)
    np.testing.assert_allclose(outputs, plain(CLIPS[color]), atol=1e-5)
    if keras.backend.backend() == "tensorflow":  # JAX traces both ways
        assert bool(taken) == (training and color == "gray")


@needs_tape
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("color", CLIPS)
def test_gradients_of_the_stem_are_those_of_a_plain_convolution(color, compiled):
    import tensorflow as tf

    clips = tf.constant(CLIPS[color])
    slope = tf.random.stateless_normal(stems(clips.shape)[1](clips).shape, seed=(1, 2))

    def gradients(layer, **options):
        with tf.GradientTape() as tape:
            tape.watch(clips)
            loss = tf.reduce_sum(layer(clips, **options) * slope)
        return tape.gradient(loss, [layer.kernel.value, layer.bias.value, clips])

    ours, plain = stems(clips.shape)
    run = tf.function(gradients) if compiled else gradients
    *weights, by_clip = run(ours, training=True)
    *weights_of_plain, by_clip_of_plain = gradients(plain)
    for mine, reference in zip(weights, weights_of_plain, strict=True):
        np.testing.assert_allclose(mine, reference, rtol=1e-5, atol=1e-4)
    if color == "gray":  # shared evenly by the channels
        mean = tf.reduce_mean(by_clip_of_plain, axis=-1, keepdims=True)
        by_clip_of_plain = tf.repeat(mean, 3, axis=-1)
    np.testing.assert_allclose(by_clip, by_clip_of_plain, rtol=1e-5, atol=1e-5)


def test_taps_that_meet_data_by_counting():
    """Against the definition: some position puts the tap inside; padding of the rest fits."""
    for size, taps, stride in np.ndindex(12, 9, 4):
        size, taps, stride = size + 1, taps + 1, stride + 1
        out = -(-size // stride)
        before = max((out - 1) * stride + taps - size, 0) // 2
        met = [
            j for j in range(taps) if any(0 <= o * stride - before + j < size for o in range(out))
        ]
        found = taps_that_meet_data(size, taps, stride)
        assert list(found) == met
        assert max((out - 1) * stride + len(met) - size, 0) // 2 == before - met[0]


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"num_outputs": 0}, "`num_outputs` must be 1 or more.*num_outputs=0"),
        ({"reg_factor": -1.0}, "`reg_factor` must be 0 or more.*-1.0"),
        ({"depth": 20}, "`depth` must be one of .*depth=20"),
        ({"input_shape": (8, 8, 1)}, "`input_shape` must be four sizes"),
        ({"input_shape": (None, 8, 8, 1)}, "`input_shape` must be four sizes"),
    ],
)
def test_bad_options_are_refused_with_what_was_received(option, message):
    with pytest.raises(ValueError, match=message):
        lus_keras.build_model("resnet3d_18", **{"input_shape": (8, 8, 8, 1), **option})


def test_mmode_network_has_the_published_size_of_resnet18():
    """11,689,512 trainable parameters with 1000 classes and 3 channels; features 512."""
    model = lus_keras.build_model("mmode_resnet18", input_shape=(224, 64, 3), num_outputs=1000)
    assert sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) == 11_689_512
    assert model.get_layer("features").output.shape == (None, 512)
    assert model.get_layer("stage4_block2").output.shape == (None, 7, 2, 512)
    assert model.layers[-1].name == "logits"


@pytest.mark.parametrize("option", [{"num_outputs": 0}, {"input_shape": (8, 8, 8, 1)}])
def test_mmode_options_are_checked(option):
    with pytest.raises(ValueError, match=r"must be .* Received"):
        lus_keras.build_model("mmode_resnet18", **{"input_shape": (8, 8, 1), **option})


@needs_tape
@pytest.mark.parametrize("frames", [1, 2, 3, 4])
def test_kernel_gradients_in_bfloat16_are_those_of_float32(frames):
    """TensorFlow's own are wrong, or NaN, on clips of two frames; ours may differ by rounding."""
    import tensorflow as tf

    rng = np.random.default_rng(frames)
    values = rng.standard_normal((8, frames, 4, 4, 16)).astype(np.float32)
    target = rng.standard_normal((8, frames, 4, 4, 16)).astype(np.float32)
    gradients = []
    for dtype in ("float32", "mixed_bfloat16"):
        layer = Conv3D(16, 3, padding="same", use_bias=False, dtype=dtype)
        layer.build(values.shape)
        layer.kernel.assign(np.random.default_rng(0).standard_normal(layer.kernel.shape) / 20)
        with tf.GradientTape() as tape:
            outputs = tf.cast(layer(values), tf.float32)
            loss = tf.reduce_sum(outputs * target)
        gradients.append(np.asarray(tape.gradient(loss, layer.kernel.value)))
    scale = np.abs(gradients[0]).max()
    # Partial sums are rounded, too, where the processor has no bfloat16: see `bfloat16`.
    share = 0.02 if computes_in_bfloat16() else 0.05
    np.testing.assert_allclose(gradients[1], gradients[0], atol=share * scale)
