"""Labels of which only one class is there, so that nothing can be learned from them."""

from collections.abc import Iterable, Sequence
from typing import Any

from lus_keras.core.labels import CLASSES, REGISTRY


def one_class_warnings(videos: Sequence[Any], columns: Iterable[str] = CLASSES) -> list[str]:
    """One sentence per label that has the same value in all labeled videos of a manifest."""
    found = []
    for name in columns:
        label = REGISTRY[name]
        values = [value for video in videos if (value := getattr(video, name)) is not None]
        texts = {label.format(value) for value in values}
        if len(texts) == 1:
            absent = [text for text in label.values if text not in texts]
            found.append(
                f"`{name}` is {texts.pop()} in all {len(values)} videos that state it, and never "
                f"{' or '.join(absent)}: no network can learn the difference. Add such videos."
            )
    return found
