"""The surest mistakes of a network, as pictures in rows."""

from collections.abc import Callable, Sequence

import pandas as pd

from lus_keras.evaluation.plots import Picture, picture_grid
from lus_keras.evaluation.run_record import ModelRun
from lus_keras.evaluation.tables.cells import Drawing

# Mistakes that a gallery shows at most.
SHOWN = 12


def mistakes_drawing(
    figure: str, title: str, caption: str, pictures: Sequence[Picture]
) -> Drawing | None:
    """Draws the surest mistakes, given surest first, up to `SHOWN`; None if no picture was kept."""
    if not pictures:
        return None
    chosen = (
        f"At most {SHOWN}, one per video; selected because they are wrong, hence not "
        "representative."
    )
    caption = f"{caption} {chosen}"
    return Drawing(figure, title, caption, picture_grid(pictures[:SHOWN]), frames=True)


def surest_mistakes(
    model: ModelRun, judge: Callable[[pd.DataFrame], tuple[float, str] | None]
) -> list[Picture]:
    """Frames kept with the folds that a network was surest of and wrong about, surest first.

    Args:
        judge: Of the row of predictions.csv of a clip, how sure the network was, 0 … 1, and what
            to print above; None where it was right.
    """
    if model.predictions is None:
        return []
    table, found = model.predictions.set_index(["fold", "clip_id"]), []
    for example in model.examples:
        key = (example.fold, example.clip_id)
        if key in table.index and (wrong := judge(table.loc[[key]].reset_index())):
            found.append((wrong[0], Picture(example.frames[0], wrong[1], example.clip_id)))
    return [picture for _, picture in sorted(found, key=lambda pair: -pair[0])]
