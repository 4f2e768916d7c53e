"""Metrics against arithmetic done by hand, scikit-learn, and laws every input has to obey."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats
from sklearn import metrics as sk

from lus_keras.evaluation import metrics

SIX_PATIENTS = [  # patient, fold, label, probability of class 1
    ("p1", 0, 1, 0.90), ("p1", 0, 1, 0.80), ("p2", 0, 1, 0.40), ("p2", 0, 0, 0.65),
    ("p3", 0, 0, 0.20), ("p3", 0, 0, 0.10), ("p4", 1, 1, 0.70), ("p4", 1, 0, 0.35),
    ("p5", 1, 0, 0.80), ("p5", 1, 0, 0.45), ("p6", 1, 0, 0.35), ("p6", 1, 1, 0.55),
]  # fmt: skip


def frame_of(rows) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["patient_id", "fold", "y_true", "p_1"])
    frame["clip_id"] = [f"c{number}" for number in range(len(frame))]
    frame["video_id"] = frame["patient_id"] + "_v"
    return frame.assign(p_0=1 - frame["p_1"])


def estimates(frame, **options):
    scores = metrics.Scores.of(frame)
    return {
        name: metrics.estimate(statistic, scores.clusters, **options)
        for name, statistic in metrics.binary_statistics(scores).items()
    }


def random_frame(seed, n=300, patients=20, digits=1):
    """Few digits make many ties."""
    rng = np.random.default_rng(seed)
    patient = rng.integers(0, patients, n)
    label = rng.integers(0, 2, n)
    chance = np.round(np.clip(0.3 * label + 0.7 * rng.random(n), 0, 1), digits)
    rows = {"patient_id": [f"p{p:02d}" for p in patient], "fold": patient % 4, "y_true": label}
    return frame_of(pd.DataFrame(rows | {"p_1": chance}))


@pytest.fixture
def six():
    return frame_of(SIX_PATIENTS)


def test_pooled_metrics_of_six_patients(six):
    """TP 4, FP 2, FN 1, TN 5; of 35 positive-negative pairs 28 are in order and one is tied."""
    found = {name: value.value for name, value in estimates(six).items()}
    expected = {
        "precision": 4 / 6, "recall": 4 / 5, "f1": 8 / 11, "specificity": 5 / 7,
        "accuracy": 9 / 12, "roc_auc": 28.5 / 35,
    }  # fmt: skip
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-12), name


def test_fold_means_of_six_patients(six):
    """Fold 0: TP 2, FP 1, FN 1; fold 1: TP 2, FP 1, FN 0."""
    found = estimates(six, over_folds=True)
    assert found["precision"].folds == pytest.approx((2 / 3, 2 / 3))
    assert found["recall"].folds == pytest.approx((2 / 3, 1))
    assert found["recall"].value == pytest.approx(5 / 6)
    assert found["f1"].value == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert found["recall"].fold_sd == pytest.approx((1 / 3) / np.sqrt(2))
    assert (found["f1"].n_patients, found["f1"].n_clips) == (6, 12)


def test_a_video_has_the_mean_probability_and_the_highest_label(six):
    """Videos: 0.85/1, 0.525/1, 0.15/0, 0.525/1, 0.625/0, 0.45/1, so TP 3, FP 1, FN 1, TN 1."""
    videos = metrics.video_level(six)
    assert videos["p_1"].to_numpy() == pytest.approx([0.85, 0.525, 0.15, 0.525, 0.625, 0.45])
    assert videos["y_true"].tolist() == [1, 1, 0, 1, 0, 1]
    found = estimates(videos)
    assert found["accuracy"].value == pytest.approx(4 / 6)
    assert found["f1"].value == pytest.approx(6 / 8)


def test_majority_and_always_positive_predictors(six):
    """7 of 12 clips are negative, 5 positive."""
    majority = metrics.majority_baseline(metrics.Scores.of(six))
    positive = metrics.always_positive(metrics.Scores.of(six))
    found = {
        name: metrics.point(statistic, majority.clusters)
        for name, statistic in metrics.binary_statistics(majority).items()
    }
    assert np.isnan(found["precision"])
    assert (found["recall"], found["f1"], found["roc_auc"]) == (0, 0, 0.5)
    assert found["accuracy"] == pytest.approx(7 / 12)
    assert found["pr_auc"] == pytest.approx(5 / 12)
    assert metrics.f1(metrics.confusion_matrix(positive.y_true, positive.y_pred)) == 10 / 17


@pytest.mark.parametrize(
    ("confusion", "undefined"),
    [
        ([[3, 0], [2, 0]], {"precision"}),
        ([[3, 2], [0, 0]], {"recall"}),
        ([[3, 0], [0, 0]], {"precision", "recall", "f1"}),
        ([[0, 0], [1, 2]], {"specificity"}),
        ([[0, 0], [0, 0]], {"precision", "recall", "f1", "specificity", "accuracy"}),
    ],
)
def test_only_an_empty_denominator_is_undefined(confusion, undefined):
    for name in ("precision", "recall", "f1", "specificity", "accuracy"):
        assert np.isnan(getattr(metrics, name)(confusion)) == (name in undefined), name


@pytest.mark.parametrize("name", ["roc_auc", "pr_auc"])
@pytest.mark.parametrize("label", [0, 1])
def test_areas_of_a_single_class_are_undefined(name, label):
    assert np.isnan(getattr(metrics, name)([label] * 3, [0.1, 0.5, 0.9]))
    frame = frame_of([("a", 0, label, 0.1), ("b", 0, label, 0.7)])
    found = estimates(frame)[name]
    assert np.isnan(found.value)
    assert np.isnan(found.ci_low)
    assert found.undefined == 1


@pytest.mark.parametrize("digits", [1, 8])
def test_values_equal_scikit_learn(digits):
    frame = random_frame(3, digits=digits)
    label, chance = frame["y_true"].to_numpy(), frame["p_1"].to_numpy()
    named = (frame["p_1"] > frame["p_0"]).astype(int)
    expected = {
        "precision": sk.precision_score(label, named),
        "recall": sk.recall_score(label, named),
        "f1": sk.f1_score(label, named),
        "accuracy": sk.accuracy_score(label, named),
        "roc_auc": metrics.roc_auc(label, chance),
        "pr_auc": metrics.pr_auc(label, chance),
        "brier": sk.brier_score_loss(label, chance),
    }
    found = estimates(frame)
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value, rel=1e-12), name


def test_multiclass_formulas_equal_scikit_learn():
    rng = np.random.default_rng(5)
    label, named = rng.integers(0, 4, 200), rng.integers(0, 4, 200)
    counts = metrics.confusion_matrix(label, named, 4)
    np.testing.assert_array_equal(counts, sk.confusion_matrix(label, named))
    for quadratic, weights in ((False, None), (True, "quadratic")):
        expected = sk.cohen_kappa_score(label, named, weights=weights)
        assert metrics.cohen_kappa(counts, quadratic) == pytest.approx(expected)
    per_class = [metrics.f1(counts, positive=k) for k in range(4)]
    assert per_class == pytest.approx(sk.f1_score(label, named, average=None))


@pytest.mark.parametrize("name", ["roc_auc", "pr_auc", "brier", "f1"])
def test_a_draw_equals_scikit_learn_on_the_drawn_clips(name):
    """Clips of a patient drawn twice occur twice: also the pairs between the two copies."""
    frame = random_frame(11)
    scores = metrics.Scores.of(frame)
    rng = np.random.default_rng(0)
    weights = rng.multinomial(20, [1 / 20] * 20, size=5).astype(float)
    statistic = metrics.binary_statistics(scores)[name](np.arange(len(frame)))
    for row, found in zip(weights, statistic(weights), strict=True):
        copies = np.repeat(np.arange(len(frame)), row[scores.clusters.patients].astype(int))
        label, chance = scores.y_true[copies], scores.positive[copies]
        expected = {
            "roc_auc": lambda y, p: sk.roc_auc_score(y, p),
            "pr_auc": lambda y, p: sk.average_precision_score(y, p),
            "brier": lambda y, p: sk.brier_score_loss(y, p),
            "f1": lambda y, p, drawn=copies: sk.f1_score(y, scores.y_pred[drawn]),
        }[name](label, chance)
        assert found == pytest.approx(expected, rel=1e-12)


def test_one_clip_per_patient_is_the_ordinary_bootstrap():
    values = np.random.default_rng(1).random(25)
    clusters = metrics.Clusters.of([f"{k:02d}" for k in range(25)], np.zeros(25, int))
    found = metrics.estimate(metrics.mean_statistic(values, clusters), clusters, seed=7)
    ordinary = stats.bootstrap(
        (values,), np.mean, n_resamples=2000, method="percentile", rng=np.random.default_rng(7)
    ).confidence_interval
    assert (found.ci_low, found.ci_high) == pytest.approx(tuple(ordinary), rel=1e-12)


def test_repeating_every_clip_does_not_narrow_the_interval():
    frame = random_frame(2, n=60, patients=12)
    tenfold = pd.concat([frame] * 10, ignore_index=True)
    for name, once in estimates(frame).items():
        often = estimates(tenfold)[name]
        assert often.ci_low == pytest.approx(once.ci_low), name
        assert often.ci_high == pytest.approx(once.ci_high), name


def test_the_seed_fixes_the_interval():
    frame = random_frame(4)
    first, again, other = (estimates(frame, seed=seed)["f1"] for seed in (1, 1, 2))
    assert first == again
    assert first.ci_low != other.ci_low
    assert first.value == other.value


def test_undefined_resamples_are_dropped_and_counted():
    """Two patients, one without positives: a draw misses the other with chance 1/4."""
    frame = frame_of([("a", 0, 1, 0.9), ("a", 0, 0, 0.1), ("b", 0, 0, 0.2)])
    found = estimates(frame)["recall"]
    assert (found.value, found.ci_low, found.ci_high) == (1, 1, 1)
    assert found.undefined == pytest.approx(1 / 4, abs=0.03)


def test_a_fold_without_a_metric_is_left_out_of_the_mean():
    """Fold 1 names nothing positive: precision is that of fold 0 alone."""
    rows = [("a", 0, 1, 0.9), ("b", 0, 0, 0.8), ("c", 1, 1, 0.1), ("d", 1, 0, 0.2)]
    found = estimates(frame_of(rows), over_folds=True)["precision"]
    assert found.value == 0.5
    assert found.folds[0] == 0.5
    assert np.isnan(found.folds[1])


def test_a_single_patient_has_no_interval():
    found = estimates(frame_of([("a", 0, 1, 0.9), ("a", 0, 0, 0.1)]))["accuracy"]
    assert found.value == 1
    assert np.isnan(found.ci_low)


def test_an_estimate_of_no_clips_is_undefined(six):
    clusters = metrics.Scores.of(six[:0]).clusters
    found = metrics.estimate(metrics.mean_statistic(np.ones(0), clusters), clusters)
    assert np.isnan(found.value)
    assert found.n_clips == 0


@pytest.mark.parametrize(
    ("shift", "verdict"), [(0.0, "undecided"), (0.45, "holds"), (-0.45, "fails")]
)
def test_verdicts(shift, verdict):
    """Equal models differ by exactly 0; a large shift of the positives decides either way."""
    frame = random_frame(6, digits=8)
    moved = frame.assign(p_1=(frame["p_1"] + shift * (2 * frame["y_true"] - 1)).clip(0, 1))
    better, worse = metrics.Scores.of(moved), metrics.Scores.of(frame)
    found = metrics.paired_difference(
        metrics.binary_statistics(better)["roc_auc"],
        metrics.binary_statistics(worse)["roc_auc"],
        worse.clusters,
    )
    assert found.verdict == "one training: no verdict"
    assert replace(found, seeds=(0.0,) * 2).verdict == "two trainings: no verdict"
    assert replace(found, seeds=(0.0,) * 3).verdict == verdict
    if not shift:
        assert (found.value, found.ci_low, found.ci_high) == (0, 0, 0)


def test_models_are_compared_on_the_clips_both_were_tested_on(six):
    other = six[six["fold"] == 1].sample(frac=1, random_state=0)
    first, second = metrics.aligned([six, other])
    assert first["clip_id"].tolist() == second["clip_id"].tolist()
    assert len(first) == 6


def test_minmax_stretches_and_maps_constants_to_zero():
    found = metrics.minmax([[0.1, 0.2, 0.3], [0.3, 0.3, 0.3]])
    np.testing.assert_allclose(found, [[0, 0.5, 1], [0, 0, 0]], atol=1e-12)


def test_temporal_iou_by_hand():
    """P = {1, 2}, G = {2, 3}: 1/3. A constant predicts nothing: 0. Unknown truth: undefined."""
    attention = [[0, 6, 8, 2], [1, 1, 1, 1], [0, 6, 8, 2], [0, 6, 8, 2]]
    truth = [[0, 0, 1, 1], [0, 0, 1, 1], [-1, -1, -1, -1], [0, 1, 1, 0]]
    found = metrics.temporal_iou(attention, truth)
    np.testing.assert_allclose(found, [1 / 3, 0, np.nan, 1])


def test_iou_of_exactly_alpha_counts():
    """3 of 30 frames is IoU 0.1 and reaches α = 0.1; 2 of 30 does not."""
    truth = np.zeros((2, 30), int)
    truth[0, :3] = truth[1, :2] = 1
    assert (metrics.all_frames_iou(truth) >= 0.1).tolist() == [True, False]


def test_representative_frame_takes_the_first_of_equals():
    attention = [[0.1, 0.4, 0.4], [0.1, 0.4, 0.4], [0.2, 0.5, 0.3]]
    truth = [[0, 1, 0], [0, 0, 1], [-1, -1, -1]]
    np.testing.assert_array_equal(
        metrics.representative_frame_hit(attention, truth), [1, 0, np.nan]
    )


def test_random_frame_baselines_by_hand():
    """|G| = 2 of 4: hit by 1/2, IoU then 1/2. |G| = 4 of 4: always hit, IoU then 1/4."""
    truth = np.array([[1, 1, 0, 0], [1, 1, 1, 1]])
    np.testing.assert_allclose(metrics.random_frame_hit(truth), [1 / 2, 1])
    np.testing.assert_allclose(
        metrics.random_frame_localised(truth, [0.2, 0.3, 0.6]), [[1 / 2, 1 / 2, 0], [1, 0, 0]]
    )


def test_populations():
    truth = np.array([[1, 0], [1, 0], [0, 0], [-1, -1]])
    said = np.array([True, False, True, True])
    assert metrics.population(truth, said).tolist() == [True, True, False, False]
    assert metrics.population(truth, said, "tp").tolist() == [True, False, False, False]


@pytest.mark.parametrize(
    "call",
    [
        lambda: metrics.temporal_iou([[1, 2]], [[1, 0]], threshold=0),
        lambda: metrics.temporal_iou([[1, 2]], [[1, 0, 0]]),
        lambda: metrics.population([[1, 0]], [True], "fp"),
    ],
)
def test_wrong_arguments_are_named(call):
    with pytest.raises(ValueError, match="Received: "):
        call()


@settings(max_examples=60, deadline=None)
@given(
    hnp.arrays(np.float32, (4, 9), elements=st.floats(0, 1, width=32)),
    hnp.arrays(np.int8, (4, 9), elements=st.integers(0, 1)),
    st.floats(0.01, 1),
)
def test_iou_lies_between_0_and_1_and_knows_no_scale(attention, truth, threshold):
    iou = metrics.temporal_iou(attention, truth, threshold)
    defined = iou[~np.isnan(iou)]
    assert ((defined >= 0) & (defined <= 1)).all()
    # Powers of two scale without rounding, so the comparison is exact.
    np.testing.assert_array_equal(iou, metrics.temporal_iou(attention * 4, truth, threshold))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 40))
def test_row_order_changes_nothing(seed, n):
    frame = random_frame(seed, n=n, patients=5)
    shuffled = frame.sample(frac=1, random_state=1)
    for over_folds in (False, True):
        first = estimates(frame, over_folds=over_folds, resamples=50)
        second = estimates(shuffled, over_folds=over_folds, resamples=50)
        for name, expected in first.items():
            found = second[name]
            assert found.value == pytest.approx(expected.value, nan_ok=True), name
            assert found.ci_low == pytest.approx(expected.ci_low, nan_ok=True), name
            assert found.folds == pytest.approx(expected.folds, nan_ok=True), name


def test_sensitivity_at_a_specificity_by_hand():
    """Ten negatives 0.0 … 0.9, positives 0.05, 0.75, 0.85, 0.95: one false positive may be."""
    scores = np.array([*np.arange(10) / 10, 0.05, 0.75, 0.85, 0.95])
    y_true = np.array([0] * 10 + [1] * 4)
    clusters = metrics.Clusters.of(np.arange(14).astype(str), np.zeros(14, int))
    for specificity, expected in ((1.0, 1 / 4), (0.9, 2 / 4), (0.8, 3 / 4), (0.0, 1.0)):
        statistic = metrics.sensitivity_at_statistic(y_true, scores, clusters, specificity)
        assert metrics.point(statistic, clusters) == expected
    # A tie of all cannot be parted: nothing is called positive.
    tied = metrics.sensitivity_at_statistic(y_true, np.ones(14), clusters, 0.9)
    assert metrics.point(tied, clusters) == 0
    alone = metrics.sensitivity_at_statistic(np.ones(14, int), scores, clusters, 0.9)
    assert np.isnan(metrics.point(alone, clusters))


def test_sensitivity_at_a_specificity_equals_scikit_learn():
    rng = np.random.default_rng(0)
    y_true, scores = rng.integers(0, 2, 300), rng.integers(0, 50, 300) / 50
    clusters = metrics.Clusters.of(rng.integers(0, 9, 300).astype(str), np.zeros(300, int))
    false, true, _ = sk.roc_curve(y_true, scores, drop_intermediate=False)
    statistic = metrics.sensitivity_at_statistic(y_true, scores, clusters, 0.9)
    assert metrics.point(statistic, clusters) == pytest.approx(true[false <= 0.1].max())
