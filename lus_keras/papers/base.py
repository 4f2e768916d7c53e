"""The interface of a paper module; everything else is configuration."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from lus_keras.core.config import PaperConfig, Section, load
from lus_keras.core.config.messages import explained
from lus_keras.core.errors import ConfigError, DataError

if TYPE_CHECKING:
    import keras
    import numpy as np
    import pandas as pd


# Variants of each paper with few patients to train on up to many.
AMOUNTS = ("n10", "n30", "n100", "n300", "n1000")
# As `read_state` takes them.
TORCH_FILES = ".pth .pt .safetensors .npz .bin .ckpt .tar"


def to_probabilities(logits: np.ndarray) -> np.ndarray:
    """Turns logits into probabilities of every class.

    Args:
        logits: `(n, k)` for k classes; a single column is the logit of the second of two classes.

    Returns:
        `(n, classes)` float64, rows sum to 1.
    """
    import numpy as np
    from scipy.special import softmax

    values = np.asarray(logits, np.float64)
    if values.shape[1] == 1:
        # One sigmoid logit z is a softmax over (0, z).
        values = np.concatenate([np.zeros_like(values), values], axis=1)
    return softmax(values, axis=1)


def each_apart(logits: np.ndarray) -> np.ndarray:
    """Turns logits into probabilities of labels that may apply together.

    Args:
        logits: `(n, k)` for k labels.

    Returns:
        `(n, k)` float64 sigmoids; rows need not sum to 1.
    """
    import numpy as np
    from scipy.special import expit

    return expit(np.asarray(logits, np.float64))


def cross_entropy(outputs: int) -> keras.losses.Loss:
    """Cross-entropy of integer labels and logits: binary for one output, else over classes."""
    import keras

    if outputs == 1:
        return keras.losses.BinaryCrossentropy(from_logits=True)
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def accuracy(outputs: int) -> keras.metrics.Metric:
    """Accuracy computed from logits, logged in training."""
    import keras

    if outputs == 1:
        return keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0)
    return keras.metrics.SparseCategoricalAccuracy(name="accuracy")


class Options(Section):
    """Base class of a paper's `options`; used by papers without any."""


Kind = TypeVar("Kind", bound=Options)


def options_of(kind: type[Kind], config: PaperConfig) -> Kind:
    """The `options` of a configuration, checked.

    Args:
        kind: What the paper takes.
        config: The paper's configuration.

    Raises:
        ConfigError: A key is unknown or a value is wrong; all are listed.
    """
    try:
        return kind.model_validate(config.options)
    except ValidationError as error:
        layer = (f"configs/{config.paper}.yaml", {"options": config.options})
        raise ConfigError.from_problems(explained(error, [layer], kind, ("options",))) from None


def weights_file(named: str | None, paper: str, suffixes: str = TORCH_FILES) -> Path | None:
    """The first weights that `options.weights` names: a file, or a registered backbone.

    Args:
        named: What it names.
        paper: Name of the paper.
        suffixes: Endings that such a file may have, such as `.pth .npz`.

    Returns:
        The file, or the name of the backbone; None where none is named.

    Raises:
        ConfigError: The name is neither that of such a file nor that of a registered backbone.
        DataError: There is no such file.
    """
    if named is None:
        return None
    if suffixes == TORCH_FILES and not Path(named).exists():
        from lus_keras.models.pretrained import registry

        if registry.is_registered(named):
            return Path(named)
    if Path(named).suffix.lower() not in suffixes.split():
        raise ConfigError(
            f"configs/{paper}.yaml: options.weights: must be null or a file ending in {suffixes}. "
            f"Received {named!r}. Give another file, or a backbone (see `lus-keras list`)."
        )
    path = Path(named).expanduser()
    if not path.is_file():
        raise DataError(f"options.weights: {path} is not a file. Correct the path.")
    return path


def class_counts_text(predictions: pd.DataFrame | None, names: Sequence[str]) -> str:
    """Rows of each class, such as ` (3 A line, 4 B line)`; empty without predictions."""
    import numpy as np

    if predictions is None:
        return ""
    counts = np.bincount(predictions["y_true"], minlength=len(names))
    return f" ({', '.join(f'{n} {name}' for n, name in zip(counts, names, strict=True))})"


