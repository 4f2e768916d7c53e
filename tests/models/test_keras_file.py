"""Weights come out of `.keras` files without building or running what is in them."""

import json
import zipfile

import h5py
import keras
import numpy as np
import pytest

from lus_keras.core.errors import DataError
from lus_keras.models.pretrained.keras_file import read_keras_weights


@pytest.fixture
def saved(tmp_path):
    layers = keras.layers
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, name="first")(inputs)
    x = layers.BatchNormalization(name="normal")(layers.ReLU()(x))
    x = layers.Conv2D(2, 3, use_bias=False, name="second")(x)
    model = keras.Model(inputs, layers.Dense(5, name="logits")(layers.Flatten()(x)))
    model.save(tmp_path / "m.keras")
    return model, tmp_path / "m.keras"


def test_every_layer_has_its_arrays_in_order(saved):
    model, path = saved
    read = read_keras_weights(path)
    assert list(read) == ["first", "normal", "second", "logits"]
    for name, arrays in read.items():
        for ours, theirs in zip(arrays, model.get_layer(name).get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def rewritten(path, change_config=None, change_weights=None):
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    if change_config:
        config = json.loads(members["config.json"])
        change_config(config)
        members["config.json"] = json.dumps(config).encode()
    if change_weights:
        stored = path.with_name("weights.h5")
        stored.write_bytes(members["model.weights.h5"])
        with h5py.File(stored, "a") as weights:
            change_weights(weights)
        members["model.weights.h5"] = stored.read_bytes()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_a_layer_that_would_run_code_is_read_as_any(saved):
    """A Lambda in the file is a name and a dictionary, which nobody asks for anything."""

    def add_lambda(config):
        layer = {"class_name": "Lambda", "config": {"name": "evil", "function": "os.abort"}}
        config["config"]["layers"].append(layer)

    assert "evil" not in read_keras_weights(rewritten(saved[1], add_lambda))


def outside(weights):
    del weights["layers/conv2d/vars/0"]
    weights["layers/conv2d/vars/0"] = h5py.ExternalLink("/etc/other.h5", "/x")


def endless(weights):
    del weights["layers/conv2d/vars/0"]
    weights["layers/conv2d/vars"].create_dataset("0", (10**6, 10**6), "f4", chunks=(10, 10))


@pytest.mark.parametrize(
    ("change", "cause"),
    [(outside, "is a link"), (endless, "declares more data than the file contains")],
)
def test_arrays_that_are_not_in_the_file_are_refused(saved, change, cause):
    with pytest.raises(DataError, match=rf"m\.keras: cannot be read as a Keras model .*{cause}"):
        read_keras_weights(rewritten(saved[1], change_weights=change))


def test_other_files_are_refused(tmp_path):
    (tmp_path / "m.keras").write_bytes(b"no archive")
    with pytest.raises(DataError, match="cannot be read as a Keras model"):
        read_keras_weights(tmp_path / "m.keras")
