"""The section of one paper, from which HTML and Markdown are written."""

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lus_keras import __version__
from lus_keras.core.config import LABELS
from lus_keras.core.errors import LEAKAGE
from lus_keras.evaluation.report.clips import ViewedClip, viewed_clips
from lus_keras.evaluation.report.sentences import sentence
from lus_keras.evaluation.run_record import ChoiceRecord, PaperRun
from lus_keras.evaluation.run_record.facts import Topic
from lus_keras.evaluation.tables.cells import SKILL_FREE, Cell, Claim, Drawing, Table, join_notes
from lus_keras.evaluation.tables.declaration import PaperResults
from lus_keras.evaluation.tables.drawings import claims_drawing

RESEARCH_USE = "Research use only. Not a medical device; not for diagnosis."
# Counts of the data whose field names would not be understood.
_COUNTS = {"positives": "clips of other classes than the first", "frame_truth": "frames annotated"}


@dataclass(frozen=True)
class Section:
    """The section of one paper.

    Attributes:
        warnings: What is missing from the run or wrong with it, one sentence each.
        embed_frames: Whether frames of videos that are not simulated may be shown as well.
    """

    run: PaperRun
    title: str
    tables: Sequence[Table]
    claims: Sequence[Claim]
    drawings: Sequence[Drawing]
    warnings: Sequence[str]
    clips: Sequence[ViewedClip] = ()
    embed_frames: bool = False

    @property
    def simulated(self) -> bool:
        """Whether the videos are simulated."""
        return self.run.simulated

    @property
    def banner(self) -> str:
        """Warning above the results of a preset that is not the paper's protocol; else empty."""
        return self.run.banner

    @property
    def shows_frames(self) -> bool:
        """Whether frames may be shown: those of real videos only on request."""
        return self.simulated or self.embed_frames

    def shows(self, drawing: Drawing) -> bool:
        """Whether a figure may be shown."""
        return self.shows_frames or not drawing.frames

    @property
    def sampled(self) -> str:
        """What intervals are over: patients, and seeds if there are several."""
        return "patients and seeds" if len(self.run.seeds) > 1 else "patients"

    @property
    def verdicts(self) -> dict[str, int]:
        """Number of claims by verdict: holds, fails, undecided, not tested, or no verdict."""
        return dict(Counter(claim.verdict for claim in self.claims))

    @property
    def citation(self) -> str:
        """Authors, venue and DOI of the paper, those that are recorded."""
        record = self.run.record
        doi = f"https://doi.org/{record.doi}" if record.doi else ""
        return ", ".join(filter(None, (record.authors, record.venue, doi)))

    @property
    def cells(self) -> list[Cell]:
        """Every cell of the tables, then of the claims."""
        cells = [cell for table in self.tables for cell in table.cells]
        return cells + [cell for claim in self.claims for cell in claim.cells(self.run.paper)]

    @property
    def choices(self) -> Sequence[ChoiceRecord]:
        """Settings that the paper leaves open or that were overridden, with their labels."""
        return self.run.record.choices

    @property
    def choice_labels(self) -> dict[str, str]:
        """Meaning of the labels that occur."""
        used = {choice.label for choice in self.choices}
        return {label: text for label, text in LABELS.items() if label in used}

    @property
    def data_facts(self) -> list[tuple[str, str]]:
        """Counts of the data, as (name, text)."""
        data = self.run.record.data.model_dump(exclude_none=True, exclude={"facts"})
        return [
            (_COUNTS.get(name, name), _fact(value))
            for name, value in data.items()
            if value not in ("", {})
        ]

    @property
    def data_notes(self) -> list[str]:
        """Sentences about the data."""
        facts = [sentence(fact) for fact in self.run.record.data.facts]
        return [*_seed_notes(self.run), *facts]

    def facts_on(self, *topics: Topic) -> list[str]:
        """Sentences about the data that are on any of `topics`."""
        return [sentence(fact) for fact in self.run.record.data.facts if fact.topic in topics]

    @property
    def inconsistencies(self) -> Sequence[str]:
        """Contradictions within the paper."""
        return self.run.record.inconsistencies

    @property
    def hashes(self) -> list[tuple[str, str]]:
        """File and its SHA-256, of all files that the numbers are computed from."""
        return [pair for model in self.run.models.values() for pair in model.hashes.items()]


def build_section(
    run: PaperRun,
    declared: PaperResults | None,
    *,
    others: Sequence[PaperRun] = (),
    embed_frames: bool = False,
) -> Section:
    """Makes every table, claim and figure that a paper declares.

    Args:
        declared: Tables, claims and figures of the paper; None if it declares none.
        others: Runs of further seeds; figures and clips are those of `run`.
        embed_frames: Also show frames of videos that are not simulated.

    Returns:
        The section; if the paper declares no tables, it contains only a warning.
    """
    title = run.record.title
    if not run.record.simulated:
        title = f"Protocol of “{title}” on {run.record.dataset}"
    if declared is None:
        return Section(run, title, (), (), (), [f"Paper '{run.paper}' declares no tables."])
    tables = _shown([make(run, *others) for make in declared.tables.values()], run)
    tables = [watermarked(table, run) for table in tables]
    claims = declared.claims(run, *others)
    drawings = [make(run) for make in declared.figures.values()]
    drawings.append(claims_drawing(claims))
    kept = [drawing for drawing in drawings if drawing is not None]
    shown = run.simulated or embed_frames
    return Section(
        run,
        title,
        tables,
        claims,
        kept,
        [line for of_seed in (run, *others) for line in _warnings(of_seed, declared.labels)],
        clips=viewed_clips(run, declared.labels) if shown else (),
        embed_frames=embed_frames,
    )


