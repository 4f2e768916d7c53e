"""A paper's YAML file as a whole: sections, networks, and what the paper prints and claims."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt, Strict

from lus_keras.core.config.sections import (
    ClipConfig,
    CohortConfig,
    DataConfig,
    FitConfig,
    LocalisationConfig,
    Section,
    SplitConfig,
    Texts,
    TransferConfig,
)
from lus_keras.core.labels import CLASSES, MULTILABEL

LABELS = {
    "P": "printed in the paper",
    "C": "public code of the authors or their group",
    "D": "derived from published numbers",
    "I": "indirect evidence",
    "X": "no evidence, our choice",
}

EXPERIMENT = {
    *("data", "clip", "split", "model", "fit", "localisation", "cohort", "transfer", "options"),
    "label_column",
}

if TYPE_CHECKING:
    LabelColumn = str
else:
    LabelColumn = Literal[CLASSES]


class ModelEntry(Section):
    """A network of the paper.

    Attributes:
        title: Printed name.
        parameters: Number of parameters with this file's settings; checked whenever it is built.
        shape: Input shape for that number; null where it does not depend on the input size.
        ns_per_pixel: Training time per pixel of a clip in nanoseconds, measured on two cores; only
            for estimates of time.
        memory_factor: Peak bytes per byte of a batch; only for estimates of memory.

    """

    title: str
    parameters: PositiveInt
    shape: Annotated[tuple[PositiveInt, ...], Strict(False)] | None = None
    ns_per_pixel: PositiveFloat
    memory_factor: PositiveFloat = 200


class OwnNetwork(Section):
    """The user's own network, see `--network`.

    Attributes:
        file: File of its function; empty if passed in Python.
        function: Name of the function.
        sha256: Hash of the file, or of the function's source.
    """

    file: str
    function: str
    sha256: str


class VariantConfig(Section):
    """A variant: a data set cut differently, or another protocol.

    Attributes:
        title: Printed name.
        set: Changes, in the structure of the file.
        models: Networks; null uses all.
    """

    title: str
    set: dict[str, Any] = Field(default={})
    models: Texts | None = None


class Choice(Section):
    """The source of a setting.

    Attributes:
        label: Kind of evidence.
        why: The evidence.
    """

    label: Literal["P", "C", "D", "I", "X"]
    why: str


class Claim(Section):
    """A claim of the paper that one network is better than another.

    Attributes:
        id: Name of the claim.
        text: The claim.
        better: Network claimed to be better; the mean of several.
        worse: Network claimed to be worse.
        metric: Metric compared.
    """

    id: str
    text: str
    better: str | Texts
    worse: str | Texts
    metric: str


class PaperConfig(Section):
    """A paper's YAML file with one preset applied.

    Attributes:
        paper: Name of the paper.
        title: Its title.
        authors: Its authors.
        venue: Where it was published.
        doi: Its DOI, or empty.
        labels: Classes, in the order of their numbers.
        label_column: Column of the manifest with the label.
        data: How the user's files are handled.
        clip: How videos are cut and scaled.
        split: How the data are split.
        model: Options of the networks' builders.
        fit: How a fold is trained.
        localisation: How attention is compared with frame-level truth.
        cohort: The simulated cohort.
        transfer: Training on another data set.
        options: Settings that only this paper's code reads.
        variants: Other data sets or protocols of the paper, by name.
        models: Networks, by name.
        networks: The user's own networks; set by `--network`.
        choices: Source of each setting, by key.
        published: The paper's numbers.
        claims: The paper's claims that one network is better than another.
        inconsistencies: Contradictions within the paper.
    """

    paper: str
    title: str
    authors: str
    venue: str
    doi: str
    labels: Texts
    label_column: LabelColumn
    data: DataConfig = DataConfig()
    clip: ClipConfig
    split: SplitConfig
    model: dict[str, Any]
    fit: FitConfig
    localisation: LocalisationConfig | None = None
    cohort: CohortConfig
    transfer: TransferConfig = TransferConfig()
    options: dict[str, Any] = Field(default={})
    variants: dict[str, VariantConfig] = Field(default={})
    models: dict[str, ModelEntry]
    networks: dict[str, OwnNetwork] = Field(default={})
    choices: dict[str, Choice]
    published: dict[str, Any]
    claims: Annotated[tuple[Claim, ...], Strict(False)] = ()
    inconsistencies: Texts = ()

    @property
    def multilabel(self) -> bool:
        """Whether a clip may have several of `labels`, or none, each judged on its own."""
        return self.label_column in MULTILABEL

    def experiment(self) -> dict[str, Any]:
        """The sections that decide the numbers, as plain data: what a run's fingerprint covers."""
        return self.model_dump(mode="json", include=EXPERIMENT)

    def entries(self) -> dict[str, str]:
        """Titles of the networks of every variant, by `variant/model`, in the order of the file."""
        return {
            f"{variant}/{model}": f"{entry.title} {self.models[model].title}"
            for variant, entry in self.variants.items()
            for model in entry.models or self.models
            if model in self.models
        }

    def labeled_choices(self) -> list[dict[str, Any]]:
        """Every open choice with its value, label and reason, for printing."""
        values = self.model_dump(mode="json")
        return [
            {"field": field, "value": lookup(values, field.split(".")), **choice.model_dump()}
            for field, choice in self.choices.items()
        ]


def lookup(values: Any, location: Sequence[Any]) -> Any:
    """Value at a place of nested mappings and lists; KeyError, TypeError or IndexError if none."""
    for part in location:
        values = values[part]
    return values
