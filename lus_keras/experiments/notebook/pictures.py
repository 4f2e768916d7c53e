"""Images small enough for a notebook: figures, simulated frames."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lus_keras.core.errors import RunError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Picture:
    """An image, `image/png` or `image/jpeg`, that notebooks display."""

    content: bytes = field(repr=False)
    kind: str = "image/png"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {
            self.kind: base64.b64encode(self.content).decode(),
            "text/plain": f"<picture, {len(self.content) // 1000} kB>",
        }


def picture(source: Path | Figure, *, width: int = 800, photo: bool = False) -> Picture:
    """Converts a figure or a PNG to a small image.

    Args:
        source: Figure, or path of a PNG.
        width: Largest width in pixels.
        photo: Whether the figure consists mostly of frames: then JPEG, otherwise a PNG with 64
            colors.

    Raises:
        FileNotFoundError: The PNG does not exist.
    """
    from PIL import Image

    from lus_keras.evaluation.plots import png_bytes

    content = source.read_bytes() if isinstance(source, Path) else png_bytes(source)
    image = Image.open(io.BytesIO(content)).convert("RGB")
    if image.width > width:
        height = round(image.height * width / image.width)
        image = image.resize((width, height), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    if photo:
        image.save(stream, "JPEG", quality=70, optimize=True)
        return Picture(stream.getvalue(), "image/jpeg")
    image.quantize(64, dither=Image.Dither.NONE).save(stream, "PNG", optimize=True)
    return Picture(stream.getvalue())


def figure(run: str | Path, name: str, *, width: int = 800, photo: bool = False) -> Picture:
    """Shows a figure of a run's report.

    Args:
        run: Run directory.
        name: Stem of the file, such as `bline_figure1`.
        width: See `picture`.
        photo: See `picture`.

    Raises:
        RunError: The report has no such figure; the message lists those available.
    """
    folder = Path(run) / "report" / "figures"
    path = folder / f"{name}.png"
    if not path.is_file():
        there = ", ".join(sorted(found.stem for found in folder.glob("*.png"))) or "none"
        raise RunError(f"{path}: the report has no such figure. It has: {there}.")
    return picture(path, width=width, photo=photo)


def frames(task: str, *, per_class: int = 3, seed: int = 0, width: int = 640) -> Picture:
    """Simulated frames of each class; captions state patient and measured label."""
    from lus_keras.simulation import contact_sheet

    shown = contact_sheet.simulated_pictures(task, per_class=per_class, seed=seed)
    return picture(contact_sheet.contact_sheet(task, shown, [], ""), width=width, photo=True)
