"""`lus-keras benchmark`: the speed suite."""

import shlex
import sys
from pathlib import Path

import click

from lus_keras.cli.options import OUT_FOLDER, POSITIVE
from lus_keras.cli.output import Command, name_files


@click.command(cls=Command, short_help="Print the compute requirements of every paper.")
@click.option("--paper", "papers", multiple=True, help="Only this paper (repeatable).")
@click.option(
    "--gflops",
    type=POSITIVE,
    default=100.0,
    show_default=True,
    help="Training throughput in GFLOP/s.",
)
def cost(papers: tuple[str, ...], gflops: float) -> None:
    r"""Print the compute requirements of every paper and preset as a Markdown table.

    Columns are clips, floating-point operations, disk space, memory and training time. The time is
    estimated for two cores, and for the throughput --gflops: that which `lus-keras benchmark`
    measured on this machine, or that stated for an accelerator.

    \b
    lus-keras cost --paper bline
    lus-keras cost --gflops 10000
    """
    from lus_keras import papers as known
    from lus_keras.core.environment import start_tensorflow

    for name in papers:
        known.get(name)
    start_tensorflow()
    from lus_keras.benchmark.cost import all_costs, cost_rows

    head, *rows = cost_rows(all_costs(papers), gflops)
    for row in (head, ("---",) * len(head), *rows):
        click.echo(f"| {' | '.join(row)} |")


@click.command(cls=Command)
@click.option("--quick", is_flag=True, help="Smaller scale: under five minutes on two cores.")
@click.option(
    "--only", "names", multiple=True, metavar="NAME", help="Run only this measurement (repeatable)."
)
@click.option(
    "--update",
    is_flag=True,
    help="Update an existing benchmark.json from this machine and keep its other measurements.",
)
@click.option("--tiny", is_flag=True, hidden=True)
@click.option(
    "--out",
    type=OUT_FOLDER,
    default=Path("runs/benchmark"),
    show_default=True,
    help="Output folder.",
)
def benchmark(quick: bool, names: tuple[str, ...], update: bool, tiny: bool, out: Path) -> None:
    r"""Compare the speed of this package with that of other libraries.

    The others are PyTorch, Keras 2 (tf_keras) and stock Keras 3; those not installed are skipped
    and listed (`pip install lus-keras[benchmark]`). NAME is train, train/c2d_lstm_a,
    train/c2d_lstm_a/float32, …, inference, input, saliency, simulator, memory or table1.
    A missed target is not an error; a failed measurement ends with exit code 4.

    \b
    lus-keras benchmark --quick
    lus-keras benchmark --only train/resnet3d_18 --only saliency
    lus-keras benchmark --out docs               everything, for the page docs/benchmark.md
    lus-keras benchmark --out docs --only memory --update
    """
    from lus_keras.benchmark import scale
    from lus_keras.benchmark.suite import merge, read_record, run_benchmark
    from lus_keras.benchmark.timing import FAILED
    from lus_keras.benchmark.write import print_results, write_results
    from lus_keras.core.errors import RunError
    from lus_keras.core.progress import Reporter

    chosen = scale.TINY if tiny else scale.QUICK if quick else scale.FULL
    command = shlex.join(["lus-keras", *sys.argv[1:]])
    earlier = read_record(out / "benchmark.json", chosen) if update else None
    with Reporter() as reporter:
        record = run_benchmark(names, chosen, reporter, command=command)
        record = merge(earlier, record) if earlier else record
        print_results(record, reporter.console)
    name_files(write_results(record, out))
    failed = [line for line in record["lines"] if line["status"] == FAILED]
    if failed:
        raise RunError.from_problems(f"{line['name']}: {line['note']}" for line in failed)
