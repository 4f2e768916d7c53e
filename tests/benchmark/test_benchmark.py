"""The benchmark: arithmetic by hand, peers by their parameters, the command at its least."""

import csv
import importlib.util
import json
import subprocess
import sys
import types

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from lus_keras.benchmark import interleave, lines, machine, scale, suite, timing, write
from lus_keras.benchmark.interleave import Result, alone, comparison
from lus_keras.benchmark.timing import Line, Sample, Target, judge, rates, ratios
from lus_keras.benchmark.worker import Failed, Worker
from lus_keras.cli import main
from lus_keras.core import config, environment
from lus_keras.core.errors import ConfigError

NETWORKS = {"c2d_lstm_a": 2_149_330, "resnet3d_18": 33_215_233}


def samples(*pairs):
    return [Sample(seconds, units) for seconds, units in pairs]


def test_rates_by_hand():
    """20 clips in 2, 4 and 5 seconds: 10, 5 and 4 clips/s."""
    found = rates(samples((2, 20), (4, 20), (5, 20)))
    assert (found.median, found.low, found.high) == (5, 4, 10)


def test_ratios_compare_rounds_and_not_medians():
    """10:5, 8:2 and 3:3 are 2, 4 and 1, middle 2; the medians 8 and 3 would give 2.67."""
    ours, theirs = samples((1, 10), (1, 8), (1, 3)), samples((1, 5), (1, 2), (1, 3))
    found = ratios(ours, theirs)
    assert (found.median, found.low, found.high) == (2, 1, 4)


positive = st.floats(0.01, 100)


@given(st.lists(st.tuples(positive, positive), min_size=1, max_size=9), positive)
def test_a_load_that_slows_a_round_of_both_changes_no_ratio(pairs, load):
    ours, theirs = samples(*((a, 1) for a, _ in pairs)), samples(*((b, 1) for _, b in pairs))
    slowed = [
        [Sample(s.seconds * (load if n == 0 else 1), s.units) for n, s in enumerate(side)]
        for side in (ours, theirs)
    ]
    assert ratios(*slowed).median == pytest.approx(ratios(ours, theirs).median)


@given(st.lists(st.tuples(positive, positive), min_size=1, max_size=9))
def test_the_other_way_round_is_the_inverse(pairs):
    ours, theirs = samples(*((a, 1) for a, _ in pairs)), samples(*((b, 1) for _, b in pairs))
    assert ratios(ours, theirs).low == pytest.approx(1 / ratios(theirs, ours).high)


def test_rounds_that_are_missing_are_an_error():
    with pytest.raises(ValueError):
        ratios(samples((1, 1), (1, 1)), samples((1, 1)))
    with pytest.raises(ValueError, match="at least one value"):
        timing.spread([])


@pytest.mark.parametrize(
    ("target", "value", "status"),
    [
        (Target(least=6), 6.0, "met"),
        (Target(least=6), 5.99, "missed"),
        (Target(below=5), 4.99, "met"),
        (Target(below=5), 5.0, "missed"),
        (Target(least=6), float("nan"), "missed"),
        (Target(below=6), float("nan"), "missed"),
        (None, 1.0, "no target"),
    ],
)
def test_targets(target, value, status):
    assert judge(value, target) == status


def test_a_smaller_scale_is_not_judged():
    assert judge(1.0, Target(below=3), full_scale=False) == "smaller scale"
    assert (Target(least=6).text("×"), Target(below=0.05).text("")) == ("≥ 6 ×", "< 0.05")


def record_of(*lines, **changes):
    """A record of lines `(name, value)`."""
    made = {"schema": 1, "date": "2000-01-01", "command": "all", "scale": "tiny", "threads": 1}
    return {**made, "lines": [{"name": n, "value": v} for n, v in lines], **changes}


def test_lines_measured_anew_take_the_place_of_the_old_ones():
    earlier = record_of(("a", 1), ("b", 2), ("b", 3), ("c", 4))
    later = record_of(("b", 5), ("d", 6), date="2000-02-02", command="some")
    merged = suite.merge(earlier, later)
    assert [(x["name"], x["value"]) for x in merged["lines"]] == [
        ("a", 1),
        ("b", 5),
        ("c", 4),
        ("d", 6),
    ]
    assert merged["date"] == "2000-01-01"
    assert merged["updates"] == [{"date": "2000-02-02", "command": "some", "names": ["b", "d"]}]
    assert len(suite.merge(merged, later)["updates"]) == 2


