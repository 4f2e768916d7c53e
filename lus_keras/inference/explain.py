"""Saliency maps of trained networks on new videos, with a sanity check.

Maps are computed for the clips with the highest probability of a video's class. Each is compared
with the map of the same network with random weights: a rank correlation near 1 means that the map
shows the input, not what was learned (Adebayo et al. 2018).
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import keras
import numpy as np

from lus_keras.core.files import file_names, write_file, write_json
from lus_keras.core.style import pdf_bytes, png_bytes
from lus_keras.data.pipeline import network_input
from lus_keras.evaluation.metrics import map_similarity
from lus_keras.inference.checks import STANDARD, check_class, check_methods
from lus_keras.inference.predict import Ensemble, VideoPrediction, predict_video
from lus_keras.inference.predict.overlay import captioned, write_frames
from lus_keras.inference.predict.stream import Piece, stream_clips
from lus_keras.inference.predict.video import predictions_apart
from lus_keras.inference.sheet import explanation_sheet, named, pictures_of, under_heat
from lus_keras.models.attribution import (
    FAST,
    LIBRARY,
    grad_cam,
    integrated_gradients,
    random_weights,
    smooth_grad,
    vanilla_saliency,
)

# Numbers of input that SmoothGrad holds at once: 64 MB of float32.
MOST_VALUES = 1 << 24
# Shorter side of a picture in the video of the maps.
PANEL = 240
# Who computed vanilla saliency and SmoothGrad, as it is printed.
ENGINE_NAMES = {FAST: "fast (follows tf-keras-vis)", LIBRARY: "tf-keras-vis"}


@dataclass(frozen=True)
class Making:
    """Settings of the maps; `order` and `engine` are those of `smooth_grad`.

    Attributes:
        samples: Number of noisy copies (SmoothGrad) and of steps (integrated gradients).
        noise: Standard deviation of SmoothGrad's noise, as a share of a clip's range of values.
        seed: Seed of the noise and of the random weights.
    """

    samples: int = 20
    noise: float = 0.2
    seed: int = 0
    order: str = "mean_abs"
    engine: str = FAST


@dataclass(frozen=True)
class Explanation:
    """Maps of one clip.

    Attributes:
        prediction: Prediction for its video.
        clip: Index of the clip in the prediction.
        frames: `(t, h, w)` uint8 gray levels.
        maps: Method → map `(t, h, w)`, float32 in 0 … 1.
        random: Method → rank correlation with the map for random weights; NaN if a map is constant.
    """

    prediction: VideoPrediction
    clip: int
    label: str
    frames: np.ndarray
    maps: dict[str, np.ndarray]
    random: dict[str, float]
    making: Making = Making()

    @property
    def clip_id(self) -> str:
        """Id of the clip."""
        return self.prediction.clip_ids[self.clip]


def explain_video(
    models: Ensemble,
    video: Any,
    *,
    clips: int = 1,
    methods: Sequence[str] = STANDARD,
    explained: str = "",
    cropped: bool | None = None,
    damaged: bool = False,
    **making: Any,
) -> list[Explanation]:
    """Explains the clips with the highest probability of a class, with the first fold's network.

    Args:
        models: Networks from `load_models`.
        video: As in `predict_video`.
        methods: One or more of `vanilla`, `smooth`, `grad-cam` and `integrated`.
        explained: Class to explain; if not given, the one that the mean over folds predicts.
        cropped: As in `predict_video`.
        damaged: As in `predict_video`.
        **making: Settings of the maps: `samples`, `noise`, `seed`, `order`, `engine`.

    Returns:
        One explanation per clip, in descending order of probability.

    Raises:
        VideoError: As `predict_video`.
        ConfigError: A method or class is unknown, or the backend of Keras is not TensorFlow.
    """
    how = Making(**making)
    check_class(explained, models.labels)
    check_methods(methods)
    found = predict_video(models, video, cropped=cropped, damaged=damaged)
    output = models.labels.index(explained) if explained else found.predicted
    clearest = np.argsort(-found.probabilities[:, output], kind="stable")[:clips]
    stored = _pieces(models, found, clearest)
    network = models.networks[0]
    inputs = {place: _input_of(piece, models) for place, piece in stored.items()}

    def maps_of() -> dict[int, dict[str, np.ndarray]]:
        return {
            place: {method: _MAKERS[method](network, values, output, how)[0] for method in methods}
            for place, values in inputs.items()
        }

    trained = maps_of()
    with random_weights(network, how.seed):
        random = maps_of()
    made = []
    for place in map(int, clearest):
        pixels, existing = stored[place].pixels, stored[place].cut.length
        maps = {method: _as_frames(values)[:existing] for method, values in trained[place].items()}
        similar = {
            method: map_similarity(values, random[place][method])
            for method, values in trained[place].items()
        }
        frames = _as_frames(pixels[:existing].mean(axis=-1).round().astype(np.uint8))
        made.append(Explanation(found, place, models.labels[output], frames, maps, similar, how))
    return made


def _input_of(piece: Piece, models: Ensemble) -> np.ndarray:
    """What the network is given of one clip, as a batch."""
    length = np.array([piece.cut.length])
    return np.asarray(network_input(piece.pixels[None], length, models.clip))


def _pieces(models: Ensemble, found: VideoPrediction, places: np.ndarray) -> dict[int, Piece]:
    """Clips by their place in the video, which is decoded as far as the last of them."""
    stored = {}
    stream = stream_clips(found.video, models.clip, cropped=found.cropped, damaged=True)
    for place, piece in enumerate(stream):
        if place in places:
            stored[place] = piece
        if len(stored) == len(places):
            break
    return stored


def _as_frames(values: np.ndarray) -> np.ndarray:
    """`(t, h, w)` of a map; columns one pixel wide become one picture of depth by time."""
    if values.ndim == 2:
        return values[None]
    return values[..., 0].T[None] if values.shape[2] == 1 else values


def _vanilla(model: keras.Model, values: np.ndarray, output: int, how: Making) -> np.ndarray:
    return vanilla_saliency(model, values, output, engine=how.engine)


def _chunk(values: np.ndarray) -> int:
    return max(1, min(10, MOST_VALUES // math.prod(values.shape[1:])))


def _smooth(model: keras.Model, values: np.ndarray, output: int, how: Making) -> np.ndarray:
    return smooth_grad(model, values, output, chunk=_chunk(values), **asdict(how))


def _integrated(model: keras.Model, values: np.ndarray, output: int, how: Making) -> np.ndarray:
    return integrated_gradients(model, values, output, steps=how.samples, chunk=_chunk(values))


def _grad_cam(model: keras.Model, values: np.ndarray, output: int, how: Making) -> np.ndarray:
    inner = model.layers[-1]
    if not isinstance(inner, keras.Model):
        return grad_cam(model, values, output)
    # A network behind layers that bring columns over time (t, h, 1, c) into shape (h, t, c).
    shaped = keras.Model(model.input, model.layers[-2].output)(values)
    maps = grad_cam(inner, np.asarray(shaped), output)
    return np.swapaxes(maps, 1, 2).reshape(values.shape[:-1])


_MAKERS: dict[str, Callable[..., np.ndarray]] = {
    "vanilla": _vanilla,
    "smooth": _smooth,
    "grad-cam": _grad_cam,
    "integrated": _integrated,
}


def as_json(models: Ensemble, explained: Sequence[Explanation]) -> dict[str, Any]:
    """The sanity check as plain data.

    Returns:
        `schema`, `model`, `fold`, `clips`, and by method the `mean` over clips.
    """
    explained = _apart(explained)
    methods = explained[0].random if explained else {}
    means = {}
    for method in methods:
        values = np.array([each.random[method] for each in explained])
        known = values[~np.isnan(values)]
        means[method] = float(known.mean()) if len(known) else None
    return {
        "schema": 1,
        "model": models.name,
        "fold": models.folders[0].name,
        "measure": "rank correlation with the map of random weights; near 1, the map reflects the "
        "input, not what was learned",
        "clips": [
            {
                "video": each.prediction.video.video,
                "video_id": each.prediction.video.video_id,
                "patient_id": each.prediction.video.patient_id,
                "clip_id": each.clip_id,
                "explained": each.label,
                "engine": each.making.engine,
                "order": each.making.order,
                "damage": each.prediction.damage or None,
                "random_weights": {
                    method: None if math.isnan(value) else value
                    for method, value in each.random.items()
                },
            }
            for each in explained
        ],
        "mean": means,
    }


def write_explanations(models: Ensemble, explained: Sequence[Explanation], out: Path) -> list[Path]:
    """Writes a sheet (PNG and PDF) and, of clips of several frames, a video; and sanity.json."""
    files = []
    explained = _apart(explained)
    names = file_names(each.clip_id for each in explained)
    for each in explained:
        stem = names[each.clip_id]
        network = f"{models.name}, {models.folders[0].name}"
        sheet = explanation_sheet(each, f"{network}\nengine: {ENGINE_NAMES[each.making.engine]}")
        for suffix, render in (("png", png_bytes), ("pdf", pdf_bytes)):
            files.append(out / f"{stem}_sheet.{suffix}")
            write_file(files[-1], render(sheet))
        if len(each.frames) > 1:
            files.append(out / f"{stem}_maps.mp4")
            write_frames(files[-1], panels(each), each.prediction.fps)
    files.append(out / "sanity.json")
    write_json(files[-1], as_json(models, explained))
    return files


def _apart(explained: Sequence[Explanation]) -> list[Explanation]:
    """Explanations whose videos have ids of their own, see `told_apart`."""
    told = predictions_apart([each.prediction for each in explained])
    pairs = zip(explained, told, strict=True)
    return [replace(each, prediction=prediction) for each, prediction in pairs]


def panels(explanation: Explanation) -> Iterator[np.ndarray]:
    """For each frame the image and, beside it, the image with each map overlaid; names below.

    Yields:
        `(h, w, 3)` uint8 RGB of even height and width, at the resolution of the file.
    """
    pictures, box = pictures_of(explanation, range(len(explanation.frames)))
    height, width = pictures[0].shape[:2]
    scale = PANEL / min(height, width)
    size = 2 * round(width * scale / 2), 2 * round(height * scale / 2)
    maps, found = named(explanation.maps), explanation.prediction
    first = found.cuts[explanation.clip].first
    chance = found.probabilities[explanation.clip, found.labels.index(explanation.label)]
    said = f"P({explanation.label.replace('_', ' ')}) = {chance:.2f}"
    for number, picture in enumerate(pictures):
        when = f"{(first + number) / found.fps:.2f} s" if found.fps else f"frame {first + number}"
        row = [(picture, [said, when])]
        row += [
            (under_heat(picture, values[number], box), [name, "dark 0, bright 1"])
            for name, values in maps.items()
        ]
        yield np.concatenate([captioned(_scaled(each, size), lines) for each, lines in row], axis=1)


def _scaled(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    shrinks = size[0] < picture.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, size, interpolation=how))
