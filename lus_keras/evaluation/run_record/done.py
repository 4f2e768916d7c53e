"""DONE: the mark of a finished fold, which vouches for its files and says what they belong to."""

from collections.abc import Iterable
from pathlib import Path

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from lus_keras.core.errors import RunError
from lus_keras.core.files import sha256_of, write_json
from lus_keras.evaluation.run_record.record import Fingerprint

FILE = "DONE"


class Done(BaseModel):
    """What DONE holds.

    Attributes:
        sha256: File in the fold's folder → its hash.
        fingerprint: What the fold's numbers depend on; None in folds of before version 2.
        exclusions: File that an archive does not hold, such as the weights → its hash.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: dict[str, str]
    fingerprint: Fingerprint | None = None
    exclusions: dict[str, str] = Field(
        default={},
        validation_alias=AliasChoices("exclusions", "left_out"),  # former name
    )


def vouch(folder: Path, names: Iterable[str], fingerprint: Fingerprint | None = None) -> None:
    """Marks a fold as finished.

    Raises:
        OSError: A file cannot be read, or DONE cannot be written.
    """
    hashes = {name: sha256_of(folder / name) for name in names}
    _write(folder, Done(sha256=hashes, fingerprint=fingerprint))


def vouch_further(folder: Path, name: str) -> None:
    """Lets the mark of a finished fold vouch for a file that was made later.

    Raises:
        RunError: The mark is absent or damaged.
        OSError: The file cannot be read, or DONE cannot be written.
    """
    done = read_done(folder)
    hashes = {**done.sha256, name: sha256_of(folder / name)}
    _write(folder, done.model_copy(update={"sha256": hashes}))


def _write(folder: Path, done: Done) -> None:
    write_json(folder / FILE, done.model_dump(mode="json"))


def read_done(folder: Path) -> Done:
    """Reads the mark of a finished fold.

    Raises:
        RunError: The mark is absent or damaged.
    """
    path = folder / FILE
    try:
        return Done.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        # Pydantic's first line is a count of what is wrong.
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise RunError(
            f"{path}: cannot be read ({reason}). Delete it and run the command again to "
            "retrain the fold."
        ) from None


def disowned(folder: Path, done: Done, names: Iterable[str]) -> list[str]:
    """One sentence a file that is missing, was changed, or is not known to DONE.

    Names of files that are neither there nor vouched for are passed over.
    """
    problems = []
    for name in names:
        path, expected = folder / name, done.sha256.get(name)
        if not path.is_file():
            if expected:
                problems.append(f"{path}: is missing, although {FILE} lists it.")
        elif expected is None:
            problems.append(f"{path}: is not listed in {FILE}.")
        elif sha256_of(path) != expected:
            problems.append(
                f"{path}: was changed after the fold finished: its hash in {FILE} differs."
            )
    return problems
