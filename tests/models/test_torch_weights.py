"""Weights under PyTorch's names: layouts by hand, partial dictionaries, refusals."""

import numpy as np
import pytest

import lus_keras
from lus_keras.core.environment import start_tensorflow

start_tensorflow()
import keras  # noqa: E402

from lus_keras.core.errors import ConfigError, DataError  # noqa: E402


def alexnet():
    return lus_keras.build_model(
        "alexnet_attention_bilstm",
        input_shape=(3, 64, 64, 3),
        filters=(4, 5, 6, 7, 8),
        attention_filters=(3, 2),
        lstm_units=2,
    )


def resnet(**options):
    return lus_keras.build_model(
        "resnet152", input_shape=(32, 32, 3), blocks=(2, 1), width=4, **options
    )


@pytest.fixture(params=[alexnet, resnet], ids=["alexnet", "resnet"])
def build(request):
    return request.param


def noise(state, seed=0):
    rng = np.random.default_rng(seed)
    return {name: rng.random(values.shape, np.float32) for name, values in state.items()}


def test_weights_go_out_and_in_unchanged(build, tmp_path):
    """Through a file; every weight of the other network is overwritten."""
    model, other = build(), build()
    model.set_weights([w + 0.5 for w in noise(dict(enumerate(model.get_weights()))).values()])
    state = lus_keras.to_torch_state(model)
    np.savez(tmp_path / "state.npz", **state)
    report = lus_keras.load_torch_weights(other, tmp_path / "state.npz")
    for ours, theirs in zip(other.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert (report.loaded, report.skipped, report.missing) == (tuple(state), {}, ())
    assert str(report) == f"{len(state)} arrays loaded"


def test_names_are_those_of_torchvisions_resnet():
    names = list(lus_keras.to_torch_state(resnet()))
    assert names[:6] == [
        "conv1.weight",
        *(f"bn1.{kind}" for kind in ("weight", "bias", "running_mean", "running_var")),
        "layer1.0.conv1.weight",
    ]
    shortcuts = [n for n in names if "downsample" in n and n.endswith("weight")]
    assert shortcuts == [f"layer{s}.0.downsample.{i}.weight" for s in (1, 2) for i in (0, 1)]
    assert "layer1.1.bn3.running_var" in names
    assert names[-2:] == ["fc.weight", "fc.bias"]


def test_layouts_of_kernels_by_hand():
    """Convolution: (out, in, kh, kw) → (kh, kw, in, out). Linear: (out, in) → (in, out)."""
    model = alexnet()
    state = noise(lus_keras.to_torch_state(model))
    lus_keras.load_torch_weights(model, state)
    kernel, bias = model.get_layer("backbone_conv2").get_weights()
    assert kernel.shape == (5, 5, 4, 5)
    assert kernel[1, 2, 3, 4] == state["features.3.weight"][4, 3, 1, 2]
    np.testing.assert_array_equal(bias, state["features.3.bias"])
    assert model.get_layer("logits").get_weights()[0][7, 2] == state["fc.weight"][2, 7]
    gamma, beta, mean, variance = model.get_layer("attention_bn2").get_weights()
    np.testing.assert_array_equal(gamma, state["attention.4.weight"])
    np.testing.assert_array_equal(beta, state["attention.4.bias"])
    np.testing.assert_array_equal(mean, state["attention.4.running_mean"])
    np.testing.assert_array_equal(variance, state["attention.4.running_var"])


def test_lstm_keeps_the_order_of_gates_and_adds_its_biases():
    """Rows 0 … 1 of PyTorch are the input gate of two units, then forget, cell and output."""
    model = alexnet()
    state = noise(lus_keras.to_torch_state(model))
    lus_keras.load_torch_weights(model, state)
    weights = model.get_layer("bilstm").get_weights()
    for direction, (kernel, recurrent, bias) in (("", weights[:3]), ("_reverse", weights[3:])):
        for gate in range(4):
            units = slice(2 * gate, 2 * gate + 2)
            ih, hh = (state[f"lstm.weight_{kind}_l0{direction}"][units] for kind in ("ih", "hh"))
            np.testing.assert_array_equal(kernel[:, units], ih.T)
            np.testing.assert_array_equal(recurrent[:, units], hh.T)
            added = state[f"lstm.bias_ih_l0{direction}"] + state[f"lstm.bias_hh_l0{direction}"]
            np.testing.assert_array_equal(bias, added)


def test_torchvisions_alexnet_fills_the_backbone_alone():
    model = alexnet()
    state = noise(lus_keras.to_torch_state(model))
    given = {n: v for n, v in state.items() if n.startswith("features")}
    given["classifier.1.weight"] = np.zeros((4096, 9216), np.float16)
    before = {layer.name: layer.get_weights() for layer in model.layers}
    report = lus_keras.load_torch_weights(model, given)
    for layer in model.layers:
        for new, old in zip(layer.get_weights(), before[layer.name], strict=True):
            assert np.array_equal(new, old) != layer.name.startswith("backbone"), layer.name
    assert set(report.loaded) == given.keys() - {"classifier.1.weight"}
    assert report.skipped == {"classifier.1.weight": "does not exist in this network"}
    assert set(report.missing) == state.keys() - given.keys()
    assert str(report) == (
        "10 arrays loaded; classifier.1.weight skipped (does not exist in this network); not in "
        "the file, initial values kept: attention, lstm, fc"
    )


def test_a_head_for_other_classes_is_skipped_and_said_so():
    model, of_imagenet = resnet(), resnet(num_outputs=1000)
    state = lus_keras.to_torch_state(of_imagenet)
    state |= {"bn1.num_batches_tracked": np.int64(7)}
    before = model.get_layer("logits").get_weights()
    report = lus_keras.load_torch_weights(model, {f"module.{n}": v for n, v in state.items()})
    assert report.skipped["fc.weight"] == "has shape (1000, 32), (4, 32) is expected"
    assert set(report.skipped) == set(report.missing) == {"fc.weight", "fc.bias"}
    for new, old in zip(model.get_layer("logits").get_weights(), before, strict=True):
        np.testing.assert_array_equal(new, old)
    kernels = [m.get_layer("stage2_block1_conv2").get_weights()[0] for m in (model, of_imagenet)]
    np.testing.assert_array_equal(*kernels)


def test_all_that_is_wrong_is_told_at_once_and_nothing_is_changed():
    model = alexnet()
    state = noise(lus_keras.to_torch_state(model))
    del state["features.3.bias"], state["lstm.bias_hh_l0"]
    state["features.6.weight"] = state["features.6.weight"][:, :, :, :2]
    state["attention.1.running_mean"] = np.full(3, np.nan)
    state["features.0.bias"] = np.array(["a"] * 4)
    before = model.get_weights()
    with pytest.raises(DataError) as caught:
        lus_keras.load_torch_weights(model, state)
    assert str(caught.value).splitlines() == [
        "weights: 'features.3.bias' is missing.",
        "weights: 'features.6.weight' has shape (6, 5, 3, 2), (6, 5, 3, 3) is expected.",
        "weights: 'features.0.bias' does not contain numbers, but ndarray.",
        "weights: 'attention.1.running_mean' has values that are not finite.",
        "weights: 'lstm.bias_hh_l0' is missing.",
    ]
    for new, old in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(new, old)


def test_an_empty_dictionary_lacks_the_backbone():
    with pytest.raises(DataError, match=r"'features.0.weight' is missing"):
        lus_keras.load_torch_weights(alexnet(), {})


def test_a_file_is_named_in_what_is_wrong_with_it(tmp_path):
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    with pytest.raises(DataError, match=r"other.npz: 'conv1.weight' is missing"):
        lus_keras.load_torch_weights(resnet(), tmp_path / "other.npz")


def test_networks_without_a_counterpart_are_refused():
    inputs = keras.Input((8, 8, 8, 1))
    solid = keras.layers.Conv3D(2, 3, name="stem_conv")(inputs)
    for model in (
        lus_keras.build_model("c2d_lstm_a", input_shape=(2, 8, 8, 1)),
        keras.Model(inputs, solid),
    ):
        with pytest.raises(ConfigError, match="has no counterpart in PyTorch"):
            lus_keras.to_torch_state(model)
