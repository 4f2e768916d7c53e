"""What one annotation of VIA is, and what its codes stand for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

RECTANGLE = 2
BLANK = ("", "_DEFAULT")
# Types of attributes: check boxes, radio buttons, a list.
_CHOICES = ("2", "3", "4")

Box = tuple[float, float, float, float]


class Model(BaseModel):
    """Base of what is checked by its types."""

    # Ids are written as numbers or as text, depending on the version.
    model_config = ConfigDict(coerce_numbers_to_str=True, extra="ignore")


class Attribute(Model):
    """An attribute of VIA 3, its options by id."""

    aname: str
    type: str = ""
    options: dict[str, str] = Field(default_factory=dict)

    @property
    def lacks_options(self) -> bool:
        """Whether one is to choose among options, and there are none."""
        return self.type in _CHOICES and not self.options


@dataclass(frozen=True)
class Annotation:
    """One annotation of one file.

    Attributes:
        file: Name of the annotated file, as the annotator saw it.
        times_s: Nothing for the whole file, one instant, or start and end, in seconds.
        box: Rectangle `(x, y, w, h)` in pixels, if it has one.
        other_shape: Whether it has a shape that is no rectangle.
        words: Pairs of an attribute's name and a word that was chosen or written.
        frame: Frame of the video, from 0, where a picture of it was annotated.
    """

    place: str
    file: str
    times_s: tuple[float, ...]
    box: Box | None
    other_shape: bool
    words: tuple[tuple[str, str], ...]
    frame: int | None = None


@dataclass(frozen=True)
class Project:
    """What one file holds.

    Attributes:
        version: 2 or 3.
        annotations: In the order of the file.
        files: Names of all files of the project, annotated or not.
    """

    version: int
    annotations: tuple[Annotation, ...]
    files: tuple[str, ...]


def resolve_words(
    chosen: Mapping[str, str],
    names: Mapping[str, str],
    options: Mapping[str, Mapping[str, str]],
    place: str,
    problems: list[str],
) -> Iterator[tuple[str, str]]:
    """Resolves what was chosen, an option's id, several with commas, or the word itself."""
    for key, value in chosen.items():
        value = value.strip()
        if value in BLANK:
            continue
        known = options.get(key, {})
        parts = [part.strip() for part in value.split(",")]
        if names and key not in names:
            problems.append(
                f"{place}/{key}: the project has no attribute {key!r}. Correct it in VIA."
            )
        elif value in known.values():
            yield names.get(key, key), value
        elif all(part in known for part in parts):
            for part in parts:
                yield names[key], known[part]
        elif known and all(part.isdigit() for part in parts):
            problems.append(
                f"{place}/{key}: must be among the options {', '.join(known)}. Received {value!r}. "
                "Choose again in VIA."
            )
        else:
            for part in parts:
                yield names.get(key, key), part


def read_shape(xy: list[float]) -> tuple[Box | None, bool]:
    """Rectangle of VIA 3's coordinates if they are one, and whether they are another shape."""
    if len(xy) == 5 and xy[0] == RECTANGLE:
        return (xy[1], xy[2], xy[3], xy[4]), False
    return None, bool(xy)


def check_shape(xy: list[float], place: str) -> list[str]:
    """What is wrong with a shape."""
    if xy and xy[0] == RECTANGLE and len(xy) != 5:
        return [f"{place}/xy: a rectangle is [2, x, y, w, h]. Received {xy}. Draw it again."]
    return []
