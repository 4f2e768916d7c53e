"""What a paper module has to say; everything else is configuration."""

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
        logits: `(n, k)` of k classes; one column is the logit of the second of two.

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
        logits: `(n, k)` of k labels.

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
    """Accuracy of logits, followed in training."""
    import keras

    if outputs == 1:
        return keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0)
    return keras.metrics.SparseCategoricalAccuracy(name="accuracy")


class Options(Section):
    """What a paper's own code takes as `options`; a paper without any takes this one."""


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
            f"Received {named!r}. Name another file, or a backbone that `lus-keras list` shows."
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
    """Those of a paper's network settings that one of its networks has."""
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
    """Refuses a count of parameters that a network of the paper's own size does not have.

    That is a network of unchanged settings at `models.*.shape`; where that is null, at any size.

    Raises:
        ConfigError: The count is another one.
    """
    entry, usual = config.models[name], _as_shipped(config.paper)
    same = entry.shape in (None, config.clip.shape) and config.clip.channels == usual.clip.channels
    same &= config.model == usual.model and len(config.labels) == len(usual.labels)
    if same and found != entry.parameters:
        raise ConfigError(
            f"configs/{config.paper}.yaml: models.{name}.parameters: must be {found:,}, as many as "
            f"the network has. Received {entry.parameters:,}. Correct the count."
        )


@dataclass(frozen=True)
class Paper:
    """A paper as code.

    Attributes:
        name: Name of its module and of its configuration.
        targets: What can be reproduced, and the networks each target needs: `model`, or
            `variant/model` of the configuration's `variants`.
        build: Makes a network by name, uncompiled, from the configuration.
        loss: Makes the loss of (labels, logits).
        metrics: Makes the metrics followed in training.
        decode: Logits `(n, k)` to probabilities `(n, classes)` of classes that exclude each other;
            see `decoder`.
        needs_real_data: Targets that cannot be had from simulated videos alone.
        needs_frame_truth: Targets that compare with annotated frames.
        watch: Makes the callbacks of Keras for a job and an epoch, for studies that log more than
            losses; None if there are none.
        notes: Sentences on a configuration that belong into every output; None if there are none.
        fitted: Fills in settings that depend on the classes `(n,)` to train on; None if there are
            none.
        extras: Targets that are ours alone, so that `all` does not mean them.
        findings: Masks of the simulator that maps are measured against, target `localization`.
        architecture: Target that is the paper's drawing of its networks.
        options: What its own code takes as `options` of the configuration.
        check: Refuses settings that no section can tell to be wrong, before anything is planned.
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
        """Makes a network by name: one of the paper's, or one of the user's beside them."""
        if name in config.networks:
            from lus_keras.papers.own import build_own

            return build_own(config.networks[name], config)
        model = self.build(name, config)
        _check_parameters(name, config, model.count_params())
        return model

    def decoder(self, multilabel: bool) -> Callable[[np.ndarray], np.ndarray]:
        """What turns logits into probabilities: `decode`, or sigmoids where labels are apart."""
        return each_apart if multilabel else self.decode
