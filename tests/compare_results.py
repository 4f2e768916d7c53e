"""Compares two results.json files cell by cell: `python tests/compare_results.py BEFORE AFTER`.

A cell is found by paper, table, row and metric. Numbers must be equal to the last digit, as both
files are made from the same predictions; `--tolerance` allows a relative difference. Keys that only
one version of the package writes are left out with `--ignore KEY`. Rows whose network or variant
has a new name are matched with `--rename FORMER=NEW`.
"""

import argparse
import json
import math
import sys
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

ADDRESS = ("paper", "table", "row", "metric")


def differences(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    *,
    ignore: Collection[str] = (),
    tolerance: float = 0.0,
    renamed: Mapping[str, str] | None = None,
) -> list[str]:
    """Lists what differs.

    Args:
        before: Content of the one results.json.
        after: Content of the other.
        ignore: Keys of a cell, or of the file, that do not count.
        tolerance: Relative difference of numbers that is allowed.
        renamed: New names by former names, each a part of a table's or row's name between slashes.

    Returns:
        One line a difference, naming the cell, the key and both values; empty if there is none.
    """
    found = [
        f"{key}: {before.get(key)!r} → {after.get(key)!r}"
        for key in sorted({*before, *after} - {"rows", *ignore})
        if before.get(key) != after.get(key)
    ]
    sides = [_by_address(document["rows"], renamed or {}) for document in (before, after)]
    for side, name in zip(sides, ("before", "after"), strict=True):
        repeated = Counter(address for address, cells in side.items() if len(cells) > 1)
        found += [f"{'/'.join(address)}: more than once {name}" for address in repeated]
    first, second = ({a: cells[0] for a, cells in side.items()} for side in sides)
    for address in dict.fromkeys([*first, *second]):
        place = "/".join(address)
        if address not in second or address not in first:
            found.append(f"{place}: only {'before' if address in first else 'after'}")
            continue
        one, other = first[address], second[address]
        found += [
            f"{place}: {key}: {one.get(key, 'absent')!r} → {other.get(key, 'absent')!r}"
            for key in dict.fromkeys([*one, *other])
            if key not in ignore and not _equal(one, other, key, tolerance)
        ]
    if not found and list(first) != list(second):
        found.append("rows: the same cells in another order")
    return found


def _by_address(
    rows: Sequence[Mapping[str, Any]], renamed: Mapping[str, str]
) -> dict[tuple[str, ...], list[Any]]:
    cells: dict[tuple[str, ...], list[Any]] = {}
    for row in rows:
        named = {
            key: "/".join(renamed.get(part, part) for part in str(row[key]).split("/"))
            for key in ADDRESS
        }
        cells.setdefault(tuple(named.values()), []).append({**row, **named})
    return cells


def _equal(one: Mapping[str, Any], other: Mapping[str, Any], key: str, tolerance: float) -> bool:
    if (key in one) != (key in other):
        return False
    values = (one[key], other[key])
    if tolerance and all(type(value) in (int, float) for value in values):
        return math.isclose(*values, rel_tol=tolerance)
    return values[0] == values[1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the differences.

    Args:
        arguments: Words of the command line; those of the process if not given.

    Returns:
        0 if there is no difference, else 1.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--ignore", action="append", default=[], metavar="KEY")
    parser.add_argument("--rename", action="append", default=[], metavar="FORMER=NEW")
    parser.add_argument("--tolerance", type=float, default=0.0)
    chosen = parser.parse_args(arguments)
    before, after = (
        json.loads(path.read_text(encoding="utf-8")) for path in (chosen.before, chosen.after)
    )
    found = differences(
        before,
        after,
        ignore=chosen.ignore,
        tolerance=chosen.tolerance,
        renamed=dict(pair.split("=") for pair in chosen.rename),
    )
    for line in found:
        print(line)
    print(f"{len(found)} differences in {len(before['rows'])} and {len(after['rows'])} cells.")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
