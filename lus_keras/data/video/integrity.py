"""Losses of a file, determined after it has been decoded completely."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from lus_keras.core.errors import VideoError
from lus_keras.data.video.decode import probe
from lus_keras.data.video.records import Frame, VideoInfo
from lus_keras.data.video.truncation import is_cut_short

REMEDY = "Copy the file again from its source; if the source is damaged too, exclude it."


@dataclass(frozen=True)
class Loss:
    """One kind of loss.

    Attributes:
        code: "truncated" (the end is missing) or "corrupt" (frames are damaged).
        cause: The finding, in one sentence.
    """

    code: Literal["truncated", "corrupt"]
    cause: str


@dataclass
class Tally:
    """Counts frames as they are decoded.

    Attributes:
        corrupt: Indices of frames that are damaged or follow a lost one.
    """

    frames: int = 0
    corrupt: list[int] = field(default_factory=list)

    def counted(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """Passes frames on and counts them."""
        for frame in frames:
            if frame.corrupt:
                self.corrupt.append(self.frames)
            self.frames += 1
            yield frame


def losses(
    frames: int, declared_frames: int | None, corrupt_frames: Sequence[int], cut_short: bool
) -> Iterator[Loss]:
    """Losses of a file.

    Args:
        frames: Number of decoded frames.
        declared_frames: Number of frames stated by the header, or None.
        corrupt_frames: Indices of frames that are damaged or follow a lost one, ascending.
        cut_short: Whether bytes are missing at the end, see `lost_its_end`.

    Yields:
        A missing end first, then damaged frames.
    """
    # The number of frames in the header is no proof: it may be wrong in intact files.
    if cut_short:
        of = f" of {declared_frames}" if declared_frames and declared_frames > frames else ""
        yield Loss("truncated", f"the file is cut short: {frames}{of} frames decode.")
    if corrupt_frames:
        yield Loss(
            "corrupt",
            f"{len(corrupt_frames)} of {frames} frames are damaged or follow a lost one: "
            f"frames {_ranges(corrupt_frames)}.",
        )


def losses_of(path: Path, tally: Tally) -> list[Loss]:
    """Losses of a file that was decoded to its end.

    Returns:
        As `losses`; empty for an intact file.
    """
    info = probe(path)
    return list(losses(tally.frames, info.declared_frames, tally.corrupt, lost_its_end(path, info)))


def lost_its_end(path: Path, info: VideoInfo) -> bool:
    """Whether the bytes prove that the end of a file is missing; False for a folder of images."""
    return path.is_file() and (info.index_outside or is_cut_short(path, info.container))


def refuse_losses(path: Path, tally: Tally) -> None:
    """Refuses a truncated or damaged file.

    Args:
        path: Video file, or folder of images, that was decoded to its end.
        tally: Frames counted while decoding.

    Raises:
        VideoError: The end is missing, or frames are damaged.
    """
    causes = " ".join(loss.cause for loss in losses_of(path, tally))
    if causes:
        raise VideoError(f"{path}: {causes} {REMEDY}")


def _ranges(numbers: Sequence[int], most: int = 5) -> str:
    """Ranges of ascending numbers: 0, 1, 2, 5 gives `0–2, 5`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    texts = [f"{low}–{high}" if high > low else str(low) for low, high in runs[:most]]
    return ", ".join(texts) + (", …" if len(runs) > most else "")
