"""Duan et al. 2022: A-lines, B-lines, pleural effusion and consolidation in single frames.

"Classification of 4 pulmonary ultrasound signs based on deep learning" (in Chinese).
https://doi.org/10.16781/j.CN31-2187/R.20211217 (Acad J Naval Med Univ 43(8):901-907)

Run      lus-keras reproduce table1 --paper signs
         lus-keras reproduce multilabel --paper signs
Differs  1. The images are private: the simulated cohort, public videos or the user's own take their
         place, and frames of a video stand for images.
         2. Patients are divided; whether the paper divides patients or images is not known.
         3. Only abstract, Table 1 and captions were at hand: training and preprocessing are
         invented. That and all else that is left open stands under `choices` in
         configs/signs.yaml.
         4. Weights are random unless the user gives a file (`options.weights`); none is fetched.
         5. The target `multilabel` is not the paper's, whose classes exclude each other: four
         questions with yes or no, asked of frames that show none, one or several of the signs.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lus_keras.core.errors import DataError
from lus_keras.papers.base import (
    AMOUNTS,
    TORCH_FILES,
    Options,
    Paper,
    accuracy,
    cross_entropy,
    network_options,
    options_of,
    weights_file,
)

if TYPE_CHECKING:
    import keras

    from lus_keras.core.config import PaperConfig

MODELS = ("resnet152",)
# The variant of the configuration that asks for every sign by itself.
MULTILABEL = "multilabel/resnet152"
RESNET50, EFFICIENTNET = "resnet50", "efficientnet_b0"
NEIGHBORS = "neighbors/resnet152"


class SignsOptions(Options):
    """Initial weights.

    Attributes:
        weights: A file of torchvision's network, or of Keras' for `variant: v1`.
    """

    weights: str | None = None


def build(name: str, config: PaperConfig) -> keras.Model:
    """Builds the network for single frames, with the user's weights if the options name a file.

    Raises:
        ConfigError: An option is unknown, or the file does not suit the variant of the network.
        DataError: The file cannot be read or is of another network.
    """
    from lus_keras.models import build_model

    weights = check(config)
    options = {"num_outputs": len(config.labels), **network_options(name, config.model)}
    model = build_model(name, input_shape=config.clip.shape, **options)
    if weights is None or name != MODELS[0]:
        return model
    if _is_v1(config):
        copy_keras_weights(model, weights)
    else:
        from lus_keras.models.pretrained.torch_weights import load_torch_weights

        load_torch_weights(model, weights)
    return model


def check(config: PaperConfig) -> Path | None:
    """Finds the first weights; None where none are named.

    Raises:
        ConfigError: An option is wrong, or the file does not suit the variant of the network.
        DataError: There is no such file.
    """
    suffixes = ".keras" if _is_v1(config) else TORCH_FILES
    return weights_file(options_of(SignsOptions, config).weights, config.paper, suffixes)


def _is_v1(config: PaperConfig) -> bool:
    return config.model.get("variant") == "v1"


def copy_keras_weights(model: keras.Model, path: Path) -> list[str]:
    """Fills a network of variant v1 from a file of Keras' own ResNet152, layer by layer by name.

    Args:
        model: `resnet152` of variant v1.
        path: `.keras` file of `keras.applications.ResNet152`, with or without its head.

    Returns:
        Names of the layers that were filled: all but `logits`.

    Raises:
        DataError: The file cannot be read, lacks a layer, or has one of another shape; all are
            listed.
    """
    from lus_keras.models.pretrained.keras_file import read_keras_weights

    theirs = read_keras_weights(path)
    layers = [layer for layer in model.layers if layer.weights and layer.name != "logits"]
    problems = []
    for layer in layers:
        shapes = [tuple(weight.shape) for weight in layer.weights]
        if layer.name not in theirs:
            problems.append(f"{path}: has no layer '{layer.name}'.")
        elif shapes != (found := [weight.shape for weight in theirs[layer.name]]):
            problems.append(f"{path}: '{layer.name}' has shapes {found}, {shapes} are expected.")
    if problems:
        raise DataError.from_problems(problems)
    for layer in layers:
        layer.set_weights(theirs[layer.name])
    return [layer.name for layer in layers]


def loss(config: PaperConfig) -> keras.losses.Loss:
    """Cross-entropy over the four signs (invented: the paper's loss is not known).

    Where signs may stand together, the mean of four binary cross-entropies.
    """
    if config.multilabel:
        from lus_keras.losses import LabelSetCrossentropy

        return LabelSetCrossentropy()
    return cross_entropy(len(config.labels))


def metrics(config: PaperConfig) -> list[Any]:
    """Accuracy in training, which also chooses the epoch; of signs apart, the share of answers."""
    if config.multilabel:
        import keras

        from lus_keras.losses import label_set_accuracy

        return [keras.metrics.MeanMetricWrapper(label_set_accuracy, name="accuracy")]
    return [accuracy(len(config.labels))]


def notes(config: PaperConfig) -> list[str]:
    """Says what is not the paper's where signs may stand together."""
    if not config.multilabel:
        return []
    return [
        "Multi-label, which is ours and not the paper's: each of the four signs is predicted "
        "separately, and frames that show none or several of them are included."
    ]


PAPER = Paper(
    name="signs",
    targets={
        "table1": MODELS,
        "figure1": (),
        "figure2": (),
        "figure3": (),
        "figure4": MODELS,
        "multilabel": (MULTILABEL,),
        "localization": MODELS,
        "beyond": (*MODELS, RESNET50, EFFICIENTNET, NEIGHBORS),
        "learning-curve": tuple(f"{amount}/{MODELS[0]}" for amount in AMOUNTS),
        "robustness": MODELS,
    },
    build=build,
    loss=loss,
    metrics=metrics,
    notes=notes,
    extras=frozenset({"localization", "multilabel", "beyond", "learning-curve", "robustness"}),
    findings=("b_lines", "fluid", "consolidation"),
    architecture="figure3",
    options=SignsOptions,
    check=check,
)
