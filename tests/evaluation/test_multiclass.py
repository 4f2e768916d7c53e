"""Metrics of several classes: one hand-made matrix as fractions, and the laws that hold for any."""

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as sk

from lus_keras.core import config
from lus_keras.evaluation.metrics import Scores, accuracy, cohen_kappa
from lus_keras.evaluation.metrics.multiclass import (
    PER_CLASS,
    class_mean,
    class_metric,
    present_classes,
    total_formulas,
)
from lus_keras.evaluation.tables.multiclass import (
    class_statistics,
    one_against_rest,
    total_statistics,
)

# Rows = truth, columns = answer; 40, 10, 10 and 20 frames, 80 in all.
HAND = [
    [36, 2, 0, 2],
    [3, 5, 1, 1],
    [0, 1, 9, 0],
    [5, 0, 5, 10],
]
BY_HAND = {
    "precision": (Fraction(36, 44), Fraction(5, 8), Fraction(9, 15), Fraction(10, 13)),
    "recall": (Fraction(36, 40), Fraction(5, 10), Fraction(9, 10), Fraction(10, 20)),
    "specificity": (Fraction(32, 40), Fraction(67, 70), Fraction(64, 70), Fraction(57, 60)),
    "f1": (Fraction(72, 84), Fraction(10, 18), Fraction(18, 25), Fraction(20, 33)),
    "accuracy": (Fraction(68, 80), Fraction(72, 80), Fraction(73, 80), Fraction(67, 80)),
}
COUNTS = hnp.arrays(np.int64, (4, 4), elements=st.integers(0, 30))


@pytest.mark.parametrize("metric", BY_HAND)
def test_every_class_against_the_rest_by_hand(metric):
    for number, expected in enumerate(BY_HAND[metric]):
        assert class_metric(HAND, metric, number) == pytest.approx(float(expected), rel=1e-12)


def test_totals_by_hand_and_total_accuracy_is_not_the_mean_recall():
    """trace / N = 60/80; mean recall = (9/10 + 5/10 + 9/10 + 5/10) / 4 = 7/10."""
    found = {name: float(formula(HAND)) for name, formula in total_formulas(range(4)).items()}
    for metric in ("precision", "recall", "specificity", "f1"):
        assert found[metric] == pytest.approx(float(sum(BY_HAND[metric]) / 4), rel=1e-12)
    assert found["accuracy"] == pytest.approx(float(Fraction(60, 80)), rel=1e-12)
    assert found["recall"] == pytest.approx(float(Fraction(7, 10)), rel=1e-12)
    # Chance: Σ row × column / N² = (40·44 + 10·8 + 10·15 + 20·13) / 6400 = 2250/6400.
    chance = Fraction(2250, 6400)
    kappa = (Fraction(60, 80) - chance) / (1 - chance)
    assert found["kappa"] == pytest.approx(float(kappa), rel=1e-12)


def test_the_papers_class_accuracies_imply_another_total_than_it_prints():
    """Every error is one class's miss and another's false alarm: errors = Σ (1 - accuracy) / 2."""
    published = config.load("signs").published["table1"]
    classes = [row for name, row in published.items() if name != "total"]
    implied = 100 - sum(100 - row["accuracy"] for row in classes) / 2
    mean_recall = sum(row["recall"] for row in classes) / 4
    assert implied == pytest.approx(90.53)
    assert mean_recall == pytest.approx(90.695)
    assert published["total"]["accuracy"] == published["total"]["recall"] == 90.70
    assert (implied / 100 - 0.25) / 0.75 == pytest.approx(published["total"]["kappa"], abs=5e-5)


@given(COUNTS.filter(lambda counts: (counts.sum(1) > 0).all()))
def test_errors_are_counted_twice_by_the_classes(counts):
    classes = [float(class_metric(counts, "accuracy", number)) for number in range(4)]
    assert 1 - float(accuracy(counts)) == pytest.approx(sum(1 - value for value in classes) / 2)


