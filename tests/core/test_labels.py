"""One registry says what label columns there are; whatever lists them reads it."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lus_keras.core import multilabel
from lus_keras.core.config.paper import PaperConfig
from lus_keras.core.labels import CLASSES, MULTILABEL, REGISTRY, SIGNS, SINGLE, Labels
from lus_keras.data.clips import class_of, is_labeled
from lus_keras.data.manifest import COLUMNS, LABELS, PARSERS, Video
from lus_keras.data.quality import splitting

VALUES = {
    "b_lines": st.integers(0, 1),
    "sliding": st.integers(0, 1),
    "severity": st.integers(0, 3),
    "sign": st.sampled_from(SIGNS),
    "signs": st.sets(st.sampled_from(SIGNS)).map(lambda s: tuple(n for n in SIGNS if n in s)),
    "segments": st.lists(st.tuples(st.integers(0, 9), st.integers(10, 99)), max_size=3).map(
        lambda pairs: tuple((start / 8, end / 8) for start, end in pairs)
    ),
}


def test_manifest_configuration_and_splits_list_the_labels_of_the_registry():
    assert set(VALUES) == set(REGISTRY) == set(LABELS)
    assert COLUMNS[:5] == ("video", "patient_id", "video_id", "exam_id", "zone")
    assert COLUMNS[5 : 5 + len(LABELS)] == LABELS
    assert PaperConfig.model_fields["label_column"].annotation.__args__ == CLASSES
    assert splitting.CLASSES is CLASSES and multilabel.COLUMNS is MULTILABEL
    assert set(SINGLE) | set(MULTILABEL) == set(CLASSES) == set(LABELS) - {"segments"}
    assert all(dataclasses.asdict(Labels())[name] is None for name in LABELS)


@given(st.data(), st.sampled_from(sorted(VALUES)))
def test_a_label_is_read_back_as_it_is_written(data, column):
    value = data.draw(VALUES[column])
    assert PARSERS[column](column, REGISTRY[column].format(value)) == value


@given(st.data(), st.sampled_from(CLASSES))
def test_every_value_has_a_class_of_its_own(data, column):
    """Single labels are their place among the values, several the bits of their places."""
    value = data.draw(VALUES[column])
    video = Video("v.avi", "p", "v", **{column: value})
    assert is_labeled(video, column)
    count = len(REGISTRY[column].values)
    shown = np.flatnonzero(multilabel.unpack([class_of(video, column)], count)[0]).tolist()
    if column in MULTILABEL:
        assert shown == [SIGNS.index(sign) for sign in value]
    else:
        assert REGISTRY[column].values[class_of(video, column)] == str(value)


@pytest.mark.parametrize(("segments", "known"), [(None, False), ((), True), (((0, 1),), True)])
def test_intervals_state_the_label_they_are_of_and_no_other(segments, known):
    video = Video("v.avi", "p", "v", segments=segments)
    assert [is_labeled(video, column) for column in CLASSES] == [known, *[False] * 4]
    if known:
        assert class_of(video, "b_lines") == len(segments)
