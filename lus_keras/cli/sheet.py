"""`lus-keras data sheet`: a figure of simulated frames, with real ones beside them."""

from pathlib import Path

import click

from lus_keras.cli.output import Command, name_files


@click.command(cls=Command)
@click.option("--task", default="bline", show_default=True, help="Paper whose cohort to draw.")
@click.option(
    "--with", "source", help="Real frames to compare with: covid-blues, pocus or manifest.csv."
)
@click.option("--root", type=click.Path(path_type=Path), help="Folder of the real data.")
@click.option("--per-class", type=click.IntRange(1, 12), default=6, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True)
def sheet(
    task: str, source: str | None, root: Path | None, per_class: int, seed: int, out: Path
) -> None:
    r"""Draw frames of a simulated cohort, class by class, as a PNG.

    \b
    lus-keras data sheet --task severity --out sheet.png
    lus-keras data sheet --task bline --with covid-blues --out sheet.png
    """
    from lus_keras.core.files import atomic_write
    from lus_keras.data import datasets
    from lus_keras.evaluation.plots import png_bytes
    from lus_keras.simulation import contact_sheet

    videos = datasets.load(source, root=root).videos if source else []
    simulated = contact_sheet.simulated_pictures(task, per_class=per_class, seed=seed)
    real = contact_sheet.real_pictures(videos, task, per_class=per_class)
    figure = contact_sheet.contact_sheet(task, simulated, real, source or "")
    with atomic_write(out) as temporary_path:
        temporary_path.write_bytes(png_bytes(figure))
    name_files([out])