def test_only_a_run_of_this_machine_is_updated(tmp_path):
    path = tmp_path / "benchmark.json"
    arguments = ["benchmark", "--tiny", "--update", "--only", "simulator", "--out", str(tmp_path)]
    refused = CliRunner().invoke(main, arguments)
    assert refused.exit_code == 2
    assert "cannot be updated" in refused.output
    ours = machine.describe_machine()
    record = record_of(("simulator", 1), threads=environment.cores(), machine=ours)
    path.write_text(json.dumps(record))
    assert suite.read_record(path, scale.TINY) == record
    path.write_text(json.dumps({**record, "machine": {**ours, "processor": "Z80", "cores": 0}}))
    with pytest.raises(ConfigError, match="processor was 'Z80'") as error:
        suite.read_record(path, scale.TINY)
    assert "cores was 0" in str(error.value)
    with pytest.raises(ConfigError, match="scale was 'tiny' and is 'full'"):
        suite.read_record(path, scale.FULL)


def test_lines_of_an_interleaved_run():
    ours = Result({"parameters": 5}, samples((1, 9), (1, 8)))
    theirs = Result({"parameters": 6}, samples((1, 3), (1, 2)))
    found = comparison("x", "x", "peer", ours, theirs, rate_unit="/s", target=Target(least=3.6))
    assert (found.value, found.ours, found.theirs, found.status) == (3.5, 8.5, 2.5, "missed")
    assert found.note == "parameters differ: [5, 6]"
    absent = Result(status="skipped", note="torch is not installed")
    line = comparison("x", "x", "peer", ours, absent, rate_unit="/s", target=Target(least=2))
    assert (line.status, line.note, line.value) == ("skipped", "torch is not installed", None)
    assert alone("x", "x", ours, unit="/s").value == 8.5


def test_targets_are_those_that_were_set():
    """The table of the design, so that none is changed in passing."""
    assert lines.FASTER == {
        "c2d_lstm_a": {"keras3": 6.0, "keras2": 1.1, "pytorch": 2.0},
        "resnet3d_18": {"keras3": 1.3, "pytorch": 1.2},
    }
    assert (lines.CLIPS_PER_S, lines.WAITING_PERCENT) == (2000, 5)
    assert (lines.REAL_TIME, lines.SMOOTH, lines.EQUAL) == (10, 3, 1e-5)
    assert (scale.FULL.memory_h, scale.FULL.saliency_samples, scale.FULL.batches) == (5, 20, {})


def test_batches_are_those_of_the_papers():
    from lus_keras.benchmark.contenders import BATCHES, L2, RATES, SHAPES

    for network, paper in (("c2d_lstm_a", "bline"), ("resnet3d_18", "sliding")):
        settings = config.load(paper, "paper")
        assert settings.clip.shape == SHAPES[network]
        assert settings.fit.batch_size == BATCHES[network]
        assert settings.fit.learning_rate == RATES[network]
        assert L2[network] in (settings.model.get("l2"), settings.model.get("reg_factor"))


@pytest.mark.parametrize("network", NETWORKS)
def test_the_plain_network_is_ours(network, tensorflow):
    """Equal in parameters and penalties, and in what it says with our weights."""
    import keras

    import lus_keras
    from lus_keras.benchmark.contenders import SHAPES, batch_of
    from lus_keras.benchmark.contenders.keras_plain import BUILDERS

    plain = BUILDERS[network](keras, SHAPES[network])
    ours = lus_keras.build_model(network, input_shape=SHAPES[network])
    assert plain.count_params() == ours.count_params() == NETWORKS[network]
    plain.set_weights(ours.get_weights())
    clips, _ = batch_of(network, 2)
    expected = ours(clips, training=False)
    np.testing.assert_allclose(plain(clips, training=False), expected, rtol=1e-4, atol=1e-5)
    assert sum(w.regularizer is not None for w in plain.trainable_weights) == sum(
        w.regularizer is not None for w in ours.trainable_weights
    )


