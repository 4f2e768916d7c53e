"""Writes and reads run.json; files of versions before are brought to this one's form."""

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from lus_keras.core.errors import RunError
from lus_keras.core.files import read_json, write_file
from lus_keras.evaluation.run_record.migrate import migrated
from lus_keras.evaluation.run_record.record import VERSION, RunRecord

FILE = "run.json"


def write_record(run_dir: Path, record: RunRecord) -> Path:
    """Writes run.json.

    Raises:
        OSError: It cannot be written; a file that was there is as it was.
    """
    path = run_dir / FILE
    text = json.dumps(record.model_dump(mode="json"), indent=1, ensure_ascii=False)
    write_file(path, text + "\n")
    return path


def read_record(run_dir: Path) -> RunRecord:
    """Reads run.json.

    Returns:
        The record; of a file of an earlier version in this version's form.

    Raises:
        RunError: The file is absent, damaged, or of a version that is not known.
    """
    path = run_dir / FILE
    try:
        content: Any = read_json(path)
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: cannot be read ({error}). Is this a run directory?") from None
    if not isinstance(content, dict) or not isinstance(content.get("papers"), dict):
        raise RunError(f"{path}: must be a mapping that has 'papers'. Is it the file of a run?")
    # Version 1 called it 'schema'.
    version = content.get("version", content.get("schema"))
    if not isinstance(version, int) or version not in range(1, VERSION + 1):
        raise RunError(
            f"{path}: is of version {version!r}; this is lus_keras for versions 1 to {VERSION}. "
            "Use the version of lus_keras that wrote it."
        )
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
            "again; finished folds are kept."
        ) from None
