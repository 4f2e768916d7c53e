"""Figures of scores: intervals over patients, and that nothing hides or cuts anything."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from lus_keras.core.style import png_bytes
from lus_keras.evaluation import plots
from lus_keras.evaluation.metrics import Clusters, Scores, binary_statistics, estimate
from lus_keras.evaluation.plots import studies
from lus_keras.evaluation.tables.drawings import claims_drawing


def scores(patients, truth, positive):
    positive = np.asarray(positive, float)
    columns = np.stack([1 - positive, positive], axis=1)
    clusters = Clusters.of(patients, np.zeros(len(patients), int))
    return Scores(np.asarray(truth), columns, clusters)


def test_bars_of_reliability_are_intervals_over_patients():
    """Draws of A (2 of 2 clips) and B (0 of 2) give 1, 1/2 or 0: the interval is 0 … 1."""
    model = scores(["a", "a", "b", "b"], [1, 1, 0, 0], [0.41, 0.43, 0.45, 0.47])
    axes = plots.reliability_diagram({"network": model}).axes[0]
    (bars,) = axes.collections
    np.testing.assert_allclose(bars.get_segments(), [[[0.44, 0], [0.44, 1]]])
    curve = axes.lines[-1]
    np.testing.assert_allclose(curve.get_xydata(), [[0.44, 0.5]])


def test_a_bin_of_one_patient_has_no_spread_and_one_patient_no_bar():
    """Draws without the patient of a bin say nothing of it; the others all give the same share."""
    model = scores(["a", "a", "b"], [1, 0, 1], [0.1, 0.1, 0.9])
    (bars,) = plots.reliability_diagram({"network": model}).axes[0].collections
    np.testing.assert_allclose(bars.get_segments(), [[[0.1, 0.5]] * 2, [[0.9, 1]] * 2])
    alone = scores(["a", "a"], [1, 0], [0.1, 0.1])
    (bars,) = plots.reliability_diagram({"network": alone}).axes[0].collections
    assert not any(len(segment) for segment in bars.get_segments())


@pytest.mark.parametrize(
    ("draw", "metric"), [(plots.roc_curves, "roc_auc"), (plots.precision_recall_curves, "pr_auc")]
)
def test_legends_have_the_areas_of_the_table(draw, metric):
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 60)
    patients = np.repeat([f"p{number}" for number in range(12)], 5)
    model = scores(patients, truth, np.clip(0.3 * truth + 0.7 * rng.random(60), 0, 1))
    found = estimate(binary_statistics(model)[metric], model.clusters)
    entries = draw({"network": model}).axes[0].get_legend_handles_labels()[1]
    assert f"network\n{found.value:.2f}, {found.ci_low:.2f} to {found.ci_high:.2f}" in entries


def test_one_patient_has_an_area_without_an_interval():
    model = scores(["a"] * 4, [0, 1, 0, 1], [0.1, 0.9, 0.2, 0.8])
    assert (
        "network\n1.00"
        in plots.roc_curves({"network": model}).axes[0].get_legend_handles_labels()[1]
    )


def drawn(figure):
    """A figure laid out as it is saved, and the boxes of some of its parts."""
    png_bytes(figure)
    renderer = figure.canvas.get_renderer()
    return lambda part: part.get_tightbbox(renderer)


def twenty():
    return {
        f"{number} patients, a network with quite a long name": scores(
            ["a", "b", "c", "d"], [0, 1, 0, 1], [0.1, 0.9, 0.6, 0.4]
        )
        for number in range(20)
    }


@pytest.mark.parametrize(
    "draw", [plots.roc_curves, plots.precision_recall_curves, plots.reliability_diagram]
)
@pytest.mark.parametrize("count", [1, 20])
def test_a_legend_hides_no_curve_and_leaves_the_axes_their_size(draw, count):
    figure = draw(dict(list(twenty().items())[:count]))
    box = drawn(figure)
    (legend,) = figure.legends
    assert all(not box(legend).overlaps(box(axes)) for axes in figure.axes)
    axes = figure.axes[0].get_window_extent()
    assert axes.height / figure.dpi > 3
    assert figure.bbox.contains(*box(legend).min)
    assert figure.bbox.contains(*box(legend).max)


def histories(models):
    """A fold each; the first network is not validated."""
    table = pd.DataFrame({"epoch": [1, 2], "loss": [1.0, 0.5], "accuracy": [0.5, 0.7]})
    validated = table.assign(val_loss=table.loss, val_accuracy=table.accuracy)
    return {label: {0: validated if place else table} for place, label in enumerate(models)}


@pytest.mark.parametrize("count", [1, 5, 7, 20])
def test_panels_of_many_networks_go_into_rows(count):
    models = dict(list(twenty().items())[:count])
    for figure, each in (
        (plots.confusion_matrices(models, ["absent", "present"]), 1),
        (plots.learning_curves(histories(models)), 2),
    ):
        box = drawn(figure)
        shown = [axes for axes in figure.axes if axes.axison]
        assert len(shown) == count * each
        assert figure.get_figwidth() <= 16
        for axes in shown:
            assert box(axes.title).x0 >= 0
            assert box(axes.title).x1 <= figure.bbox.x1


def test_learning_curves_name_the_validation_of_any_network():
    figure = plots.learning_curves(histories(["unvalidated", "validated"]))
    named = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert named == ["training", "validation"]


@pytest.mark.parametrize(
    ("low", "high"),
    [(166, 182), (138, 198), (66, 310), (70, 208), (5, 40), (10, 1000), (1, 9000), (2, 3e7)],
)
def test_numbers_along_a_logarithmic_axis_do_not_touch(low, high):
    points = {"cheap": (low, 0.5, 0.4, 0.6), "dear": (high, 0.6, 0.5, 0.7)}
    figure = studies.quality_against_cost(points, "Time per step (ms)", "Accuracy")
    box = drawn(figure)
    axis = figure.axes[0].xaxis
    boxes = [box(text) for text in axis.get_ticklabels(which="both") if text.get_text()]
    inside = [b for b in boxes if b.x1 > figure.axes[0].bbox.x0 and b.x0 < figure.axes[0].bbox.x1]
    assert len(inside) >= 2
    assert all(left.x1 < right.x0 for left, right in pairwise(sorted(inside, key=lambda b: b.x0)))


def test_differences_of_two_metrics_have_no_title_of_one():
    found = SimpleNamespace(value=0.1, ci_low=0.0, ci_high=0.2)
    claims = [
        SimpleNamespace(
            better="A",
            worse="B",
            verdict="holds",
            comparisons=[SimpleNamespace(difference=found, label=label)],
        )
        for label in ("Accuracy", "Recall")
    ]
    axes = claims_drawing(claims).figure.axes[0]
    assert axes.get_title() == "Differences"
    assert [text.get_text() for text in axes.get_yticklabels()] == [
        "Accuracy: A − B",
        "Recall: A − B",
    ]
    assert claims_drawing(claims[:1]).figure.axes[0].get_title() == "Difference in Accuracy"
