"""The command `lus-keras`: parse, call one function, print; heavy imports are deferred."""

import shlex
import signal
import sys
from pathlib import Path
from typing import Any

import click

from lus_keras import __version__
from lus_keras.cli import last_resort
from lus_keras.cli.benchmark import benchmark, cost
from lus_keras.cli.cite import cite
from lus_keras.cli.data import data
from lus_keras.cli.explain import explain
from lus_keras.cli.export import export, pretrain
from lus_keras.cli.options import COUNT, OUT_FOLDER, OUT_FOLDER_PATH, PATH, WHOLE
from lus_keras.cli.output import Group, echo, name_files
from lus_keras.cli.predict import predict
from lus_keras.core import signals
from lus_keras.core.errors import ConfigError, LusKerasError
from lus_keras.core.files import check_writable


class _Group(Group):
    """Converts errors to one clear message and the documented exit code, see `last_resort`."""

    def main(self, *args: Any, **options: Any) -> Any:
        last_resort.accept_any_encoding()
        last_resort.show_warnings_in_a_line()
        signals.quiet_when_stopping()
        return super().main(*args, **options)

    def make_context(self, *args: Any, **options: Any) -> click.Context:
        with last_resort.printable_usage():
            return super().make_context(*args, **options)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with signals.stopping_on_signals(), last_resort.printable_usage():
                return super().invoke(ctx)
        except LusKerasError as error:
            if ctx.params.get("debug"):
                raise
            _fail(str(error), error.exit_code)
        except KeyboardInterrupt:
            _stopped(signal.SIGINT)
        except signals.Terminated:
            _stopped(signal.SIGTERM)
        except Exception as error:
            if ctx.params.get("debug") or last_resort.is_clicks(error):
                raise
            _fail(*last_resort.explained(error))


def _stopped(number: signal.Signals) -> None:
    _fail(signals.MESSAGES[number], signals.CODES[number])


def _fail(message: str, code: int) -> None:
    echo(f"Error: {last_resort.readable(message)}", err=True)
    sys.exit(code)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lus-keras")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
def main(debug: bool) -> None:
    r"""Reproduce lung-ultrasound papers: every table and figure with one command.

    \b
    lus-keras reproduce table1 --preset quick     Table 1 on the simulated cohort
    lus-keras report runs/simulated-quick         rebuild its report
    lus-keras list                                papers, targets, models, data sets
    """


def _one_seed(given: tuple[int, ...]) -> int:
    """The seed; refuses several, of which click would silently use only the last."""
    if len(given) > 1:
        seeds = ", ".join(map(str, given))
        raise ConfigError(
            f"--seed: was given {len(given)} times ({seeds}). Give it once; for several trainings, "
            f"give the first seed and --seeds {len(given)}."
        )
    return given[0] if given else 0


_EMBED = click.option(
    "--embed-frames",
    is_flag=True,
    help="Embed frames of real videos in the report; use it only if their license permits this.",
)


