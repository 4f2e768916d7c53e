"""Writes two pages of the reference from the code: the command line and the configuration keys."""

import ast
from pathlib import Path

import click
from mkdocs.structure.files import File

from lus_keras.cli import main

ROOT = Path(__file__).parents[1]
SECTIONS = ROOT / "lus_keras" / "core" / "config" / "sections.py"


def on_files(files, config):
    """Called by MkDocs with the pages of docs/; adds those that the code writes."""
    for name, text in {"command-line.md": command_line(), "configuration.md": keys()}.items():
        files.append(File.generated(config, name, content=text))
    return files


def command_line():
    """A page with the help of every command."""
    parts = ["# Command line", "The help of every command, as `--help` prints it."]
    for path, command in _commands(main, ("lus-keras",)):
        context = click.Context(command, info_name=" ".join(path), max_content_width=88)
        text = command.get_help(context).replace("\b\n", "")
        parts.append(f"## {' '.join(path)}\n\n```text\n{text}\n```")
    return "\n\n".join(parts) + "\n"


def _commands(command, path):
    yield path, command
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from _commands(command.commands[name], (*path, name))


def keys():
    """A page with every section of a paper's YAML file: its keys, their types and defaults."""
    parts = [
        "# Configuration",
        "Sections of `configs/<paper>.yaml`. `--set SECTION.KEY=VALUE` changes a key for one run; "
        "unknown keys and wrong types are errors. Every run prints the settings that its paper "
        "leaves open.",
    ]
    for node in ast.parse(SECTIONS.read_text("utf-8")).body:
        fields = [item for item in getattr(node, "body", []) if isinstance(item, ast.AnnAssign)]
        if isinstance(node, ast.ClassDef) and fields:
            rows = [f"| `{f.target.id}` | {_code(f.annotation)} | {_default(f)} |" for f in fields]
            table = "\n".join(["| key | type | default |", "|---|---|---|", *rows])
            title = node.name.removesuffix("Config")
            parts.append(f"## {title}\n\n{ast.get_docstring(node) or ''}\n\n{table}")
    return "\n\n".join(parts) + "\n"


def _default(field):
    value = field.value
    if isinstance(value, ast.Call):
        value = next((item.value for item in value.keywords if item.arg == "default"), None)
    return "required" if value is None else _code(value)


def _code(node):
    return f"`{ast.unparse(node)}`".replace("|", r"\|")
