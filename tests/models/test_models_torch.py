"""The networks that come from PyTorch against the originals run in it, and their own options."""

import golden_weights
import numpy as np
import pytest
from on_jax import passes_on_jax

import lus_keras
from lus_keras.core.environment import start_tensorflow

start_tensorflow()
import keras  # noqa: E402

from lus_keras.layers import BatchNormalization  # noqa: E402
from lus_keras.losses import Sord  # noqa: E402
from lus_keras.models.torch_layers import SummedUniform, TorchLSTMCell  # noqa: E402
from lus_keras.optimizers import CoupledSGD  # noqa: E402

SEVERITY = {f"{c['frames']}x{c['size']}": c for c in golden_weights.cases("torch.json", "severity")}
RESNET = {str(c["size"]): c for c in golden_weights.cases("torch.json", "resnet152")}
TINY = {"filters": (4, 4, 4, 4, 6), "attention_filters": (3, 2), "lstm_units": 5}


@pytest.fixture(params=SEVERITY.values(), ids=SEVERITY)
def case(request):
    return request.param


def clip_shape(case):
    return (case["frames"], case["size"], case["size"], 3)


def build(case):
    model = lus_keras.build_model(case["model"], input_shape=clip_shape(case))
    state = golden_weights.seeded_torch_state(case["state_dict"], case["seed"])
    lus_keras.load_torch_weights(model, state)
    return model, golden_weights.seeded_inputs((case["batch"], *clip_shape(case)), case["seed"])


def tiny(frames=3, size=(64, 64), **options):
    shape = (frames, *size, 3)
    return lus_keras.build_model("alexnet_attention_bilstm", input_shape=shape, **TINY, **options)


def output_of(model, layer, clips):
    return keras.Model(model.input, model.get_layer(layer).output).predict(clips, verbose=0)


def test_state_dict_has_the_names_and_shapes_of_the_original(case):
    state = lus_keras.to_torch_state(build(case)[0])
    assert {name: list(values.shape) for name, values in state.items()} == case["state_dict"]


def test_logits_and_spatial_mask_equal_pytorch(case):
    model, clips = build(case)
    np.testing.assert_allclose(model.predict(clips, verbose=0), case["logits"], rtol=1e-5)
    mask = output_of(model, "spatial_mask", clips)
    assert mask.shape == (*case["mask_shape"], 1)
    np.testing.assert_allclose(mask.mean(axis=(2, 3, 4)), case["mask_mean"], rtol=1e-5)


def test_three_training_steps_equal_pytorch(case):
    """SORD in training mode, momentum, coupled decay, two rates; biases and logits afterwards."""
    model, clips = build(case)
    labels = np.arange(case["batch"]) % 4
    optimizer = CoupledSGD(1e-3, 0.7, 1e-3, rate_multipliers={"backbone": 0.1})
    model.compile(optimizer, Sord(), jit_compile=keras.backend.backend() == "jax")
    losses = [float(np.asarray(model.train_on_batch(clips, labels))) for _ in range(3)]
    np.testing.assert_allclose(losses, case["train_sord"], rtol=1e-5)
    after = model.predict(clips, verbose=0)
    np.testing.assert_allclose(after, case["logits_after_3_steps"], rtol=1e-4, atol=1e-5)
    state = lus_keras.to_torch_state(model)
    np.testing.assert_allclose(state["features.0.bias"][:8], case["conv1_bias_after"], atol=1e-7)
    np.testing.assert_allclose(state["fc.bias"], case["fc_bias_after"], atol=1e-7)


def test_golden_values_hold_on_jax():
    """This file's tests of training, in a process whose Keras computes with JAX."""
    passes_on_jax(__file__, "three_training_steps and 4x224", count=1)


@pytest.fixture(scope="module")
def resnet152():
    """The whole network, for frames of any size."""
    return lus_keras.build_model("resnet152", input_shape=(None, None, 3))


@pytest.mark.parametrize("case", RESNET.values(), ids=RESNET)
def test_resnet152_equals_pytorch(case, resnet152):
    shapes = {n: v.shape for n, v in lus_keras.to_torch_state(resnet152).items()}
    state = golden_weights.seeded_torch_state(shapes, case["seed"])
    assert lus_keras.load_torch_weights(resnet152, state).missing == ()
    frames = (case["batch"], case["size"], case["size"], 3)
    logits = resnet152(golden_weights.seeded_inputs(frames, case["seed"]), training=False)
    np.testing.assert_allclose(logits, case["logits"], rtol=2e-3)


