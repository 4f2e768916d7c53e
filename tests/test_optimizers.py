"""PyTorch's SGD by hand: decay goes through the momentum, rates differ by layer."""

import numpy as np
import pytest

import lus_keras
from lus_keras.core.environment import start_tensorflow

start_tensorflow()
import keras  # noqa: E402

from lus_keras.optimizers import Adam, CoupledSGD  # noqa: E402


def linear_model(names=("backbone", "head")):
    """y = w₂·w₁·x without biases; the weights are set to 1."""
    inputs = keras.Input((1,))
    x = inputs
    for name in names:
        x = keras.layers.Dense(1, use_bias=False, name=name)(x)
    model = keras.Model(inputs, x)
    model.set_weights([np.ones((1, 1), "float32")] * len(names))
    return model


def apply(optimizer, variables, *steps):
    """Values after each step of given gradients."""
    values = []
    for gradients in steps:
        optimizer.apply([keras.ops.convert_to_tensor(np.float32(g)) for g in gradients], variables)
        values.append([float(keras.ops.convert_to_numpy(v)) for v in variables])
    return np.array(values)


def test_three_steps_by_hand():
    """Rate 0.1, momentum 0.5, decay 0.2, gradients 1, 0, -1 from w = 2.

    g = 1 + 0.4 = 1.4        v = 1.4                     w = 2 - 0.14 = 1.86
    g = 0 + 0.372 = 0.372    v = 0.7 + 0.372 = 1.072     w = 1.86 - 0.1072 = 1.7528
    g = -1 + 0.35056         v = 0.536 - 0.64944         w = 1.7528 + 0.011344 = 1.764144
    """
    variable = keras.Variable(2.0, name="w")
    values = apply(CoupledSGD(0.1, 0.5, 0.2), [variable], [1], [0], [-1])
    np.testing.assert_allclose(values[:, 0], [1.86, 1.7528, 1.764144], rtol=1e-6)


def test_without_momentum_and_decay_it_is_plain_descent():
    variable = keras.Variable(2.0, name="w")
    values = apply(CoupledSGD(0.25), [variable], [1], [-2])
    np.testing.assert_allclose(values[:, 0], [1.75, 2.25])


def test_decay_is_a_penalty_that_the_loss_does_not_show():
    """Equal weights with `L2(decay/2)` and momentum; reported losses differ by the penalty."""
    decay, x, y = 0.3, np.float32([[1], [2]]), np.float32([[0], [1]])
    ours = linear_model()
    ours.compile(CoupledSGD(0.01, 0.9, decay), "mse", jit_compile=False)
    theirs = linear_model()
    for layer in theirs.layers[1:]:
        layer.kernel_regularizer = layer.kernel.regularizer = keras.regularizers.L2(decay / 2)
    theirs.compile(keras.optimizers.SGD(0.01, 0.9), "mse", jit_compile=False)
    for _ in range(3):
        penalty = sum(decay / 2 * float((w**2).sum()) for w in ours.get_weights())
        losses = [float(np.asarray(m.train_on_batch(x, y))) for m in (ours, theirs)]
        np.testing.assert_allclose(losses[1] - losses[0], penalty, rtol=1e-5)
    np.testing.assert_allclose(ours.get_weights(), theirs.get_weights(), rtol=1e-5)


def test_decay_and_momentum_reach_biases_and_normalization():
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.BatchNormalization()(keras.layers.Dense(2)(inputs)))
    optimizer = CoupledSGD(0.5, 0.0, 0.1)
    for variable in model.trainable_variables:
        variable.assign(np.ones(variable.shape))
    zeros = [keras.ops.zeros(v.shape) for v in model.trainable_variables]
    optimizer.apply(zeros, model.trainable_variables)
    for variable in model.trainable_variables:
        np.testing.assert_allclose(variable, 1 - 0.5 * 0.1, rtol=1e-6, err_msg=variable.path)


def test_rates_differ_by_prefix_and_the_longest_counts():
    """Gradient 1, rate 0.1: factors 0.1 (backbone), 3 (backbone_last) and 1."""
    model = linear_model(("backbone_first", "backbone_last", "head"))
    optimizer = CoupledSGD(0.1, rate_multipliers={"backbone": 0.1, "backbone_last": 3.0})
    ones = [np.ones((1, 1))] * 3
    apply_all = [keras.ops.convert_to_tensor(np.float32(g)) for g in ones]
    optimizer.apply(apply_all, model.trainable_variables)
    np.testing.assert_allclose(np.ravel(model.get_weights()), [0.99, 0.7, 0.9], rtol=1e-6)


