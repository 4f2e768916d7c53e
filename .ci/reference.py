"""Writes two pages of the reference from the code: the command line and the configuration keys."""

import inspect
import json
import re
import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import click
from mkdocs.structure.files import File
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from lus_keras.cli import main
from lus_keras.core import config
from lus_keras.core.config.paper import LABELS, PaperConfig
from lus_keras.core.config.sections import SCALINGS

HEAD = """# Configuration

This page is generated from the code. Settings come from `configs/<paper>.yaml`, then the preset,
then your own file (`--config`), then `--set`; later ones override earlier ones. Unknown keys and
wrong types are errors. Every run prints the settings that its paper leaves open.

```bash
lus-keras reproduce bline/table1 --preset smoke --set fit.epochs=2
```

`--config my.yaml` takes a file with the structure of the paper's that contains only what differs.
Changes under `presets` apply to that preset only:

```yaml
fit: {epochs: 30}
clip: {size: [48, 48]}
presets:
  smoke: {fit: {epochs: 1}}
```

*Label* states the evidence for each paper's value (`choices` in its file has the reason):
{labels}. *Default* applies if a paper's file does not set the key; *required* keys are in every
file.
"""
KINDS = {"int": "whole number", "float": "number", "str": "text", "bool": "true or false"}


def on_files(files, config):
    """Called by MkDocs with the pages of docs/; adds those that the code writes."""
    for name, text in {"command-line.md": command_line(), "configuration.md": keys()}.items():
        files.append(File.generated(config, name, content=text))
    return files


def command_line():
    """A page with the help of every command."""
    parts = ["# Command line", "The output of `--help` for every command."]
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


def keys() -> str:
    """A page with every section of a paper's YAML file: its keys, types, defaults and meanings.

    Returns:
        Markdown.
    """
    labels = ", ".join(f"{label} {meaning}" for label, meaning in LABELS.items())
    parts = [HEAD.replace("{labels}", labels)]
    chosen = _labels()
    for prefix, section in _sections(PaperConfig):
        told = inspect.cleandoc(section.__doc__ or "").partition("\n")[0]
        title = f"`{prefix}`" if prefix else "The file"
        lines = ["| key | type | default | label | meaning |", "|---|---|---|---|---|"]
        meanings = _meanings(section)
        for name, field in section.model_fields.items():
            key = f"{prefix}.{name}" if prefix else name
            cells = (f"`{key}`", _type(field.annotation), _default(field), chosen.get(key, ""))
            lines.append(f"| {' | '.join(cells)} | {meanings[name]} |")
        parts.append(f"## {title}\n\n{told}\n\n" + "\n".join(lines) + "\n")
    parts.append(_papers_own())
    scalings = "\n".join(f"- `{name}`: {meaning}" for name, meaning in SCALINGS.items())
    parts.append(f"## Values of `clip.scaling`\n\n{scalings}\n")
    return "\n".join(parts)


def _papers_own() -> str:
    """Keys of `model` and `options`, which each paper has its own of."""
    lines = ["| key | paper | value | label | why |", "|---|---|---|---|---|"]
    for paper in config.papers():
        settings = config.load(paper)
        for section in ("model", "options"):
            for name, value in getattr(settings, section).items():
                key = f"{section}.{name}"
                choice = settings.choices.get(key)
                said = (choice.label, choice.why) if choice else ("", "")
                cells = (f"`{key}`", paper, _value(value), *said)
                lines.append(f"| {' | '.join(cells)} |")
    told = "These differ between papers; `model` takes all keywords of a network's builder."
    return "## Keys of `model` and `options`\n\n" + told + "\n\n" + "\n".join(lines) + "\n"


def _sections(kind: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    yield prefix, kind
    for name, field in kind.model_fields.items():
        for place, inner in _models(field.annotation, name):
            yield from _sections(inner, f"{prefix}.{place}" if prefix else place)


def _models(annotation: Any, name: str) -> Iterator[tuple[str, type[BaseModel]]]:
    """Sections within a field, with their place: `variants.<name>` of a mapping."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield name, annotation
        return
    origin = get_origin(annotation)
    place = f"{name}.<name>" if origin is dict else f"{name}[]" if origin is tuple else name
    for inner in get_args(annotation):
        yield from _models(inner, place)


def _meanings(section: type[BaseModel]) -> dict[str, str]:
    """What the docstring says of each field.

    Raises:
        KeyError: A field is not described.
    """
    text = inspect.cleandoc(section.__doc__ or "").partition("Attributes:\n")[2]
    found = re.findall(r"^    (\w+): (.*?)(?=^    \w|\Z)", text, re.MULTILINE | re.DOTALL)
    told = {name: " ".join(meaning.split()) for name, meaning in found}
    return {name: told[name] for name in section.model_fields}


def _type(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(arguments[0])
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin in (Union, types.UnionType):
        kinds = ["null" if kind is type(None) else _type(kind) for kind in arguments]
        return " or ".join(dict.fromkeys(kinds))
    if origin is dict:
        return "mapping"
    if origin is tuple:
        return f"list of {_type(arguments[0])}s" if arguments[0] is not Any else "list"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "section"
    return KINDS.get(getattr(annotation, "__name__", ""), "any")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "*required*"
    if isinstance(field.default, BaseModel):
        return ""
    return _value(field.default)


def _value(value: Any) -> str:
    """A value as YAML has it."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return f"`{value}`"
    return f"`{json.dumps(value)}`"


def _labels() -> dict[str, str]:
    """Key → labels, with the papers that have them."""
    found: dict[str, dict[str, list[str]]] = {}
    for paper in config.papers():
        for key, choice in config.load(paper).choices.items():
            found.setdefault(key, {}).setdefault(choice.label, []).append(paper)
    return {
        key: "; ".join(f"{label} {', '.join(papers)}" for label, papers in by_label.items())
        for key, by_label in found.items()
    }
