"""`lus-keras data sheet`: a figure of simulated frames beside real ones."""

from pathlib import Path

import click

from lus_keras.cli.options import OUT_FILE, PATH, SEED
from lus_keras.cli.output import Command, write_figure


@click.command(cls=Command, short_help="Draw frames of a simulated cohort.")
@click.option(
    "--task",
    default="bline",
    show_default=True,
    help="Paper whose cohort is drawn: bline, sliding, severity or signs.",
)
@click.option(
    "--with",
    "source",
    help="Source of real frames for comparison: covid-blues, pocus or manifest.csv.",
)
@click.option("--root", type=PATH, help="Folder of the real data.")
@click.option(
    "--per-class",
    type=click.IntRange(1, 12),
    default=6,
    show_default=True,
    help="Number of frames of each class.",
)
@SEED
@click.option("--out", type=OUT_FILE, required=True, help="PNG file to write.")
def sheet(
    task: str, source: str | None, root: Path | None, per_class: int, seed: int, out: Path
) -> None:
    r"""Draw frames of a simulated cohort, class by class, as a PNG.

    \b
    lus-keras data sheet --task severity --out sheet.png
    lus-keras data sheet --task bline --with covid-blues --out sheet.png
    """
    from lus_keras.data import datasets
    from lus_keras.simulation import contact_sheet

    videos = datasets.load(source, root=root).videos if source else []
    simulated = contact_sheet.simulated_pictures(task, per_class=per_class, seed=seed)
    real = contact_sheet.real_pictures(videos, task, per_class=per_class)
    write_figure(out, contact_sheet.contact_sheet(task, simulated, real, source or ""))
