"""Names of before version 0.3, which runs and configurations of then have, and those of now."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

KEYS: Final = {"arms": "variants", "hard": "difficulty", "left_out": "exclusions"}
VARIANTS: Final = {"honest": "val_selected"}
OPTIONS: Final = {"--arm": "--variant", "--hard": "--difficulty"}


def renamed_keys(values: Any) -> Any:
    """Plain data with today's keys, at every depth; all else as it was."""
    if isinstance(values, Mapping):
        return {KEYS.get(key, key): renamed_keys(value) for key, value in values.items()}
    return [renamed_keys(value) for value in values] if isinstance(values, list) else values


def renamed_field(field: str) -> str:
    """A key such as `cohort.difficulty` in today's words."""
    parts = field.split(".")
    names = KEYS | (VARIANTS if parts[0] in ("arms", "variants") else {})
    return ".".join(names.get(part, part) for part in parts)


def renamed_entry(entry: str) -> str:
    """A network, `model` or `variant/model`, or a split's `paper/variant`, in today's words."""
    return "/".join(VARIANTS.get(part, part) for part in entry.split("/"))


def variant_folder(parent: Path, data: str, variant: str) -> Path:
    """Folder of a variant's networks; under its former name where a run has that.

    Args:
        variant: Name of the variant; empty for the paper's own protocol.

    Returns:
        `<data>-<variant>`, or `<data>`; it need not exist.
    """
    former = next((old for old, new in VARIANTS.items() if new == variant), variant)
    names = [f"{data}-{name}" if name else data for name in (variant, former)]
    found = (parent / name for name in names if (parent / name).is_dir())
    return next(found, parent / names[0])
