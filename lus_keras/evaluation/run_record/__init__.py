"""A run directory read back: what was asked, and what every finished fold predicted.

    <run>/run.json
    <run>/<paper>/<dataset>/<model>/fold_<k>/{predictions.csv, history.csv, attention.npz,
                                              examples.npz, masks.npz, gradients.csv,
                                              DONE | DIVERGED.json}

Runs of several seeds lie in `seed_<s>` of one folder, which has `seeds.json` in place of run.json.
Only folds with a `DONE` count; the others are reported as missing or diverged, never guessed.
"""

from lus_keras.evaluation.run_record.done import read_done, vouch
from lus_keras.evaluation.run_record.read import read_predictions, read_run
from lus_keras.evaluation.run_record.record import (
    ChoiceRecord,
    DataRecord,
    DeviceRecord,
    Fingerprint,
    PaperRecord,
    RunRecord,
    VariantRecord,
    VideoCounts,
)
from lus_keras.evaluation.run_record.run import Example, MaskedFrame, ModelRun, PaperRun
from lus_keras.evaluation.run_record.seeds import of_paper, read_runs
from lus_keras.evaluation.run_record.settings import Settings
from lus_keras.evaluation.run_record.store import read_record, write_record
