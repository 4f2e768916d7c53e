"""Names in PyTorch checkpoints: what wrappers and checkpoints put before the names of weights."""

import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

# Modules that wrap others: DataParallel, and compiled modules.
WRAPPERS = ("module", "_orig_mod")
_WRAPPER = re.compile(rf"(?:(?<=^)|(?<=[./]))(?:{'|'.join(WRAPPERS)})\.")
_BORDER = re.compile(r"[./]")


@dataclass
class Names:
    """How names of a checkpoint become those of a network.

    Attributes:
        ours: Name in the checkpoint → name in the network, or the same name if it has none there.
        taken_off: Parts removed from names that are in the network, in the order of the file.
        twice: Names of the network that two names of the checkpoint stand for.
    """

    ours: dict[str, str] = field(default_factory=dict)
    taken_off: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)


def match_names(given: Iterable[str], known: Collection[str]) -> Names:
    """Removes wrappers anywhere in names, and the prefix that most known names share.

    Args:
        given: Names of a checkpoint, such as `model_state_dict/backbone.features.module.0.weight`.
        known: Names of a network, such as `features.0.weight`.

    Returns:
        The names; a prefix counts only if more known names follow it than any other.
    """
    known = set(known)
    bare = {name: _WRAPPER.sub("", name) for name in given}
    counts = Counter[str]()
    for name in bare.values():
        counts.update(_prefixes(name, known))
    # Of prefixes that as many names share, the shortest: none, if there is a choice.
    prefix = max(counts, key=lambda text: (counts[text], -len(text)), default="")
    names, taken = Names(), set[str]()
    for name, short in bare.items():
        ours = short.removeprefix(prefix)
        if ours in taken:
            names.twice.append(ours)
        # A name without the prefix that others share belongs to no other weights of the file.
        if ours not in known or ours in taken:
            names.ours[name] = name
            continue
        taken.add(ours)
        names.ours[name] = ours
        wrappers = _WRAPPER.findall(name)
        for part in (*wrappers, *((prefix,) if prefix and short != ours else ())):
            if part not in names.taken_off:
                names.taken_off.append(part)
    return names


def _prefixes(name: str, known: Collection[str]) -> list[str]:
    """What stands before every known name that this one ends with."""
    starts = [0, *(match.end() for match in _BORDER.finditer(name))]
    return [name[:start] for start in starts if name[start:] in known]
