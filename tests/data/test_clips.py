"""Windows, their labels and their frame-level truth, by numbers that can be counted on a hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lus_keras.core.config import ClipConfig
from lus_keras.core.errors import DataError
from lus_keras.data.clips import UNKNOWN, frames_in_segments, index_clips, windows
from lus_keras.data.manifest import Video
from lus_keras.simulation import measure_truth, plan_cohort, segments_from_frames
from lus_keras.simulation.video import manifest_row

QUICK = settings(deadline=None, max_examples=100, derandomize=True)


def video(name="v", patient="p", **labels):
    return Video(video="", patient_id=patient, video_id=name, **labels)


def index(videos, counts, *, frames=4, stride=2, fps=10.0, label_column="b_lines", min_frames=1):
    clip = ClipConfig(fps=fps, frames=frames, stride=stride, size=(2, 3), min_frames=min_frames)
    return index_clips(videos, counts, [(2, 3)] * len(videos), clip, label_column)


def test_four_seconds_give_four_clips():
    """120 frames, windows of 30 every 24: 0, 24, 48, 72; one from 96 would end at 126."""
    assert list(windows(120, 30, 24)) == [0, 24, 48, 72]


@pytest.mark.parametrize(
    ("count", "starts"),
    [(0, []), (29, []), (30, [0]), (53, [0]), (54, [0, 24]), (126, [0, 24, 48, 72, 96])],
)
def test_only_whole_windows_count(count, starts):
    assert list(windows(count, 30, 24)) == starts


@QUICK
@given(st.integers(0, 500), st.integers(1, 60), st.integers(1, 60))
def test_windows_lie_inside_at_the_stride_and_none_is_left_out(count, frames, stride):
    starts = list(windows(count, frames, stride))
    assert starts == [i * stride for i in range(len(starts))]
    assert all(start + frames <= count for start in starts)
    assert len(starts) * stride + frames > count


def test_a_frame_belongs_to_a_segment_that_has_begun_and_not_ended():
    """At 10 fps frames are at 0, 0.1, …: [0.2, 0.4) holds frames 2 and 3."""
    marked = frames_in_segments(6, 10.0, [(0.2, 0.4)])
    assert list(np.flatnonzero(marked)) == [2, 3]
    assert marked.dtype == bool


@pytest.mark.parametrize(
    ("segments", "frames"),
    [
        ((), []),
        (((0.0, 9.0),), [0, 1, 2, 3, 4, 5]),
        (((0.1, 0.3), (0.2, 0.4)), [1, 2, 3]),
        (((0.45, 0.48),), []),
        (((7.0, 8.0),), []),
        # Times that were rounded: less than a millisecond off is on time.
        (((0.2004, 0.4004),), [2, 3]),
        (((0.1996, 0.3996),), [2, 3]),
    ],
)
def test_segments_may_overlap_miss_every_frame_or_lie_beyond_the_end(segments, frames):
    assert list(np.flatnonzero(frames_in_segments(6, 10.0, segments))) == frames


@QUICK
@given(
    st.lists(st.booleans(), min_size=1, max_size=200), st.sampled_from([25.0, 29.97, 30.0, 54.0])
)
def test_frames_to_segments_and_back_is_the_same(frames, fps):
    marked = np.array(frames)
    segments = segments_from_frames(marked, fps)
    np.testing.assert_array_equal(frames_in_segments(len(marked), fps, segments), marked)
    written = [(round(start, 4), round(end, 4)) for start, end in segments]
    np.testing.assert_array_equal(frames_in_segments(len(marked), fps, written), marked)


def test_the_simulators_segments_give_back_its_frames():
    for plan in plan_cohort("bline", patients=3, videos=6, seed=1, duration_s=2.0):
        truth = measure_truth(plan)
        row = manifest_row(plan, truth)
        marked = frames_in_segments(plan.frames, plan.fps, row.segments)
        np.testing.assert_array_equal(marked, truth.b_line_frames)
        assert row.b_lines == int(marked.any())


def test_clips_carry_ids_places_labels_and_truth():
    """Windows of 4 every 2: seven frames start at 0 and 2."""
    videos = [
        video("v1", "p1", b_lines=1, segments=((0.5, 0.7),)),
        video("v2", "p2", b_lines=0, segments=()),
    ]
    clips = index(videos, [7, 5])
    assert len(clips) == 3
    assert list(clips.clip_id) == ["v1@0000", "v1@0002", "v2@0000"]
    assert list(clips.video_id) == ["v1", "v1", "v2"]
    assert list(clips.patient_id) == ["p1", "p1", "p2"]
    assert list(clips.video) == [0, 0, 1]
    assert list(clips.first) == [0, 2, 0]
    assert list(clips.label) == [0, 1, 0]
    np.testing.assert_array_equal(clips.truth, [[0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]])
    assert (clips.first.dtype, clips.label.dtype, clips.truth.dtype) == (
        np.int64,
        np.int64,
        np.int8,
    )
    assert clips.frames == 4


@pytest.mark.parametrize(("min_frames", "labels"), [(1, [0, 1, 1]), (2, [0, 0, 1]), (3, [0, 0, 0])])
def test_a_clip_is_positive_from_min_frames_on(min_frames, labels):
    """Frames 5 and 6 of eight show B-lines: the windows hold 0, 1 and 2 of them."""
    clips = index([video(b_lines=1, segments=((0.5, 0.7),))], [8], min_frames=min_frames)
    assert list(clips.truth.sum(axis=1)) == [0, 1, 2]
    assert list(clips.label) == labels


def test_without_frame_truth_clips_inherit_the_label_of_their_video():
    clips = index([video("a", b_lines=1), video("b", b_lines=0)], [6, 6])
    assert list(clips.label) == [1, 1, 0, 0]
    assert (clips.truth == UNKNOWN).all()


def test_segments_are_truth_for_b_lines_only():
    clips = index([video(severity=3, segments=((0.0, 0.1),))], [4], label_column="severity")
    assert list(clips.label) == [3]
    assert (clips.truth == UNKNOWN).all()


def test_a_sign_becomes_its_number():
    videos = [video("a", sign="a_lines"), video("b", sign="consolidation")]
    assert list(index(videos, [4, 4], label_column="sign").label) == [0, 3]


def test_segments_are_label_enough():
    assert list(index([video(segments=((0.0, 0.1),))], [4]).label) == [1]


def test_all_videos_without_label_are_listed():
    videos = [video("a"), video("b", b_lines=0), video("c", severity=2)]
    with pytest.raises(DataError) as caught:
        index(videos, [4, 4, 4])
    assert str(caught.value).splitlines() == [
        f"video '{name}': column 'b_lines' is empty. Fill it in." for name in "ac"
    ]


def test_a_video_shorter_than_a_clip_gives_none():
    assert list(index([video("a", b_lines=1), video("b", b_lines=1)], [3, 4]).clip_id) == ["b@0000"]


def test_no_clip_at_all_names_the_longest_video_and_what_is_needed():
    message = (
        r"the longest of 2 videos has 3 frames at 10 fps, the largest 2×3 pixels; "
        r"a clip needs 4 of 2×3\."
    )
    with pytest.raises(DataError, match=message):
        index([video("a", b_lines=1), video("b", b_lines=1)], [2, 3])


def test_rows_of_patients_are_all_their_clips_and_no_other():
    videos = [video(f"v{i}", patient, b_lines=0) for i, patient in enumerate(["1", "01", "1"])]
    clips = index(videos, [6, 4, 4])
    assert list(clips.rows_of(["1"])) == [0, 1, 3]
    assert list(clips.rows_of({"01"})) == [2]
    assert list(clips.rows_of(["01", "1"])) == [0, 1, 2, 3]
    assert list(clips.rows_of([])) == []
    assert list(clips.rows_of(["2"])) == []
