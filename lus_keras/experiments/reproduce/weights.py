"""Finished folds whose weights a target needs and that a folder does not hold, such as an archive.

A finished fold is not trained again, and a target such as `localization` explains the network of
its first fold. In a copy of an archive, which has no weights, that would fail after all the
training of the other folds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lus_keras.core.environment import start_tensorflow
from lus_keras.core.errors import MAX_LISTED, ConfigError, RunError
from lus_keras.evaluation.run_record import read_done
from lus_keras.experiments.reproduce.explained import FOLD, explanations
from lus_keras.experiments.reproduce.request import Request, requests_by_seed, run_folder

if TYPE_CHECKING:
    from lus_keras.experiments.reproduce.planning import Plan

WEIGHTS = "model.weights.h5"


def check_weights(plans: Sequence[Plan], request: Request) -> None:
    """Refuses targets that need weights which finished folds of the run lack.

    Args:
        plans: What is planned; folders of all seeds are looked at.

    Raises:
        ConfigError: There are such folds; all are named.
    """
    if request.fold not in (None, FOLD):
        return
    outs = [run_folder(one) for one in requests_by_seed(request)]
    bare = [(plan, entry, folder) for plan in plans for entry, folder in _bare(plan, outs)]
    if not bare:
        return
    # Only now, since which networks a paper explains is said beside the maps, which need Keras.
    start_tensorflow()
    problems = []
    for plan, entry, folder in bare:
        showing = {
            target
            for explanation in explanations(plan.paper)
            if not explanation.is_written(folder)
            for target in explanation.showing(entry, plan.targets)
        }
        needing = sorted(showing, key=plan.targets.index)
        if needing:
            problems.append(
                f"{folder / WEIGHTS}: is missing, although the fold is finished; "
                f"{' and '.join(needing)} of {plan.paper.name} needs it."
            )
    if problems:
        advice = (
            "Archives of runs contain no weights. Give a new folder with --out, which trains these "
            "folds again, or copy the weights of the same run there."
        )
        raise ConfigError.from_problems([*problems[:MAX_LISTED], advice], most=MAX_LISTED + 1)


def _bare(plan: Plan, outs: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """Networks whose explained fold is finished but has no weights, with its folder."""
    for out in outs:
        for variant in plan.variants:
            parent = variant.folder(out, plan.paper.name, plan.data.name)
            for model in variant.models:
                folder = parent / model / f"fold_{FOLD}"
                if _finished(folder) and not (folder / WEIGHTS).is_file():
                    yield variant.entry(model), folder


def _finished(folder: Path) -> bool:
    """Whether the mark says so and does not vouch for the weights, without which it is void."""
    try:
        return WEIGHTS not in read_done(folder).sha256
    except RunError:
        return False
