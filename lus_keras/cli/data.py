"""`lus-keras data …`: create, inspect and check data."""

from pathlib import Path
from typing import Any

import click

from lus_keras.cli import inspect
from lus_keras.cli.fetch import fetch
from lus_keras.cli.imports import COMMANDS
from lus_keras.cli.mark import annotate, mark
from lus_keras.cli.options import COUNT, OUT_FOLDER, SEED
from lus_keras.cli.output import Group, name_files
from lus_keras.cli.sheet import sheet
from lus_keras.cli.simulate_check import simulate_check
from lus_keras.cli.tile import tile
from lus_keras.core.environment import cores


@click.group(cls=Group)
def data() -> None:
    """Simulate, import, inspect and check data."""


@data.command(short_help="Write a simulated cohort as video files.")
@click.option(
    "--task",
    default="bline",
    show_default=True,
    help="Paper whose cohort is simulated: bline, sliding, severity or signs.",
)
@click.option("--patients", type=COUNT, help="Number of patients.  [default: the paper's]")
@click.option("--videos", type=COUNT, help="Number of videos.  [default: the paper's]")
@SEED
@click.option(
    "--difficulty",
    type=click.FloatRange(0, 3),
    default=1.0,
    show_default=True,
    help="Difficulty, from 0 (clear findings, few lookalikes) to 3 (faint findings, many "
    "lookalikes).",
)
@click.option(
    "--spread",
    type=click.FloatRange(1, 3),
    default=1.0,
    show_default=True,
    help="Factor that widens the parameter ranges of patients and scanners.",
)
@click.option(
    "--probe",
    type=click.Choice(["convex", "linear"]),
    help="Geometry of the probe.  [default: the paper's]",
)
@click.option(
    "--lengths-by-class",
    is_flag=True,
    help="Task sliding: videos of each class last as long as in the paper.",
)
@click.option(
    "--lung-point-share",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="Task sliding: share of videos without sliding that show an unlabeled lung point.",
)
@click.option(
    "--workers",
    type=COUNT,
    default=cores(),
    help="Number of videos rendered in parallel.  [default: one per core]",
)
@click.option("--out", type=OUT_FOLDER, required=True, help="Output folder.")
def simulate(out: Path, **options: Any) -> None:
    r"""Write a simulated cohort as video files with a manifest and frame-level labels.

    \b
    lus-keras data simulate --task bline --patients 4 --videos 8 --out cohort
    lus-keras reproduce table1 --data cohort/manifest.csv --preset smoke
    """
    from lus_keras.simulation import write_cohort

    manifest = write_cohort(options.pop("task"), out, **options)
    name_files([manifest])


for command in (
    *(sheet, simulate_check),
    *(fetch, inspect.check, inspect.show, inspect.stats, inspect.split),
    *(*COMMANDS, annotate, mark, tile),
):
    data.add_command(command)
