"""This package, as used by its own commands."""

import time
from pathlib import Path
from typing import Any

from lus_keras.core.environment import start_tensorflow

start_tensorflow()

import keras  # noqa: E402
import numpy as np  # noqa: E402

from lus_keras import papers  # noqa: E402
from lus_keras.benchmark.contenders import BATCHES, SHAPES  # noqa: E402
from lus_keras.benchmark.contenders.keras_plain import training_steps  # noqa: E402
from lus_keras.benchmark.timing import Sample  # noqa: E402
from lus_keras.benchmark.worker import Contender  # noqa: E402
from lus_keras.core import config  # noqa: E402
from lus_keras.core.config import PaperConfig  # noqa: E402
from lus_keras.data.cache import FrameSpec, open_store  # noqa: E402
from lus_keras.data.clip_source import ClipSource  # noqa: E402
from lus_keras.data.clips import index_clips  # noqa: E402
from lus_keras.data.pipeline import make_batches  # noqa: E402
from lus_keras.experiments.training.network import Network  # noqa: E402
from lus_keras.simulation import plan_cohort  # noqa: E402
from lus_keras.simulation.dataset import sources  # noqa: E402
from lus_keras.simulation.video import measure_speed  # noqa: E402

PAPERS = {"c2d_lstm_a": "bline", "resnet3d_18": "sliding"}
PRECISIONS = {"float32": "float32", "bfloat16": "mixed_bfloat16"}
CLIPS_A_BATCH = 8
EQUAL_SAMPLES, EQUAL_SEED = 3, 7


def _network(network: str, precision: str) -> tuple[Network, PaperConfig]:
    settings = config.load(PAPERS[network], "paper", [f"fit.precision={PRECISIONS[precision]}"])
    paper = papers.get(PAPERS[network])
    keras.utils.set_random_seed(0)
    return Network(
        lambda: paper.build(network, settings),
        loss=paper.loss(settings),
        # The other libraries track no metrics.
        metrics=list,
        fit=settings.fit,
    ), settings


def train(*, network: str, precision: str, batch: int | None = None) -> Contender:
    """Training steps on one batch kept in memory; the batch size is the paper's by default."""
    from lus_keras.benchmark.flops import count_flops

    built, _ = _network(network, precision)
    contender = training_steps(built.model, network, batch or BATCHES[network])
    flops = {"forward_flops": count_flops(built.model)}
    return Contender(contender.step, contender.facts | flops)


def infer(*, video: str, seconds: float, folder: str) -> Contender:
    """Decodes a video, cuts clips as `predict` does and runs an exported C2D+LSTM+A.

    Units are seconds of video.
    """
    import tensorflow as tf

    from lus_keras.inference.export import export_models
    from lus_keras.inference.predict.stream import stream_clips
    from lus_keras.inference.rows import as_video

    models = _ensemble()
    export_models(models, Path(folder) / "exported")
    serve = tf.saved_model.load(Path(folder) / "exported").signatures["serving_default"]

    def step() -> float:
        pending: list[np.ndarray] = []
        for piece in stream_clips(as_video(video), models.clip):
            pending.append(piece.pixels)
            if len(pending) == CLIPS_A_BATCH:
                serve(clips=tf.constant(np.stack(pending)))["probabilities"].numpy()
                pending = []
        if pending:
            serve(clips=tf.constant(np.stack(pending)))["probabilities"].numpy()
        return seconds

    step()
    clip = models.clip
    return Contender(
        step,
        {
            "parameters": models.networks[0].count_params(),
            "clip": {"frames": clip.frames, "stride": clip.stride, "size": clip.size},
        },
    )


def _ensemble() -> Any:
    from lus_keras.inference.predict import Ensemble
    from lus_keras.inference.predict.find import Description

    built, settings = _network("c2d_lstm_a", "float32")
    described = {
        "schema": 1,
        "paper": "bline",
        "variant": "",
        "model": "c2d_lstm_a",
        "options": settings.model,
        "labels": settings.labels,
        "clip": settings.clip,
    }
    description = Description.model_validate(described)
    return Ensemble(description, (Path(),), (built.model,), (built.predictor,))


