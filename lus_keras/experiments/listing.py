"""What there is: papers, targets, networks, data sets; and what this machine has."""

import platform
import shutil
from types import ModuleType

from rich.table import Column, Table

from lus_keras import __version__, papers
from lus_keras.core import config
from lus_keras.core.environment import (
    PACKAGES,
    cores,
    package_version,
    replaced_settings,
    start_tensorflow,
)
from lus_keras.core.errors import ConfigError, DataError
from lus_keras.core.files import cache_root
from lus_keras.data import datasets
from lus_keras.models.pretrained import registry
from lus_keras.simulation import dataset as simulated


def tables() -> list[Table]:
    """Tables to print: papers with their networks, pretrained networks, and data sets."""
    columns = ("paper", "targets", "networks (parameters)")
    listed = Table(*columns, title="Papers", title_justify="left")
    for name in papers.names():
        settings = config.load(name)
        networks = [f"{model} ({entry.parameters:,})" for model, entry in settings.models.items()]
        listed.add_row(name, ", ".join(papers.get(name).targets), "\n".join(networks))
    sources = Table("data set", "license", "present", title="Data sets", title_justify="left")
    for name in (*datasets.names(), simulated.NAME):
        sources.add_row(name, *_presence(name))
    sources.add_row("PATH.csv", "yours", "a manifest of your own videos")
    return [listed, _pretrained(), sources]


def _pretrained() -> Table:
    """Networks by name: what they were trained on, their size, how good they were."""
    # A name is typed as it is printed: a narrow terminal wraps the rest.
    columns = (Column("network", no_wrap=True), "trained on", "size", "measured", "from")
    table = Table(*columns, title="Pretrained networks", title_justify="left")
    for name in registry.names():
        found = registry.find(name)
        entry = found.entry
        trained = f"{entry.data.get('dataset')}, {entry.data.get('patients')} patients"
        size = f"{found.size / 1e6:.1f} MB" if found.size else "recipe: `pretrain` trains it"
        origin = "package" if found.ships else "yours"
        measured = "\n".join(map(_headline, entry.measured))
        table.add_row(name, trained, size, measured, origin)
    return table


def _headline(measured: registry.Measured) -> str:
    """The first area under a ROC curve, else the first number, with its interval."""
    areas = (row for row in measured.rows if row["metric"] in ("roc_auc", "video_roc_auc"))
    row = next(areas, measured.rows[0])
    low, high = row["ci_low"], row["ci_high"]
    ends = "" if low is None or high is None else f" ({low:.2f} to {high:.2f})"
    return f"{measured.dataset}: {row['metric']} {row['value']:.2f}{ends}"


def diagnosis() -> dict[str, str]:
    """Versions, processors, data and disk, as text by name."""
    found = {"lus_keras": __version__, "python": platform.python_version()}
    found |= {package: package_version(package) or "not installed" for package in PACKAGES}
    found |= {"platform": platform.platform(), "cores": str(cores()), "devices": _devices()}
    if (settings := replaced_settings()) is not None:
        found["keras.json"] = settings
    cache = cache_root()
    existing = next(path for path in (cache, *cache.parents) if path.exists())
    free = shutil.disk_usage(existing).free / 1e9
    found |= {"cache": f"{cache} ({free:.1f} GB free)"}
    for name in (*datasets.names(), simulated.NAME):
        terms, presence = _presence(name)
        found[f"data: {name}"] = f"{presence} ({terms})"
    return found


def _presence(name: str) -> tuple[str, str]:
    if name == simulated.NAME:
        sizes = (
            f"{paper}: {cohort.patients} patients, {cohort.videos} videos, {cohort.probe} probe"
            for paper, cohort in simulated.SAID.cohorts.items()
        )
        return simulated.LICENSE, f"{simulated.SAID.title}, rendered on demand; " + "; ".join(sizes)
    source = datasets.source(name)
    try:
        data = datasets.load(name)
    except DataError:
        return source.LICENSE, "not found"
    return source.LICENSE, f"{len(data.videos)} videos in {data.root}"


def _devices() -> str:
    try:
        start_tensorflow()
    except ConfigError as error:
        return f"none: {error}"
    import keras

    return ", ".join(keras.distribution.list_devices("cpu") + _accelerators(keras))


def _accelerators(keras: ModuleType) -> list[str]:
    found = []
    for kind in ("gpu", "tpu"):
        try:
            found += keras.distribution.list_devices(kind)
        except (RuntimeError, ValueError):
            continue
    return found
