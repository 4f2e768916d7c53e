"""`lus-keras data simulate-check`: compares the simulator with its targets."""

import json
from pathlib import Path

import click

from lus_keras.cli.options import OUT_FILE, PATH, SEED
from lus_keras.cli.output import Command, name_files


@click.command("simulate-check", cls=Command, short_help="Run the simulator's acceptance tests.")
@click.option(
    "--check",
    "numbers",
    type=int,
    multiple=True,
    help="Run only the check with this number (repeatable).",
)
@SEED
@click.option(
    "--size",
    type=click.FloatRange(0, 1, min_open=True),
    default=1.0,
    show_default=True,
    help="Share of the full number of patients; thresholds are valid only at 1.",
)
@click.option("--no-network", is_flag=True, help="Skip checks that train a network.")
@click.option("--root", type=PATH, help="Folder of COVID-BLUES.")
@click.option("--json", "json_path", type=OUT_FILE, help="JSON file to write.")
def simulate_check(
    numbers: tuple[int, ...],
    seed: int,
    size: float,
    no_network: bool,
    root: Path | None,
    json_path: Path | None,
) -> None:
    r"""Run the simulator's acceptance tests: speed, leakage, labels, visibility, realism.

    The exit code is 4 if a check fails. Checks that need COVID-BLUES are skipped without it.

    \b
    lus-keras data simulate-check
    lus-keras data simulate-check --check 2 --check 7 --size 0.2
    """
    from rich.markup import escape
    from rich.table import Table

    from lus_keras.core.errors import RunError
    from lus_keras.core.files import write_file
    from lus_keras.core.progress import Console
    from lus_keras.simulation import validation

    network: validation.TrainAndScore | None = None
    if not no_network and validation.NEED_NETWORK & set(numbers or validation.NEED_NETWORK):
        from lus_keras.core.environment import start_tensorflow

        start_tensorflow()
        from lus_keras.simulation.validation.network import train_and_score

        network = train_and_score
    settings = validation.Settings(seed, size, network, str(root) if root else None)
    table = Table(title=f"Simulator, seed {seed}, size {size:g}")
    for column in ("check", "", "measured", "threshold", "result"):
        table.add_column(column)
    records = []
    for check, found in validation.run(settings, numbers):
        click.echo(f"{check.number}. {check.title}: {found.status}. {found.measured}", err=True)
        record = {"check": check.number, "title": check.title, "measured": found.measured}
        record |= {"mark": check.mark, "result": found.status}
        table.add_row(*(escape(str(cell)) for cell in record.values()))
        records.append({**record, "values": found.values})
    Console().print(table)
    if json_path:
        document = {"schema": 1, "seed": seed, "size": size, "checks": records}
        write_file(json_path, json.dumps(document, indent=2, ensure_ascii=False) + "\n")
        name_files([json_path])
    failed = [record["check"] for record in records if record["result"] == "FAIL"]
    if failed:
        raise RunError(
            f"failed checks: {', '.join(map(str, failed))}. The table shows by how much."
        )
