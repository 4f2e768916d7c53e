"""What is computed of trained networks beside their predictions, such as maps, and for which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from lus_keras import papers
from lus_keras.evaluation.run_record import read_done
from lus_keras.papers import Paper, localization, robustness

# The fold whose network is explained.
FOLD = 0


@dataclass(frozen=True)
class Explanation:
    """A module that explains networks, or disturbs their clips.

    Attributes:
        module: `explain`, and optionally `FILE`, `CALIBRATED` and `OVERLAYS`.
        targets: Targets that show it, and the networks that each shows: `variant/model`, or `model`
            for networks without a variant.
    """

    module: ModuleType
    targets: Mapping[str, Sequence[str]]

    @property
    def file(self) -> str:
        """Name of the file in the folder of a fold."""
        return getattr(self.module, "FILE", "explanations.npz")

    def showing(self, entry: str, targets: Sequence[str]) -> list[str]:
        """Those of `targets` that show it for a network."""
        return [target for target in targets if entry in self.targets.get(target, ())]

    def is_written(self, folder: Path) -> bool:
        """Whether a finished fold holds it.

        Raises:
            RunError: The fold is not finished.
        """
        done = read_done(folder)
        # DONE of folds from before version 2 does not include the maps.
        vouched = self.file in done.sha256 or done.fingerprint is None
        return vouched and (folder / self.file).is_file()


def explanations(paper: Paper) -> list[Explanation]:
    """All that may be computed of the networks of a paper; imports Keras."""
    own = papers.explanation(paper.name)
    found = [Explanation(own, own.TARGETS)] if own is not None else []
    return found + [
        Explanation(study, {study.TARGET: paper.targets[study.TARGET]})
        for study in (localization, robustness)
        if study.TARGET in paper.targets
    ]
