"""`lus-keras data check|show|stats|split`: inspect data before training."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lus_keras.cli.options import COUNT, JSON, OUT_FILE, PATH, ROOT, SEED
from lus_keras.cli.output import Command, echo, name_files, write_figure
from lus_keras.core.errors import ConfigError, DataError

if TYPE_CHECKING:
    from lus_keras.core.config import PrivateDescription
    from lus_keras.data.quality import Report, Target
    from lus_keras.data.quality.expectations import Expectation

_WORKERS = click.option(
    "--workers",
    type=COUNT,
    default=1,
    show_default=True,
    help="Number of videos decoded in parallel.",
)


@click.command(cls=Command, short_help="Decode every video and list all problems.")
@click.argument("target")
@JSON
@click.option("--fix", type=OUT_FILE, help="Manifest to write without faulty videos.")
@click.option("--pairs", type=OUT_FILE, help="PNG file to write with pairs of similar videos.")
@click.option(
    "--min-seconds",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    help="Report videos shorter than this, in seconds.",
)
@click.option(
    "--as",
    "described",
    metavar="NAME",
    help="Compare with a paper's private data: bline-private, severity-private, …",
)
@_WORKERS
@ROOT
def check(
    target: str,
    described: str | None,
    as_json: bool,
    fix: Path | None,
    pairs: Path | None,
    min_seconds: float,
    workers: int,
    root: Path | None,
) -> None:
    r"""Decode every video of TARGET and list all problems.

    TARGET is a manifest.csv, a folder or the name of a data set. Each video is decoded in a child
    process with limits of memory and time. Originals are never changed: --fix writes a new
    manifest of the error-free videos with their sha256. The exit code is 3 if there are errors.
    --as compares the manifest with what a paper states about its data; the exit code is 3 if they
    disagree.

    \b
    lus-keras data check manifest.csv --fix clean.csv --pairs pairs.png
    lus-keras data check --as bline-private manifest.csv
    lus-keras data check covid-blues --json > check.json
    """
    from lus_keras.core.config import PrivateDescription, describe_dataset
    from lus_keras.data.quality.check import refuse_unless_fixable
    from lus_keras.data.quality.expectations import contradictions, expectations
    from lus_keras.data.quality.targets import find_target

    said = describe_dataset(described, PrivateDescription) if described else None
    found = find_target(target, root=root)
    if said and found.manifest is None:
        raise ConfigError(f"{target}: --as requires a manifest. Give a file that ends in .csv.")
    if fix is not None:
        refuse_unless_fixable(found, fix)
    report = _report(found, workers, min_seconds, quiet=as_json)
    rows = expectations(report, said) if said else []
    if as_json:
        more = {"expectations": [asdict(row) for row in rows]} if said else {}
        echo(json.dumps(report.as_json() | more, indent=1))
    else:
        _print_check(report, said, rows)
    if fix is not None:
        written = report.write_clean_manifest(fix)
        if not as_json:
            if written.resolve().parent != found.root.resolve():
                echo(
                    f"Paths in the manifest are relative to {found.root}. Give that folder as "
                    "--root when the manifest is read."
                )
            name_files([written])
    if pairs is not None:
        from lus_keras.data.quality.drawings import pairs_figure

        figure = pairs_figure(report)
        if figure is not None:
            write_figure(pairs, figure, quiet=as_json)
    if report.count("error") or contradictions(rows):
        sys.exit(DataError.exit_code)


def _print_check(report: Report, said: PrivateDescription | None, rows: list[Expectation]) -> None:
    from lus_keras.core.progress import Console
    from lus_keras.data.quality import tables

    console = Console(highlight=False)
    # A log has no width of its own; a default of eighty columns would break words.
    console.width = console.width if console.is_terminal else 160
    if any(video.problems for video in report.videos):
        console.print(tables.problem_table(report))
    console.print(tables.verdict(report), markup=False)
    if said:
        console.print(tables.expectation_table(said, rows))
        console.print(tables.expectation_verdict(said, rows), markup=False)


@click.command(cls=Command, short_help="Count patients, videos and labels.")
@click.argument("target")
@click.option("--out", type=OUT_FILE, help="PNG file to write.")
@_WORKERS
@ROOT
def stats(target: str, out: Path | None, workers: int, root: Path | None) -> None:
    r"""Count patients, videos and labels of TARGET and measure durations, sizes and frame rates.

    TARGET is a manifest.csv, a folder or the name of a data set. Values are measured by
    decoding, since headers are often wrong.

    \b
    lus-keras data stats manifest.csv --out stats.png
    """
    from lus_keras.core.progress import Console
    from lus_keras.data.quality.stats import statistics_of
    from lus_keras.data.quality.tables import statistics_table
    from lus_keras.data.quality.targets import find_target

    statistics = statistics_of(_report(find_target(target, root=root), workers))
    Console(highlight=False).print(statistics_table(statistics))
    if out is not None:
        from lus_keras.data.quality.drawings import statistics_figure

        write_figure(out, statistics_figure(statistics))


@click.command(cls=Command, short_help="Draw frames of a video above a time line.")
@click.argument("video", type=PATH)
@click.option("--manifest", type=PATH, help="Manifest with the labels of VIDEO.")
@click.option(
    "--frames",
    type=click.IntRange(1, 60),
    default=12,
    show_default=True,
    help="Number of frames to draw.",
)
@click.option("--out", type=OUT_FILE, required=True, help="PNG file to write.")
@ROOT
def show(video: Path, manifest: Path | None, frames: int, out: Path, root: Path | None) -> None:
    r"""Draw frames of VIDEO above a time line of its frames, labels and segments.

    The image contains frames of the video, whose license applies to it.

    \b
    lus-keras data show p01/e1_z3.avi --manifest manifest.csv --out e1_z3.png
    """
    from lus_keras.data.quality.drawings import contact_sheet

    row = None
    if manifest is not None:
        from lus_keras.data.manifest import scan_manifest

        rows, _ = scan_manifest(manifest, root=root)
        wanted = video.resolve()
        row = next(
            (v for v in rows.values() if v.video and Path(v.video).resolve() == wanted), None
        )
        if row is None:
            raise DataError(f"{manifest}: has no row for {video}. Give a video of the manifest.")
    write_figure(out, contact_sheet(video, row, pictures=frames))


@click.command(cls=Command, short_help="Split patients into training and test sets.")
@click.argument("manifest", type=PATH)
@click.option(
    "--label",
    required=True,
    help="Label column to stratify by: b_lines, sliding, severity, sign or signs.",
)
@click.option(
    "--folds",
    type=click.IntRange(min=2),
    help="Number of folds; every patient is tested once.  [default: 5]",
)
@click.option(
    "--test-fraction",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Share of patients in a single test set, instead of --folds.",
)
@SEED
@click.option("--out", type=OUT_FILE, help="Split file to write, such as split.json.")
@click.option("--verify", type=PATH, help="Split file to verify instead of writing one.")
@ROOT
def split(
    manifest: Path,
    label: str,
    folds: int | None,
    test_fraction: float | None,
    seed: int,
    out: Path | None,
    verify: Path | None,
    root: Path | None,
) -> None:
    r"""Split the patients of MANIFEST into training and test sets, or verify a split.

    \b
    lus-keras data split manifest.csv --label b_lines --folds 5 --out split.json
    lus-keras data split manifest.csv --label b_lines --test-fraction 0.3 --out split.json
    lus-keras data split manifest.csv --label b_lines --verify split.json
    """
    from lus_keras.core.progress import Console
    from lus_keras.data.quality import splitting
    from lus_keras.data.splits import write_split

    if (out is None) == (verify is None):
        raise click.UsageError("give either --out, to write a split, or --verify, to verify one.")
    if folds is not None and test_fraction is not None:
        raise click.UsageError("give either --folds or --test-fraction.")
    if verify is not None and (folds is not None or test_fraction is not None):
        raise click.UsageError(
            "--verify reads an existing split. Omit --folds and --test-fraction."
        )
    labels = splitting.read_labels(manifest, label, root=root)
    if verify is not None:
        made = splitting.verified(verify, labels)
    else:
        made = {label: splitting.make(labels, folds=folds, test_fraction=test_fraction, seed=seed)}
    console = Console(highlight=False)
    for name, one in made.items():
        console.print(splitting.table(name, one, labels))
    if out is not None:
        write_split(out, made)
        name_files([out])
    else:
        echo(f"{verify}: no patient is in both training and test set.")


def _report(
    found: Target, workers: int, min_seconds: float = 0.0, *, quiet: bool = False
) -> Report:
    from lus_keras.core.progress import Console, Reporter
    from lus_keras.data import quality

    if quiet or not sys.stderr.isatty():
        return quality.check(found, min_seconds=min_seconds, workers=workers)
    # Progress does not go to standard output, which may be a file.
    with Reporter(Console(stderr=True)) as reporter:
        return quality.check(
            found,
            min_seconds=min_seconds,
            workers=workers,
            progress=lambda done, total: reporter.advance("decoded", done, total),
        )
