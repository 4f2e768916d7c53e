"""What a paper module has to say; everything else is configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lus_keras.core.errors import ConfigError, DataError

if TYPE_CHECKING:
    import keras
    import numpy as np
    import pandas as pd

    from lus_keras.core.config import PaperConfig

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


def weights_file(
    config: PaperConfig, known: Sequence[str] = ("weights",), suffixes: str = TORCH_FILES
) -> Path | None:
    """The first weights that `options.weights` names: a file, or a registered backbone.

    Args:
        config: The paper's configuration.
        known: Options that the paper has.
        suffixes: Endings that such a file may have, such as `.pth .npz`.

    Returns:
        The file, or the name of the backbone; None where none is named.

    Raises:
        ConfigError: An option is unknown, or the name is neither that of such a file nor that of a
            registered backbone.
        DataError: There is no such file.
    """
    place = f"configs/{config.paper}.yaml: "
    unknown = sorted(set(config.options) - set(known))
    if unknown:
        raise ConfigError.from_problems(
            f"{place}unknown key 'options.{key}'. Known: {', '.join(known)}." for key in unknown
        )
    named = config.options.get("weights")
    if named is None:
        return None
    if isinstance(named, str) and suffixes == TORCH_FILES and not Path(named).exists():
        from lus_keras.models.pretrained import registry

        if registry.is_registered(named):
            return Path(named)
    if not isinstance(named, str) or Path(named).suffix.lower() not in suffixes.split():
        raise ConfigError(
            f"{place}options.weights: must be null or a file ending in {suffixes}. "
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
    """Those of a paper's network settings that one of its networks has.

    Args:
        options: The configuration's `model`.
    """
    from lus_keras.models import builders
    from lus_keras.models.options import settable

    known = settable(builders()[name])
    return {key: value for key, value in options.items() if key in known}


def labels_of(paper: str) -> dict[str, str]:
    """Printed names of a paper's networks, from the titles in its configuration.

    Returns:
        `model` → title, then `variant/model` → "variant's title, model's title".
    """
    from lus_keras.core import config

    settings = config.load(paper)
    titles = {name: model.title for name, model in settings.models.items()}
    return titles | {
        f"{variant}/{name}": f"{entry.title}, {titles[name]}"
        for variant, entry in settings.variants.items()
        for name in entry.models or settings.models
    }


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

    def network(self, name: str, config: PaperConfig) -> keras.Model:
        """Makes a network by name: one of the paper's, or one of the user's beside them."""
        if name in config.networks:
            from lus_keras.papers.own import build_own

            return build_own(config.networks[name], config)
        return self.build(name, config)

    def decoder(self, multilabel: bool) -> Callable[[np.ndarray], np.ndarray]:
        """What turns logits into probabilities: `decode`, or sigmoids where labels are apart."""
        return each_apart if multilabel else self.decode
