"""Exported frames annotated as images: the video and the frame number of each."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from lus_keras.core.errors import ConfigError
from lus_keras.data.importers.via_annotation import Annotation


@dataclass(frozen=True)
class FramePattern:
    """How the name of an image encodes its video and frame.

    Attributes:
        pattern: Pattern with the groups `video` and `frame` that matches the name without suffix.
        first: Number of the first frame, 0 or 1.
    """

    pattern: re.Pattern[str]
    first: int = 0

    @classmethod
    def parse(cls, text: str, first: int = 0) -> "FramePattern":
        """Compiles a pattern given by the user.

        Raises:
            ConfigError: The text is not a regular expression, or lacks a group.
        """
        try:
            pattern = re.compile(text)
        except re.error as error:
            raise ConfigError(
                f"--frame: {text!r} is not a regular expression: {error}. Correct the pattern."
            ) from error
        if set(pattern.groupindex) != {"video", "frame"}:
            raise ConfigError(
                f"--frame: must have the groups video and frame. Received {text!r}. Write "
                "'(?P<video>.+)_(?P<frame>\\d+)'."
            )
        return cls(pattern, first)


def gather_pictures(
    annotations: Sequence[Annotation], pattern: FramePattern, problems: list[str]
) -> list[Annotation]:
    """Assigns a video and a frame to each annotation of an image.

    Args:
        problems: Problems to be corrected are appended.

    Returns:
        The annotations of images that match the pattern; `file` is the name of the video.
    """
    gathered = []
    unfit = set()
    for annotation in annotations:
        name = PurePosixPath(annotation.file.replace("\\", "/")).stem
        match = pattern.pattern.fullmatch(name)
        number = match["frame"] if match else ""
        if match is None or not number.isdecimal() or int(number) < pattern.first:
            if annotation.file not in unfit:
                problems.append(
                    f"{annotation.place}: --frame does not match the name {annotation.file!r}, or "
                    f"its number is below {pattern.first}. Correct the pattern."
                )
            unfit.add(annotation.file)
            continue
        frame = int(number) - pattern.first
        gathered.append(replace(annotation, file=match["video"], frame=frame))
    return gathered
