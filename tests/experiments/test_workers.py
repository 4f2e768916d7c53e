"""How many folds are trained at a time where the user leaves it open."""

import math
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lus_keras.core import config
from lus_keras.experiments.reproduce import Request, workers
from lus_keras.experiments.reproduce.workers import choose_workers, seconds_a_fold, workers_that_pay

LARGE = {
    "folds": 20,
    "seconds": 3600.0,
    "peak_gb": 1.0,
    "cores": 4,
    "memory_gb": 16.0,
    "accelerators": 0,
}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, 4),
        ({"cores": 64}, 5),  # four folds for each
        ({"cores": 64, "folds": 1000}, 16),  # a gigabyte each
        ({"folds": 0, "seconds": 0.0, "peak_gb": 0.0}, 1),  # drawings of networks only
        ({"folds": 7}, 1),  # two would wait for the last one
        ({"seconds": 220.0}, 1),  # two would be starting for much of that
        ({"seconds": 250.0}, 2),
        ({"peak_gb": 20.0}, 1),
        ({"accelerators": 1}, 1),
        ({"memory_gb": math.inf}, 4),
    ],
)
def test_several_folds_at_a_time_where_cores_work_and_memory_are_enough(change, expected):
    assert workers_that_pay(**LARGE | change) == expected


@given(
    folds=st.integers(0, 200),
    seconds=st.floats(0, 1e6),
    peak_gb=st.floats(0.1, 100),
    cores=st.integers(1, 256),
    memory_gb=st.floats(0, 1e4) | st.just(math.inf),
    accelerators=st.integers(0, 8),
)
def test_never_more_than_cores_or_memory_allow(**have):
    count = workers_that_pay(**have)
    assert 1 <= count <= have["cores"]
    assert count == 1 or count * have["peak_gb"] <= have["memory_gb"] * (1 + 1e-9)
    assert count == 1 or not have["accelerators"]
    assert workers_that_pay(**have | {"cores": have["cores"] + 1}) >= count


def prepared():
    """Table 1 of B-lines at preset `paper`: four networks, five folds."""
    settings = config.load("bline")
    folds = [
        SimpleNamespace(fold=number, rows=lambda index, side: range(954)) for number in range(5)
    ]
    return SimpleNamespace(
        variant=SimpleNamespace(config=settings, models=tuple(settings.models)),
        source=SimpleNamespace(index=None),
        split=SimpleNamespace(folds=folds),
    )


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"workers": None}, 5),
        ({"workers": None, "fold": 3}, 1),  # one job of an array: all cores for each training
        ({"workers": None, "strategy": "mirrored"}, 1),
        ({"workers": None, "engine": "ray"}, 1),
        ({"workers": 3, "fold": 3}, 3),
        ({}, 1),
    ],
)
def test_what_was_asked_for_decides(monkeypatch, options, expected):
    monkeypatch.setattr(workers, "cores", lambda: 16)
    monkeypatch.setattr(workers, "_half_of_memory_gb", lambda: 64.0)
    monkeypatch.setattr(workers, "_accelerators", lambda: 0)
    assert choose_workers([prepared()], Request(targets=("table1",), **options)) == expected


def test_papers_are_counted_together_and_the_longest_fold_comes_first(monkeypatch):
    """One fold of signs alone has all cores; beside the twenty of B-lines it is one of 21."""
    monkeypatch.setattr(workers, "cores", lambda: 2)
    monkeypatch.setattr(workers, "_half_of_memory_gb", lambda: 64.0)
    monkeypatch.setattr(workers, "_accelerators", lambda: 0)
    settings = config.load("signs", "quick")
    fold = SimpleNamespace(fold=0, rows=lambda index, side: range(3744))
    signs = SimpleNamespace(
        variant=SimpleNamespace(config=settings, models=("resnet152",)),
        source=SimpleNamespace(index=None),
        split=SimpleNamespace(folds=[fold]),
    )
    request = Request(targets=("table1",), workers=None)
    assert choose_workers([signs], request) == 1
    assert choose_workers([signs, prepared()], request) == 2
    # 3,744 frames of 64 × 64 pixels, eight epochs, 9.3 µs a pixel.
    assert seconds_a_fold(signs) == pytest.approx(3744 * 64 * 64 * 8 * 9.3e-6)