def test_gradients_of_the_fast_3d_network_are_those_of_the_plain_one(tensorflow):
    """Gray stem, cut kernels, folded normalization and penalty at once: all changes are rounding.

    The plain network's own gradients change as much when its clips do in their last bit. Large
    offsets keep every ReLU away from 0, where rounding would decide whether a gradient passes. A
    maximum of the pooling that rounding moves is left: 2e-4 of the gradient of the stem.
    """
    import keras

    import lus_keras
    from lus_keras.benchmark.contenders import SHAPES, batch_of
    from lus_keras.benchmark.contenders.keras_plain import BUILDERS

    tf = tensorflow
    keras.utils.set_random_seed(0)
    plain = BUILDERS["resnet3d_18"](keras, SHAPES["resnet3d_18"])
    ours = lus_keras.build_model("resnet3d_18", input_shape=SHAPES["resnet3d_18"])
    ours.set_weights([weight.numpy() + 8 * (weight.name == "beta") for weight in ours.weights])
    plain.set_weights(ours.get_weights())
    clips, labels = batch_of("resnet3d_18", 8)

    @tf.function
    def gradients(model, clips):
        with tf.GradientTape() as tape:
            logits = model(clips, training=True)[:, 0]
            truth = tf.cast(labels, tf.float32)
            loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(truth, logits))
            loss += tf.add_n(model.losses)
        return loss, tape.gradient(loss, [weight.value for weight in model.trainable_weights])

    loss, fast = gradients(ours, clips)
    expected_loss, expected = gradients(plain, clips)
    _, rounded = gradients(plain, np.nextafter(clips, np.float32(2)))
    np.testing.assert_allclose(loss, expected_loss, rtol=1e-5)
    for one, other, moved in zip(fast, expected, rounded, strict=True):
        allowed = 5 * tf.norm(moved - other) + 5e-4 * tf.norm(other)
        assert tf.norm(one - other) <= allowed, other.shape


PEERS = {"torch": "torch_peer", "tf_keras": "keras_plain"}
installed = [name for name in PEERS if importlib.util.find_spec(name)]


@pytest.mark.parametrize("package", PEERS)
def test_peers_of_other_frameworks_are_equal_in_parameters(package):
    if package not in installed:
        pytest.skip(f"{package} is not installed: this peer is not compared")
    extra = {"module": "tf_keras"} if package == "tf_keras" else {}
    options = {"network": "c2d_lstm_a", "precision": "float32", "batch": 1, **extra}
    with Worker(PEERS[package], "train", options, threads=1) as worker:
        assert worker.ready()["parameters"] == NETWORKS["c2d_lstm_a"]


def test_operations_by_hand(tensorflow):
    """3³ convolution of 2 to 4 channels over 5×6×7: 2·27·2·4·210; dense 4 to 3: 24."""
    import keras
    from keras import layers

    from lus_keras.benchmark.flops import count_flops
    from lus_keras.layers import TimeDistributed

    clip = keras.Input((5, 6, 7, 2))
    x = layers.GlobalAveragePooling3D()(layers.Conv3D(4, 3, padding="same")(clip))
    assert count_flops(keras.Model(clip, layers.Dense(3)(x))) == 2 * 27 * 2 * 4 * 210 + 24
    steps = keras.Input((5, 8))
    x = layers.Bidirectional(layers.LSTM(3))(TimeDistributed(layers.Dense(2))(steps))
    # Five steps of 8·2, then two directions of four gates of (2 + 3)·3.
    assert count_flops(keras.Model(steps, x)) == 5 * 2 * 16 + 2 * 2 * 5 * 4 * 3 * 5


def test_operations_are_tensorflows_count_of_the_same_graph(tensorflow):
    """TensorFlow's profiler counts 2D convolutions and products, and biases and the like."""
    import lus_keras
    from lus_keras.benchmark.flops import count_flops

    tf = tensorflow
    model = lus_keras.build_model("c2d_a", input_shape=(6, 32, 32, 1))
    spec = tf.TensorSpec((1, 6, 32, 32, 1), tf.float32)
    graph = tf.function(lambda x: model(x, training=False)).get_concrete_function(spec).graph
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options["output"] = "none"
    counted = tf.compat.v1.profiler.profile(graph, options=options).total_float_ops
    assert count_flops(model) == pytest.approx(counted, rel=0.05)


