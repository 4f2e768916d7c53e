"""What one cell of a manifest may hold: text to value and back.

Every `parse_*` takes the name of the column and a stripped text that is not empty, and raises
`ValueError` with the rule, what was received and what to do.
"""

from __future__ import annotations

import difflib
import math
import os
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

from lus_keras.core.files import is_picture_folder

Segments = tuple[tuple[float, float], ...]
Box = tuple[int, int, int, int]

SIGNS = ("a_lines", "b_lines", "effusion", "consolidation")
SCORES = {"b_lines": range(2), "sliding": range(2), "severity": range(4)}
NO_SEGMENTS = "none"
NO_SIGNS = "none"

_YES_NO = {"no": 0, "yes": 1}
_NUMBER = re.compile(r"-?(?:\d+\.?\d*|\.\d+)", re.ASCII)
_SEGMENT = re.compile(rf"({_NUMBER.pattern})\s*-\s*({_NUMBER.pattern})", re.ASCII)


def parse_text(column: str, text: str) -> str:
    """Text as it is, if all of it can be seen: an invisible character would make a second id."""
    if not text.isprintable():
        raise ValueError(f"`{column}` must be printable text. Received {text!r}. Type it anew.")
    return text


def parse_score(column: str, text: str) -> int:
    """Whole number of `SCORES[column]`; `2.0` is 2, and `no`/`yes` are 0/1 where those are all."""
    allowed = SCORES[column]
    whole = re.fullmatch(r"(\d{1,9})(?:\.0*)?", text, re.ASCII)
    score = int(whole[1]) if whole else -1
    binary = len(allowed) == len(_YES_NO)
    if binary:
        score = _YES_NO.get(text.lower(), score)
    if score not in allowed:
        names = ", ".join(map(str, allowed)) + (", no or yes" if binary else "")
        raise ValueError(f"`{column}` must be {names}. Received {text!r}. Correct the label.")
    return score


def parse_sign(column: str, text: str) -> str:
    """One of `SIGNS`."""
    if text not in SIGNS:
        nearest = difflib.get_close_matches(text.lower(), SIGNS, n=1)
        hint = f"Did you mean {nearest[0]!r}?" if nearest else "Correct the label."
        raise ValueError(f"`{column}` must be one of {', '.join(SIGNS)}. Received {text!r}. {hint}")
    return text


def parse_signs(column: str, text: str) -> tuple[str, ...]:
    """All of `SIGNS` that are seen, `a_lines;b_lines`, in the order of `SIGNS`; `none` is none."""
    if text.lower() == NO_SIGNS:
        return ()
    parts = [part.strip() for part in text.split(";")]
    unknown = [part for part in parts if part not in SIGNS]
    if unknown or len(set(parts)) < len(parts):
        nearest = difflib.get_close_matches(unknown[0].lower(), SIGNS, n=1) if unknown else []
        hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
        raise ValueError(
            f"`{column}` must be {', '.join(SIGNS)}, each at most once. Received {text!r}.{hint} "
            f"Write 'a_lines;b_lines', or '{NO_SIGNS}' where none of them is seen."
        )
    return tuple(sign for sign in SIGNS if sign in parts)


def parse_segments(column: str, text: str) -> Segments:
    """Intervals in seconds, `0.40-1.85;2.0-2.4`, in the order given; `none` is no interval."""
    if text.lower() == NO_SEGMENTS:
        return ()
    return tuple(_parse_segment(column, part.strip()) for part in text.split(";"))


def _parse_segment(column: str, text: str) -> tuple[float, float]:
    match = _SEGMENT.fullmatch(text)
    start, end = (float(match[1]), float(match[2])) if match else (math.nan, math.nan)
    if not 0 <= start < end < math.inf:
        raise ValueError(
            f"`{column}` must be intervals in seconds with 0 ≤ start < end. Received {text!r}. "
            f"Write '0.40-1.85;2.0-2.4', or '{NO_SEGMENTS}' where no B-line is seen."
        )
    return start, end


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
    fps = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not 0 < fps < math.inf:
        raise ValueError(
            f"`{column}` must be a positive number. Received {text!r}. "
            "Correct it, or leave it blank: the time stamps of the file are used then."
        )
    return fps


def parse_sha256(column: str, text: str) -> str:
    """64 hexadecimal digits, in lower case."""
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise ValueError(f"`{column}` must be 64 hexadecimal digits. Received {text!r}. Hash anew.")
    return text.lower()


def parse_path(column: str, text: str, folder: Path) -> str:
    """Absolute path, by `..` and links still inside `folder`.

    If it exists, it is a plain file or a folder of pictures.
    """
    if re.match(r"[A-Za-z][\w+.-]+:", text):
        raise ValueError(
            f"`{column}` must be a path, not an address. Received {text!r}. Fetch the file first."
        )
    if "%" in text or not text.isprintable():
        raise ValueError(f"`{column}` must hold no '%'. Received {text!r}. Rename the file.")
    path = Path(os.path.normpath(folder / text))
    try:
        inside = path.is_relative_to(folder) and path.resolve().is_relative_to(folder.resolve())
        special = path.exists() and not path.is_file() and not is_picture_folder(path)
    except (OSError, RuntimeError) as error:
        raise ValueError(f"`{column}` cannot be looked up: {error}. Correct the path.") from error
    if not inside:
        raise ValueError(
            f"`{column}` must lie inside {folder}. Received {text!r}. "
            "Move the file there, or give the folder that holds all videos as root."
        )
    if special:
        raise ValueError(
            f"`{column}` must be a plain file, or a folder of numbered pictures. "
            f"Received {text!r}. Name a video file."
        )
    return str(path)


def format_cell(value: Any) -> str:
    """Text of a cell that the parser of its column turns back into `value`."""
    if value is None:
        return ""
    if value == ():
        return NO_SEGMENTS  # and NO_SIGNS
    if isinstance(value, float):
        # Not repr: the minus sign of 1e-05 would be taken for the one between start and end.
        return f"{Decimal(repr(float(value))):f}"
    if isinstance(value, tuple) and isinstance(value[0], tuple):
        return ";".join("-".join(format_cell(float(time)) for time in pair) for pair in value)
    if isinstance(value, tuple) and isinstance(value[0], str):
        return ";".join(value)
    if isinstance(value, tuple):
        return ",".join(str(number) for number in value)
    return str(value)