def _seed_notes(run: PaperRun) -> list[str]:
    if len(run.seeds) < 2:
        return []
    anew = "folds, initial weights and clip order"
    if run.seeds_vary == "cohort":
        anew = f"the simulated cohort, {anew}"
    return [
        f"Seeds {', '.join(map(str, run.seeds))}: {anew} are drawn again for each. Values are "
        f"means over seeds; figures, clips and counts of the data refer to seed {run.seed}."
    ]


def watermarked(table: Table, run: PaperRun) -> Table:
    """Marks a table if every split of its run leaks.

    If only some variants leak, the paper's own tables name them.

    Returns:
        The table, marked in title, notes and cells if all splits leak.
    """
    if not run.variants or not all(variant.leaks for variant in run.variants.values()):
        return table
    cells = [replace(cell, note=join_notes(cell.note, "LEAKAGE")) for cell in table.cells]
    title = f"LEAKAGE: {table.title}"
    return replace(table, title=title, cells=cells, notes=(LEAKAGE, *table.notes))


def _shown(tables: Sequence[Table], run: PaperRun) -> list[Table]:
    """Tables that were requested, and those with numbers that the requested ones do not show."""
    if run.record.targets is None:
        return list(tables)
    asked = {target.replace("-", "_") for target in run.record.targets}
    printed = {number for table in tables if table.id in asked for number in _measured(table)}
    return [table for table in tables if table.id in asked or _measured(table) - printed]


def _measured(table: Table) -> set[tuple[str, str, float]]:
    """Row, metric and value of cells that have one, without predictors that ignore the input."""
    return {
        (cell.row, cell.metric, cell.value)
        for cell in table.cells
        if cell.value is not None and cell.row.rpartition("/")[2] not in SKILL_FREE
    }


def plain(value: Any) -> str:
    """Prints a setting: text unchanged, numbers and lists as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _fact(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {count}" for name, count in value.items())
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else plain(value)


def number(value: float | None, decimals: int, *, sign: bool = False) -> str:
    """Prints a number with `decimals` digits after the point; a dash if None or not finite."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:{'+' if sign else ''}.{decimals}f}".replace("-", "−")


def interval(cell: Cell, decimals: int) -> str:
    """Prints the confidence interval; empty if there is none.

    For example `(0.70 to 0.90)`, for several seeds `(0.70 to 0.90; SD of 3 seeds 0.02)`.
    """
    if cell.ci_low is None or cell.ci_high is None:
        return ""
    ends = f"{number(cell.ci_low, decimals)} to {number(cell.ci_high, decimals)}"
    if cell.n_seeds < 2:
        return f"({ends})"
    return f"({ends}; SD of {cell.n_seeds} seeds {number(cell.seed_sd, decimals)})"


def claim_rows(claim: Claim) -> list[tuple[str, str, str, str, str]]:
    """Cells of a claim, one row per metric: comparison, published, ours, interval and verdict."""
    pair = f"{claim.better} − {claim.worse}"
    if not claim.comparisons:
        return [(pair, "–", "n/a", "", claim.verdict)]
    rows = []
    for part in claim.comparisons:
        found = part.difference
        value, low, high = (
            number(of, 3, sign=True) for of in (found.value, found.ci_low, found.ci_high)
        )
        printed = number(part.published, 2, sign=True)
        rows.append((f"{pair}, {part.label}", printed, value, f"{low} to {high}", found.verdict))
    return rows


def _warnings(run: PaperRun, labels: Mapping[str, str]) -> list[str]:
    """Sentences on networks of the run that are incomplete or diverged."""
    warnings = []
    of_seed = f", seed {run.seed}" if len(run.seeds) > 1 else ""
    for name, model in run.models.items():
        label = f"{labels.get(name, name)}{of_seed}"
        folds = run.folds_of(name)
        if len(model.folds_done) < folds:
            warnings.append(f"Incomplete: {label} has {len(model.folds_done)}/{folds} folds.")
        for fold, report in sorted(model.diverged.items()):
            epoch, batch = report.get("epoch", "?"), report.get("batch", "?")
            message = str(report.get("message", "")).rstrip(".")
            warnings.append(
                f"Diverged: {label}, fold {fold}, epoch {epoch}, batch {batch}: {message}."
            )
    return [*warnings, *_other_versions(run, labels)]


def _other_versions(run: PaperRun, labels: Mapping[str, str]) -> list[str]:
    """Sentences on networks that were trained by another version of this package."""
    found: dict[str, list[str]] = {}
    for name, model in run.models.items():
        for version in sorted({mark.lus_keras for mark in model.fingerprints.values()}):
            if version != __version__:
                found.setdefault(version, []).append(labels.get(name, name))
    return [
        f"Trained by lus_keras {version}, reported by {__version__}: {', '.join(names)}."
        for version, names in found.items()
    ]
