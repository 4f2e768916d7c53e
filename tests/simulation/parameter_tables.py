"""The parameters as tables for people, made from their declarations so that they cannot drift."""

from collections.abc import Iterator
from dataclasses import Field, fields
from typing import Any

from lus_keras.simulation import finding_parameters, linear, parameters
from lus_keras.simulation.parameters import Chance, Distribution, Uniform, distribution_of

# Title, table, and the table it changes.
TABLES: tuple[tuple[str, type[Any], type[Any] | None], ...] = (
    ("Patient and scanner, convex probe", parameters.PatientParameters, None),
    (
        "Patient and scanner, linear probe: what differs",
        linear.LinearPatientParameters,
        parameters.PatientParameters,
    ),
    ("Acquisition, convex probe", parameters.VideoParameters, None),
    (
        "Acquisition, linear probe: what differs",
        linear.LinearVideoParameters,
        parameters.VideoParameters,
    ),
    ("B-line (one acoustic trap)", parameters.TrapParameters, None),
    ("Z-line (lookalike)", parameters.ZLineParameters, None),
    ("Contact of the probe", parameters.ContactParameters, None),
    ("White area", finding_parameters.WhiteAreaParameters, None),
    ("Small consolidation", finding_parameters.BlobParameters, None),
    ("Indentation of the pleural line", finding_parameters.DefectParameters, None),
    ("Effusion", finding_parameters.EffusionParameters, None),
    ("Large consolidation", finding_parameters.HepatisationParameters, None),
    ("Lung point (on request)", finding_parameters.LungPointParameters, None),
)


def range_text(distribution: Distribution) -> str:
    """Writes a distribution: `3 … 16`, `27 ± 5, 18 … 42` or `probability 0.6`."""
    if isinstance(distribution, Chance):
        return f"probability {distribution.probability:g}"
    if isinstance(distribution, Uniform):
        return f"{distribution.low:g} … {distribution.high:g}"
    center = f"{distribution.mean:g} ± {distribution.sd:g}"
    if distribution.low == -float("inf"):
        return center
    return f"{center}, {distribution.low:g} … {distribution.high:g}"


def _rows(table: type[Any], base: type[Any] | None) -> Iterator[Field[Any]]:
    known = {f.name: f.metadata for f in fields(base)} if base else {}
    for f in fields(table):
        if known.get(f.name) != f.metadata:
            yield f


def parameter_tables() -> str:
    """Writes every parameter with its range, unit and meaning.

    Returns:
        Markdown: a heading and a table for each of `TABLES`.
    """
    parts = []
    for title, table, base in TABLES:
        lines = [f"### {title}", "", "| parameter | range | unit | meaning |", "|---|---|---|---|"]
        for f in _rows(table, base):
            unit, meaning = f.metadata["unit"], f.metadata["meaning"]
            lines.append(f"| `{f.name}` | {range_text(distribution_of(f))} | {unit} | {meaning} |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"
