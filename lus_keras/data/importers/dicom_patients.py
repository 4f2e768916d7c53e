"""Who DICOM files belong to, compared before ids are hashes; no message holds an id."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from lus_keras.core.errors import DataError
from lus_keras.data.importers.dicom_header import Header

_SHOWN = 5


def check_patients(headers: Iterable[tuple[str, Path, Header]]) -> str:
    """Looks for one person under two ids.

    Args:
        headers: Number of each file as messages name it, its path, and what it says.

    Returns:
        A warning of patient ids that look alike, with a count and examples; or nothing.

    Raises:
        DataError: One study (StudyInstanceUID) stands under two patients; all are listed.
    """
    studies: dict[str, dict[str, str]] = defaultdict(dict)
    spellings: dict[str, dict[str, str]] = defaultdict(dict)
    for number, _, header in headers:
        studies[header.exam_id].setdefault(header.patient_id, number)
        for spelling in header.spellings:
            spellings[spelling].setdefault(header.patient_id, number)
    split = [" and ".join(files.values()) for files in studies.values() if len(files) > 1]
    if split:
        raise DataError.from_problems(
            f"{files}: one study (StudyInstanceUID) is under {files.count(' and ') + 1} patient "
            "ids. A study is of one person: correct PatientID at its source, or a split leaks."
            for files in split
        )
    alike = list({tuple(files): files for files in spellings.values() if len(files) > 1}.values())
    if not alike:
        return ""
    shown = "; ".join(" and ".join(files.values()) for files in alike[:_SHOWN])
    more = f"; … and {len(alike) - _SHOWN} more" if len(alike) > _SHOWN else ""
    return (
        f"Warning: patient ids of {len(alike)} groups of files look alike and are treated as "
        f"different: {shown}{more}. If they are one person, correct PatientID, or a split may leak."
    )
