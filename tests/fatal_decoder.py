"""A decoder that some videos kill; a module of its own, so that the child starts quickly."""

import json
import os
import signal
from pathlib import Path

from lus_keras.data.cache.stream import _decode
from lus_keras.data.importers.timing import decode_times as measured


def decode_times(text):
    """Measures as always, but a video of patient 2 kills the child."""
    if Path(json.loads(text)["path"]).name.startswith("p02"):
        os.kill(os.getpid(), signal.SIGSEGV)
    return measured(text)


def decode(text):
    """Decodes as always, but v1 kills the child, and so does v2 when its pictures are drawn."""
    task = json.loads(text)
    name = Path(task["video"]["video"]).stem
    if name == "v1" or (name, task["kind"]) == ("v2", "pictures"):
        os.kill(os.getpid(), signal.SIGSEGV)
    return _decode(text)
