"""docs/architecture.md names rooms, modules and functions that exist."""

import importlib
import re
from pathlib import Path

import pytest
from test_layout import FLOOR_OF, FLOORS

PAGE = Path(__file__).parents[1] / "docs" / "architecture.md"
TEXT = PAGE.read_text(encoding="utf-8")
DRAWING = re.search(r"^```\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)[1]
NAMES = sorted({name for name in re.findall(r"`([a-z_]+(?:\.\w+)+)`", TEXT)
                if name.partition(".")[0] in FLOOR_OF})  # fmt: skip
HOPS = re.findall(r"^\| (\d+) \| `([\w.]+)` \|", TEXT, re.MULTILINE)


def resolve(dotted):
    """A module, or what one defines, by its name in the package."""
    path = f"lus_keras.{dotted}"
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError:
        home, _, name = path.rpartition(".")
        return getattr(importlib.import_module(home), name)


@pytest.mark.parametrize("name", NAMES)
def test_what_the_page_names_exists(name, tensorflow):
    assert resolve(name)


def test_a_name_that_does_not_exist_is_seen():
    with pytest.raises(AttributeError):
        resolve("data.clips.index_clops")


def test_the_way_of_a_clip_has_at_most_fifteen_hops_and_each_is_a_function(tensorflow):
    assert [int(number) for number, _ in HOPS] == list(range(1, len(HOPS) + 1))
    assert 10 <= len(HOPS) <= 15
    assert [name for _, name in HOPS if not callable(resolve(name))] == []


def test_the_table_has_the_thirteen_rooms_from_the_ground_up():
    rooms = re.findall(r"^\| `(\w+)` \|", TEXT, re.MULTILINE)
    assert set(rooms) == set(FLOOR_OF)
    assert [FLOOR_OF[room] for room in rooms] == sorted(FLOOR_OF.values())


def test_the_drawing_has_the_floors_in_their_order():
    """From the top down; rooms of one floor stand in one line."""
    lines = [set(re.findall(r"\w+", line)) & set(FLOOR_OF) for line in DRAWING.splitlines()]
    # `data` and others are words as well: a floor is the line that holds all of its rooms.
    places = [max(n for n, words in enumerate(lines) if rooms <= words) for rooms in FLOORS]
    assert places == sorted(places, reverse=True)
