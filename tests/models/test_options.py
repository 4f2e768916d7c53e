"""What a configuration may set of a network: not what defines its row, and only what it takes."""

import re

import pytest

import lus_keras
from lus_keras.core import config
from lus_keras.models import builders
from lus_keras.models.architecture import draw_architecture
from lus_keras.models.options import changed, problems, settable

BLINE = ("c2d_a", "c3d_a", "c2d_lstm", "c2d_lstm_a")
ROWS = {name: builders()[name] for name in BLINE}
TITLES = {name: entry.title for name, entry in config.load("bline").models.items()}


@pytest.mark.parametrize("paper", config.papers())
def test_what_ships_is_valid(paper):
    settings = config.load(paper)
    of_paper = {name: builders()[name] for name in settings.models}
    assert problems(settings.model, of_paper, {}) == []


ATTENTION = "model.attention: must be 'dot', 'additive' or 'gated'."


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("conv", "3d", "model.conv: defines what C2D+A, C3D+A, C2D+LSTM, C2D+LSTM+A is"),
        (
            "attention",
            False,
            "model.attention: must be 'dot', 'additive' or 'gated'. Received false.",
        ),
        (
            "attention",
            None,
            "model.attention: must be 'dot', 'additive' or 'gated'. Received nothing.",
        ),
        ("lstm_units", 0, "model.lstm_units: must be greater than 0. Received 0."),
        ("dropout", "much", "model.dropout: must be a number. Received 'much'."),
        ("filters", [2, "3"], "model.filters.1: must be a whole number. Received '3'."),
        ("dropout_at", ["end"], "model.dropout_at.0: must be 'frames', 'lstm' or 'features'."),
        ("dropuot", 0.1, "unknown key 'model.dropuot'. Did you mean 'dropout'?"),
    ],
)
def test_a_wrong_setting_is_said(option, value, said):
    (problem,) = problems({option: value}, ROWS, TITLES)
    assert problem.startswith(said)


@pytest.mark.parametrize(
    ("paper", "option", "value", "said"),
    [
        ("severity", "backbone", "resnet", "must be 'alexnet' or 'resnet18'. Received 'resnet'."),
        ("severity", "lstm_init", "glorott", "Received 'glorott'. Did you mean 'glorot'?"),
        ("severity", "activation", "leaky", "must be 'relu' or 'leaky_relu'. Received 'leaky'."),
        ("severity", "filters", [64, 192, 384, 256], "model.filters.4: must be given."),
        ("severity", "masking", "no", "model.masking: must be "),
        ("severity", "num_outputs", 5, "defines what AlexNet + attention + BiLSTM is"),
        ("signs", "variant", "v2", "must be 'v1.5' or 'v1'. Received 'v2'."),
        ("signs", "blocks", [3, 4, 6, 3], "model.blocks: defines what ResNet152, ResNet50"),
        ("signs", "num_outputs", 3, "model.num_outputs: defines what ResNet152, ResNet50"),
        ("signs", "bn_momentum", 1.0, "model.bn_momentum: must be less than 1.0. Received 1.0."),
        ("sliding", "depth", 18, "defines what ResNet3D-18, ResNet3D-34, ResNet3D-50 is"),
        ("sliding", "filters", 0, "model.filters: must be greater than 0. Received 0."),
        ("sliding", "reg_factor", -1.0, "model.reg_factor: must be at least 0.0. Received -1.0."),
        ("sliding", "filter", 8, "unknown key 'model.filter'. Did you mean 'filters'?"),
    ],
)
def test_builders_of_every_paper_name_their_choices(paper, option, value, said):
    settings = config.load(paper)
    known = {name: builders()[name] for name in settings.models}
    titles = {name: entry.title for name, entry in settings.models.items()}
    (problem,) = problems({option: value}, known, titles)
    assert said in problem


def test_each_row_has_the_options_that_act_in_it():
    having = {
        option: [name for name in BLINE if option in settable(ROWS[name])]
        for option in ("lstm_units", "attention", "average", "kernel_3d", "pool", "conv")
    }
    assert having == {
        "lstm_units": ["c2d_lstm", "c2d_lstm_a"],
        "attention": ["c2d_a", "c3d_a", "c2d_lstm_a"],
        "average": ["c2d_lstm"],
        "kernel_3d": ["c3d_a"],
        "pool": ["c2d_a", "c3d_a", "c2d_lstm_a"],
        "conv": [],
    }


def test_changes_are_those_that_the_row_has():
    usual = config.load("bline").model
    settings = {**usual, "lstm_units": 8, "dropout": 0.5}
    assert changed(settings, usual, ROWS["c2d_a"]) == {"dropout": 0.5}
    assert changed(settings, usual, ROWS["c2d_lstm"]) == {"lstm_units": 8, "dropout": 0.5}


@pytest.mark.parametrize(
    ("name", "options", "more"),
    [
        # One square matrix, of 2 × 16 states of the BiLSTM, of 8 features of a frame.
        ("c2d_lstm_a", {"attention": "additive"}, 32 * 32),
        ("c2d_a", {"attention": "additive"}, 8 * 8),
        # 3D convolutions of 1 → 2 → 2 → 3 → 3 channels, two more steps of 3 × 3 each.
        ("c3d_a", {"kernel_3d": (5, 3, 3)}, 2 * 9 * (2 + 4 + 6 + 9)),
        ("c3d_a", {"time_pool": 2}, 0),
        ("c2d_lstm", {"average": "last"}, 0),
        ("c2d_lstm", {"dropout_at": ("features",)}, 0),
    ],
)
def test_an_open_choice_changes_parameters_as_counted_by_hand(name, options, more):
    tiny = {"input_shape": (5, 8, 8, 1), "filters": (2, 3), "dense_units": 8}
    usual, other = (lus_keras.build_model(name, **tiny, **extra) for extra in ({}, options))
    assert other.count_params() - usual.count_params() == more
    assert other.output.shape == usual.output.shape == (None, 2)
    dropouts = [layer.name for layer in other.layers if layer.name.endswith("_dropout")]
    assert ("features_dropout" in dropouts) == ("dropout_at" in options)


def test_a_drawing_of_a_network_has_its_layers_shapes_and_parameters():
    tiny = {"input_shape": (5, 8, 8, 1), "filters": (2, 3), "dense_units": 8}
    network = lus_keras.build_model("c2d_lstm_a", **tiny)
    (axes,) = draw_architecture(network).axes
    said = [text.get_text() for text in axes.texts]
    assert {"bilstm, normalization, dropout", "attention", "5   32 parameters"} <= set(said)
    found = [int(n) for n in re.findall(r"([\d,]+) parameters", " ".join(said).replace(",", ""))]
    assert sum(found) == network.count_params()
