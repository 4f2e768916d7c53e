"""Networks and numbers are the same whatever a user's keras.json says."""

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from lus_keras.core import environment
from lus_keras.core.errors import ConfigError

BUILD = """
import keras, numpy as np
import lus_keras
keras.utils.set_random_seed(1)
model = lus_keras.build_model("c2d_lstm_a", input_shape=(4, 32, 32, 1))
clip = np.linspace(0, 1, 4 * 32 * 32, dtype=np.float32).reshape(1, 4, 32, 32, 1)
logits = np.asarray(model(clip))
print(model.count_params(), logits.dtype, logits.tobytes().hex(), keras.config.floatx())
"""


def build(home):
    done = subprocess.run(
        [sys.executable, "-c", BUILD],
        env=os.environ | {"KERAS_HOME": str(home), "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def write(folder, **settings):
    folder.mkdir(exist_ok=True)
    (folder / "keras.json").write_text(json.dumps(settings))
    return folder


def test_a_network_is_the_same_under_any_keras_json(tmp_path):
    plain = build(write(tmp_path / "plain"))
    odd = write(tmp_path / "odd", image_data_format="channels_first", floatx="float16")
    assert build(odd)[:3] == plain[:3]
    assert plain[3] == "float32"
    # The user's own networks keep the user's settings.
    assert build(odd)[3] == "float16"


def test_settings_that_are_not_followed_are_told_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(write(tmp_path / "k", floatx="float16", epsilon=1e-7)))
    assert environment.replaced_settings() == (
        "keras.json sets floatx: float16; float32 is used, as for the published results."
    )
    write(tmp_path / "k", image_data_format="channels_last", backend="tensorflow")
    assert environment.replaced_settings() is None
    (tmp_path / "k" / "keras.json").write_text("no JSON")
    assert environment.replaced_settings() is None


@pytest.mark.parametrize(
    ("backend", "cause"), [("torch", "is not installed"), ("theano", "is not known")]
)
def test_a_backend_that_is_not_there_is_named_with_what_to_do(
    tmp_path, monkeypatch, backend, cause
):
    monkeypatch.setenv("KERAS_HOME", str(write(tmp_path / "k", backend=backend)))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.setattr(environment.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=rf"keras\.json .*'{backend}', which {cause}.*KERAS_BACK"):
        environment.check_backend()


def test_doctor_says_so_in_one_line(tmp_path, monkeypatch):
    from lus_keras.cli import main
    from lus_keras.experiments import listing

    def refuse():
        raise ConfigError("keras.json names the backend 'torch', which is not installed. Set it.")

    monkeypatch.setenv("KERAS_HOME", str(write(tmp_path / "k", floatx="float16")))
    monkeypatch.setattr(listing, "start_tensorflow", refuse)
    lines = CliRunner().invoke(main, ["doctor"]).output.splitlines()
    (devices,) = [line for line in lines if line.startswith("devices")]
    assert "which is not installed" in devices
    (settings,) = [line for line in lines if line.startswith("keras.json")]
    assert "floatx: float16" in settings


def test_what_keras_wraps_is_neither_imported_at_the_start_nor_lost():
    """scikit-learn and pyplot cost a quarter of the start; whoever needs them finds them."""
    code = (
        "import sys; from lus_keras.core.environment import IMPORTED_BY_KERAS, start_tensorflow\n"
        "start_tensorflow(); from lus_keras.inference import explain, predict\n"
        "print([name for name in (*IMPORTED_BY_KERAS, 'scipy.stats') if name in sys.modules])\n"
        "import sklearn.metrics, matplotlib.pyplot; print(sklearn.metrics.accuracy_score([1], [1]))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "1.0"]
