"""How every command ends: by naming the files it wrote."""

from __future__ import annotations

import os
from pathlib import Path

import click


def name_files(files: list[Path]) -> None:
    """Lists files, and says which to open if there is a page among them."""
    click.echo("Files:")
    for path in files:
        click.echo(f"  {path}")
    index = next((path for path in files if path.name == "index.html"), None)
    if index:
        click.echo(f"Open {os.fspath(index)}")
