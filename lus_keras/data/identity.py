"""One person under two ids, one video under two patients: what would leak through any split."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from lus_keras.core.suggestions import groups_alike

# Bits of 256 in which fingerprints differ: up to 5 in copies encoded anew, from 23 on in others.
ALIKE_BITS = 8
_SHOWN = 5


def warning_of_ids(patient_ids: Iterable[str]) -> str:
    """Warning about patient ids that may be spellings of one, with count and examples; or empty."""
    known = set(patient_ids)
    groups = groups_alike(known)
    told = []
    if groups:
        many = f" ({len(groups)} groups of {sum(map(len, groups))} ids)" if len(groups) > 1 else ""
        told.append(
            f"patient ids{many} are similar and are treated as different: {_listed(groups)}. If "
            "they are one person, use one spelling; otherwise a split may leak."
        )
    rounded = sorted(name for name in known if re.fullmatch(r"\d([.,]\d+)?[Ee]\+\d+", name))
    if rounded:
        told.append(
            f"{len(rounded)} patient ids are numbers that a spreadsheet has rounded, such as "
            f"{rounded[0]!r}: two patients may have become one. Format the column as text."
        )
    return " ".join(told)


def _listed(groups: Sequence[Sequence[str]]) -> str:
    shown = [" and ".join(map(repr, group[:_SHOWN])) for group in groups[:_SHOWN]]
    more = [f"… and {len(groups) - _SHOWN} more"] if len(groups) > _SHOWN else []
    return "; ".join([*shown, *more])


def near_copies(
    fingerprints: Mapping[int, str], patients: Sequence[str | None]
) -> Iterator[tuple[int, int]]:
    """Pairs of videos of two patients, or of unknown ones, with similar first frames.

    Args:
        fingerprints: By number of the video, 64 hexadecimal digits, see `video.fingerprint`; one
            without any bit is of a blank image and similar to no other.
        patients: Patient of every video, None if unknown.

    Yields:
        Numbers of two videos, the later one first.
    """
    numbers = [number for number, text in fingerprints.items() if int(text, 16)]
    if not numbers:
        return
    packed = [np.frombuffer(bytes.fromhex(fingerprints[number]), np.uint8) for number in numbers]
    bits = np.unpackbits(np.array(packed).reshape(len(packed), -1), axis=1)
    for place, number in enumerate(numbers):
        differ = (bits[:place] != bits[place]).sum(axis=1)
        for other in np.flatnonzero(differ <= ALIKE_BITS):
            one, two = patients[number], patients[numbers[other]]
            if one is None or two is None or one != two:
                yield number, numbers[other]


def warning_of_copies(pairs: Sequence[tuple[int, int]], names: Sequence[str]) -> str:
    """Warning about the pairs of `near_copies`, with examples."""
    if not pairs:
        return ""
    shown = "; ".join(f"{names[two]} and {names[one]}" for one, two in pairs[:_SHOWN])
    more = f"; … and {len(pairs) - _SHOWN} more" if len(pairs) > _SHOWN else ""
    return (
        f"{len(pairs)} pairs of videos of two patients begin with similar images: {shown}{more}. "
        "If they are copies, one patient may be in both training and test set. Check them with "
        "`lus-keras data check … --pairs pairs.png`, and give both the same patient, or remove "
        "one."
    )
