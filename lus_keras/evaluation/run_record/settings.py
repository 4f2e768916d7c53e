"""Settings of a run as stored in run.json.

They are kept unchanged, even if a later version has other settings; only the keys that a report
reads are typed.
"""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)


class _Settings(BaseModel):
    """Unknown keys are kept in their order; absent keys are not added when written."""

    model_config = ConfigDict(extra="allow", frozen=True)
    _keys: tuple[str, ...] = PrivateAttr(default=())

    @model_validator(mode="wrap")
    @classmethod
    def _keep_order(cls, values: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        made = handler(values)
        if isinstance(values, Mapping):
            made._keys = tuple(values)
        return made

    @model_serializer(mode="wrap")
    def _as_read(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values = handler(self)
        return {key: values[key] for key in self._keys}


class ClipSettings(_Settings):
    """How videos were cut and scaled, as `core.config.ClipConfig` has it."""

    unit: str = ""
    fps: float | None = None
    frames: int | None = None
    stride: int | None = None
    size: tuple[int, int] | None = None
    tile: tuple[int, int] | None = None
    per_video: int = 1
    channels: int | None = None
    resize: str = ""
    crop: str = ""
    scaling: str = ""
    padding: str = ""


class SplitSettings(_Settings):
    """How the data were split, as `core.config.SplitConfig` has it."""

    scheme: str = ""
    folds: int | None = None
    test_fraction: float | None = None
    validation_fraction: float = 0.0
    repeats: int = 1
    seed: int | None = None


class FitSettings(_Settings):
    """How folds were trained, as `core.config.FitConfig` has it."""

    select: str = ""
    batch_size: int | None = None
    calibrate: str = "none"


class TransferSettings(_Settings):
    """Data sets used for training, instead of the tested one or before it."""

    train_on: str | None = None
    pretrain: str | None = None
    networks: int = 1
    video_score: Literal["mean", "max"] = "mean"


class Settings(_Settings):
    """Settings of an experiment; `localisation` is None without attention."""

    label_column: str = ""
    clip: ClipSettings = ClipSettings()
    split: SplitSettings = SplitSettings()
    fit: FitSettings = FitSettings()
    transfer: TransferSettings = TransferSettings()
    model: dict[str, Any] = {}
    options: dict[str, Any] = {}
    localisation: dict[str, Any] | None = None
