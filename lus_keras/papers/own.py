"""Networks of the user beside those of a paper: a function in a file, built as ours are.

--network mine.py:build_tiny      def build_tiny(*, input_shape, …) -> keras.Model
"""

from __future__ import annotations

import copy
import importlib.util
import inspect
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lus_keras.core.config import Claim, ModelEntry, OwnNetwork, PaperConfig
from lus_keras.core.errors import ConfigError
from lus_keras.core.files import sha256_of

if TYPE_CHECKING:
    import keras

# Functions that came as such and not as a file, by name and hash; of this process alone.
_GIVEN: dict[tuple[str, str], Callable[..., keras.Model]] = {}
# Parameters of what was built, by hash, function and the configuration it suits.
_COUNTED: dict[tuple[Any, ...], int] = {}


def from_file(spec: str) -> OwnNetwork:
    """Reads what `--network` names.

    Args:
        spec: `file.py:function`.

    Returns:
        File, function and hash; the file is not run yet.

    Raises:
        ConfigError: It is not of that form, or there is no such file.
    """
    file, _, function = spec.rpartition(":")
    if not file.endswith(".py") or not function.isidentifier():
        raise ConfigError(
            f"--network {spec}: must be FILE.py:FUNCTION, such as mine.py:build_tiny."
        )
    path = Path(file).expanduser()
    if not path.is_file():
        raise ConfigError(f"--network {spec}: {path} is not a file. Correct the path.")
    return OwnNetwork(file=str(path.absolute()), function=function, sha256=sha256_of(path))


def from_function(build: Callable[..., keras.Model]) -> OwnNetwork:
    """Takes a function as it is, such as that of a notebook; its processes cannot be several.

    Returns:
        Its name and the hash of its source.

    Raises:
        ConfigError: It has no name or no source.
    """
    name = getattr(build, "__name__", "")
    try:
        source = inspect.getsource(build)
    except (OSError, TypeError):
        source = ""
    if not source or not name.isidentifier():
        raise ConfigError("build: must be a function defined by `def`, whose source can be read.")
    digest = sha256(source.encode()).hexdigest()
    _GIVEN[name, digest] = build
    return OwnNetwork(file="", function=name, sha256=digest)


def with_networks(settings: PaperConfig, networks: Sequence[OwnNetwork]) -> PaperConfig:
    """Puts networks of the user beside a paper's: in its variants, and as claims to be tested.

    Returns:
        The configuration, with their parameters as counted.

    Raises:
        ConfigError: A name is taken, or a function does not give a network that suits.
    """
    if not networks:
        return settings
    known = {network.function: network for network in networks}
    if len(known) < len(networks) or known.keys() & settings.models.keys():
        names = ", ".join(network.function for network in networks)
        raise ConfigError(
            f"--network: {names}: a network of this name exists. Rename the function."
        )
    first = next(iter(settings.models))
    # What a step costs is not known: as much as the dearest of the paper's.
    costs = {
        name: max(getattr(entry, name) for entry in settings.models.values())
        for name in ("ns_per_pixel", "memory_factor")
    }
    entries = {
        name: ModelEntry(title=name, parameters=_counted(network, settings), **costs)
        for name, network in known.items()
    }
    variants = {
        name: variant
        if variant.models is None or first not in variant.models
        else variant.model_copy(update={"models": (*variant.models, *known)})
        for name, variant in settings.variants.items()
    }
    claims = [_claim(name, settings) for name in known if settings.claims]
    return settings.model_copy(
        update={
            "networks": known,
            "models": {**settings.models, **entries},
            "variants": variants,
            "claims": (*settings.claims, *claims),
        }
    )


def _claim(name: str, settings: PaperConfig) -> Claim:
    """A network of the user against the one that the paper's first claim calls better."""
    said = settings.claims[0]
    rival = said.better if isinstance(said.better, str) else said.better[0]
    variant, _, model = rival.rpartition("/")
    return Claim(
        id=f"{name}_over_{model}",
        text=f"Not the paper's: {name} is better than {settings.models[model].title}",
        better=f"{variant}/{name}" if variant else name,
        worse=rival,
        metric=said.metric,
    )


