"""The lines of the benchmark with their targets."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from lus_keras.benchmark.contenders import BATCHES
from lus_keras.benchmark.interleave import Result, Spec, alone, comparison, run_interleaved
from lus_keras.benchmark.scale import Settings
from lus_keras.benchmark.timing import MISSED, SKIPPED, Line, Target, judge
from lus_keras.core.environment import computes_in_bfloat16
from lus_keras.simulation.export import write_cohort

Measure = Callable[[Settings], list[Line]]

# Key of another library → its name, and the module that measures it.
PEERS = {
    "keras3": ("stock Keras 3", "keras_plain", {"module": "keras"}),
    "keras2": ("Keras 2 (tf_keras)", "keras_plain", {"module": "tf_keras"}),
    "pytorch": ("PyTorch", "torch_peer", {}),
}
FASTER = {
    "c2d_lstm_a": {"keras3": 6.0, "keras2": 1.1, "pytorch": 2.0},
    "resnet3d_18": {"keras3": 1.3, "pytorch": 1.2},
}
PORT = "keras-resnet3d's network in Keras 3"
CLIPS_PER_S, WAITING_PERCENT, REAL_TIME, SMOOTH = 2000.0, 5.0, 10.0, 3.0
# Largest memory with four times the copies, relative to that with the base number: memory that
# grew with their number would be a multiple.
SMOOTH_MEMORY = 1.05
SIMULATED = {"screen": (480, 640, 150.0), "sector": (64, 64, 1500.0)}
EQUAL = 1e-5


def train(network: str, precision: str, settings: Settings) -> list[Line]:
    """Training steps of one network in "float32" or "bfloat16", versus every other library."""
    batch = settings.scale.batches.get(network, BATCHES[network])
    options = {"network": network, "precision": precision, "batch": batch}
    wanted = _wanted(network, precision, settings)
    specs: dict[str, Spec] = {"ours": ("ours", "train", options)}
    specs |= {name: (PEERS[name][1], "train", options | PEERS[name][2]) for name in wanted}
    slow_machine = precision == "bfloat16" and not computes_in_bfloat16()
    results = {} if slow_machine else run_interleaved(specs, settings, steps=settings.scale.steps)
    lines = []
    for name, least in FASTER[network].items():
        if slow_machine:
            missing = Result(status=SKIPPED, note="this processor does not compute in bfloat16")
        else:
            missing = Result(status=SKIPPED, note="only in a full run")
        lines.append(
            comparison(
                f"train/{network}/{precision}",
                f"training step {network}, batch {batch}, {precision}",
                PORT if (network, name) == ("resnet3d_18", "keras3") else PEERS[name][0],
                results.get("ours", missing),
                results.get(name, missing),
                rate_unit="clips/s",
                target=Target(least=least),
            )
        )
    return lines


def _wanted(network: str, precision: str, settings: Settings) -> list[str]:
    """Libraries to measure; in quick mode, the one that starts slowly is measured only once."""
    slow = {"keras3"} if network == "c2d_lstm_a" and precision == "bfloat16" else set()
    return [name for name in FASTER[network] if settings.full or name not in slow]


def infer(settings: Settings) -> list[Line]:
    """An exported C2D+LSTM+A on a video file, including decoding."""
    seconds = settings.scale.video_s
    folder = settings.folder / "infer"
    write_cohort(
        "bline", folder, patients=1, videos=1, duration_s=seconds, fps=30.0, height=480, width=640
    )
    video = next(str(path) for path in (folder / "videos").iterdir())
    shared = {"video": video, "seconds": seconds}
    # Clips of 64 × 64 × 30 with a stride of 24 frames, as in the paper.
    cut = {"frames": 30, "stride": 24, "size": (64, 64)}
    results = run_interleaved(
        {
            "ours": ("ours", "infer", shared | {"folder": str(settings.folder)}),
            "pytorch": ("torch_peer", "infer", shared | cut),
        },
        settings,
    )
    title = f"inference c2d_lstm_a, exported, decoding included, {seconds:g} s at 640×480, 30 fps"
    return [
        alone(
            "inference", title, results["ours"], unit="× real time", target=Target(least=REAL_TIME)
        ),
        comparison(
            "inference",
            title,
            "PyTorch and OpenCV",
            results["ours"],
            results["pytorch"],
            rate_unit="× real time",
        ),
    ]


def read(settings: Settings) -> list[Line]:
    """The input pipeline: cached clips per second, and waiting time of training steps."""
    amount = {"videos": settings.scale.videos}
    ours = run_interleaved({"ours": ("ours", "read", amount)}, settings, rounds=1)["ours"]
    specs: dict[str, Spec] = {"ours": ("ours", "read", amount)}
    if not ours.status:
        place = {name: ours.facts[name] for name in ("path", "shape")}
        specs["pytorch"] = ("torch_peer", "read", place | {"frames": 30})
    results = run_interleaved(specs, settings, steps=settings.scale.steps)
    # The location of the cache is needed only by the other library.
    results["ours"].facts.pop("path", None)
    waiting = run_interleaved({"ours": ("ours", "wait", amount)}, settings, rounds=1)["ours"]
    title = "input pipeline, cached 30×64×64 clips"
    line = alone(
        "input", "training c2d_lstm_a: time waiting for data", waiting, unit="s of a second"
    )
    if line.value is not None:
        percent, target = 100 * line.value, Target(below=WAITING_PERCENT)
        line = replace(line, value=percent, low=None, high=None, unit="%", target=target)
        line = replace(line, status=judge(percent, target))
    return [
        alone("input", title, results["ours"], unit="clips/s", target=Target(least=CLIPS_PER_S)),
        comparison(
            "input",
            title,
            "PyTorch's DataLoader, 2 workers",
            results["ours"],
            results.get("pytorch", ours),
            rate_unit="clips/s",
        ),
        line,
    ]


def smooth(settings: Settings) -> list[Line]:
    """SmoothGrad versus tf-keras-vis: speed, equality of maps, and memory by number of copies."""
    samples, folder = settings.scale.saliency_samples, str(settings.folder)
    options = {"samples": samples, "folder": folder}
    results = run_interleaved(
        {"ours": ("ours", "smooth", options), "theirs": ("ours", "tf_keras_vis", options)}, settings
    )
    title = f"SmoothGrad resnet3d_18, {samples} copies of a clip of 60×30×30"
    speed = comparison(
        "saliency",
        title,
        "tf-keras-vis, called plainly",
        results["ours"],
        results["theirs"],
        rate_unit="maps/s",
        target=Target(least=SMOOTH),
    )
    if speed.value is not None:
        ours, theirs = (np.load(settings.folder / f"{name}.npy") for name in ("ours", "theirs"))
        gap = float(np.abs(ours - theirs).max())
        speed = replace(speed, note=f"maps of equal noise differ by {gap:.1g}")
        if not gap < EQUAL:
            speed = replace(speed, status=MISSED)
    return [speed, _smooth_memory(samples, folder, settings)]


def _smooth_memory(samples: int, folder: str, settings: Settings) -> Line:
    # Ten copies are in memory at a time; a process with fewer would be smaller for that reason.
    few, many = 10 * -(-samples // 10), 40 * -(-samples // 10)
    peaks: list[Result] = []
    for count in (few, many):
        spec: Spec = ("ours", "smooth", {"samples": count, "folder": folder})
        peaks.append(run_interleaved({"ours": spec}, settings, rounds=1)["ours"])
    target = Target(below=SMOOTH_MEMORY)
    line = Line("saliency", f"SmoothGrad, memory of {many} copies to {few}", "×", target=target)
    lacking = next((peak for peak in peaks if peak.status), None)
    if lacking:
        return replace(line, status=lacking.status, note=lacking.note)
    value = peaks[1].peak_bytes / peaks[0].peak_bytes
    sizes = " and ".join(f"{peak.peak_bytes / 1e9:.2f}" for peak in reversed(peaks))
    return replace(line, value=value, status=judge(value, target), note=f"peaks of {sizes} GB")


def simulate(settings: Settings) -> list[Line]:
    """Frames rendered by the simulator per second of CPU time on one core."""
    lines = []
    for crop, (height, width, least) in SIMULATED.items():
        options: dict[str, Any] = {"height": height, "width": width, "crop": crop}
        options["videos"] = settings.scale.simulated
        result = run_interleaved({"ours": ("ours", "simulate", options)}, settings)["ours"]
        lines.append(
            alone(
                "simulator",
                f"simulator, {width}×{height}, one core",
                result,
                unit="frames/s",
                target=Target(least=least),
                note="processor time",
            )
        )
    return lines


def measures() -> dict[str, Measure]:
    """Functions that make the lines by name, in the order of the table."""
    from lus_keras.benchmark.end_to_end import memory, table1

    found: dict[str, Measure] = {
        f"train/{network}/{precision}": partial(train, network, precision)
        for network in FASTER
        for precision in ("float32", "bfloat16")
    }
    return found | {
        "inference": infer,
        "input": read,
        "saliency": smooth,
        "simulator": simulate,
        "memory": memory,
        "table1": table1,
    }


def choose(names: Iterable[str]) -> dict[str, Measure]:
    """Functions that make the named lines; a prefix such as `train` names all lines below it.

    Args:
        names: Names or prefixes; all lines if empty.

    Raises:
        ConfigError: A name matches no line.
    """
    from lus_keras.core.errors import ConfigError

    known, wanted = measures(), tuple(names)
    if not wanted:
        return known

    def fits(name: str, asked: str) -> bool:
        return name == asked or name.startswith(f"{asked}/")

    problems = [
        f"--only {asked}: must be one of {', '.join(known)}."
        for asked in wanted
        if not any(fits(name, asked) for name in known)
    ]
    if problems:
        raise ConfigError.from_problems(problems)
    return {n: m for n, m in known.items() if any(fits(n, asked) for asked in wanted)}
