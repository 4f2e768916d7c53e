"""Every command's help shows an example as it is typed, on lines of its own."""

import click
import pytest
from click.testing import CliRunner

from lus_keras.cli import main

WITHOUT_EXAMPLE = {("list",), ("doctor",), ("data",)}


def commands(group, path=()):
    for name, command in group.commands.items():
        yield (*path, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


@pytest.mark.parametrize("path", sorted(commands(main)), ids=" ".join)
def test_help_shows_examples_on_lines_of_their_own(path):
    help_text = CliRunner().invoke(main, [*path, "--help"], terminal_width=100).output
    assert "\\b" not in help_text
    examples = [line for line in help_text.splitlines() if line.startswith("  lus-keras ")]
    own = [line for line in examples if line.split()[1 : 1 + len(path)] == list(path)]
    assert own or path in WITHOUT_EXAMPLE