def outputs_of(settings: PaperConfig) -> int:
    """Number of logits that a paper's loss takes."""
    single = settings.model.get("head") == "sigmoid1"
    return settings.model.get("num_outputs", 1 if single else len(settings.labels))


def build_own(network: OwnNetwork, settings: PaperConfig) -> keras.Model:
    """Builds a network of the user for clips as a configuration cuts them.

    The function is given `input_shape`, and of the options in `model` and `num_outputs` those that
    it names.

    Raises:
        ConfigError: The file has changed or cannot be run, or what it gives does not suit; the
            message says what is wanted.
    """
    function = _function(network)
    known = inspect.signature(function).parameters
    options = {**settings.model, "num_outputs": outputs_of(settings)}
    given = {name: value for name, value in options.items() if name in known}
    try:
        model = function(input_shape=settings.clip.shape, **given)
    except Exception as error:
        raise _refused(network, f"raised {type(error).__name__}: {error}") from error
    _check(network, model, settings)
    return model


def _check(network: OwnNetwork, model: Any, settings: PaperConfig) -> None:
    import keras

    if not isinstance(model, keras.Model) or not hasattr(model, "layers"):
        raise _refused(network, f"must return a keras.Model. Received {type(model).__name__}")
    wanted = (None, outputs_of(settings))
    shape = getattr(model.output, "shape", None)
    if shape is None or tuple(shape) != wanted:
        raise _refused(network, f"must return logits of shape {wanted}. Received {shape}")
    if tuple(model.input.shape[1:]) != settings.clip.shape:
        took = tuple(model.input.shape[1:])
        raise _refused(network, f"must accept inputs {settings.clip.shape}. Received {took}")
    if not any(layer.name == "logits" for layer in model.layers):
        raise _refused(network, "must have a last layer named 'logits'")
    if "softmax" in str(getattr(model.get_layer("logits"), "activation", "")):
        raise _refused(network, "must return logits, without a softmax")


def _refused(network: OwnNetwork, reason: str) -> ConfigError:
    place = f"--network {network.file or 'function'}:{network.function}"
    return ConfigError(f"{place}: {reason}. Correct the function.")


def _function(network: OwnNetwork) -> Callable[..., keras.Model]:
    if not network.file:
        key = (network.function, network.sha256)
        if key not in _GIVEN:
            raise _refused(network, "was defined in another process; put it in a file")
        return _GIVEN[key]
    path = Path(network.file)
    if not path.is_file() or sha256_of(path) != network.sha256:
        raise _refused(
            network, "the file has changed since the command started; run the command again"
        )
    spec = importlib.util.spec_from_file_location(f"own_{network.sha256[:12]}", path)
    if spec is None or spec.loader is None:
        raise _refused(network, "the file cannot be imported")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise _refused(network, f"the file raised {type(error).__name__}: {error}") from error
    function = getattr(module, network.function, None)
    if not callable(function) or "input_shape" not in inspect.signature(function).parameters:
        raise _refused(network, "must be a function with the keyword 'input_shape'")
    return function


def _counted(network: OwnNetwork, settings: PaperConfig) -> int:
    key = (network.sha256, network.function, settings.clip.shape, str(settings.model))
    if key not in _COUNTED:
        from lus_keras.core.environment import start_tensorflow

        start_tensorflow()
        _COUNTED[key] = build_own(network, settings).count_params()
    return _COUNTED[key]


def architecture(network: OwnNetwork, settings: PaperConfig) -> dict[str, Any] | None:
    """A network as plain data from which Keras builds it again without the user's file.

    Returns:
        Keras' form; None where it has layers that only its file knows.
    """
    import json

    import keras

    model = build_own(network, settings)
    try:
        said = json.loads(json.dumps(keras.saving.serialize_keras_object(model)))
        again = rebuilt(said)
    except Exception:
        return None
    same = [w.shape for w in again.weights] == [w.shape for w in model.weights]
    return said if same else None


def rebuilt(said: dict[str, Any]) -> keras.Model:
    """Builds a network from `architecture`; nothing of the user's is run."""
    import keras

    from lus_keras.models import builders

    builders()  # Registers our layers.
    # Keras takes out of it what it has read.
    return keras.saving.deserialize_keras_object(copy.deepcopy(said), safe_mode=True)