def test_parameter_totals_of_the_papers_networks(resnet152):
    model = lus_keras.build_model("alexnet_attention_bilstm", input_shape=(252, 256, 256, 3))
    assert (model.count_params(), count(model.non_trainable_weights)) == (4_074_629, 48)
    backbone = [w for w in model.weights if w.path.startswith("backbone")]
    assert count(backbone) == 2_469_696
    assert (resnet152.count_params(), count(resnet152.trainable_weights)) == (
        58_303_428,
        58_152_004,
    )


def count(weights):
    return sum(int(np.prod(weight.shape)) for weight in weights)


@pytest.fixture(scope="module")
def resnet152_v1():
    return lus_keras.build_model("resnet152", input_shape=(64, 64, 3), variant="v1")


def test_variant_v1_has_the_parameters_of_keras_and_our_normalization(resnet152_v1):
    assert resnet152_v1.count_params() == 58_379_140
    assert resnet152_v1.layers[-1].name == "logits"
    assert isinstance(resnet152_v1.get_layer("conv1_bn"), BatchNormalization)


def test_variant_v1_undoes_our_normalization_and_does_its_own(resnet152_v1):
    """White is 255 less the mean of ImageNet a channel, blue first: 151.061, 138.221, 131.32."""
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    white, red = (1 - mean) / std, (np.array([1, 0, 0]) - mean) / std
    values = resnet152_v1.get_layer("preprocessing")(np.float32([white, red]))
    expected = [[151.061, 138.221, 131.32], [-103.939, -116.779, 131.32]]
    np.testing.assert_allclose(values, expected, atol=1e-4)
    theirs = keras.applications.resnet.preprocess_input(np.float32([[255, 255, 255], [255, 0, 0]]))
    np.testing.assert_allclose(values, theirs, atol=1e-4)


def test_variants_put_the_stride_elsewhere(resnet152_v1):
    """v1.5 reduces in the 3×3 convolution of a stage's first block, v1 in the 1×1 before it."""
    new = lus_keras.build_model("resnet152", input_shape=(64, 64, 3), blocks=(1, 1), width=4)
    assert new.get_layer("stage2_block1_conv1").output.shape[1:3] == (16, 16)
    assert new.get_layer("stage2_block1_conv2").output.shape[1:3] == (8, 8)
    assert resnet152_v1.get_layer("conv3_block1_1_conv").output.shape[1:3] == (8, 8)


@pytest.mark.parametrize(
    ("name", "options", "word"),
    [
        ("resnet152", {"variant": "v2"}, "variant='v2'"),
        ("resnet152", {"variant": "v1", "blocks": (1, 1)}, r"blocks=\(1, 1\)"),
        ("alexnet_attention_bilstm", {}, r"input_shape=\(32, 32, 3\)"),
        ("alexnet_attention_bilstm", {"activation": "elu"}, "activation='elu'"),
    ],
)
def test_unknown_option_is_refused_with_what_was_received(name, options, word):
    shape = (2, 64, 64, 3) if "activation" in options else (32, 32, 3)
    with pytest.raises(ValueError, match=f"Received: .*{word}"):
        lus_keras.build_model(name, input_shape=shape, **options)


@pytest.mark.parametrize(("side", "places"), [(63, 1), (126, 2), (127, 3), (159, 4), (256, 7)])
def test_places_of_the_spatial_mask_follow_from_the_size(side, places):
    """Convolution 11/4 with padding 2, then three poolings 3/2 without."""
    assert tiny(size=(side, 63)).get_layer("spatial_mask").output.shape == (None, 3, places, 1, 1)
    if side == 63:
        with pytest.raises(ValueError, match="at least 63 pixels"):
            tiny(size=(62, 63))


@pytest.mark.parametrize("masking", [False, True])
def test_saved_model_gives_equal_outputs(masking, tmp_path):
    model = tiny(activation="leaky_relu", masking=masking)
    clips = golden_weights.seeded_inputs((2, 3, 64, 64, 3), 0)
    clips[:, 2] = 0
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(clips, verbose=0), model.predict(clips, verbose=0))
    assert loaded.layers[-1].name == "logits"
    assert loaded.get_layer("features").output.shape == (None, 3 * 2 * 5)


