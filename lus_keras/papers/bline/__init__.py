"""Kerdegari et al. 2021: B-lines in one-second clips, localized by temporal attention.

"Automatic Detection of B-lines in Lung Ultrasound Videos From Severe Dengue Patients".
https://doi.org/10.48550/arXiv.2102.01059 (IEEE ISBI 2021)

Run      lus-keras reproduce table1 --paper bline
Differs  1. The data are private: the simulated cohort, public videos or the user's own take their
place.
         2. Folds are grouped by patient and stratified by label; the paper states neither (Sec.
         3.2).
         3. Eq. 1 is followed as printed, without the tanh of the attention it cites, which
         `reproduce attention` sets beside it.
         4. What the paper leaves open is listed, with its source, under `choices` in
         configs/bline.yaml.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lus_keras.papers.base import AMOUNTS, Paper, accuracy, cross_entropy, network_options

if TYPE_CHECKING:
    import keras

    from lus_keras.core.config import PaperConfig

MODELS = ("c2d_a", "c3d_a", "c2d_lstm", "c2d_lstm_a")
WITH_ATTENTION = ("c2d_a", "c3d_a", "c2d_lstm_a")
PROPOSED = ("c2d_lstm_a",)
# Not in the paper: what simulated videos are worth on real ones.
TRANSFER = ("scratch/c2d_lstm_a", "simulated/c2d_lstm_a", "tuned/c2d_lstm_a")
# Eq. 1 as printed, beside the attention that the paper names.
ATTENTION = ("c2d_lstm_a", "additive/c2d_lstm_a", "c2d_lstm")
# What separates a preset's result from the paper's, one thing at a time as printed.
ABLATION = (
    "c2d_lstm_a",
    *(f"paper_{part}/c2d_lstm_a" for part in ("size", "cohort", "rate", "both", "longer")),
)
# Not in the paper: attention over the places of a frame, whose map can be compared with B-lines.
SPATIAL = "spatial/c2d_lstm_a"
# Not in the paper: parts of its networks exchanged.
PARTS = (
    *(
        f"{part}/c2d_lstm_a"
        for part in ("vgg19", "resnet101", "tcn", "heads", "spatial", "additive")
    ),
    "gated/c2d_a",
)


def build(name: str, config: PaperConfig) -> keras.Model:
    """Builds one of the four networks for clips as the configuration cuts them."""
    from lus_keras.models import build_model

    clip = config.clip
    shape = (clip.frames, *clip.size, clip.channels)
    return build_model(name, input_shape=shape, **network_options(name, config.model))


def outputs(config: PaperConfig) -> int:
    """Number of logits."""
    return 1 if config.model.get("head") == "sigmoid1" else 2


def loss(config: PaperConfig) -> keras.losses.Loss:
    """Cross-entropy of the head that is configured (the paper does not name its loss)."""
    return cross_entropy(outputs(config))


def metrics(config: PaperConfig) -> list[Any]:
    """Accuracy in training."""
    return [accuracy(outputs(config))]


PAPER = Paper(
    name="bline",
    targets={
        "table1": MODELS,
        "table2": WITH_ATTENTION,
        "representative-frame": WITH_ATTENTION,
        "figure1": PROPOSED,
        "figure2": (),
        "transfer": TRANSFER,
        "localization": (*PROPOSED, SPATIAL),
        "attention": ATTENTION,
        "ablation": ABLATION,
        "beyond": (*MODELS, *PARTS),
        "learning-curve": tuple(f"{amount}/{name}" for amount in AMOUNTS for name in MODELS),
        "robustness": MODELS,
    },
    needs_real_data=frozenset({"transfer"}),
    needs_frame_truth=frozenset({"table2", "representative-frame"}),
    build=build,
    loss=loss,
    metrics=metrics,
    extras=frozenset(
        {"attention", "ablation", "localization", "beyond", "learning-curve", "robustness"}
    ),
    findings=("b_lines",),
    architecture="figure2",
)
