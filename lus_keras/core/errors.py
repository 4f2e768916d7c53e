"""Errors that a user can cause, each with the exit code of the command line.

A message states file, place, cause and remedy. Readers collect all problems of a file before they
raise an error, so that one run shows everything that has to be fixed.
"""

from collections.abc import Iterable

MAX_LISTED = 10
# Printed beside every number of a split that leaks.
LEAKAGE = (
    "LEAKAGE: the same patients are trained and tested on. These numbers may measure how well the "
    "network recognizes patients rather than disease."
)


class LusKerasError(Exception):
    """Base class of all errors caused by invalid input; not raised itself."""

    exit_code = 1

    @classmethod
    def from_problems(cls, problems: Iterable[str], most: int = MAX_LISTED) -> "LusKerasError":
        """Joins problems into one error that lists the first ones and counts the rest.

        Args:
            problems: One sentence per problem, each starting with `file, place:`.
            most: Number of problems listed.
        """
        problems = list(problems)
        listed = problems[:most]
        if len(problems) > most:
            listed.append(f"… and {len(problems) - most} more.")
        return cls("\n".join(listed))


class ConfigError(LusKerasError):
    """A setting, target, option or config file is wrong."""

    exit_code = 2


class DataError(LusKerasError):
    """Data are missing or unusable."""

    exit_code = 3


class ManifestError(DataError):
    """A manifest cannot be read or breaks a rule."""


class VideoError(DataError):
    """A video cannot be decoded."""


class LeakageError(DataError):
    """A patient is in both training and test set of a split."""


class RunError(LusKerasError):
    """A run directory cannot be used, or part of a run failed; finished work is kept."""

    exit_code = 4


class DivergedError(RunError):
    """Training produced a value that is not finite."""

    exit_code = 5