def test_saved_resnet_gives_equal_outputs(tmp_path):
    model = lus_keras.build_model("resnet152", input_shape=(32, 32, 3), blocks=(1, 2), width=4)
    frames = golden_weights.seeded_inputs((2, 32, 32, 3), 0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        loaded.predict(frames, verbose=0), model.predict(frames, verbose=0)
    )
    assert loaded.get_layer("features").output.shape == (None, 2 * 4 * 4)


def test_masked_padding_is_as_if_it_were_not_there():
    """Outputs of two frames and a padded third: those of a clip of two, then zeros."""
    padded, short = tiny(3, masking=True), tiny(2)
    short.set_weights([*padded.get_weights()[:-2], *short.get_weights()[-2:]])
    clips = golden_weights.seeded_inputs((2, 3, 64, 64, 3), 0)
    clips[:, 2] = 0
    outputs = output_of(padded, "bilstm", clips)
    np.testing.assert_allclose(outputs[:, :2], output_of(short, "bilstm", clips[:, :2]), atol=1e-6)
    np.testing.assert_array_equal(outputs[:, 2], 0)
    plain = tiny(3)
    plain.set_weights(padded.get_weights())
    assert np.abs(output_of(plain, "bilstm", clips)[:, 2]).max() > 1e-3


def test_leaky_backbone_keeps_a_hundredth_of_what_is_negative():
    clips = golden_weights.seeded_inputs((1, 3, 64, 64, 3), 0)
    leaky, cut = tiny(activation="leaky_relu"), tiny()
    cut.set_weights(leaky.get_weights())
    sums = output_of(leaky, "backbone_conv1", clips)
    assert sums.min() < -0.1
    for model, slope in ((leaky, 0.01), (cut, 0)):
        expected = np.where(sums < 0, slope * sums, sums)
        np.testing.assert_allclose(output_of(model, "backbone_relu1", clips), expected, atol=1e-6)


def test_resnet18_has_the_weights_of_torchvisions_without_its_last_layer():
    """11,689,512 parameters less 512,000 + 1,000; means and variances of 4,800 channels."""
    model = lus_keras.build_model(
        "alexnet_attention_bilstm", input_shape=(1, 64, 96, 3), backbone="resnet18", lstm_units=2
    )
    layers = [layer for layer in model.layers if layer.name.startswith("backbone")]

    def total(name):
        return sum(int(np.prod(w.shape)) for layer in layers for w in getattr(layer, name))

    assert total("trainable_weights") == 11_689_512 - 513_000
    assert total("non_trainable_weights") == 2 * 4_800
    assert model.get_layer("attended").output.shape == (None, 1, 2, 3, 512)
    with pytest.raises(ValueError, match="backbone='vgg'"):
        tiny(backbone="vgg")


def test_initial_values_are_those_of_pytorch():
    """U(±1/√fan_in): all below the bound, and standard deviation bound/√3; LSTM biases are sums."""
    keras.utils.set_random_seed(0)
    model = lus_keras.build_model("alexnet_attention_bilstm", input_shape=(8, 64, 64, 3))
    state = lus_keras.to_torch_state(model)
    for name, fan_in in (
        ("features.3.weight", 64 * 25),
        ("features.3.bias", 64 * 25),
        ("lstm.weight_ih_l0", 256),
        ("lstm.weight_hh_l0_reverse", 256),
        ("fc.weight", 8 * 512),
    ):
        bound = fan_in**-0.5
        assert 0.95 * bound < np.abs(state[name]).max() <= bound, name
        np.testing.assert_allclose(state[name].std(), bound / 3**0.5, rtol=0.15, err_msg=name)
    summed = state["lstm.bias_ih_l0"]
    assert 1 / 16 < np.abs(summed).max() < 2 / 16
    np.testing.assert_allclose(summed.std(), (2 / 3) ** 0.5 / 16, rtol=0.15)
    # No forget bias of 1, and two directions that are not the same.
    assert abs(summed[256:512].mean()) < 0.02
    assert np.abs(summed - state["lstm.bias_ih_l0_reverse"]).max() > 0.01


