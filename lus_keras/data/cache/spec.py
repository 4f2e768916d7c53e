"""What the cache stores: how frames are wanted, and where they come from."""

from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np

from lus_keras.core.config import ClipConfig
from lus_keras.data.manifest import Video


@dataclass(frozen=True)
class FrameSpec:
    """How frames are stored.

    Attributes:
        size: `(height, width)` in pixels.
        fps: Frames a second after resampling by time stamp; None keeps every frame of the file.
        crop: "sector" crops to the manifest's region of interest, or where there is none to the
            ultrasound sector; "none" keeps the whole picture; "roi" scales the whole picture to
            `size` and then crops to the region of interest, which keeps its own size.
        channels: 1 gray, 3 RGB.
        mask: Whether what lies outside the ultrasound sector is set to 0; simulated frames that are
            cropped to it show nothing else.
        resize: "area", or "bilinear" with antialiasing.
    """

    size: tuple[int, int]
    fps: float | None
    crop: str = "sector"
    channels: int = 1
    mask: bool = False
    resize: str = "area"

    def key(self) -> dict[str, Any]:
        """What of it decides the pixels, by name."""
        fields = asdict(self)
        if self.resize == "area":
            # As before there was a choice: frames that are stored stay valid.
            del fields["resize"]
        return fields

    @classmethod
    def of(cls, clip: ClipConfig, *, cropped: bool = False) -> "FrameSpec":
        """How frames are stored for clips; not cropped if they show the sector alone."""
        crop = "none" if cropped and clip.crop == "sector" else clip.crop
        channels = clip.channels if clip.colour else 1
        mask = clip.mask and crop == "sector"
        return cls(clip.size, clip.fps, crop, channels, mask, clip.resize)


class FrameSource(Protocol):
    """A video that is computed and not decoded, such as a simulated one; it must be picklable."""

    @property
    def video_id(self) -> str:
        """Id of the video, unique in its data set."""
        ...

    def identity(self) -> list[Any]:
        """All that the pixels depend on, as JSON: part of the cache's key."""
        ...

    def frame_count(self, fps: float | None) -> int:
        """Number of frames at a frame rate; None keeps the video's own."""
        ...

    def render(self, spec: FrameSpec) -> tuple[np.ndarray, Video]:
        """Frames `(t, h, w, c)` uint8 as `spec` has them, and the manifest row with its labels."""
        ...


# A file on disk, or something that computes its frames.
Item = Video | FrameSource
