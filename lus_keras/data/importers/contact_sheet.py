"""Contact sheets: pages of images with their ids for visual inspection."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from lus_keras.core.files import write_file

TILE_WIDTH, TILE_HEIGHT, CAPTION = 480, 360, 24
COLUMNS, ROWS = 4, 5


def write_contact_sheets(tiles: Sequence[tuple[str, np.ndarray]], folder: Path) -> list[Path]:
    """Writes pages of at most 20 images.

    Args:
        tiles: Pairs of an id and an image `(h, w)` uint8.
        folder: Folder to which `contact_sheet_<n>.png` are written.

    Returns:
        Paths of the pages.
    """
    paths = []
    per_page = COLUMNS * ROWS
    for first in range(0, len(tiles), per_page):
        path = folder / f"contact_sheet_{first // per_page + 1}.png"
        encoded = cv2.imencode(".png", _page(tiles[first : first + per_page]))[1]
        write_file(path, encoded.tobytes())
        paths.append(path)
    return paths


def _page(tiles: Sequence[tuple[str, np.ndarray]]) -> np.ndarray:
    rows = -(-len(tiles) // COLUMNS)
    page = np.full((rows * (TILE_HEIGHT + CAPTION), COLUMNS * TILE_WIDTH), 64, np.uint8)
    for index, (name, picture) in enumerate(tiles):
        top, left = index // COLUMNS * (TILE_HEIGHT + CAPTION), index % COLUMNS * TILE_WIDTH
        scale = min(TILE_WIDTH / picture.shape[1], TILE_HEIGHT / picture.shape[0])
        width, height = (max(1, int(side * scale)) for side in picture.shape[::-1])
        small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        page[top : top + height, left : left + width] = small
        place = (left + 4, top + TILE_HEIGHT + CAPTION - 7)
        cv2.putText(page, name, place, cv2.FONT_HERSHEY_SIMPLEX, 0.6, 255, 1, cv2.LINE_AA)
    return page
