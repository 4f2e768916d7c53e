"""What one cell of a manifest may hold: text to value and back.

Labels are read as their registry, `lus_keras.core.labels`, says. Every `parse_*` takes the name of
the column and a stripped text that is not empty, and raises `ValueError` with the rule, what was
received and what to do.
"""

import math
import os
import re
from pathlib import Path
from typing import Any

from lus_keras.core.files import is_picture_folder
from lus_keras.core.labels import NUMBER, REGISTRY, plain_number

Box = tuple[int, int, int, int]

# What spreadsheets and pandas write where nothing is known.
_MISSING = frozenset(("nan", "na", "n/a", "<na>", "nat", "null", "none"))
# Words in the place of a patient's id that name nobody, and would make one patient of many.
_NOBODY = frozenset(("n.a.", "unknown", "anonymous", "anonymized", "anonymised"))
# English, German and French names; `#NV` and `#N/D` are `#N/A`.
_EXCEL_ERROR = re.compile(r"#(?:N/A|N/D|NV|[A-ZÀ-Ý0/_]+[!?])")


def parse_text(column: str, text: str) -> str:
    """The unchanged text, if all of it is printable: invisible characters would give other ids."""
    if not text.isprintable():
        raise ValueError(f"`{column}` must be printable text. Received {text!r}. Type it again.")
    return text


def parse_box(column: str, text: str) -> Box:
    """`x,y,w,h` in pixels, not empty."""
    parts = [part.strip() for part in text.split(",")]
    numbers = [int(part) for part in parts if re.fullmatch(r"\d{1,6}", part, re.ASCII)]
    if len(parts) != 4 or len(numbers) != 4 or 0 in numbers[2:]:
        raise ValueError(
            f"`{column}` must be x,y,w,h in pixels with x, y ≥ 0 and w, h > 0. Received {text!r}. "
            "Write four whole numbers inside double quotes."
        )
    x, y, width, height = numbers
    return x, y, width, height


def parse_fps(column: str, text: str) -> float:
    """Frames per second, positive and finite."""
    fps = float(text) if NUMBER.fullmatch(text) else math.nan
    if not 0 < fps < math.inf:
        raise ValueError(
            f"`{column}` must be a positive number. Received {text!r}. Correct it, or leave it "
            "blank to use the time stamps of the file."
        )
    return fps


def parse_sha256(column: str, text: str) -> str:
    """64 hexadecimal digits, in lower case."""
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise ValueError(
            f"`{column}` must be 64 hexadecimal digits. Received {text!r}. Compute it again."
        )
    return text.lower()


def parse_path(column: str, text: str, folder: Path) -> str:
    """Absolute path, which is inside `folder` after resolving `..` and links.

    If it exists, it is a regular file or a folder of images.
    """
    if re.match(r"[A-Za-z][\w+.-]+:", text):
        raise ValueError(
            f"`{column}` must be a path, not an address. Received {text!r}. Download the file "
            "and give its path."
        )
    if "%" in text or not text.isprintable():
        raise ValueError(f"`{column}` must not contain '%'. Received {text!r}. Rename the file.")
    path = Path(os.path.normpath(folder / text))
    try:
        inside = path.is_relative_to(folder) and path.resolve().is_relative_to(folder.resolve())
        special = path.exists() and not path.is_file() and not is_picture_folder(path)
    except (OSError, RuntimeError) as error:
        raise ValueError(f"`{column}` cannot be resolved: {error}. Correct the path.") from error
    if not inside:
        raise ValueError(
            f"`{column}` must lie inside {folder}. Received {text!r}. Move the file there, or give "
            "the folder that contains all videos as root."
        )
    if special:
        raise ValueError(
            f"`{column}` must be a regular file, or a folder of numbered images. Received "
            f"{text!r}. Give a video file."
        )
    return str(path)


def is_missing(text: str) -> bool:
    """Whether a cell contains what spreadsheets or pandas write for missing values."""
    return text.casefold() in _MISSING or not text


def names_nobody(text: str) -> bool:
    """Whether a patient's id means an unknown patient: `-`, `?`, `unknown`, or as `is_missing`."""
    return is_missing(text) or text.casefold() in _NOBODY or not any(map(str.isalnum, text))


def is_excel_error(text: str) -> bool:
    """Whether a cell contains an error value of Excel, such as `#REF!`."""
    return _EXCEL_ERROR.fullmatch(text) is not None


def parse_id(column: str, text: str) -> str:
    """Text as `parse_text`, if it is not what programs write for missing values."""
    if is_excel_error(text):
        raise ValueError(
            f"`{column}` must be an id. Received {text!r}, an error value of Excel. Correct it."
        )
    if is_missing(text) or (column == "patient_id" and names_nobody(text)):
        raise ValueError(
            f"`{column}` must be an id. Received {text!r}, which means no value. Fill it in."
        )
    return parse_text(column, text)


def parse_label(column: str, text: str) -> Any:
    """Value of a label column, as the registry of labels reads it."""
    return REGISTRY[column].parse(column, text)


def format_field(column: str, value: Any) -> str:
    """Text of a cell that the parser of its column turns back into `value`."""
    if value is None:
        return ""
    if column in REGISTRY:
        return REGISTRY[column].format(value)
    if isinstance(value, float):
        return plain_number(value)
    if isinstance(value, tuple):
        return ",".join(str(number) for number in value)
    return str(value)