def network_options(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a paper's networks that apply to one of them."""
    from lus_keras.models import builders
    from lus_keras.models.options import settable

    known = settable(builders()[name])
    return {key: value for key, value in options.items() if key in known}


def labels_of(paper: str) -> dict[str, str]:
    """Printed names of a paper's networks, from the titles in its configuration.

    Returns:
        `model` → title, then `variant/model` → "variant's title, model's title".
    """
    settings = load(paper)
    titles = {name: model.title for name, model in settings.models.items()}
    return titles | {
        f"{variant}/{name}": f"{entry.title}, {titles[name]}"
        for variant, entry in settings.variants.items()
        for name in entry.models or settings.models
    }


@functools.cache
def _as_shipped(paper: str) -> PaperConfig:
    return load(paper)


def _check_parameters(name: str, config: PaperConfig, found: int) -> None:
    """Checks the number of parameters stated in the configuration.

    Applies to networks with unchanged settings and input shape `models.*.shape`, or any input
    shape if that is null.

    Raises:
        ConfigError: The numbers differ.
    """
    entry, usual = config.models[name], _as_shipped(config.paper)
    same = entry.shape in (None, config.clip.shape) and config.clip.channels == usual.clip.channels
    same &= config.model == usual.model and len(config.labels) == len(usual.labels)
    if same and found != entry.parameters:
        raise ConfigError(
            f"configs/{config.paper}.yaml: models.{name}.parameters: must be {found:,}, the number "
            f"in the network. Received {entry.parameters:,}. Correct the count."
        )


@dataclass(frozen=True)
class Paper:
    """The code of a paper.

    Attributes:
        name: Name of its module and of its configuration.
        targets: Tables and figures, each with the networks it needs: `model`, or `variant/model`
            for a variant of the configuration.
        build: Function that builds an uncompiled network by name from the configuration.
        loss: Function that makes the loss of (labels, logits).
        metrics: Function that makes the metrics logged in training.
        decode: Function from logits `(n, k)` to probabilities `(n, classes)` of mutually exclusive
            classes; see `decoder`.
        needs_real_data: Targets that cannot be reproduced with simulated videos only.
        needs_frame_truth: Targets that need annotated frames.
        watch: Function that makes Keras callbacks for a job and an epoch, for studies that log more
            than losses; None without.
        notes: Function that gives sentences about a configuration for every output; None without.
        fitted: Function that fills in settings that depend on the training classes `(n,)`; None
            without.
        extras: Targets that are not in the paper and not included in `all`.
        findings: Masks of the simulator with which maps are compared, target `localization`.
        architecture: Target that is the paper's drawing of its networks; empty without.
        options: Type of the configuration's `options`.
        check: Function that rejects invalid combinations of settings before anything is planned.
    """

    name: str
    targets: Mapping[str, tuple[str, ...]]
    build: Callable[[str, PaperConfig], keras.Model]
    loss: Callable[[PaperConfig], keras.losses.Loss]
    metrics: Callable[[PaperConfig], list[Any]]
    decode: Callable[[np.ndarray], np.ndarray] = to_probabilities
    needs_real_data: frozenset[str] = frozenset()
    needs_frame_truth: frozenset[str] = frozenset()
    watch: Callable[[Any, int], list[Any]] | None = None
    notes: Callable[[PaperConfig], list[str]] | None = None
    fitted: Callable[[PaperConfig, np.ndarray], PaperConfig] | None = None
    extras: frozenset[str] = frozenset()
    findings: tuple[str, ...] = ()
    architecture: str = ""
    options: type[Options] = Options
    check: Callable[[PaperConfig], Any] | None = None

    def network(self, name: str, config: PaperConfig) -> keras.Model:
        """Builds a network by name, one of the paper's or one of the user's own."""
        if name in config.networks:
            from lus_keras.papers.own import build_own

            return build_own(config.networks[name], config)
        model = self.build(name, config)
        _check_parameters(name, config, model.count_params())
        return model

    def decoder(self, multilabel: bool) -> Callable[[np.ndarray], np.ndarray]:
        """Function from logits to probabilities: `decode`, or sigmoids if labels may co-occur."""
        return each_apart if multilabel else self.decode
