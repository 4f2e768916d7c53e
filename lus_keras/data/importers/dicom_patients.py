"""Consistency of the patients of DICOM files; messages contain no ids."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from lus_keras.core.errors import DataError
from lus_keras.data.importers.dicom_header import Header

_SHOWN = 5


def check_patients(headers: Iterable[tuple[str, Path, Header]]) -> list[str]:
    """Looks for one person with two ids, and for two people with one id.

    Args:
        headers: Number of each file as used in messages, its path, and its header.

    Returns:
        Warnings about similar patient ids and about ids shared by several people, with counts and
        examples.

    Raises:
        DataError: One study (StudyInstanceUID) has two patient ids; all cases are listed.
    """
    studies: dict[str, dict[str, str]] = defaultdict(dict)
    spellings: dict[str, dict[str, str]] = defaultdict(dict)
    people: dict[str, dict[str, str]] = defaultdict(dict)
    for number, _, header in headers:
        people[header.patient_id].setdefault(header.person, number)
        studies[header.exam_id].setdefault(header.patient_id, number)
        for spelling in header.spellings:
            spellings[spelling].setdefault(header.patient_id, number)
    split = [" and ".join(files.values()) for files in studies.values() if len(files) > 1]
    if split:
        raise DataError.from_problems(
            f"{files}: one study (StudyInstanceUID) is under {files.count(' and ') + 1} patient "
            "ids. A study belongs to one person: correct PatientID at its source; otherwise a "
            "split leaks."
            for files in split
        )
    told = []
    if alike := _groups(spellings.values()):
        told.append(
            f"Warning: patient ids of {len(alike)} groups of files are similar and are treated as "
            f"different: {_listed(alike)}. If they are one person, correct PatientID; otherwise a "
            "split may leak."
        )
    if shared := _groups(people.values()):
        told.append(
            f"Warning: {len(shared)} patient ids occur with several names, dates of birth or "
            f"issuers, and each is treated as one patient: {_listed(shared)}. If they are several "
            "people, give each person a separate id."
        )
    return told


def _groups(found: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    return list({tuple(files): files for files in found if len(files) > 1}.values())


def _listed(groups: Sequence[dict[str, str]]) -> str:
    shown = "; ".join(" and ".join(files.values()) for files in groups[:_SHOWN])
    return shown + (f"; … and {len(groups) - _SHOWN} more" if len(groups) > _SHOWN else "")
