"""Writers of the formats, each with the program that reads it again in a fresh process."""

from pathlib import Path

import keras

from lus_keras.inference.export.graph import output_names, probabilities, serving_function
from lus_keras.inference.predict import Ensemble

OPSET = 17

# Each program gets the exported folder, an archive of inputs and where to write outputs. Nothing of
# this package can be imported there, but for .keras, whose layers are ours.
_BLOCKED = "import sys\nsys.modules['lus_keras'] = None\n"
_START = "import sys, numpy as np\nfolder, given, written = sys.argv[1:]\nfound = {}\n"
_EACH = "with np.load(given) as archive: inputs = {n: archive[n] for n in archive.files}\n"
_END = "np.savez(written, **found)\n"
CHECKS = {
    "saved_model": _BLOCKED
    + _START
    + _EACH
    + "import tensorflow as tf\n"
    + "serve = tf.saved_model.load(folder).signatures['serving_default']\n"
    + "for name, clips in inputs.items():\n"
    + "    outputs = serve(clips=tf.constant(clips))\n"
    + "    found.update({f'{name}/{key}': value.numpy() for key, value in outputs.items()})\n"
    + _END,
    "onnx": _BLOCKED
    + _START
    + _EACH
    + "import onnxruntime\n"
    + "session = onnxruntime.InferenceSession(\n"
    + "    folder + '/model.onnx', providers=['CPUExecutionProvider'])\n"
    + "names = [output.name for output in session.get_outputs()]\n"
    + "for name, clips in inputs.items():\n"
    + "    outputs = session.run(names, {'clips': clips})\n"
    + "    found.update({f'{name}/{key}': v for key, v in zip(names, outputs)})\n"
    + _END,
    "keras": _START
    + _EACH
    + "import keras, lus_keras.models\n"
    + "lus_keras.models.builders()\n"
    + "model = keras.saving.load_model(folder + '/model.keras', compile=False)\n"
    + "for name, clips in inputs.items():\n"
    + "    outputs = model.predict(clips, verbose=0)\n"
    + "    found.update({f'{name}/{key}': value for key, value in outputs.items()})\n"
    + _END,
}


def write_format(name: str, models: Ensemble, folder: Path) -> None:
    """Writes networks in a format.

    Args:
        name: One of `FORMATS`.

    Raises:
        ConfigError: The format is not known, or its packages are not installed.
    """
    {"saved_model": _saved_model, "onnx": _onnx, "keras": _keras}[name](models, folder)


def _saved_model(models: Ensemble, folder: Path) -> None:
    import tensorflow as tf

    module = tf.Module()
    module.weights = [v.value for network in models.networks for v in network.variables]
    module.serve = serving_function(models)
    tf.saved_model.save(
        module, str(folder), signatures={"serving_default": module.serve.get_concrete_function()}
    )


def _onnx(models: Ensemble, folder: Path) -> None:
    import tf2onnx

    function = serving_function(models)
    tf2onnx.convert.from_function(
        function,
        input_signature=function.input_signature,
        opset=OPSET,
        output_path=str(folder / "model.onnx"),
    )


def _keras(models: Ensemble, folder: Path) -> None:
    """From scaled inputs, as the networks take them, to the same outputs."""
    first = models.networks[0]
    inputs = keras.Input(first.inputs[0].shape[1:], name="inputs")
    folds = []
    for number, predictor in enumerate(models.predictors):
        # Layers of one model need names of their own.
        named = keras.Model(predictor.input, predictor.output, name=f"network_{number}")
        folds.append(named(inputs))
    outputs = {
        name: _mean([fold[name] for fold in folds], name)
        for name in output_names(models)
        if name != "probabilities"
    }
    multilabel = models.description.multilabel
    chances = [
        probabilities(keras.layers.Rescaling(1 / temperature)(fold["logits"]), multilabel)
        for fold, temperature in zip(folds, models.temperatures, strict=True)
    ]
    outputs["probabilities"] = _mean(chances, "probabilities")
    keras.Model(inputs, outputs, name=models.description.model).save(folder / "model.keras")


def _mean(values: list, name: str):
    return keras.layers.Average(name=name)(values) if len(values) > 1 else values[0]
