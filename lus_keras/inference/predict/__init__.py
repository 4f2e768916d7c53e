"""Trained networks on new videos.

    run ─▶ find    folders of one network's finished folds
        ─▶ load    model.json + weights, hashes checked ─▶ Ensemble
    video ─▶ stream   clips as training cut them, a few at a time
          ─▶ video    probabilities a clip, a video, a patient ─▶ write   CSV, JSON, pictures

A network is rebuilt by its paper from `model.json`, which contains everything that its shape and
input depend on; no other file of the run is needed. Networks compute in float32, whatever the
precision of training. Memory use does not grow with the length of a video. `find` does without
Keras, so that a wrong path is reported at once; the others are imported when they are asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lus_keras.inference.predict.load import Ensemble, load_models
    from lus_keras.inference.predict.video import VideoPrediction, predict_video

__all__ = ["Ensemble", "VideoPrediction", "load_models", "predict_video"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from lus_keras.inference.predict import load, video

    return getattr(load if hasattr(load, name) else video, name)
