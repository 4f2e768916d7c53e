"""A simulated lung-ultrasound cohort: procedural, labeled by measurement, free of patient data.

plan_cohort ─▶ VideoPlan ─▶ simulate_video ─▶ frames, truth, manifest row
                            write_cohort   ─▶ video files, manifest.csv, truth/*.csv
"""

from lus_keras.simulation.cohort import VideoPlan, plan_cohort
from lus_keras.simulation.export import write_cohort
from lus_keras.simulation.parameters import SIM_VERSION
from lus_keras.simulation.pleura import SlidingTruth
from lus_keras.simulation.truth import Truth, segments_from_frames
from lus_keras.simulation.video import (
    SimulatedVideo,
    measure_truth,
    simulate_cohort,
    simulate_video,
)
