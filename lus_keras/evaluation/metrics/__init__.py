"""Metrics: pure functions on arrays, and confidence intervals over patients.

    confusion      counts → precision, recall, F1, specificity, accuracy, κ
    ranking        probabilities → ROC-AUC, PR-AUC
    localization   attention + frame-level truth → IoU, hits, and values expected by chance
    saliency       maps compared with each other and with a region
    bootstrap      any of these, resampled over patients: intervals and paired differences
    records        clips by patient and fold, estimates, differences
    statistics     metrics in the form that the bootstrap needs
    ordinal        ordered classes: errors by distance, soft labels, the best constant prediction
    scores         predictions.csv → the statistics in the tables

Undefined is NaN everywhere, never 0: precision without a positive prediction, ROC-AUC of one class.
"""

from lus_keras.evaluation.metrics.bootstrap import (
    estimate,
    fold_mean,
    independent_difference,
    paired_difference,
    patient_bootstrap,
    point,
)
from lus_keras.evaluation.metrics.confusion import (
    accuracy,
    cohen_kappa,
    confusion_matrix,
    f1,
    precision,
    recall,
    specificity,
)
from lus_keras.evaluation.metrics.localisation import (
    all_frames_iou,
    minmax,
    population,
    random_frame_hit,
    random_frame_localised,
    representative_frame_hit,
    temporal_iou,
)
from lus_keras.evaluation.metrics.ordinal import (
    best_constant,
    constant_baseline,
    macro_f1,
    mean_absolute_error,
    ordinal_statistics,
    soft_cross_entropy,
    summed_batch_loss,
    within,
)
from lus_keras.evaluation.metrics.ranking import log_loss_of, pr_auc, roc_auc
from lus_keras.evaluation.metrics.records import Clusters, Difference, Estimate, Statistic
from lus_keras.evaluation.metrics.saliency import map_similarity, share_in
from lus_keras.evaluation.metrics.scores import (
    Scores,
    aligned,
    always_positive,
    binary_statistics,
    majority_baseline,
    video_level,
)
from lus_keras.evaluation.metrics.statistics import (
    confusion_statistic,
    mean_statistic,
    pr_auc_statistic,
    roc_auc_statistic,
    sensitivity_at_statistic,
)
