"""Corso 2023: a severity score of 0 … 3 for whole lung-ultrasound videos.

"Video-level Lung Ultrasound Scoring: A Deep Learning model for LUS Video Score Prediction", project
report, University of Trento; it has no DOI. Scores and loss are those of Roy et al. 2020, IEEE
Transactions on Medical Imaging, https://doi.org/10.1109/TMI.2020.2994459

Run      lus-keras reproduce results --paper severity
Differs  1. The data are private: the simulated cohort, public videos or the user's own take their
place.
         2. The paper starts from ImageNet weights. Nothing is downloaded: without `options.weights`
         the backbone starts from random weights, which every output states.
         3. Test patients that the paper forces are forced only where they are named
         (`split.test_patients`).
         4. The paper chooses its epoch on the test set. That is one row; another chooses it on
         patients kept back from training.
         5. What the paper leaves open is listed, with its source, under `choices` in
         configs/severity.yaml.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, NonNegativeFloat, PositiveFloat
from pydantic_core import PydanticCustomError

from lus_keras.core.config import Section
from lus_keras.papers.base import AMOUNTS, Options, Paper, accuracy, options_of, weights_file

if TYPE_CHECKING:
    import keras
    import numpy as np

    from lus_keras.core.config import PaperConfig

NETWORK = "alexnet_attention_bilstm"
# How the paper did it is the configuration itself; the variants differ from it.
VAL_SELECTED, SCRATCH = f"val_selected/{NETWORK}", f"scratch/{NETWORK}"
MASKED, WEIGHTED = f"masked/{NETWORK}", f"weighted/{NETWORK}"
SCRATCH_VARIANTS = tuple(
    f"scratch_{change}/{NETWORK}" for change in ("masked", "weighted", "accumulated", "coral")
)
NAN_VARIANTS = (
    *("nan_baseline", "nan_leaky", "nan_last_frame", "nan_glorot", "nan_orthogonal"),
    *("nan_batch_1", "nan_batch_2", "nan_batch_8", "nan_batch_16", "nan_resnet18"),
    *("nan_masked", "nan_clipped", "nan_weighted"),
)
RESULT_ROWS = (NETWORK, VAL_SELECTED, SCRATCH, MASKED, WEIGHTED)
DATA = ("",)
BALANCED = "balanced"


def _class_weights(value: Any) -> Any:
    """A weight of each of the four scores, `balanced` ones, or none."""
    numbers = isinstance(value, list | tuple) and len(value) == 4
    if value in (None, BALANCED):
        return value
    if numbers and all(type(weight) in (int, float) and weight >= 0 for weight in value):
        return tuple(value)
    raise PydanticCustomError("weights", "null, 4 numbers (one per score), or balanced")


class SordOptions(Section):
    """Soft labels: squared distance of scores times `scale`, score 0 further by `zero_gap`."""

    scale: PositiveFloat = 2.0
    zero_gap: NonNegativeFloat = 0.0


class SeverityOptions(Options):
    """Initial weights and loss.

    Attributes:
        weights: First weights of AlexNet's convolutions: a file, or a registered backbone.
        class_weights: Weight of each score in the loss, or `balanced`.
        sord: Soft labels.
    """

    weights: str | None = None
    class_weights: Annotated[Any, BeforeValidator(_class_weights)] = None
    sord: SordOptions = SordOptions()


def build(name: str, config: PaperConfig) -> keras.Model:
    """Builds the network, with the user's ImageNet weights in AlexNet if there are any.

    Raises:
        ConfigError: An option is wrong.
        DataError: The file of weights cannot be read or is of another network.
    """
    from lus_keras.models import build_model
    from lus_keras.models.pretrained.torch_weights import load_torch_weights

    weights = check(config)
    model = build_model(
        name, input_shape=config.clip.shape, num_outputs=len(config.labels), **config.model
    )
    if weights and _is_alexnet(config):
        load_torch_weights(model, weights)
    return model


def check(config: PaperConfig) -> Path | None:
    """Finds the first weights of the convolutions; None where none are named.

    Raises:
        ConfigError: An option is wrong.
        DataError: There is no such file.
    """
    return weights_file(options_of(SeverityOptions, config).weights, config.paper)


def loss(config: PaperConfig) -> keras.losses.Loss:
    """SORD, as the paper has it without a gap before score 0 (Sec. V)."""
    from lus_keras.losses import Coral, Sord

    if config.model.get("head") == "coral":
        return Coral()
    options = options_of(SeverityOptions, config)
    sord = options.sord
    return Sord(sord.scale, sord.zero_gap, class_weights=options.class_weights)


def metrics(config: PaperConfig) -> list[Any]:
    """Accuracy in training and testing (Fig. 6)."""
    return [accuracy(len(config.labels))]


def balanced_weights(counts: np.ndarray) -> list[float]:
    """Weight of each class so that all classes weigh alike and the mean over clips is 1.

    Args:
        counts: `(k,)` clips of each class to train on.

    Returns:
        N / (k n) of each class with n of N clips; 1 of a class without any.
    """
    import numpy as np

    counts = np.asarray(counts, float)
    return np.where(counts > 0, counts.sum() / len(counts) / np.maximum(counts, 1), 1.0).tolist()


def fitted(config: PaperConfig, classes: np.ndarray) -> PaperConfig:
    """Computes class weights of the videos to train on, where `balanced` ones are asked for."""
    import numpy as np

    if options_of(SeverityOptions, config).class_weights != BALANCED:
        return config
    weights = balanced_weights(np.bincount(classes, minlength=len(config.labels)))
    return config.model_copy(update={"options": {**config.options, "class_weights": weights}})


def notes(config: PaperConfig) -> list[str]:
    """Says where the backbone's first weights come from."""
    weights = options_of(SeverityOptions, config).weights
    if not _is_alexnet(config):
        return ["ResNet18 starts from random weights, the paper's from ImageNet weights."]
    if weights:
        return [f"AlexNet starts from the weights in {weights}."]
    return [
        "No ImageNet weights were given (options.weights): AlexNet starts from random weights, the "
        "paper's from ImageNet weights."
    ]


def _is_alexnet(config: PaperConfig) -> bool:
    return config.model.get("backbone", "alexnet") == "alexnet"


PAPER = Paper(
    name="severity",
    targets={
        "table1": DATA,
        "results": (NETWORK, VAL_SELECTED, SCRATCH),
        "figure3": DATA,
        "figure4": DATA,
        "figure5": (),
        "figure6": (NETWORK,),
        "figure7": (NETWORK,),
        "figure8": (NETWORK,),
        "figure9": (NETWORK,),
        "figure10": (NETWORK,),
        "variants": (NETWORK, VAL_SELECTED, MASKED, WEIGHTED),
        "beyond": (NETWORK, VAL_SELECTED, SCRATCH, *SCRATCH_VARIANTS),
        "learning-curve": tuple(f"{amount}/{NETWORK}" for amount in AMOUNTS),
        "robustness": (SCRATCH,),
        "nan-study": tuple(f"{variant}/{NETWORK}" for variant in NAN_VARIANTS),
        "localization": (SCRATCH,),
    },
    build=build,
    loss=loss,
    metrics=metrics,
    notes=notes,
    fitted=fitted,
    extras=frozenset({"localization", "beyond", "learning-curve", "robustness"}),
    findings=("b_lines", "consolidation"),
    architecture="figure5",
    options=SeverityOptions,
    check=check,
)
