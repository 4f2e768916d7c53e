"""What the cache stores: the format of the frames, and where they come from."""

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
        fps: Frames per second after resampling by time stamp; None keeps every frame of the file.
        crop: "sector" crops to the manifest's region of interest or, if there is none, to the
            ultrasound sector; "none" keeps the whole frame; "roi" scales the whole frame to `size`
            and then crops to the region of interest, whose size varies between videos.
        channels: 1 for gray, 3 for RGB.
        mask: Whether pixels outside the ultrasound sector are set to 0. Simulated frames cropped
            to the sector contain nothing else.
        resize: "area", or "bilinear" with antialiasing.
    """

    size: tuple[int, int]
    fps: float | None
    crop: str = "sector"
    channels: int = 1
    mask: bool = False
    resize: str = "area"

    def key(self) -> dict[str, Any]:
        """Fields that affect the pixels, by name."""
        fields = asdict(self)
        if self.resize == "area":
            # Omitted as before the option existed, so that stored frames stay valid.
            del fields["resize"]
        return fields

    @classmethod
    def of(cls, clip: ClipConfig, *, cropped: bool = False) -> "FrameSpec":
        """Storage format for clips; frames that already show only the sector are not cropped."""
        crop = "none" if cropped and clip.crop == "sector" else clip.crop
        channels = clip.channels if clip.colour else 1
        mask = clip.mask and crop == "sector"
        return cls(clip.size, clip.fps, crop, channels, mask, clip.resize)


class FrameSource(Protocol):
    """A video that is computed rather than decoded, such as a simulated one; must be picklable."""

    @property
    def video_id(self) -> str:
        """Id of the video, unique within its data set."""
        ...

    def identity(self) -> list[Any]:
        """Everything the pixels depend on, as JSON types; part of the cache key."""
        ...

    def frame_count(self, fps: float | None) -> int:
        """Number of frames at a frame rate in frames per second; None keeps the video's own."""
        ...

    def render(self, spec: FrameSpec) -> tuple[np.ndarray, Video]:
        """Frames `(t, h, w, c)` uint8 according to `spec`, and the manifest row with labels."""
        ...


# A file on disk, or a source that computes its frames.
Item = Video | FrameSource
