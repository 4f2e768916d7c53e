"""From annotations to a manifest: joins a sheet of labels and treats missing annotations."""

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lus_keras.core.errors import ConfigError, DataError
from lus_keras.data.fields import format_field
from lus_keras.data.importers import Imported
from lus_keras.data.importers.naming import NamePattern, manifest_root, video_id_of
from lus_keras.data.importers.table import SheetRows, TableOptions, read_rows
from lus_keras.data.manifest import Video, write_manifest

FREE_OF_B_LINES = {"b_lines": 0, "segments": ()}


@dataclass(frozen=True)
class Joining:
    """Other sources that annotations are joined with.

    Attributes:
        names: How patients are read from file names; None if another source states them.
        sheet: Labels in a sheet, one row per video.
        is_free: Called for each video about whose B-lines nothing is stated; returns whether the
            video is free of them. With None such videos stay unlabeled: a missing annotation does
            not mean absence.
        root: Folder to which the manifest's paths are relative; the manifest's own if None.
    """

    names: NamePattern | None = None
    sheet: Path | None = None
    table: TableOptions = field(default_factory=TableOptions)
    is_free: Callable[[Path], bool] | None = None
    root: Path | None = None


def write_joined(
    annotated: Mapping[Path, dict[str, Any]],
    found: Sequence[Path],
    out: Path,
    joining: Joining,
    problems: list[str],
    describe: Callable[[Set[Path]], Iterable[str]] = lambda kept: (),
) -> Imported:
    """Joins annotations, file names and a sheet for each video, and writes the manifest.

    Args:
        annotated: Manifest columns by video; empty for a video without labels.
        found: All videos found.
        out: Manifest to write.
        problems: Problems found so far; contradictions are appended.
        describe: Returns sentences on unused annotations, given the videos that are kept.

    Returns:
        The manifest, with notes on what was joined.

    Raises:
        DataError: There are problems, all of which are listed, or no video has a label.
    """
    sheet = _sheet(found, joining, problems)
    rows = {path: dict(columns) for path, columns in annotated.items()}
    for path, (number, columns) in sheet.rows.items():
        if columns.get("b_lines") == 0 and "segments" not in columns:
            columns = columns | {"segments": ()}
        place = f"{joining.sheet}, row {number}"
        problems += _add(rows.setdefault(path, {}), columns, place)
    known = {path for path, columns in rows.items() if "b_lines" in columns}
    silent = [path for path in sorted({*found, *annotated}) if path not in known]
    free = [path for path in silent if joining.is_free and joining.is_free(path)]
    for path in free:
        problems += _add(rows.setdefault(path, {}), FREE_OF_B_LINES, f"{path.name}, --unannotated")
    kept = {path: columns for path, columns in sorted(rows.items()) if _is_labeled(columns)}
    problems += _name_patients(kept, joining)
    if problems:
        raise DataError.from_problems(problems)
    notes = [*_notes(sheet, free, joining), *describe(set(kept))]
    if not kept:
        raise DataError(f"{out}: no video has a label. " + " ".join(notes))
    root = manifest_root(out, joining.root, kept)
    written = tuple(
        Video(**{"video_id": video_id_of(path, root)} | columns | {"video": str(path)})
        for path, columns in kept.items()
    )
    write_manifest(written, out, root=root)
    return Imported(out, written, tuple(notes))


def _is_labeled(columns: Mapping[str, Any]) -> bool:
    return bool(set(columns) - {"patient_id", "exam_id", "zone", "video_id", "fps"})


def _sheet(found: Sequence[Path], joining: Joining, problems: list[str]) -> SheetRows:
    if joining.sheet is None:
        return SheetRows({}, ())
    try:
        rows = read_rows(joining.sheet, found, joining.table, required=("video",))
    except DataError as error:
        problems += str(error).splitlines()
        return SheetRows({}, ())
    return SheetRows(
        {
            path: (number, {name: value for name, value in row.items() if name != "video"})
            for path, (number, row) in rows.rows.items()
        },
        rows.unused,
        others=rows.others,
    )


def _add(row: dict[str, Any], columns: Mapping[str, Any], place: str) -> Iterable[str]:
    """Adds columns to a row in place; returns the contradictions."""
    denied = [name for name, value in columns.items() if row.setdefault(name, value) != value]
    for name in denied:
        # A contradiction in `b_lines` implies that in `segments`, which is not reported again.
        if name != "segments" or "b_lines" not in denied:
            yield (
                f"{place}: `{name}` is {format_field(name, columns[name])!r} here and "
                f"{format_field(name, row[name])!r} in the annotations. Correct one of them."
            )


def _name_patients(rows: Mapping[Path, dict[str, Any]], joining: Joining) -> Iterable[str]:
    for path, columns in rows.items():
        try:
            named = joining.names.read(path) if joining.names else {}
        except ValueError as error:
            yield f"{path}: {error}"
            continue
        yield from _add(columns, named, f"{path}, --patient")
        if not columns.get("patient_id"):
            yield (
                f"{path}: its patient is unknown. Read it from the file name with --patient "
                "'(?P<patient>…)', or give a sheet with a column patient_id with --table."
            )


def _notes(sheet: SheetRows, free: Sequence[Path], joining: Joining) -> Iterable[str]:
    if sheet.rows:
        yield f"{joining.sheet}: labels of {len(sheet.rows)} videos were joined."
    yield from (f"{joining.sheet}: {told}" for told in sheet.told)
    if free:
        yield (
            f"Without annotation, counted as free of B-lines: {listed(path.name for path in free)}."
        )


def listed(names: Iterable[str]) -> str:
    """The first five names and the number of further ones, as text."""
    names = list(names)
    more = f", … {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more


def check_patients(joining: Joining, source: Path) -> None:
    """Refuses annotations for which no source states the patients.

    Raises:
        ConfigError: There is neither a pattern nor a sheet.
    """
    if joining.names is None and joining.sheet is None:
        raise ConfigError(
            f"{source}: does not state the patients of the videos. Give --patient "
            "'(?P<patient>p\\d+)_.*' to read them from file names, or --table labels.csv."
        )