def test_a_layer_wrapped_in_another_goes_by_the_name_of_the_wrapper():
    model = lus_keras.build_model("c2d_a", input_shape=(2, 8, 8, 1))
    optimizer = CoupledSGD(0.1, rate_multipliers={"conv": 0.0})
    before = [np.array(w) for w in model.trainable_variables]
    ones = [keras.ops.ones(v.shape) for v in model.trainable_variables]
    optimizer.apply(ones, model.trainable_variables)
    for variable, old in zip(model.trainable_variables, before, strict=True):
        moved = 0 if variable.path.startswith("conv") else 0.1
        np.testing.assert_allclose(old - np.array(variable), moved, atol=1e-6)


def test_a_prefix_of_no_layer_is_refused():
    optimizer = CoupledSGD(0.1, rate_multipliers={"bacbone": 0.1})
    with pytest.raises(ValueError, match=r"\['bacbone'\].*'backbone', 'head'"):
        optimizer.build(linear_model().trainable_variables)


@pytest.mark.parametrize("option", [{"momentum": 1.5}, {"momentum": -0.1}, {"weight_decay": -1.0}])
def test_numbers_out_of_range_are_refused(option):
    name, value = next(iter(option.items()))
    with pytest.raises(ValueError, match=f"`{name}` .*Received: {name}={value}"):
        CoupledSGD(0.1, **option)


def test_a_saved_model_goes_on_as_if_it_had_not_been_saved(tmp_path):
    x, y = np.float32([[1], [2]]), np.float32([[0], [1]])
    model = linear_model()
    optimizer = CoupledSGD(0.05, 0.7, 0.1, rate_multipliers={"backbone": 0.1})
    model.compile(optimizer, "mse", jit_compile=False)
    model.train_on_batch(x, y)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.optimizer.get_config() == optimizer.get_config()
    for each in (model, loaded):
        each.train_on_batch(x, y)
    np.testing.assert_array_equal(loaded.get_weights(), model.get_weights())
    fresh = CoupledSGD.from_config(optimizer.get_config())
    assert (fresh.momentum, fresh.coupled_decay, fresh.weight_decay) == (0.7, 0.1, None)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="a kernel of TensorFlow's")
def test_adam_in_one_pass_is_not_written_op_by_op():
    """The trained step holds TensorFlow's kernel, once a variable."""
    import tensorflow as tf

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    optimizer = Adam(0.1)
    optimizer.build(model.trainable_variables)
    step = tf.function(
        lambda: optimizer.apply([tf.ones_like(v) for v in model.trainable_variables])
    ).get_concrete_function()
    assert sum(op.type == "ResourceApplyAdam" for op in step.graph.get_operations()) == 2


def test_two_steps_of_adam_by_hand():
    """g = 1, 3 from w = 0; m = .1, .39, v = .001, .009999; rate .1, corrected for the start."""
    weight = keras.Variable(np.zeros(1, np.float32))
    optimizer = Adam(0.1, epsilon=1e-7)
    optimizer.build([weight])
    expected, m, v = 0.0, 0.0, 0.0
    for step, gradient in enumerate((1.0, 3.0), start=1):
        optimizer.apply([keras.ops.convert_to_tensor(np.array([gradient], np.float32))])
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        rate = 0.1 * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        expected -= rate * m / (np.sqrt(v) + 1e-7)
        np.testing.assert_allclose(keras.ops.convert_to_numpy(weight), expected, rtol=2e-6)


@pytest.mark.parametrize("options", [{}, {"global_clipnorm": 0.5}, {"weight_decay": 0.01}])
def test_adam_in_one_pass_is_keras_adam(options):
    """Twenty steps of a small network end in the same weights and the same state."""

    def trained(optimizer):
        keras.utils.set_random_seed(0)
        hidden = keras.layers.Dense(7, activation="relu", kernel_regularizer="l2")
        model = keras.Sequential([keras.Input((5,)), hidden, keras.layers.Dense(1)])
        model.compile(optimizer(1e-2, **options), "mse")
        x = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)
        model.fit(x, x.sum(axis=1), epochs=4, batch_size=8, verbose=0, shuffle=False)
        return [*model.get_weights(), *(np.asarray(v) for v in model.optimizer.variables)]

    for ours, theirs in zip(trained(Adam), trained(keras.optimizers.Adam), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
