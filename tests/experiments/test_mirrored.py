"""One training on two devices, as a processor cut in two: in a process of its own."""

import json
import os
import subprocess
import sys

import pytest

SCRIPT = """
import json, sys
import tensorflow as tf
processor = tf.config.list_physical_devices("CPU")[0]
halves = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(processor, halves)
import keras
import numpy as np
from lus_keras.core import config
from lus_keras.core.errors import ConfigError
from lus_keras.experiments.reproduce import Request, reproduce
from lus_keras.core.progress import Reporter
from lus_keras.experiments.training.network import Network, mirrored_strategy

settings = config.load("bline", "smoke", ["fit.batch_size=8"])
clips = np.random.default_rng(0).normal(size=(32, 5)).astype("float32")
labels = (clips[:, 0] > 0).astype(int)

def build():
    values = keras.Input((5,))
    x = keras.layers.Dense(4, activation="tanh")(values)
    return keras.Model(values, keras.layers.Dense(2)(x))

def train(mirrored):
    network = Network(
        build, fit=settings.fit, mirrored=mirrored, metrics=list,
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    network.reset(3)
    data = tf.data.Dataset.from_tensor_slices((clips, labels)).batch(8)
    steps = []
    class Batch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            steps.append(batch)
    network.model.fit(data, epochs=2, shuffle=False, verbose=0, callbacks=[Batch()])
    loss = network.evaluator.evaluate(data, verbose=0)
    return network.devices, len(steps), [w.tolist() for w in network.weights()], loss

found = {"one": train(False), "two": train(True)}
try:
    mirrored_strategy(5)
except ConfigError as error:
    found["refused"] = str(error)
request = Request(
    ("bline/table1",), preset="smoke", models=("c2d_lstm_a",), strategy="mirrored",
    overrides=("clip.size=[16, 16]", "model.dense_units=4", "fit.batch_size=4"), out=sys.argv[1],
)
with Reporter() as reporter:
    found["exit"] = reproduce(request, reporter).exit_code
print("FOUND" + json.dumps(found))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    out = tmp_path_factory.mktemp("mirrored") / "run"
    script = SCRIPT.replace("out=sys.argv[1]", f"out=__import__('pathlib').Path({str(out)!r})")
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("FOUND"))
    return json.loads(line[5:]) | {"out": out, "said": done.stdout}


def flat(weights):
    return [number for weight in weights for number in flatten(weight)]


def flatten(value):
    return [n for part in value for n in flatten(part)] if isinstance(value, list) else [value]


def test_the_global_batch_is_the_papers(found):
    """Two devices take as many steps as one, and the same ones: gradients are of all clips."""
    (one, steps, weights, loss), (two, steps_of_two, weights_of_two, loss_of_two) = (
        found["one"],
        found["two"],
    )
    assert (one, two) == (1, 2)
    assert steps == steps_of_two == 8
    assert flat(weights_of_two) == pytest.approx(flat(weights), abs=1e-6)
    assert loss_of_two == pytest.approx(loss, abs=1e-6)


def test_a_batch_that_cannot_be_shared_evenly_is_refused(found):
    assert "fit.batch_size 5 cannot be split evenly across 2 devices" in found["refused"]


def test_a_whole_run_ends_in_predictions_and_says_what_differs(found):
    assert found["exit"] == 0
    assert len(list(found["out"].rglob("predictions.csv"))) == 2
    assert "Normalization statistics are those of each device's share" in found["said"]
