"""Lung sliding in short videos of small tiles, with 3D ResNets, and its explanations.

The networks are those of the library keras-resnet3d; the videos are private.

Run      lus-keras reproduce table1 --paper sliding
Differs  1. The data are private: the simulated cohort or the user's own videos take their place;
         no public data set has labels of lung sliding.
         2. Patients are divided, as the text says (70:30); the printed counts imply tiles.
         `--set split.scheme=as_published` does that, and `reproduce leakage` shows both.
         3. The epoch is chosen on patients that are neither learned from nor tested on.
         4. What the paper leaves open is listed, with its source, under `choices` in
         configs/sliding.yaml.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import NonNegativeFloat, PositiveInt

from lus_keras.core.errors import ConfigError
from lus_keras.papers.base import AMOUNTS, Options, Paper, accuracy, cross_entropy, network_options

if TYPE_CHECKING:
    import keras

    from lus_keras.core.config import PaperConfig


class SlidingOptions(Options):
    """How Figure 5 is made.

    Attributes:
        samples: Noisy copies of SmoothGrad.
        noise: Their noise, as a share of a clip's range of gray.
        frames: Frames that are shown.
        step: Frames from one to the next.
        engine: Who computes the maps.
        order: SmoothGrad as tf-keras-vis has it, or as Smilkov et al. define it.
        explained: The class that is explained.
    """

    samples: PositiveInt = 20
    noise: NonNegativeFloat = 0.2
    frames: PositiveInt = 10
    step: PositiveInt = 6
    engine: Literal["fast", "tf-keras-vis"] = "fast"
    order: Literal["mean_abs", "abs_mean"] = "mean_abs"
    explained: Literal["predicted", "absent", "present"] = "predicted"


DEPTHS = ("resnet3d_18", "resnet3d_34", "resnet3d_50")
MMODE = "mmode_resnet18"


def _rows(*data_sets: str) -> tuple[str, ...]:
    return tuple(f"{data_set}/{model}" for data_set in data_sets for model in DEPTHS)


# The cited network stands beside the paper's own wherever these are compared.
CITED = f"mmode/{MMODE}"
TABLE1 = _rows("2_30x30", "all_30x30")
TABLE2 = _rows("2_60x60", "all_60x60")
TABLE3 = _rows("all_90x90")
TABLE5 = (
    "all_30x30/resnet3d_18",
    "2_60x60/resnet3d_34",
    "all_90x90/resnet3d_18",
    CITED,
)
# The paper's future work: the pleura alone, most of which the first row of tiles holds.
PLEURA = _rows("1_30x30", "2_30x30")
LEAKAGE = _rows("2_30x30", "2_30x30_leaky")
# Not in the paper: other networks.
BASE = _rows("2_30x30")
OTHERS = (
    *(f"{variant}/resnet3d_18" for variant in ("1_30x30", "factored", "difference")),
    "joint/mmode_3d",
)
DATA_SETS = ("2_30x30", "all_30x30", "2_60x60", "all_60x60", "2_90x90", "all_90x90")
EXPLAINED = "2_30x30/resnet3d_18"


def build(name: str, config: PaperConfig) -> keras.Model:
    """Builds a 3D ResNet, or the M-mode network for columns one pixel wide."""
    from lus_keras.models import build_model

    options = network_options(name, config.model)
    if name != MMODE:
        return build_model(name, input_shape=config.clip.shape, **options)
    return _of_columns(name, config.clip.shape, options)


def _of_columns(name: str, shape: tuple[int, ...], options: dict[str, Any]) -> keras.Model:
    """The M-mode network behind columns over time `(t, h, 1, c)`: it takes them as `(h, t, c)`."""
    import keras

    from lus_keras.models import build_model

    frames, height, width, channels = shape
    if width != 1:
        raise ValueError(f"`clip.tile` of {name} must be one pixel wide. Received: {width}.")
    network = build_model(name, input_shape=(height, frames, channels), **options)
    columns = keras.Input(shape, name="columns")
    pictures = keras.layers.Reshape((frames, height, channels), name="without_width")(columns)
    pictures = keras.layers.Permute((2, 1, 3), name="depth_by_time")(pictures)
    return keras.Model(columns, network(pictures), name=name)


def check(config: PaperConfig) -> None:
    """Refuses numbers of logits that two classes cannot have.

    Raises:
        ConfigError: There are neither one nor two.
    """
    count = config.model.get("num_outputs", 1)
    if count not in (1, len(config.labels)):
        raise ConfigError(
            f"configs/sliding.yaml: model.num_outputs: must be 1 or {len(config.labels)}, because "
            f"there are {len(config.labels)} classes. Received {count}."
        )


def loss(config: PaperConfig) -> keras.losses.Loss:
    """Binary cross-entropy (Sec. 4)."""
    return cross_entropy(config.model.get("num_outputs", 1))


def metrics(config: PaperConfig) -> list[Any]:
    """Accuracy in training."""
    return [accuracy(config.model.get("num_outputs", 1))]


PAPER = Paper(
    name="sliding",
    targets={
        "table1": (*TABLE1, CITED),
        "table2": TABLE2,
        "table3": TABLE3,
        "table4": (*TABLE1, *TABLE2, *TABLE3, CITED),
        "table5": TABLE5,
        "figure2": (),
        "figure3": (),
        "figure4": tuple(f"{data_set}/" for data_set in DATA_SETS),
        "figure5": (EXPLAINED,),
        "leakage": LEAKAGE,
        "pleura": PLEURA,
        "localization": (EXPLAINED,),
        "beyond": (*BASE, CITED, *OTHERS),
        "learning-curve": _rows(*AMOUNTS),
        "robustness": BASE,
    },
    build=build,
    loss=loss,
    metrics=metrics,
    extras=frozenset({"localization", "pleura", "beyond", "learning-curve", "robustness"}),
    findings=("pleura",),
    options=SlidingOptions,
    check=check,
)
