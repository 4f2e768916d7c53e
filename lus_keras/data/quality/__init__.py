"""Looking at data before anything is trained on them: check, show, count.

    manifest, data set or folder → items → inspected in child processes → problems, tables, figures

No file that is looked at is ever changed.
"""

from lus_keras.data.quality.check import Checked as Checked
from lus_keras.data.quality.check import Report as Report
from lus_keras.data.quality.check import check as check
from lus_keras.data.quality.faults import Problem as Problem
from lus_keras.data.quality.targets import Target as Target
from lus_keras.data.quality.targets import find_target as find_target
