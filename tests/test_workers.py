"""How many folds are trained at a time where the user leaves it open."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lus_keras.reproduce.workers import workers_that_pay

LARGE = {
    "folds": 20,
    "seconds": 3600.0,
    "peak_gb": 1.0,
    "cores": 4,
    "memory_gb": 16.0,
    "accelerators": 0,
}


@pytest.mark.parametrize(
    ("change", "workers"),
    [
        ({}, 4),
        ({"cores": 64}, 5),  # four folds for each
        ({"cores": 64, "folds": 1000}, 16),  # a gigabyte each
        ({"folds": 7}, 1),  # two would wait for the last one
        ({"seconds": 110.0}, 1),  # two would be starting for much of that
        ({"seconds": 130.0}, 2),
        ({"peak_gb": 20.0}, 1),
        ({"accelerators": 1}, 1),
        ({"memory_gb": math.inf}, 4),
    ],
)
def test_several_folds_at_a_time_where_cores_work_and_memory_are_enough(change, workers):
    assert workers_that_pay(**LARGE | change) == workers


@given(
    folds=st.integers(0, 200),
    seconds=st.floats(0, 1e6),
    peak_gb=st.floats(0.1, 100),
    cores=st.integers(1, 256),
    memory_gb=st.floats(0, 1e4) | st.just(math.inf),
    accelerators=st.integers(0, 8),
)
def test_never_more_than_cores_or_memory_allow(**have):
    workers = workers_that_pay(**have)
    assert 1 <= workers <= have["cores"]
    assert workers == 1 or workers * have["peak_gb"] <= have["memory_gb"] * (1 + 1e-9)
    assert workers == 1 or not have["accelerators"]
    assert workers_that_pay(**have | {"cores": have["cores"] + 1}) >= workers