@given(hnp.arrays(np.int64, (4, 10), elements=st.integers(0, 3)))
def test_with_equally_large_classes_accuracy_is_the_mean_recall(answers):
    """Ten frames of each class: a row of answers each."""
    counts = np.array([np.bincount(row, minlength=4) for row in answers])
    mean = class_mean(counts, "recall", range(4))
    assert float(accuracy(counts)) == pytest.approx(float(mean), rel=1e-12)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_agrees_with_scikit_learn_where_every_class_is_named(seed):
    rng = np.random.default_rng(seed)
    y_true = np.append(np.arange(4), rng.integers(0, 4, 60))
    y_pred = np.append(np.arange(4), rng.integers(0, 4, 60))
    counts = sk.confusion_matrix(y_true, y_pred)
    found = {name: float(formula(counts)) for name, formula in total_formulas(range(4)).items()}
    expected = sk.precision_recall_fscore_support(y_true, y_pred, average="macro")[:3]
    np.testing.assert_allclose([found["precision"], found["recall"], found["f1"]], expected)
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(y_true, y_pred))
    assert found["kappa"] == pytest.approx(sk.cohen_kappa_score(y_true, y_pred))


def test_a_class_that_does_not_occur_has_no_metric_even_if_it_is_named():
    """Three frames are called class 2, which none is: precision would be 0/3."""
    counts = [[4, 1, 3], [0, 5, 0], [0, 0, 0]]
    assert all(np.isnan(class_metric(counts, metric, 2)) for metric in PER_CLASS)
    assert present_classes([0] * 8 + [1] * 5) == [0, 1]
    means = total_formulas([0, 1])
    assert float(means["recall"](counts)) == pytest.approx((4 / 8 + 1) / 2)
    assert float(means["precision"](counts)) == pytest.approx((1 + 5 / 6) / 2)


def test_a_mean_over_classes_is_undefined_if_one_of_them_is():
    """Class 1 is never named: its precision is 0/0, and 1 instead of 3/4 would flatter."""
    counts = [[3, 0], [1, 0]]
    assert float(class_metric(counts, "precision", 0)) == 3 / 4
    assert np.isnan(class_mean(counts, "precision", [0, 1]))
    assert float(class_mean(counts, "f1", [0, 1])) == pytest.approx((6 / 7 + 0) / 2)
    assert np.isnan(class_mean(counts, "recall", []))


def test_a_stack_of_matrices_gives_what_each_gives():
    stack = np.array([HAND, np.eye(4) * 3, np.ones((4, 4))])
    for name, formula in total_formulas(range(4)).items():
        one_by_one = [float(formula(counts)) for counts in stack]
        np.testing.assert_allclose(formula(stack), one_by_one, err_msg=name)
    np.testing.assert_allclose(cohen_kappa(stack)[1:], [1, 0], atol=1e-12)


def table_of(counts):
    """Predictions with these counts, one patient a frame, the answer at probability 0.7."""
    rows = []
    for (truth, answer), count in np.ndenumerate(np.array(counts)):
        chances = [0.7 if number == answer else 0.1 for number in range(4)]
        rows += [(truth, *chances)] * count
    table = pd.DataFrame(rows, columns=["y_true", "p_0", "p_1", "p_2", "p_3"])
    names = [f"p{number:03d}" for number in range(len(table))]
    return table.assign(clip_id=names, video_id=names, patient_id=names, fold=0)


def test_statistics_of_predictions_are_those_of_their_matrix():
    scores = Scores.of(table_of(HAND))
    clips, weights = np.arange(80), np.ones((1, 80))
    for number in range(4):
        for name, statistic in class_statistics(scores, number).items():
            if name != "roc_auc":
                expected = float(BY_HAND[name][number])
                assert statistic(clips)(weights)[0] == pytest.approx(expected)
    assert total_statistics(scores)["accuracy"](clips)(weights)[0] == pytest.approx(60 / 80)


def test_area_of_a_class_against_the_rest_by_hand():
    """Class 0 is named for 36 of 40 and for 8 of 40 others; ties count one half."""
    scores = Scores.of(table_of(HAND))
    statistic = class_statistics(scores, 0)["roc_auc"]
    expected = (36 * 32 + (36 * 8 + 4 * 32) / 2) / (40 * 40)
    assert statistic(np.arange(80))(np.ones((1, 80)))[0] == pytest.approx(expected)
    split = one_against_rest(scores, {"a": "A", "b": "B", "c": "C", "d": "D"})
    assert list(split) == ["A", "B", "C", "D"]
    assert [int(found.y_true.sum()) for found in split.values()] == [40, 10, 10, 20]
    assert sk.roc_auc_score(split["A"].y_true, split["A"].positive) == pytest.approx(expected)
