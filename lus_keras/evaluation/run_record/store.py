"""Writes and reads run.json; files of versions before are brought to this one's form.

The file ends with the hash of all else that it says, for what a report prints of seed, settings and
published numbers to be what the run was made with.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from lus_keras.core.errors import RunError
from lus_keras.core.files import read_json, write_file
from lus_keras.evaluation.run_record.migrate import migrated
from lus_keras.evaluation.run_record.record import VERSION, RunRecord

FILE, HASH = "run.json", "sha256"


def write_record(run_dir: Path, record: RunRecord) -> Path:
    """Writes run.json.

    Raises:
        OSError: It cannot be written; a file that was there is as it was.
    """
    path = run_dir / FILE
    content = record.model_dump(mode="json")
    text = json.dumps({**content, HASH: record_hash(content)}, indent=1, ensure_ascii=False)
    write_file(path, text + "\n")
    return path


def record_hash(content: Mapping[str, Any]) -> str:
    """sha256 of what a run.json says, but of the hash itself."""
    said = {key: value for key, value in content.items() if key != HASH}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def read_record(run_dir: Path) -> RunRecord:
    """Reads run.json.

    Returns:
        The record; of a file of an earlier version in this version's form.

    Raises:
        RunError: The file is absent, damaged, edited, or of a version that is not known.
    """
    path = run_dir / FILE
    try:
        content: Any = read_json(path)
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: cannot be read ({error}). Give a run directory.") from None
    if not isinstance(content, dict) or not isinstance(content.get("papers"), dict):
        raise RunError(f"{path}: must be a mapping with 'papers'. Give a run directory.")
    # Version 1 called it 'schema'.
    version = content.get("version", content.get("schema"))
    if not isinstance(version, int) or version not in range(1, VERSION + 1):
        raise RunError(
            f"{path}: has version {version!r}; this lus_keras reads versions 1 to {VERSION}. Use "
            "the version of lus_keras that wrote it."
        )
    # Files of before there was a hash have none.
    edited = HASH in content and content[HASH] != record_hash(content)
    record = _validated(path, {k: v for k, v in content.items() if k != HASH}, version)
    if edited:
        raise RunError(
            f"{path}: was changed after it was written: its {HASH} differs. Restore the file, or "
            "delete it and run the command again; completed folds are kept."
        )
    return record


def _validated(path: Path, content: dict[str, Any], version: int) -> RunRecord:
    try:
        if version < VERSION:
            content = migrated(content, version)
        return RunRecord.model_validate(content)
    except ValidationError as error:
        problems = [
            f"{path}: {'.'.join(map(str, problem['loc']))}: {problem['msg']}."
            for problem in error.errors()
        ]
        advice = "Restore the file, or delete it and run the command again; folds are kept."
        raise RunError.from_problems([*problems, advice], most=len(problems) + 1) from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunError(
            f"{path}: damaged ({type(error).__name__}: {error}). Delete it and run the command "
            "again; completed folds are kept."
        ) from None
