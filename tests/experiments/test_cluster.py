"""A Ray cluster of two nodes: the run's numbers are those of one machine, a killed node's too."""

import os
import threading
import time
from pathlib import Path

import pytest

from lus_keras.core.environment import start_tensorflow
from lus_keras.experiments import checkpoint

ray = pytest.importorskip("ray", reason="Ray is not installed: no test of --engine ray is run")

start_tensorflow(1)
from rich.console import Console  # noqa: E402

from lus_keras.core.progress import Reporter  # noqa: E402
from lus_keras.experiments.reproduce import Request, reproduce  # noqa: E402

SETTINGS = ("clip.frames=4", "clip.stride=4", "clip.size=[16, 16]", "model.dense_units=6")
EPOCHS = 30
NOTICE = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 1000,
    "health_check_timeout_ms": 3000,
    "health_check_failure_threshold": 3,
}


def request(out, **options):
    return Request(
        ("bline/table1",),
        preset="smoke",
        models=("c2d_lstm_a",),
        overrides=(*SETTINGS, "model.filters=[2, 3]", f"fit.epochs={EPOCHS}"),
        out=out,
        **options,
    )


def quietly(asked):
    with Path(os.devnull).open("w") as log:
        return reproduce(asked, Reporter(Console(file=log)))


def predictions(out):
    return {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("predictions.csv"))}


@pytest.fixture
def cluster():
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True,
        # Ray's own settings take over a minute to notice that a node has died.
        head_node_args={"num_cpus": 0, "include_dashboard": False, "_system_config": NOTICE},
    )
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    yield cluster, nodes
    ray.shutdown()
    cluster.shutdown()


def kill_once_under_way(cluster, node, out, killed):
    """Takes a node away as soon as some fold has a checkpoint."""
    while not killed["stop"]:
        found = [path.parent for path in out.rglob("checkpoint_*.npz")]
        if found:
            killed["done"] = len(list(out.rglob("DONE")))
            # Not from history.csv: that is written after the checkpoint, so it may be absent yet.
            killed["at"] = {folder.name: checkpoint.load(folder).epoch for folder in found}
            cluster.remove_node(node, allow_graceful=False)
            return
        time.sleep(0.02)


def test_a_run_survives_a_node_that_is_killed_and_its_numbers_are_those_of_one_machine(
    cluster, tmp_path
):
    whole = quietly(request(tmp_path / "here"))
    assert whole.exit_code == 0
    cluster, nodes = cluster
    out, killed = tmp_path / "cluster", {"stop": False}
    arguments = (cluster, nodes[0], out, killed)
    killer = threading.Thread(target=kill_once_under_way, args=arguments)
    killer.start()
    try:
        result = quietly(request(out, engine="ray", ray_address=cluster.address))
    finally:
        killed["stop"] = True
        killer.join()
    assert killed["done"] == 0 and max(killed["at"].values()) < EPOCHS
    assert len([node for node in ray.nodes() if node["Alive"]]) == 2  # the head and one other
    assert [outcome.status for outcome in result.outcomes] == ["done", "done"]
    assert predictions(out) == predictions(tmp_path / "here")
    assert len(predictions(out)) == 2
