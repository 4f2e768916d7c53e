"""What can be fetched: public data sets at a pinned commit, every file with its sha256."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import PurePosixPath
from urllib.parse import quote

from lus_keras.core.config import PublicDescription, describe_dataset, descriptions, did_you_mean
from lus_keras.core.config.descriptions import LabelTable
from lus_keras.core.errors import ConfigError

NAMES = tuple(descriptions(PublicDescription))


@dataclass(frozen=True)
class Remote:
    """One file of a source: its place in the data set's folder and at the pinned commit."""

    path: str
    size: int
    sha256: str
    url: str


@dataclass(frozen=True)
class Source:
    """Files of a data set that can be fetched, with its license and citation.

    Attributes:
        not_listed: Sentences on what has to be obtained manually.
    """

    name: str
    title: str
    homepage: str
    commit: str
    license: str
    citation: str
    files: tuple[Remote, ...]
    not_listed: tuple[str, ...]
    tables: tuple[LabelTable, ...] = ()


def find_source(name: str) -> Source:
    """Describes what can be fetched, without fetching it.

    Args:
        name: One of `NAMES`.

    Raises:
        ConfigError: There is no such source.
    """
    if name not in NAMES:
        raise ConfigError(f"unknown data set '{name}'.{did_you_mean(name, NAMES)}")
    described = describe_dataset(name, PublicDescription)
    return Source(
        name=described.name,
        title=described.title,
        homepage=described.source,
        commit=described.commit,
        license=described.license,
        citation=described.citation,
        files=tuple(_read_list(described)),
        not_listed=described.not_listed,
        tables=described.tables,
    )


def _read_list(described: PublicDescription) -> Iterator[Remote]:
    text = resources.files("lus_keras.data_manifests").joinpath(described.files).read_text("utf-8")
    for row in csv.DictReader(text.splitlines()):
        path = PurePosixPath(row["path"])
        if path.is_absolute() or ".." in path.parts:
            raise ConfigError(f"{described.files}: {path} lies outside the data set. Correct it.")
        url = described.url.format(commit=described.commit, path=quote(row["path"]))
        yield Remote(row["path"], int(row["bytes"]), row["sha256"], url)
