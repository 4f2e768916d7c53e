"""Metrics of ordered classes by hand, as fractions; scikit-learn where it has them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from lus_keras.core.soft_labels import soft_labels
from lus_keras.evaluation.metrics import (
    Clusters,
    Scores,
    best_constant,
    cohen_kappa,
    confusion_matrix,
    constant_baseline,
    macro_f1,
    majority_baseline,
    mean_absolute_error,
    ordinal_statistics,
    point,
    soft_cross_entropy,
    summed_batch_loss,
    within,
)

TRUE, PREDICTED = [0, 0, 1, 2, 2, 3], [0, 1, 1, 2, 0, 3]
SORD = soft_labels(4)
# The paper's test set, Table I.
TESTED = np.repeat([0, 1, 2, 3], [10, 14, 26, 19])
LABELS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30)


def scores(true, probabilities):
    patients = [f"p{number % 3}" for number in range(len(true))]
    clusters = Clusters.of(patients, np.zeros(len(true)))
    return Scores(np.asarray(true), np.asarray(probabilities, float), clusters)


def test_macro_f1_by_hand():
    """F1 of 0 … 3: 2/(2+2) = 1/2, 2/(2+1) = 2/3, 2/3, 1."""
    found = macro_f1(confusion_matrix(TRUE, PREDICTED, 4))
    assert found == pytest.approx((1 / 2 + 2 / 3 + 2 / 3 + 1) / 4)


def test_a_class_that_never_occurs_is_left_out_of_macro_f1():
    """Without class 3: (1/2 + 2/3 + 2/3) / 3, not / 4."""
    found = macro_f1(confusion_matrix(TRUE[:5], PREDICTED[:5], 4))
    assert found == pytest.approx((1 / 2 + 2 / 3 + 2 / 3) / 3)
    assert np.isnan(macro_f1(np.zeros((4, 4))))


def test_distances_by_hand():
    """Errors 0, 1, 0, 0, 2, 0: mean 3/6; 5 of 6 within one."""
    matrix = confusion_matrix(TRUE, PREDICTED, 4)
    assert mean_absolute_error(matrix) == pytest.approx(3 / 6)
    assert within(matrix) == pytest.approx(5 / 6)
    assert within(matrix, 2) == 1


def test_quadratic_kappa_by_hand():
    """Observed Σd² = 1 + 4 = 5; truth 2, 1, 2, 1 and predictions 2, 2, 1, 1 expect 86/6.

    Σ over true t and predicted p of n_t·m_p·(t - p)²/6: t = 0: 2·(2·0 + 2·1 + 1·4 + 1·9) = 30,
    t = 1: 1·(2 + 0 + 1 + 4) = 7, t = 2: 2·(8 + 2 + 0 + 1) = 22, t = 3: 18 + 8 + 1 + 0 = 27.
    """
    matrix = confusion_matrix(TRUE, PREDICTED, 4)
    assert cohen_kappa(matrix, quadratic=True) == pytest.approx(1 - 5 / ((30 + 7 + 22 + 27) / 6))


@settings(deadline=None, max_examples=50, derandomize=True)
@given(LABELS)
def test_counts_agree_with_scikit_learn(pairs):
    true, predicted = map(np.array, zip(*pairs, strict=True))
    matrix = confusion_matrix(true, predicted, 4)
    occurring = sorted({*true, *predicted})
    expected = sk.f1_score(true, predicted, average="macro", labels=occurring, zero_division=0)
    assert macro_f1(matrix) == pytest.approx(expected)
    assert mean_absolute_error(matrix) == pytest.approx(sk.mean_absolute_error(true, predicted))
    assert within(matrix) == pytest.approx(np.mean(abs(true - predicted) <= 1))


def test_a_whole_stack_of_matrices_is_counted_at_once():
    stack = np.stack([confusion_matrix(TRUE, PREDICTED, 4), np.eye(4)])
    for metric in (macro_f1, mean_absolute_error, within):
        np.testing.assert_allclose(metric(stack), [metric(stack[0]), metric(stack[1])])


def test_soft_cross_entropy_of_even_probabilities_is_ln_4():
    found = soft_cross_entropy([0, 3], np.full((2, 4), 1 / 4), SORD)
    np.testing.assert_allclose(found, np.log(4))


def test_soft_cross_entropy_by_hand():
    """Targets (3/4, 1/4), probabilities (1/2, 1/2) and (1/4, 3/4)."""
    targets = np.array([[3 / 4, 1 / 4], [1 / 4, 3 / 4]])
    found = soft_cross_entropy([0, 0], [[1 / 2, 1 / 2], [1 / 4, 3 / 4]], targets)
    np.testing.assert_allclose(found, [np.log(2), np.log(4) - np.log(3) / 4])


def test_soft_cross_entropy_equals_the_loss_of_training():
    pytest.importorskip("keras")
    from lus_keras.losses import sord

    logits = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    true = np.array([0, 1, 2, 3, 2])
    np.testing.assert_allclose(
        soft_cross_entropy(true, chances, SORD), np.asarray(sord(true, logits)), rtol=1e-5
    )


def test_a_probability_of_zero_gives_a_finite_loss():
    assert soft_cross_entropy([0], [[0, 0, 0, 1]], SORD) < 21


def test_the_paper_divides_its_loss_twice():
    """Batches (1, 3) and (5, 7): (2 + 6) / 4 clips = 2, the mean 4 over the batch size 2."""
    assert summed_batch_loss([1, 3, 5, 7], 2) == 2
    # A last batch of one weighs as much as a whole one: (2 + 5) / 3.
    assert summed_batch_loss([1, 3, 5], 2) == pytest.approx(7 / 3)
    assert np.isnan(summed_batch_loss([], 2))


def test_even_logits_give_the_loss_the_paper_starts_from():
    """ln 4 / 4 = 0.3466; the first epoch is printed as 0.3435."""
    losses = soft_cross_entropy(TESTED[:68], np.full((68, 4), 1 / 4), SORD)
    assert summed_batch_loss(losses, 4) == pytest.approx(np.log(4) / 4)
    assert summed_batch_loss(losses, 4) == pytest.approx(0.3435, abs=0.004)


def test_best_constant_by_hand():
    """Soft labels (3/4, 1/4) twice and (1/4, 3/4) once: mean (7/12, 5/12), loss its entropy."""
    targets = np.array([[3 / 4, 1 / 4], [1 / 4, 3 / 4]])
    constant = best_constant([0, 0, 1], targets)
    np.testing.assert_allclose(constant, [7 / 12, 5 / 12])
    loss = soft_cross_entropy([0, 0, 1], np.tile(constant, (3, 1)), targets).mean()
    assert loss == pytest.approx(-(7 / 12 * np.log(7 / 12) + 5 / 12 * np.log(5 / 12)))


def test_no_other_constant_has_a_lower_loss():
    constant = best_constant(TESTED, SORD)
    rng = np.random.default_rng(0)
    lowest = soft_cross_entropy(TESTED, np.tile(constant, (69, 1)), SORD).mean()
    for other in rng.dirichlet(np.ones(4), 50):
        assert soft_cross_entropy(TESTED, np.tile(other, (69, 1)), SORD).mean() > lowest


def test_best_constant_on_the_papers_test_set():
    """0.335 when divided by the batch size of 4: above the 0.3207 the paper reaches."""
    baseline = constant_baseline(scores(TESTED, np.full((69, 4), 1 / 4)), SORD)
    loss = point(ordinal_statistics(baseline, SORD)["loss"], baseline.clusters) / 4
    assert loss == pytest.approx(0.335, abs=0.001)
    assert loss > 0.3207


def test_predictors_that_look_at_nothing_have_no_kappa():
    """Naming score 2 for all is right for 26 of 69 and agrees no more than chance."""
    found = ordinal_statistics(majority_baseline(scores(TESTED, np.full((69, 4), 1 / 4))), SORD)
    clusters = scores(TESTED, np.zeros((69, 4))).clusters
    assert point(found["accuracy"], clusters) == pytest.approx(26 / 69)
    assert point(found["kappa"], clusters) == pytest.approx(0)
    assert point(found["macro_f1"], clusters) == pytest.approx((2 * 26 / (26 + 69)) / 4)
    assert point(found["within_one"], clusters) == pytest.approx((14 + 26 + 19) / 69)
