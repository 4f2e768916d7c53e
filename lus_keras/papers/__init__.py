"""Papers: one package each, found by its name; numbers and names are in `configs/<name>.yaml`.

papers/<name>/__init__.py   PAPER: network, loss, probabilities, targets
papers/<name>/tables.py     LABELS, TABLES and, where the paper claims an order, CLAIMS
papers/<name>/figures.py    FIGURES; these may also be in tables.py
papers/<name>/explain.py    TARGETS, explain: further evaluation of trained networks, such as maps
"""

import importlib
import importlib.util
from types import ModuleType

from lus_keras.core import config
from lus_keras.core.errors import ConfigError
from lus_keras.evaluation.tables.declaration import PaperResults
from lus_keras.papers.base import Paper


def names() -> list[str]:
    """Names of all papers."""
    return config.papers()


def get(name: str) -> Paper:
    """Imports a paper.

    Args:
        name: One of `names()`.

    Raises:
        ConfigError: There is no paper with that name.
    """
    if name not in names():
        raise ConfigError(f"unknown paper '{name}'.{config.did_you_mean(name, names())}")
    return importlib.import_module(f"{__name__}.{name}").PAPER


def results(name: str) -> PaperResults | None:
    """Tables, figures and claims of a paper.

    Args:
        name: Name of the paper, as in the record of a run.

    Returns:
        Tables, figures and claims; None if the paper declares none or is unknown.
    """
    tables, figures = _part(name, "tables"), _part(name, "figures")
    if tables is None:
        return None
    compared = getattr(tables, "CLAIMS", ())
    drawn = (figures or tables).FIGURES
    return PaperResults(tables.LABELS, tables.TABLES, drawn, compared)


def explanation(name: str) -> ModuleType | None:
    """Imports the module that explains a paper's networks; it imports Keras.

    Args:
        name: One of `names()`.

    Returns:
        The module, with `TARGETS`, `explain` and optionally `OVERLAYS`; None without.
    """
    return _part(name, "explain")


def _part(name: str, part: str) -> ModuleType | None:
    # run.json is a file anyone can edit: only the name of a paper may become an import.
    full = f"{__name__}.{name}.{part}"
    if name not in names() or importlib.util.find_spec(full) is None:
        return None
    return importlib.import_module(full)
