"""The program inside a PyTorch file, followed as far as a state dict needs and no further.

PyTorch stores objects as a program in the language of Python's object serializer, which can call
anything. Here it is read one instruction at a time: text, numbers, containers and tensors are put
together; a name to import is compared with a short list, and never imported.
"""

import pickletools
from dataclasses import dataclass
from typing import IO, Any

import numpy as np

from lus_keras.core.errors import DataError

# Type of storage → type of its values.
STORAGES = {
    "torch FloatStorage": "<f4",
    "torch DoubleStorage": "<f8",
    "torch HalfStorage": "<f2",
    "torch BFloat16Storage": "<u2",
    "torch LongStorage": "<i8",
    "torch IntStorage": "<i4",
    "torch ShortStorage": "<i2",
    "torch CharStorage": "i1",
    "torch ByteStorage": "u1",
    "torch BoolStorage": "?",
}
DICTIONARY = "collections OrderedDict"
PARAMETER = "torch._utils _rebuild_parameter"
TENSORS = ("torch._utils _rebuild_tensor", "torch._utils _rebuild_tensor_v2")
KNOWN = {DICTIONARY, PARAMETER, *TENSORS, *STORAGES}

CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
LITERALS = {
    *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"),
    *("BINUNICODE", "SHORT_BINUNICODE", "BINSTRING", "SHORT_BINSTRING"),
}
MAX_COUNT = 2**40
_MARK = object()


@dataclass(frozen=True)
class Name:
    """A name that the file imports; one of `KNOWN`."""

    text: str


@dataclass(frozen=True)
class Storage:
    """Values that tensors are views of: `count` of a type, found in the file by `key`."""

    key: str
    kind: str
    count: int

    @property
    def dtype(self) -> np.dtype:
        """Type of the values as they lie in the file."""
        return np.dtype(STORAGES[self.kind])

    @property
    def is_brain_float(self) -> bool:
        """Whether the values are the upper halves of float32."""
        return self.kind == "torch BFloat16Storage"


@dataclass(frozen=True)
class Tensor:
    """A view of a storage; offset and strides count values, not bytes."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class Refused(Exception):
    """The program does something that a state dict does not require."""


class Program:
    """Follows programs of a file, one after the other.

    Args:
        path: File the programs come from, for messages.
        stream: Where they are read, up to the end of each and no further.

    Attributes:
        storages: All storages that were named, by key.
    """

    def __init__(self, path: Any, stream: IO[bytes]):
        self.path = path
        self.stream = stream
        self.storages: dict[str, Storage] = {}
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def run(self) -> Any:
        """What the next program puts together: containers, text, numbers and `Tensor`s.

        Raises:
            DataError: The program is damaged, or imports something that is not in `KNOWN`.
        """
        self._stack, self._memo = [], {}
        try:
            for opcode, argument, _ in pickletools.genops(self.stream):
                if opcode.name == "STOP":
                    return self._stack.pop()
                self._do(opcode.name, argument)
        except Refused as error:
            raise DataError(
                f"{self.path}: refused: {error}. Files that contain only weights do not need it, "
                "and it could execute arbitrary code. Save `model.state_dict()`, preferably as "
                "safetensors."
            ) from error
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise DataError(
                f"{self.path}: damaged, or not a PyTorch file: {error}. Download or copy it again."
            ) from error
        raise DataError(f"{self.path}: damaged: its program has no end. Download or copy it again.")

    def _do(self, name: str, argument: Any) -> None:
        push = self._stack.append
        if name in ("PROTO", "FRAME"):
            return
        if name in CONSTANTS:
            push(CONSTANTS[name])
        elif name in LITERALS:
            push(argument)
        elif name == "EMPTY_DICT":
            push({})
        elif name == "EMPTY_LIST":
            push([])
        elif name == "MARK":
            push(_MARK)
        elif name in ("BINPUT", "LONG_BINPUT", "MEMOIZE"):
            self._memo[len(self._memo) if argument is None else argument] = self._stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            push(self._memo[argument])
        elif name in ("GLOBAL", "STACK_GLOBAL"):
            push(self._name(argument))
        else:
            self._put_together(name)

    def _put_together(self, name: str) -> None:
        pop, push = self._stack.pop, self._stack.append
        if name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            parts = [pop() for _ in range(int(name[-1]))]
            push(tuple(reversed(parts)))
        elif name == "TUPLE":
            push(tuple(self._pop_to_mark()))
        elif name in ("APPEND", "APPENDS"):
            parts = [pop()] if name == "APPEND" else self._pop_to_mark()
            _expect(self._stack[-1], list).extend(parts)
        elif name in ("SETITEM", "SETITEMS"):
            parts = [pop(), pop()][::-1] if name == "SETITEM" else self._pop_to_mark()
            pairs = zip(parts[::2], parts[1::2], strict=True)
            _expect(self._stack[-1], dict).update(pairs)
        elif name == "BUILD":
            # Attributes of a dictionary (`_metadata`): versions of modules, of no use here.
            pop()
            _expect(self._stack[-1], dict)
        elif name == "BINPERSID":
            push(self._storage(pop()))
        elif name == "REDUCE":
            arguments = _expect(pop(), tuple)
            push(_call(_expect(pop(), Name).text, arguments))
        else:
            raise Refused(f"instruction {name}")

    def _pop_to_mark(self) -> list[Any]:
        place = max(i for i, value in enumerate(self._stack) if value is _MARK)
        parts = self._stack[place + 1 :]
        del self._stack[place:]
        return parts

    def _name(self, argument: str | None) -> Name:
        if argument is None:
            last, first = self._stack.pop(), self._stack.pop()
            argument = f"{first} {last}"
        if argument not in KNOWN:
            raise Refused(f"it imports '{argument.replace(' ', '.')}'")
        return Name(argument)

    def _storage(self, key: Any) -> Storage:
        kind, kind_name, place, _device, count, *view = _expect(key, tuple)
        if kind != "storage" or any(part is not None for part in view):
            raise Refused(f"storage of type {kind!r}, or a view of one")
        if _expect(kind_name, Name).text not in STORAGES:
            raise TypeError(f"{kind_name.text} is not a storage type")
        storage = Storage(_expect(place, str), kind_name.text, _counts((count,))[0])
        return self.storages.setdefault(storage.key, storage)


def _call(name: str, arguments: tuple[Any, ...]) -> Any:
    """What the original function would have made, from our own kinds."""
    if name == DICTIONARY:
        return dict(*arguments)
    if name == PARAMETER:
        return _expect(arguments[0], Tensor)
    if name in TENSORS:
        storage, offset, shape, strides = arguments[:4]
        view = (_counts((offset,))[0], _counts(shape), _counts(strides))
        return Tensor(_expect(storage, Storage), *view)
    raise TypeError(f"{name} cannot be called")


def _expect(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"a {type(value).__name__} was found instead of a {kind.__name__}")
    return value


def _counts(values: Any) -> tuple[int, ...]:
    if not all(type(value) is int and 0 <= value <= MAX_COUNT for value in _expect(values, tuple)):
        raise ValueError(f"{values} are not valid sizes")
    return values


def widen_brain_floats(values: np.ndarray) -> np.ndarray:
    """bfloat16 values, given as their bits `(…)` uint16, as `(…)` float32."""
    return (values.astype(np.uint32) << 16).view(np.float32)
