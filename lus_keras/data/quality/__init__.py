"""Quality control of data before training: checks, figures, statistics.

    manifest, data set or folder → items → inspected in child processes → problems, tables, figures

No inspected file is ever changed.
"""

from lus_keras.data.quality.check import Report, check
from lus_keras.data.quality.targets import Target, find_target
