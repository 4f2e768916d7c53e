"""The four B-line networks against the Keras 2 originals, and against their parameter counts."""

import golden_weights
import numpy as np
import pytest
from on_jax import passes_on_jax
from scipy.special import softmax

import lus_keras
from lus_keras.core import config
from lus_keras.core.environment import start_tensorflow

start_tensorflow()
import keras  # noqa: E402

from lus_keras.optimizers import Adam  # noqa: E402

CASES = {case["model"]: case for case in golden_weights.cases("bline.json")}


def build(case, **options):
    options = {"dropout": 0.0, **options}
    model = lus_keras.build_model(case["model"], input_shape=tuple(case["input_shape"]), **options)
    model.set_weights(golden_weights.seeded_weights(model, case["seed"]))
    return model


@pytest.fixture(params=CASES.values(), ids=CASES)
def case(request):
    return request.param


def test_weights_come_in_the_order_of_the_originals(case):
    model = build(case)
    assert [weight.name for weight in model.weights] == case["weight_names"]
    assert model.count_params() == case["params"]


def test_inference_equals_keras_2(case):
    logits = build(case).predict(golden_weights.seeded_clips(case), verbose=0)
    np.testing.assert_allclose(softmax(logits, axis=1), case["output"], rtol=1e-5)


def test_attention_weights_equal_keras_2(case):
    if "attention" not in case:
        assert not any(layer.name == "attention" for layer in build(case).layers)
        return
    model = build(case)
    attention = keras.Model(model.input, model.get_layer("attention").output)
    weights = attention.predict(golden_weights.seeded_clips(case), verbose=0)
    np.testing.assert_allclose(weights, case["attention"], rtol=1e-5)


def outcome_of_three_steps(model, clips, case):
    """Probabilities, the losses of three steps of our Adam, probabilities again."""
    before = softmax(model.predict(clips, verbose=0), axis=1)
    labels = np.arange(case["batch"]) % 2
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(Adam(1e-4), loss, jit_compile=keras.backend.backend() == "jax")
    losses = [float(np.asarray(model.train_on_batch(clips, labels))) for _ in range(3)]
    return before, losses, softmax(model.predict(clips, verbose=0), axis=1)


def test_three_training_steps_equal_keras_2(case):
    """Losses with L2, outputs and moving averages after three steps of Adam."""
    model, clips = build(case), golden_weights.seeded_clips(case)
    _, totals, after = outcome_of_three_steps(model, clips, case)
    np.testing.assert_allclose(totals, [t for _, t in case["train_losses_ce_total"]], rtol=1e-4)
    np.testing.assert_allclose(after, case["output_after_3_adam_steps"], rtol=1e-4)
    moving_mean = keras.ops.convert_to_numpy(model.weights[4])
    np.testing.assert_allclose(moving_mean, case["first_bn_moving_mean_after"], atol=1e-6)


def test_golden_values_hold_on_jax():
    """This file's tests of training, in a process whose Keras computes with JAX."""
    passes_on_jax(__file__, "three_training_steps and (c3d_a or c2d_lstm_a)", count=2)


@pytest.mark.parametrize(
    ("name", "softmax2", "sigmoid1"),
    [
        ("c2d_lstm_a", 2_149_330, 2_149_297),
        ("c2d_lstm", 2_149_298, 2_149_265),
        ("c2d_a", 2_114_930, 2_114_673),
        ("c3d_a", 2_147_474, 2_147_217),
    ],
)
def test_parameter_totals_at_the_papers_size(name, softmax2, sigmoid1):
    for head, total in (("softmax2", softmax2), ("sigmoid1", sigmoid1)):
        model = lus_keras.build_model(name, input_shape=(30, 64, 64, 1), head=head)
        assert model.count_params() == total
    assert config.load("bline").models[name].parameters == softmax2


def test_attention_weights_sum_to_one_and_features_are_pooled(case):
    model, clips = build(case), golden_weights.seeded_clips(case)
    outputs = {layer.name: layer.output for layer in model.layers}
    assert model.layers[-1].name == "logits"
    chosen = outputs.keys() & {"attention", "features"}
    parts = keras.Model(model.input, {name: outputs[name] for name in chosen})
    values = parts.predict(clips, verbose=0)
    assert values["features"].ndim == 2
    if "attention" in values:
        np.testing.assert_allclose(values["attention"].sum(axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize("bn_order", ["relu_bn", "bn_relu"])
def test_saved_model_gives_equal_outputs(case, bn_order, tmp_path):
    model, clips = build(case, bn_order=bn_order), golden_weights.seeded_clips(case)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(clips, verbose=0), model.predict(clips, verbose=0))


def test_order_of_relu_and_normalization_changes_the_network(case):
    clips = golden_weights.seeded_clips(case)
    first, second = (
        build(case, bn_order=order).predict(clips, verbose=0) for order in ("relu_bn", "bn_relu")
    )
    assert np.abs(first - second).max() > 1e-3


def test_pool_sum_is_frames_times_mean():
    """Ā = (1/n) Σ a·h: leaving out 1/n scales the features by the number of frames."""
    case = CASES["c2d_lstm_a"]
    clips = golden_weights.seeded_clips(case)
    models = [build(case, pool=pool) for pool in ("mean", "sum")]
    pooled = [keras.Model(m.input, m.get_layer("features").output) for m in models]
    mean, total = (model.predict(clips, verbose=0) for model in pooled)
    np.testing.assert_allclose(total, mean * case["input_shape"][0], rtol=1e-5)


@pytest.mark.parametrize(
    "option", [{"bn_order": "bn"}, {"head": "tanh"}, {"pool": "max"}, {"conv": "4d"}]
)
def test_unknown_option_is_refused_with_what_was_received(option):
    name, value = next(iter(option.items()))
    with pytest.raises(ValueError, match=rf"`{name}` must be .*{name}='{value}'"):
        lus_keras.build_model("c2d_a", input_shape=(2, 8, 8, 1), **option)


def test_unknown_model_is_refused_with_the_nearest_name():
    with pytest.raises(ValueError, match="Did you mean 'c2d_lstm_a'"):
        lus_keras.build_model("c2d_lstma", input_shape=(2, 8, 8, 1))


def test_reduced_precision_computes_in_bfloat16_and_returns_float32(bfloat16):
    model = lus_keras.build_model("c2d_lstm_a", input_shape=(3, 8, 8, 1))
    assert model.get_layer("conv1").compute_dtype == "bfloat16"
    outputs = model(np.zeros((1, 3, 8, 8, 1), np.float32))
    assert keras.backend.standardize_dtype(outputs.dtype) == "float32"


def test_bfloat16_is_keras_2_within_its_rounding(case, bfloat16):
    """Probabilities at first and after three steps of Adam; losses are sums, three times as far."""
    model, clips = build(case), golden_weights.seeded_clips(case)
    before, losses, after = outcome_of_three_steps(model, clips, case)
    np.testing.assert_allclose(before, case["output"], atol=bfloat16)
    np.testing.assert_allclose(after, case["output_after_3_adam_steps"], atol=bfloat16)
    expected = [total for _, total in case["train_losses_ce_total"]]
    np.testing.assert_allclose(losses, expected, atol=3 * bfloat16)