@main.command(short_help="Reproduce tables and figures of the papers.")
@click.argument("targets", nargs=-1, required=True)
@click.option("--paper", "papers", multiple=True, help="Only this paper (repeatable).")
@click.option(
    "--data",
    default="simulated",
    show_default=True,
    help="Data set (simulated, covid-blues or pocus) or manifest.csv.",
)
@click.option(
    "--preset",
    default="quick",
    show_default=True,
    help="Scale of the run: paper (as published), overnight (smaller clips), quick (minutes) or "
    "smoke (checks the pipeline).",
)
@click.option("--model", "models", multiple=True, help="Only this network (repeatable).")
@click.option(
    "--network",
    "networks",
    multiple=True,
    metavar="FILE.py:FUNCTION",
    help="Your own network, in addition to the paper's (repeatable).",
)
@click.option("--fold", type=int, help="Train only this fold, counted from 0.")
@click.option("--config", type=PATH, help="YAML file with settings that override the paper's.")
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a setting, such as fit.epochs=10 (repeatable).",
)
@click.option(
    "--seed",
    type=WHOLE,
    multiple=True,
    callback=lambda _, __, given: _one_seed(given),
    help="Random seed of folds, weights, clip order and cohort.  [default: 0]",
)
@click.option(
    "--seeds",
    type=COUNT,
    default=1,
    help="Number of repetitions on the same data, each with a new seed (folds, weights, clip "
    "order).  [default: 1]",
)
@click.option(
    "--cohorts",
    type=COUNT,
    default=1,
    help="Number of repetitions, each with a new seed and a new simulated cohort.  [default: 1]",
)
@click.option(
    "--workers", type=COUNT, show_default="automatic", help="Number of folds trained in parallel."
)
@click.option("--split", type=PATH, help="File with your own folds (split.json).")
@click.option(
    "--allow-leak",
    is_flag=True,
    help="For teaching: accept a --split with patients in both training and test set; every table "
    "is titled LEAKAGE.",
)
@click.option(
    "--engine",
    type=click.Choice(["processes", "ray"]),
    default="processes",
    show_default=True,
    help="Train folds in local processes or on a Ray cluster.",
)
@click.option("--ray-address", help="Address of a Ray cluster.  [default: start a local one]")
@click.option("--job-cpus", type=COUNT, default=1, show_default=True, help="CPUs per Ray job.")
@click.option(
    "--job-gpus",
    type=click.FloatRange(min=0),
    default=0,
    show_default=True,
    help="GPUs per Ray job.",
)
@click.option(
    "--strategy",
    type=click.Choice(["one-device", "mirrored"]),
    default="one-device",
    show_default=True,
    help="Use one device per fold, or split each batch across all devices (mirrored).",
)
@click.option(
    "--log", type=click.Choice(["tensorboard"]), help="Also log each epoch for TensorBoard."
)
@click.option(
    "--train-on", default="", help="Train only on this data set (simulated); test on --data."
)
@click.option(
    "--pretrain", default="", help="Pretrain on this data set (simulated), then train on --data."
)
@click.option(
    "--out",
    type=OUT_FOLDER,
    help="Run directory to create or resume.  [default: runs/DATA-PRESET…]",
)
@click.option("--root", type=PATH, help="Folder of the data set, or of a manifest's videos.")
@_EMBED
@click.option("--dry-run", is_flag=True, help="Print the plan; train nothing.")
def reproduce(dry_run: bool, **options: Any) -> None:
    r"""Reproduce TARGETS: table1, table2, figure1, …, all, or PAPER/TARGET.

    Run the same command again to resume; completed folds are kept.

    \b
    lus-keras reproduce table1 --preset quick
    lus-keras reproduce table1 --paper bline --data covid-blues --preset quick
    lus-keras reproduce table1 --paper bline --preset quick --seeds 5
    lus-keras reproduce bline/table1 --network mine.py:build_tiny --preset quick
    lus-keras reproduce bline/table2 --set fit.epochs=10 --out runs/ten-epochs
    lus-keras reproduce bline/table1 --data covid-blues --train-on simulated
    """
    from lus_keras.core.progress import Reporter
    from lus_keras.experiments import reproduce as work

    command = shlex.join(["lus-keras", *sys.argv[1:]])
    request = work.Request(command=command, **options)
    if dry_run:
        for line in work.describe(request):
            echo(line)
        return
    # Errors in the request are reported before TensorFlow is loaded.
    plans = work.plan(request)
    if request.preset in ("paper", "overnight"):
        for line in (line for one in plans for line in work.describe_plan(one)):
            echo(line)
    check_writable(work.run_folder(request))
    from lus_keras.core.environment import start_tensorflow

    start_tensorflow()
    with Reporter() as reporter:
        result = work.reproduce(request, reporter, plans)
        from lus_keras.evaluation.report.terminal import print_tables

        print_tables(result.sections, result.targets, reporter.console)
    name_files(result.files)
    sys.exit(result.exit_code)


@main.command(short_help="Rebuild the report of a run without training.")
@click.argument("run", type=PATH)
@_EMBED
@click.option(
    "--archive",
    type=OUT_FOLDER_PATH,
    help="Also copy the data of the report, without weights, to this folder.",
)
def report(run: Path, embed_frames: bool, archive: Path | None) -> None:
    r"""Rebuild every table and figure of RUN from its saved predictions.

    Frames of simulated videos are embedded, those of real videos only with --embed-frames.

    \b
    lus-keras report runs/simulated-quick
    """
    from lus_keras.experiments.report import write_report

    name_files(write_report(run, embed_frames=embed_frames))
    if archive:
        from lus_keras.experiments.archive import archive_run

        name_files(archive_run(run, archive))


@main.command("list", short_help="List papers, targets, networks and data sets.")
def list_command() -> None:
    """List papers, targets, networks with parameter counts, pretrained networks and data sets."""
    from lus_keras.core.progress import Console
    from lus_keras.experiments.listing import tables

    for table in tables():
        Console().print(table)


@main.command()
def doctor() -> None:
    """Show versions, devices, data sets found and free disk space."""
    from lus_keras.experiments.listing import diagnosis

    for name, value in diagnosis().items():
        echo(f"{name:<24} {value}")


main.add_command(data)
for command in (predict, explain, export, pretrain, benchmark, cost, cite):
    main.add_command(command)