def test_equal_seeds_give_equal_initial_values():
    values = []
    for seed in (1, 1, 2):
        keras.utils.set_random_seed(seed)
        values.append(np.concatenate([w.ravel() for w in tiny().get_weights()]))
    np.testing.assert_array_equal(values[0], values[1])
    assert np.abs(values[0] - values[2]).max() > 0.01
    assert SummedUniform(4).get_config() == {"fan_in": 4}


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def test_lstm_gates_come_in_pytorchs_order():
    """One unit, one step, state (h, c) = (0.5, 2): z of (i, f, g, o) by hand, then c' and h'."""
    cell = TorchLSTMCell(1)
    cell.build((None, 1))
    kernel, recurrent, bias = [0.1, -0.2, 0.3, 0.4], [1.0, 2.0, -1.0, 0.5], [0.0, 0.1, 0.2, -0.3]
    cell.set_weights([np.array([kernel]), np.array([recurrent]), np.array(bias)])
    i, f, g, o = (3 * k + 0.5 * r + b for k, r, b in zip(kernel, recurrent, bias, strict=True))
    carry = sigmoid(f) * 2 + sigmoid(i) * np.tanh(g)
    hidden, states = cell(np.float32([[3]]), [np.float32([[0.5]]), np.float32([[2]])])
    np.testing.assert_allclose(hidden, [[sigmoid(o) * np.tanh(carry)]], rtol=1e-6)
    np.testing.assert_allclose(states[1], [[carry]], rtol=1e-6)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="uses TensorFlow's tape")
def test_lstm_equals_keras_but_for_the_gradient_of_the_bias():
    import tensorflow as tf

    inputs = golden_weights.seeded_inputs((2, 4, 3), 0)
    ours, theirs = keras.layers.RNN(TorchLSTMCell(5)), keras.layers.LSTM(5)
    for layer in (ours, theirs):
        layer.build(inputs.shape)
    ours.set_weights(theirs.get_weights())
    gradients = []
    for layer in (ours, theirs):
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(layer(inputs) ** 2)
        gradients.append(tape.gradient(total, [w.value for w in layer.trainable_weights]))
    np.testing.assert_allclose(ours(inputs), theirs(inputs), atol=1e-6)
    for factor, mine, keras_own in zip((1, 1, 2), *gradients, strict=True):
        np.testing.assert_allclose(mine, factor * keras_own, rtol=1e-4, atol=1e-6)


def test_reduced_precision_computes_in_bfloat16_and_returns_float32(bfloat16):
    model = tiny()
    outputs = model(np.zeros((1, 3, 64, 64, 3), np.float32))
    assert model.get_layer("bilstm").compute_dtype == "bfloat16"
    assert keras.backend.standardize_dtype(outputs.dtype) == "float32"


def test_first_weights_of_the_bilstm_can_be_others():
    """Glorot: |w| ≤ √(6 / (5 + 20)), biases 0. Keras's: U·Uᵀ = 1, forget bias 1, others 0."""
    _, recurrent, bias = tiny(lstm_init="glorot").get_layer("bilstm").get_weights()[:3]
    assert not bias.any()
    assert abs(recurrent).max() <= np.sqrt(6 / 25)
    _, recurrent, bias = tiny(lstm_init="orthogonal").get_layer("bilstm").get_weights()[:3]
    np.testing.assert_allclose(recurrent @ recurrent.T, np.eye(5), atol=1e-5)
    np.testing.assert_array_equal(bias, np.repeat([0, 1, 0, 0], 5))
    with pytest.raises(ValueError, match="`lstm_init` must be one of"):
        tiny(lstm_init="zeros")


def test_a_leaky_mask_is_the_leaky_value_of_what_the_sigmoid_would_see():
    """With equal weights: leaky(x) where the sigmoid gives 1 / (1 + exp(-x))."""
    plain, leaky = tiny(), tiny(attention_activation="leaky_relu")
    # Nothing before the last convolution is negative, or its own ReLUs would differ.
    for model in (plain, leaky):
        model.set_weights([abs(w) if w.ndim > 1 else w * 0 + 0.1 for w in plain.get_weights()])
    clips = np.random.default_rng(0).random((1, 3, 64, 64, 3), np.float32)
    for bias in (-50.0, 0.5):
        for model in (plain, leaky):
            layer = model.get_layer("spatial_mask")
            layer.set_weights([layer.get_weights()[0], np.array([bias])])
        sigmoid = output_of(plain, "spatial_mask", clips).astype(np.float64)
        # Far below 0 the sigmoid is exp(x), and leaky is x / 100.
        x = np.log(sigmoid) if bias < 0 else np.log(sigmoid / (1 - sigmoid))
        found = output_of(leaky, "spatial_mask", clips)
        np.testing.assert_allclose(found, x / 100 if bias < 0 else x, rtol=1e-3)
