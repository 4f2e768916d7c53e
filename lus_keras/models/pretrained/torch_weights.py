"""Import and export of weights under PyTorch's names, for networks that come from PyTorch.

Names and shapes are those of torchvision's AlexNet (`features.*`) and ResNet152, and those of the
severity network in its author's code (`features`, `attention`, `lstm`, `fc`).
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from lus_keras.core.errors import ConfigError, DataError
from lus_keras.models.pretrained import registry
from lus_keras.models.pretrained.torch_files import read_state
from lus_keras.models.pretrained.torch_names import match_names

# Layer of ours → module of theirs.
ALEXNET_BILSTM = {
    **{f"backbone_conv{n}": f"features.{m}" for n, m in enumerate((0, 3, 6, 8, 10), start=1)},
    "attention_conv1": "attention.0",
    "attention_bn1": "attention.1",
    "attention_conv2": "attention.3",
    "attention_bn2": "attention.4",
    "spatial_mask": "attention.6",
    "bilstm": "lstm",
    "logits": "fc",
}
RESNET = {"stem_conv": "conv1", "stem_bn": "bn1", "logits": "fc"}
RESNET_BLOCK = re.compile(r"stage(\d+)_block(\d+)_(?:(conv|bn)(\d)|shortcut_(conv|bn))")
# Modules that may be absent; all others are the backbone. The shape of the last one depends on the
# number of classes and of frames: another network's is of no use.
OPTIONAL = ("attention", "lstm", "fc")
HEAD = "fc"

Arrays = list[np.ndarray]
Turn = Callable[[Arrays], Arrays]


@dataclass(frozen=True)
class TorchLoad:
    """Result of loading weights, by array name.

    Attributes:
        loaded: Names of the arrays that were loaded into the network.
        skipped: Names of arrays that were given but not used, with the reason.
        missing: Names of arrays that were not given; these parts of the network are unchanged.
        taken_off: Prefixes removed from names, such as `model_state_dict/` or `module.`.
    """

    loaded: tuple[str, ...]
    skipped: Mapping[str, str]
    missing: tuple[str, ...]
    taken_off: tuple[str, ...] = ()

    def __str__(self) -> str:
        """One line to print."""
        parts = [f"{len(self.loaded)} arrays loaded"]
        if self.taken_off:
            parts.append(f"removed from names: {', '.join(map(repr, self.taken_off))}")
        parts += [f"{name} skipped ({reason})" for name, reason in self.skipped.items()]
        if self.missing:
            modules = dict.fromkeys(name.partition(".")[0] for name in self.missing)
            parts.append(f"not in the file, initial values kept: {', '.join(modules)}")
        return "; ".join(parts)


@dataclass(frozen=True)
class _Part:
    """A layer and the arrays of PyTorch that its weights are made of.

    `shapes` are theirs by name; `pack` makes our weights of theirs, `unpack` theirs of ours.
    """

    layer: keras.layers.Layer
    shapes: dict[str, tuple[int, ...]]
    pack: Turn
    unpack: Turn


def load_torch_weights(model: keras.Model, mapping: Mapping[str, Any] | str | Path) -> TorchLoad:
    """Loads weights under PyTorch's names into a network; on an error nothing is changed.

    The weights may be the network's complete state dict, or that of torchvision's AlexNet (for the
    backbone of `alexnet_attention_bilstm`) or ResNet152. The backbone must be complete; `attention`
    and `lstm` must be complete or absent; a last layer `fc` of a different shape is skipped.

    Args:
        model: `alexnet_attention_bilstm`, or `resnet152` of variant v1.5.
        mapping: Arrays by name in PyTorch's layout (out, in, kh, kw), or a file of them: `.npz`,
            `.safetensors` or `.pth`, which is read without executing code. Names may begin with
            keys of a checkpoint (`model_state_dict/`) and modules that wrap the network
            (`backbone.`); `module.` and `_orig_mod.` may occur anywhere. Alternatively, the name
            of a registered backbone.

    Returns:
        Names that were loaded, skipped (with reasons) and missing; `str()` gives one line.

    Raises:
        ConfigError: The network has no counterpart in PyTorch.
        DataError: Names are missing, shapes differ or values are not finite (all are listed), or
            the file cannot be read.
    """
    parts = _parts(model)
    source = str(mapping) if isinstance(mapping, str | Path) else "weights"
    given = _read(mapping) if isinstance(mapping, str | Path) else mapping
    known = {name for part in parts for name in part.shapes}
    names = match_names(given, known)
    given = {names.ours[name]: value for name, value in given.items()}
    chosen: list[_Part] = []
    skipped: dict[str, str] = {}
    missing: list[str] = []
    problems = [f"{source}: '{name}' appears twice." for name in names.twice]
    for group, members in _groups(parts).items():
        shapes = {name: shape for part in members for name, shape in part.shapes.items()}
        differing = _differing_shapes(shapes, given)
        if group in OPTIONAL and not shapes.keys() & given.keys():
            missing += shapes
        elif group == HEAD and differing:
            skipped |= {name: differing.get(name, "belongs to the other") for name in shapes}
            missing += shapes
        else:
            chosen += members
            absent = {name: "is missing" for name in shapes if name not in given}
            odd = absent | differing | _unusable(shapes, given)
            problems += [f"{source}: '{name}' {reason}." for name, reason in odd.items()]
    if problems:
        raise DataError.from_problems(problems)
    for part in chosen:
        part.layer.set_weights(part.pack([_as_float(given[name]) for name in part.shapes]))
    skipped |= _without_place(given, known)
    loaded = tuple(name for part in chosen for name in part.shapes)
    return TorchLoad(loaded, skipped, tuple(missing), tuple(names.taken_off))


def _read(place: str | Path) -> dict[str, np.ndarray]:
    if not Path(place).exists() and registry.is_registered(Path(place).as_posix()):
        return registry.load_backbone(Path(place).as_posix())
    return read_state(place)


def _without_place(given: Iterable[str], known: Collection[str]) -> dict[str, str]:
    """Names that are not used, with the reason; of other weights of a checkpoint only the key."""
    skipped: dict[str, str] = {}
    for name in given:
        if name in known or name.endswith("num_batches_tracked"):
            continue
        key, slash, _ = name.rpartition("/")
        skipped[key + slash if slash else name] = "does not exist in this network"
    return skipped


def to_torch_state(model: keras.Model) -> dict[str, np.ndarray]:
    """Weights of a network under PyTorch's names and in its layout, for `load_torch_weights`.

    Args:
        model: `alexnet_attention_bilstm`, or `resnet152` of variant v1.5.

    Returns:
        float32 arrays by name. PyTorch's LSTM has two biases: the first is ours, the second is 0.

    Raises:
        ConfigError: The network has no counterpart in PyTorch.
    """
    state: dict[str, np.ndarray] = {}
    for part in _parts(model):
        state |= zip(part.shapes, part.unpack(part.layer.get_weights()), strict=True)
    return state


def _groups(parts: list[_Part]) -> dict[str, list[_Part]]:
    groups: dict[str, list[_Part]] = {}
    for part in parts:
        module = next(iter(part.shapes)).partition(".")[0]
        groups.setdefault(module if module in OPTIONAL else "backbone", []).append(part)
    return groups


def _differing_shapes(
    shapes: Mapping[str, tuple[int, ...]], given: Mapping[str, Any]
) -> dict[str, str]:
    return {
        name: f"has shape {tuple(np.shape(given[name]))}, {shape} is expected"
        for name, shape in shapes.items()
        if name in given and tuple(np.shape(given[name])) != shape
    }


def _unusable(names: Iterable[str], given: Mapping[str, Any]) -> dict[str, str]:
    reasons = {}
    for name in names:
        if name not in given:
            continue
        try:
            finite = np.isfinite(_as_float(given[name])).all()
        except (TypeError, ValueError, RuntimeError):
            reasons[name] = f"does not contain numbers, but {type(given[name]).__name__}"
        else:
            if not finite:
                reasons[name] = "has values that are not finite"
    return reasons


def _as_float(values: Any) -> np.ndarray:
    with np.errstate(over="ignore"):
        return np.asarray(values).astype(np.float32)


def _parts(model: keras.Model) -> list[_Part]:
    """Layers with weights, each with its arrays of PyTorch, in the order of the network."""
    layers = [layer for layer in model.layers if layer.weights]
    modules = {layer.name: _module(layer.name, layers[0].name) for layer in layers}
    is_planar = isinstance(_unwrapped(layers[0]), keras.layers.Conv2D)
    if not is_planar or None in modules.values():
        raise ConfigError(
            f"model: '{model.name}' has no counterpart in PyTorch. Use 'alexnet_attention_bilstm' "
            "or 'resnet152' of variant v1.5."
        )
    return [_part(layer, str(modules[layer.name])) for layer in layers]


def _module(layer: str, first: str) -> str | None:
    if first in ALEXNET_BILSTM:
        return ALEXNET_BILSTM.get(layer)
    match = RESNET_BLOCK.fullmatch(layer)
    if match is None or first not in RESNET:
        return RESNET.get(layer) if first in RESNET else None
    stage, block, kind, index, shortcut = match.groups()
    inner = f"{kind}{index}" if kind else f"downsample.{0 if shortcut == 'conv' else 1}"
    return f"layer{stage}.{int(block) - 1}.{inner}"


def _unwrapped(layer: keras.layers.Layer) -> keras.layers.Layer:
    return layer.layer if isinstance(layer, keras.layers.TimeDistributed) else layer


def _part(layer: keras.layers.Layer, module: str) -> _Part:
    """How the arrays of a layer of a kind are turned."""
    inner = _unwrapped(layer)
    pack: Turn
    unpack: Turn
    if isinstance(inner, keras.layers.Bidirectional):
        names = [
            f"{module}.{kind}_l0{direction}"
            for direction in ("", "_reverse")
            for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        ]
        pack, unpack = _pack_lstm, _unpack_lstm
    elif isinstance(inner, keras.layers.BatchNormalization):
        kinds = ("weight", "bias", "running_mean", "running_var")
        names = [f"{module}.{kind}" for kind in kinds]
        pack = unpack = _unchanged
    else:
        names = [f"{module}.{kind}" for kind in ("weight", "bias")[: len(layer.weights)]]
        pack, unpack = _pack_kernel, _unpack_kernel
    shapes = [values.shape for values in unpack([np.empty(w.shape) for w in layer.weights])]
    return _Part(layer, dict(zip(names, shapes, strict=True)), pack, unpack)


def _unchanged(arrays: Arrays) -> Arrays:
    return arrays


def _pack_kernel(theirs: Arrays) -> Arrays:
    """(out, in, …) to (…, in, out)."""
    kernel, *bias = theirs
    return [np.moveaxis(kernel, (0, 1), (-1, -2)), *bias]


def _unpack_kernel(ours: Arrays) -> Arrays:
    kernel, *bias = ours
    return [np.moveaxis(kernel, (-1, -2), (0, 1)), *bias]


def _pack_lstm(theirs: Arrays) -> Arrays:
    """The order of gates is the same; of the two biases only the sum counts."""
    forward, backward = theirs[:4], theirs[4:]
    return [
        values
        for w_ih, w_hh, b_ih, b_hh in (forward, backward)
        for values in (w_ih.T, w_hh.T, b_ih + b_hh)
    ]


def _unpack_lstm(ours: Arrays) -> Arrays:
    return [
        values
        for kernel, recurrent, bias in (ours[:3], ours[3:])
        for values in (kernel.T, recurrent.T, bias, np.zeros_like(bias))
    ]
