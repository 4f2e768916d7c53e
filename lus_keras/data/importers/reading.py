"""What all importers say of a file that cannot be read, or that breaks the rules of its format."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from lus_keras.core.errors import DataError, LusKerasError


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turns the errors of the operating system within the block into one of the data.

    Raises:
        DataError: The file does not exist, may not be read, or is no file.
    """
    try:
        yield
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}). Check the path.") from error


def broken(path: Path, error: ValidationError, advice: str) -> LusKerasError:
    """All violations of a JSON file's format, with their places.

    Args:
        advice: A sentence, what to do.
    """
    return DataError.from_problems(
        f"{path}, /{'/'.join(map(str, detail['loc']))}: {detail['msg']}. Received "
        f"{str(detail['input'])[:60]!r}. {advice}"
        for detail in error.errors()
    )
