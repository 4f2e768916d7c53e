"""Descriptions of data sets: what may stand in a file of `data_manifests/`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, Strict

from lus_keras.core.config.sections import Section, Size, Texts

# YAML has lists and no tuples, as in `sections`.
Sizes = Annotated[tuple[Size, ...], Strict(False)]
Numbers = Annotated[tuple[float, ...], Strict(False)]
Range = Annotated[tuple[float, float], Strict(False)]
Groups = Annotated[tuple[Texts, ...], Strict(False)]
Counts = dict[str, NonNegativeInt]
Rule = Literal["one_spelling", "segments_agree", "regions_inside"]


class LabelTable(Section):
    """Labels of a source, which are taken from the user's copy and never downloaded.

    Attributes:
        path: Place in the data set's folder.
        known: What versions hold, by sha256; others are taken as well, and told to be unverified.
    """

    path: str
    known: dict[str, str]


class PublicExpected(Section):
    """How much a whole copy holds; a partial one is accepted and reported."""

    videos: PositiveInt
    patients: PositiveInt


class PublicDescription(Section):
    """A public data set: where it is, what of it can be fetched, and what must be said before.

    Attributes:
        name: Name of the file.
        title: Name as printed.
        source: Home page.
        commit: Pinned version.
        url: Address of a file, with `{commit}` and `{path}`.
        files: List of files with sizes and sha256, beside this one.
        not_listed: Sentences on what has to be got by hand.
        tables: Labels, from the user's copy.
        license: License, or licenses.
        citation: What to cite.
        expected: What a whole copy holds.
    """

    name: str
    title: str
    source: str
    commit: str
    url: str
    files: str
    not_listed: Texts
    tables: Annotated[tuple[LabelTable, ...], Strict(False)]
    license: str
    citation: str
    expected: PublicExpected | None = None


class SimulatedCohort(Section):
    """Size of a simulated cohort, as its paper's, and its probe."""

    patients: PositiveInt
    videos: PositiveInt
    probe: Literal["convex", "linear"]


class SimulatedDescription(Section):
    """The simulated cohorts, by paper; the seed is that of the run."""

    title: str
    license: str
    cohorts: dict[str, SimulatedCohort]


class PrivateExpected(Section):
    """What a paper states of its data; null where it states nothing.

    Attributes:
        patients: Patients.
        exams: Examinations.
        videos: Videos, or images.
        labels: Videos of each value of the label.
        clips: Clips of each value of the label, cut as the paper cuts.
        sizes: `(height, width)` that files have.
        fps: Frames per second that files have.
        frames: Fewest and most frames of a video.
        duration_s: Shortest and longest video.
        durations_s: The same by value of the label.
    """

    patients: PositiveInt | None = None
    exams: PositiveInt | None = None
    videos: PositiveInt | None = None
    labels: Counts = Field(default_factory=dict)
    clips: Counts = Field(default_factory=dict)
    sizes: Sizes = ()
    fps: Numbers = ()
    frames: Range | None = None
    duration_s: Range | None = None
    durations_s: dict[str, Range] = Field(default_factory=dict)


class PrivateDescription(Section):
    """Data of a paper that only their owner has, and what they must hold.

    Attributes:
        name: Name of the file.
        title: Name as printed.
        license: Terms, as printed.
        paper: The paper, whose configuration says what the label is and how clips are cut.
        columns: Columns that every row of the manifest has to fill, and what they hold.
        optional: Columns that may be empty, likewise.
        expected: What the paper states.
        checks: Rules for rows and files.
        test_patients: Test sets, one of which must give the counts of the paper's `table1`.
        tiles: Whether tiles are counted beside the paper's `figure4`.
    """

    name: str
    title: str
    license: str
    paper: str
    columns: dict[str, str]
    optional: dict[str, str] = Field(default_factory=dict)
    expected: PrivateExpected
    checks: Annotated[tuple[Rule, ...], Strict(False), Field(min_length=1)]
    test_patients: Groups = ()
    tiles: bool = False
