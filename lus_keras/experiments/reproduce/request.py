"""Requests: targets, papers and settings, and the run directory."""

import hashlib
import importlib.util
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lus_keras import papers
from lus_keras.core.config import OwnNetwork, did_you_mean
from lus_keras.core.errors import ConfigError
from lus_keras.core.files import sha256_of
from lus_keras.data import datasets
from lus_keras.data.splits import check_own_split
from lus_keras.evaluation.run_record.seeds import seed_folder
from lus_keras.papers.own import from_file, from_function
from lus_keras.simulation import dataset as simulated


@dataclass(frozen=True)
class Request:
    """A request; the fields are the options of `lus-keras reproduce`.

    With `workers` None, the number depends on the machine, see `choose_workers`. `data_seed` is the
    seed of the simulated cohort; None is `seed`.
    """

    targets: tuple[str, ...]
    papers: tuple[str, ...] = ()
    data: str = "simulated"
    preset: str = "paper"
    models: tuple[str, ...] = ()
    fold: int | None = None
    overrides: tuple[str, ...] = ()
    seed: int = 0
    workers: int | None = 1
    out: Path | None = None
    root: Path | None = None
    command: str = ""
    train_on: str = ""
    pretrain: str = ""
    embed_frames: bool = False
    split: Path | None = None
    allow_leak: bool = False
    engine: str = "processes"
    ray_address: str | None = None
    job_cpus: int = 1
    job_gpus: float = 0.0
    strategy: str = "one-device"
    seeds: int = 1
    cohorts: int = 1
    data_seed: int | None = None
    config: Path | None = None
    log: str | None = None
    networks: tuple[str | Callable[..., Any], ...] = ()

    @property
    def own_networks(self) -> list[OwnNetwork]:
        """The user's own networks, given as files or functions."""
        return [from_file(n) if isinstance(n, str) else from_function(n) for n in self.networks]

    @property
    def cohort_seed(self) -> int:
        """Seed of the simulated cohort."""
        return self.seed if self.data_seed is None else self.data_seed

    @property
    def mirrored(self) -> bool:
        """Whether one training uses all devices."""
        return self.strategy == "mirrored"


def run_folder(request: Request) -> Path:
    """Run directory: `--out`, or a name that is the same for equal requests."""
    if request.out:
        return request.out
    data = Path(request.data).stem if request.data.endswith(".csv") else request.data
    name = f"{data}-{request.preset}"
    if request.train_on:
        name += f"-from-{request.train_on}"
    if request.pretrain:
        name += f"-pretrained-{request.pretrain}"
    if request.seed:
        name += f"-seed{request.seed}"
    if request.seeds > 1:
        name += f"-seeds{request.seeds}"
    if request.cohorts > 1:
        name += f"-cohorts{request.cohorts}"
    files = [file for file in (request.split, request.config) if file and file.is_file()]
    if request.overrides or files:
        settings = json.dumps([*sorted(request.overrides), *map(sha256_of, files)])
        name += f"-{hashlib.sha256(settings.encode()).hexdigest()[:6]}"
    return Path("runs") / name


def targets_by_paper(request: Request) -> dict[str, list[str]]:
    """Targets by paper; `table1` applies to every paper, `bline/table1` to one."""
    names = request.papers or tuple(papers.names())
    available = {name: papers.get(name).targets for name in names}
    everything = sorted({target for targets in available.values() for target in targets})
    wanted: dict[str, list[str]] = {}
    for target in request.targets:
        paper, _, rest = target.rpartition("/")
        chosen = {paper: papers.get(paper).targets} if paper else available
        found = {
            name: _all_targets(name, request.data) if rest == "all" else [rest]
            for name, targets in chosen.items()
            if rest == "all" or rest in targets
        }
        if not found:
            hint = did_you_mean(rest, [*everything, "all"])
            raise ConfigError(f"unknown target '{target}'.{hint}")
        for name, targets in found.items():
            wanted.setdefault(name, []).extend(targets)
    _refuse_simulated(wanted, request.data)
    return wanted


def _all_targets(name: str, data: str) -> list[str]:
    paper = papers.get(name)
    exclusions = paper.needs_real_data if data == simulated.NAME else frozenset()
    return [target for target in paper.targets if target not in exclusions | paper.extras]


def _refuse_simulated(wanted: dict[str, list[str]], data: str) -> None:
    if data != simulated.NAME:
        return
    problems = [
        f"{name}/{target}: is tested on real videos. Add --data covid-blues or a manifest."
        for name, targets in wanted.items()
        for target in sorted(papers.get(name).needs_real_data.intersection(targets))
    ]
    if problems:
        raise ConfigError.from_problems(problems)


def data_name(data: str) -> str:
    """Name of the data set in paths: the stem of a manifest, any other name unchanged."""
    return Path(data).stem if data.lower().endswith(".csv") else data


def check_engine(request: Request) -> None:
    """Rejects conflicting options before anything is done.

    Raises:
        ConfigError: Options conflict; all conflicts are listed.
    """
    problems, several = [], (request.workers or 1) > 1
    if request.engine == "ray" and several:
        problems.append(
            "--workers: with --engine ray, the cluster determines the number of parallel jobs. "
            "Omit --workers."
        )
    if request.engine != "ray" and (request.ray_address or request.job_gpus):
        problems.append("--ray-address, --job-gpus: require --engine ray.")
    if request.mirrored and several:
        problems.append("--strategy mirrored: each training uses all devices. Omit --workers.")
    if request.log == "tensorboard" and not importlib.util.find_spec("tensorboard"):
        problems.append("--log tensorboard: not installed. Install it: pip install tensorboard.")
    if problems:
        raise ConfigError.from_problems(problems)


def check_files(request: Request) -> None:
    """Reads what a request names, before settings of networks are checked, which needs Keras.

    Raises:
        ConfigError: There is no file of a network, or no data set of that name.
        DataError: The data or the folds are missing or damaged.
    """
    if not (request.own_networks or request.overrides or request.config):
        return
    if request.split is not None:
        check_own_split(request.split)
    if request.data != simulated.NAME:
        datasets.load(request.data, root=request.root)


def requests_by_seed(request: Request) -> list[Request]:
    """Splits a request for several trainings into one request per seed.

    Returns:
        One request per seed, with consecutive seeds from `seed` and a folder each; the request
        itself for a single training. With `seeds` the simulated cohort remains that of `seed`.

    Raises:
        ConfigError: Both seeds and cohorts are requested, or cohorts for data that are not
            simulated.
    """
    count = max(request.seeds, request.cohorts)
    if count == 1:
        return [request]
    if request.seeds > 1 and request.cohorts > 1:
        raise ConfigError(
            "--seeds, --cohorts: choose one of them; each new cohort also has a new seed."
        )
    if request.cohorts > 1 and request.data != simulated.NAME:
        raise ConfigError(
            f"--cohorts: only simulated cohorts can be drawn again, not '{request.data}'. Use "
            "--seeds."
        )
    out = run_folder(request)
    return [
        replace(
            request,
            seed=seed,
            seeds=1,
            cohorts=1,
            data_seed=request.cohort_seed if request.seeds > 1 else None,
            overrides=_own_folds(request, seed),
            out=seed_folder(out, seed),
        )
        for seed in range(request.seed, request.seed + count)
    ]


def _own_folds(request: Request, seed: int) -> tuple[str, ...]:
    """Overrides with the seed of the split; unchanged for the first seed and a user's own split."""
    if request.split or seed == request.seed:
        return request.overrides
    return (*request.overrides, f"split.seed={seed}")
