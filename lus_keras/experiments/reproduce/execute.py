"""Executes a request: frames, split, training of unfinished folds, report."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock

from lus_keras.core.files import remove_abandoned, write_file
from lus_keras.core.progress import Reporter
from lus_keras.evaluation.report.section import Section
from lus_keras.evaluation.report.sentences import sentence
from lus_keras.evaluation.run_record.seeds import write_seeds
from lus_keras.experiments.reproduce.describe import open_choices
from lus_keras.experiments.reproduce.planning import Plan, check_models, plan
from lus_keras.experiments.reproduce.prepare import Prepared, keep_splits, prepare
from lus_keras.experiments.reproduce.record import fingerprint_of, record_run
from lus_keras.experiments.reproduce.request import Request, requests_by_seed, run_folder
from lus_keras.experiments.reproduce.train import OVERLAYS, Training, train


@dataclass
class Result:
    """Result of a request; `sections` are those of its report."""

    out: Path
    targets: set[tuple[str, str]] = field(default_factory=set)
    files: list[Path] = field(default_factory=list)
    outcomes: list[Any] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 if all jobs are done, 5 if one diverged, 4 if one failed."""
        statuses = {outcome.status for outcome in self.outcomes}
        return 4 if "failed" in statuses else 5 if "diverged" in statuses else 0


def reproduce(request: Request, reporter: Reporter, plans: Sequence[Plan] | None = None) -> Result:
    """Executes a request: prepares data and split, trains unfinished folds, writes the report.

    Args:
        request: The request.
        reporter: Receives progress and messages.
        plans: Result of `plan` for this request, if it was computed before TensorFlow was loaded.

    Raises:
        ConfigError: As `plan`; options conflict, or the folder contains a run of a different
            experiment.
        DataError: As `plan`; or a video cannot be decoded, or the split leaks.
        RunError: run.json is damaged.
    """
    out, asked = run_folder(request), requests_by_seed(request)
    result = Result(out)
    if len(asked) > 1:
        vary = "cohort" if request.cohorts > 1 else "training"
        write_seeds(out, [one.seed for one in asked], vary)
    for one in asked:
        if len(asked) > 1:
            reporter.note(f"Seed {one.seed}, {one.out}")
        _train(one, reporter, plan(one) if plans is None or len(asked) > 1 else plans, result)
    from lus_keras import papers
    from lus_keras.evaluation.report.write import build_sections, write_sections

    reporter.note("Writing the report …")
    result.sections = build_sections(out, papers.results, embed_frames=request.embed_frames)
    result.files += write_sections(out, result.sections)
    return result


def _train(request: Request, reporter: Reporter, plans: Sequence[Plan], result: Result) -> None:
    """Trains the unfinished folds of a run, for all papers together."""
    out = run_folder(request)
    out.mkdir(parents=True, exist_ok=True)
    result.targets |= {(item.paper.name, target) for item in plans for target in item.targets}
    trainings = [
        Training(item, plan, request, out, reporter, fingerprint_of(item, request.seed))
        for plan in plans
        for item in _prepare(plan, request, out, reporter)
    ]
    result.outcomes += train(trainings, request, reporter)
    for paper_plan in plans:
        if paper_plan.paper.architecture in paper_plan.targets:
            result.files += _write_architectures(paper_plan, out)
        result.files += sorted((out / paper_plan.paper.name / OVERLAYS).glob("*"))


def _prepare(plan: Plan, request: Request, out: Path, reporter: Reporter) -> list[Prepared]:
    """Reports a paper's plan and stores frames, splits and the record of the run."""
    name, settings = plan.paper.name, plan.config
    source = ", ".join(filter(None, (settings.authors, settings.venue)))
    reporter.note(f"{name}: {settings.title} ({source})")
    known = [plan.data, *map(plan.data_of, plan.variants)]
    for note in dict.fromkeys(sentence(fact) for data in known for fact in data.facts):
        reporter.note(f"  {note}")
    for choice in open_choices(plan, request):
        reporter.note(
            f"  [{choice['label']}] {choice['field']} = {choice['value']}: {choice['why']}"
        )
    for note in dict.fromkeys(
        note for variant in plan.variants for note in variant.notes(plan.paper)
    ):
        reporter.note(f"  {note}")
    check_models(plan)
    # Processes that share a folder, such as one per fold, create the split only once.
    with FileLock(out / ".lock"):
        prepared = prepare(plan, out, reporter)
        record_run(out, plan, request, prepared)
        keep_splits(plan, out, prepared)
        remove_abandoned(out)
    return prepared


def _write_architectures(plan: Plan, out: Path) -> list[Path]:
    """Writes the networks of a paper as text and, if they fit on a page, as drawings."""
    from lus_keras.core.style import png_bytes
    from lus_keras.models.architecture import MOST_LAYERS, describe_architecture, draw_architecture

    files = []
    for name in plan.config.models:
        network = plan.paper.network(name, plan.config)
        contents = {".txt": describe_architecture(network).encode()}
        if len(network.layers) <= MOST_LAYERS:
            contents[".png"] = png_bytes(draw_architecture(network))
        for suffix, content in contents.items():
            path = out / plan.paper.name / "architecture" / f"{name}{suffix}"
            write_file(path, content)
            files.append(path)
    return files