def test_a_contender_that_ends_says_why():
    worker = Worker("keras_plain", "no-such-task", {}, threads=1)
    with worker, pytest.raises(Failed, match="no-such-task"):
        worker.ready()


def test_an_absent_package_is_skipped_by_name(monkeypatch):
    def absent(*_):
        raise interleave.Absent("torch")

    monkeypatch.setattr(interleave.Worker, "__init__", lambda *_, **__: None)
    monkeypatch.setattr(interleave.Worker, "__exit__", lambda *_: None)
    monkeypatch.setattr(interleave.Worker, "ready", absent)
    settings = types.SimpleNamespace(threads=1, scale=scale.TINY)
    found = interleave.run_interleaved({"pytorch": ("torch_peer", "train", {})}, settings)[
        "pytorch"
    ]
    assert (found.status, found.note) == ("skipped", "torch is not installed")


def test_names_are_chosen_by_their_beginning():
    assert list(lines.choose(["train/resnet3d_18"])) == [
        "train/resnet3d_18/float32",
        "train/resnet3d_18/bfloat16",
    ]
    assert len(lines.choose([])) == len(lines.measures()) == 10


def test_the_command_measures_and_writes(tmp_path):
    """One line at the least scale, by the real command and its child processes."""
    command = [sys.executable, "-m", "lus_keras.cli", "benchmark", "--tiny", "--only", "simulator"]
    done = subprocess.run(
        [*command, "--out", str(tmp_path)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert "load before the run" in done.stdout
    record = json.loads((tmp_path / "benchmark.json").read_text())
    assert [line["target"] for line in record["lines"]] == ["≥ 150 frames/s", "≥ 1500 frames/s"]
    assert all(line["value"] > 0 for line in record["lines"])
    assert record["limits"]["matmul_gflops"] > 0
    rows = list(csv.DictReader((tmp_path / "benchmark.csv").read_text().splitlines()))
    assert [float(row["value"]) for row in rows] == [line["value"] for line in record["lines"]]
    assert "| simulator, 640×480, one core |" in (tmp_path / "benchmark.md").read_text()


def test_an_unknown_line_is_refused():
    result = CliRunner().invoke(main, ["benchmark", "--only", "speed"])
    assert result.exit_code == 2
    assert "--only speed: must be one of train/c2d_lstm_a/float32" in result.output


def test_the_page_shows_what_was_compared(tmp_path):
    line = Line("x", "step", "×", 3.5, 3, 4, 7, "peer", 2, "clips/s", Target(least=3), "met")
    record = {
        "date": "2000-01-01",
        "command": "",
        "scale": "quick",
        "threads": 2,
        "machine": {
            "processor": "p",
            "cores": 2,
            "memory_gb": 8,
            "platform": "x",
            "load_average": [0.0, 0.0, 0.0],
            "versions": {"torch": None, "keras": "3"},
        },
        "limits": {"matmul_gflops": 100.0, "copy_gb_per_s": 10.0},
        "lines": [{**vars(line), "target": "≥ 3 ×"}],
    }
    files = write.write_results(record, tmp_path)
    assert [path.suffix for path in files] == [".json", ".csv", ".md"]
    page = files[2].read_text()
    assert (
        "| step | 7.00 clips/s | peer | 2.00 clips/s | 3.50 × (3.00 to 4.00) | ≥ 3 × | met |"
        in page
    )
    assert "not installed: torch" in page


def test_a_record_does_not_say_where_the_cache_lies(monkeypatch):
    def interleaved(specs, *_, **__):
        facts = {"path": "/home/somebody/frames.u8", "shape": [60, 64, 64, 1]}
        return {
            name: Result(dict(facts) if spec[:2] == ("ours", "read") else {}, samples((1, 1)))
            for name, spec in specs.items()
        }

    monkeypatch.setattr(lines, "run_interleaved", interleaved)
    settings = scale.Settings(scale.TINY, None)
    assert "somebody" not in str([line.details for line in lines.read(settings)])
