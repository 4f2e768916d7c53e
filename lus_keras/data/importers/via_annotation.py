"""One VIA annotation, and the meaning of its codes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

RECTANGLE = 2
BLANK = ("", "_DEFAULT")
# Types of attributes with options: check boxes, radio buttons, a list.
_CHOICES = ("2", "3", "4")

Box = tuple[float, float, float, float]


class Model(BaseModel):
    """Base class of the validated parts of a file."""

    # Ids are numbers or text, depending on the version.
    model_config = ConfigDict(coerce_numbers_to_str=True, extra="ignore")


class Attribute(Model):
    """An attribute of VIA 3 with its options by id."""

    aname: str
    type: str = ""
    options: dict[str, str] = Field(default_factory=dict)

    @property
    def lacks_options(self) -> bool:
        """Whether the attribute requires options but has none."""
        return self.type in _CHOICES and not self.options


@dataclass(frozen=True)
class Annotation:
    """One annotation of one file.

    Attributes:
        file: Name of the annotated file, as seen by the annotator.
        times_s: Empty for the whole file, one instant, or start and end, in seconds.
        box: Rectangle `(x, y, w, h)` in pixels, if any.
        other_shape: Whether the annotation has a shape other than a rectangle.
        words: Pairs of an attribute's name and a chosen or written word.
        frame: Frame of the video, from 0, if an image of it was annotated.
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
    """Content of one project or export.

    Attributes:
        version: Version of VIA, 2 or 3.
        annotations: Annotations in the order of the file.
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
    """Pairs of an attribute's name and the word that a value denotes.

    Args:
        chosen: Value by attribute: the id of an option, several ids with commas, or a word.
        names: Names of the attributes by key.
        options: Words by id of the option, by attribute.
        place: Position in the file, for messages.
        problems: Problems to be corrected are appended.
    """
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
    """Rectangle from VIA 3 coordinates, or None, and whether they are another shape."""
    if len(xy) == 5 and xy[0] == RECTANGLE:
        return (xy[1], xy[2], xy[3], xy[4]), False
    return None, bool(xy)


def check_shape(xy: list[float], place: str) -> list[str]:
    """Problems of a shape."""
    if xy and xy[0] == RECTANGLE and len(xy) != 5:
        return [f"{place}/xy: a rectangle is [2, x, y, w, h]. Received {xy}. Draw it again."]
    return []
