"""Combinations of settings that are wrong although each setting by itself is right."""

from collections.abc import Iterator

from lus_keras.core.config.messages import did_you_mean, has
from lus_keras.core.config.paper import PaperConfig
from lus_keras.core.former_names import renamed_field
from lus_keras.core.labels import REGISTRY


def contradictions(config: PaperConfig) -> Iterator[str]:
    """What no single field can tell."""
    values = config.model_dump()
    for field in config.choices:
        if not has(values, field.split(".")):
            new = renamed_field(field)
            remedy = f"It is now '{new}'." if new != field else "Correct the name."
            yield f"choices: '{field}' must be a field of the configuration. {remedy}"
    for number, claim in enumerate(config.claims):
        for side in ("better", "worse"):
            named = getattr(claim, side)
            entries = [*config.models, *config.entries()]
            for name in (named,) if isinstance(named, str) else named:
                if name not in entries:
                    hint = did_you_mean(name, entries)
                    yield f"claims.{number}.{side}: unknown model '{name}'.{hint}"
    yield from _clip_contradictions(config)
    for name, variant in config.variants.items():
        for model in variant.models or ():
            if model not in config.models:
                hint = did_you_mean(model, config.models)
                yield f"variants.{name}.models: unknown model '{model}'.{hint}"
    if not config.split.test_fraction and not config.split.test_patients:
        yield "split.test_fraction: 0 requires split.test_patients. Set them, or raise it."
    validated = config.fit.select in ("val_loss", "val_accuracy")
    if validated and not config.split.validation_fraction:
        yield (
            f"fit.select: {config.fit.select} needs validation patients. "
            "Set split.validation_fraction."
        )
    if config.fit.calibrate != "none" and not config.split.validation_fraction:
        yield (
            f"fit.calibrate: {config.fit.calibrate} needs validation patients. "
            "Set split.validation_fraction."
        )


def _clip_contradictions(config: PaperConfig) -> Iterator[str]:
    clip = config.clip
    if clip.min_frames > clip.frames:
        yield (
            f"clip.min_frames: must be at most clip.frames, {clip.frames}. "
            f"Received {clip.min_frames}."
        )
    if clip.unit == "tile" and clip.tile is None:
        yield "clip.tile: must be (height, width) if clip.unit is tile. Received nothing."
    if clip.unit == "frame" and clip.frames != 1:
        yield f"clip.frames: must be 1 if clip.unit is frame. Received {clip.frames}."
    if clip.crop == "roi" and clip.unit != "tile":
        yield "clip.crop: roi keeps each region's own size, so clip.unit must be tile."
    if clip.mask and clip.crop != "sector":
        yield "clip.mask: needs the sector, so clip.crop must be sector."
    if clip.scaling == "imagenet" and clip.channels != 3:
        yield (
            f"clip.scaling: imagenet needs three channels. Received {clip.channels}. "
            "Set clip.channels=3, or another scaling."
        )
    if clip.scaling in ("clip", "depth") and clip.unit == "video":
        yield (
            f"clip.scaling: {clip.scaling} would include padded frames. "
            "Use unit, minmax or imagenet."
        )
    if clip.colour and clip.channels != 3:
        yield f"clip.colour: needs three channels. Received {clip.channels}. Set clip.channels=3."
    if REGISTRY[config.label_column].frames and clip.fps is None:
        yield f"clip.fps: must be a number, because {config.label_column} is annotated in seconds."
