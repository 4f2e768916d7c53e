"""Manifest: one CSV row per video, with its patient and labels.

    video,patient_id,video_id,exam_id,zone,b_lines,segments,…
    p01/e1_z3.avi,p01,p01_e1_z3,e1,3,1,0.40-1.85;2.0-2.4,…

`video` and `patient_id` are required; all other columns are optional. Ids are text: `010` stays
`010`. A cell of `signs` is `a_lines;b_lines`, or `none`; an empty cell means "not annotated".
"""

from lus_keras.core.labels import SIGNS as SIGNS
from lus_keras.core.labels import Segments as Segments
from lus_keras.data.fields import Box as Box
from lus_keras.data.manifest.read import read_manifest as read_manifest
from lus_keras.data.manifest.read import scan_manifest as scan_manifest
from lus_keras.data.manifest.record import COLUMNS as COLUMNS
from lus_keras.data.manifest.record import LABELS as LABELS
from lus_keras.data.manifest.record import PARSERS as PARSERS
from lus_keras.data.manifest.record import REQUIRED as REQUIRED
from lus_keras.data.manifest.record import Video as Video
from lus_keras.data.manifest.write import write_manifest as write_manifest
