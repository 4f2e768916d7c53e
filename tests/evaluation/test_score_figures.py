"""Figures of scores: intervals over patients in ROC, precision–recall and reliability."""

import numpy as np
import pytest

from lus_keras.evaluation import plots
from lus_keras.evaluation.metrics import Clusters, Scores, binary_statistics, estimate


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