def _source(videos: int, clip: config.ClipConfig) -> ClipSource:
    plans = plan_cohort("bline", patients=max(videos // 4, 1), videos=videos, seed=0)
    store = open_store(sources(plans), FrameSpec.of(clip))
    index = index_clips(store.videos, store.counts, store.sizes, clip, "b_lines")
    return ClipSource((store,), index, clip)


def read(*, videos: int) -> Contender:
    """Epochs of cached clips of 4-s videos through the input pipeline, in a new order each time.

    Units are clips; the facts contain the location of the frames.
    """
    settings = config.load("bline", "paper", ["clip.stride=30"])
    source = _source(videos, settings.clip)
    rows = np.arange(len(source.index))
    rng = np.random.default_rng(0)

    def step() -> float:
        order = rng.permutation(rows)
        batches = make_batches(source, order, np.zeros(len(rows), bool), settings.fit.batch_size)
        return float(sum(int(labels.shape[0]) for _, labels in batches))

    step()
    store = source.stores[0]
    facts = {"path": str(store.path / "frames.u8"), "shape": list(store.frames().shape)}
    return Contender(step, facts)


def wait(*, videos: int) -> Contender:
    """Epochs of training from a cache of 4-s videos, to measure how long steps wait for data.

    Units are seconds of waiting; the elapsed seconds include waiting and computing.
    """
    built, settings = _network("c2d_lstm_a", "float32")
    source = _source(videos, settings.clip)
    rows = np.arange(len(source.index))

    def step() -> Sample:
        batches = make_batches(source, rows, np.zeros(len(rows), bool), settings.fit.batch_size)
        waited, start = 0.0, time.perf_counter()
        iterator = iter(batches)
        while True:
            asked = time.perf_counter()
            batch = next(iterator, None)
            waited += time.perf_counter() - asked
            if batch is None:
                return Sample(time.perf_counter() - start, waited)
            built.model.train_on_batch(*batch)

    step()
    return Contender(step)


def smooth(*, samples: int, folder: str) -> Contender:
    """SmoothGrad of one clip by ResNet3D-18; writes a map to the folder for comparison."""
    from lus_keras.models.attribution import smooth_grad

    built, _ = _network("resnet3d_18", "float32")
    clips = saliency_clips()

    def step() -> float:
        smooth_grad(built.model, clips, 1, samples=samples, noise=0.2, seed=0)
        return 1.0

    maps = smooth_grad(built.model, clips, 1, samples=EQUAL_SAMPLES, seed=EQUAL_SEED)
    np.save(Path(folder) / "ours.npy", maps)
    step()
    return Contender(step)


def saliency_clips() -> np.ndarray:
    """One clip of noise `(1, t, h, w, c)` float32 for ResNet3D-18."""
    rng = np.random.default_rng(3)
    return rng.random((1, *SHAPES["resnet3d_18"]), dtype=np.float32)


def by_tf_keras_vis(*, samples: int, folder: str) -> Contender:
    """The same by tf-keras-vis with default use, on the same network and with the same noise."""
    from tf_keras_vis.saliency import Saliency
    from tf_keras_vis.utils.scores import BinaryScore

    from lus_keras.models.attribution.gradients import unit_noise
    from lus_keras.models.attribution.maps import noise_seeds

    built, _ = _network("resnet3d_18", "float32")
    clips = saliency_clips()
    maps, score = Saliency(built.model), BinaryScore(1)

    def step() -> float:
        maps(score, clips, smooth_samples=samples, smooth_noise=0.2)
        return 1.0

    unit = np.stack(
        [[unit_noise(clips.shape[1:], seed)] for seed in noise_seeds(EQUAL_SEED, 0, EQUAL_SAMPLES)]
    )
    normal = np.random.normal
    # It draws noise with NumPy's global generator, which is replaced by ours for this map.
    np.random.normal = lambda loc, scale, size: np.asarray(scale) * unit  # type: ignore[assignment]
    try:
        equal = maps(score, clips, smooth_samples=EQUAL_SAMPLES, smooth_noise=0.2)
    finally:
        np.random.normal = normal
    np.save(Path(folder) / "theirs.npy", equal)
    step()
    return Contender(step)


def simulate(*, height: int, width: int, crop: str, videos: int) -> Contender:
    """Renders videos on one core.

    Units are frames; seconds are CPU time.

    Args:
        crop: `screen` or `sector`.
    """

    def step() -> Sample:
        rate = measure_speed(height=height, width=width, crop=crop, videos=videos)
        return Sample(1.0, rate)

    return Contender(step)


TASKS = {
    "train": train,
    "infer": infer,
    "read": read,
    "wait": wait,
    "smooth": smooth,
    "tf_keras_vis": by_tf_keras_vis,
    "simulate": simulate,
}
