"""Signals: a clean end wherever one is safe, and a plain one where TensorFlow is at work."""

import signal
import subprocess
import sys

import pytest

from lus_keras.core import signals

# A reader of clips that TensorFlow calls from the main thread, as `tf.data` does now and then.
READER = """
import os, signal, sys
import numpy as np
import tensorflow as tf
from lus_keras.core.signals import ends_at_once, stopping_on_signals

def read(rows):
    os.kill(os.getpid(), getattr(signal, sys.argv[1]))
    return rows

with stopping_on_signals(), ends_at_once():
    tf.numpy_function(read, [np.arange(3)], tf.int64)
print("the signal was lost")
"""


@pytest.mark.parametrize(("sent", "code"), [("SIGTERM", 143), ("SIGINT", 130)])
def test_signal_within_tensorflow_ends_the_process_with_one_line(sent, code):
    command = [sys.executable, "-c", READER, sent]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == code
    last = result.stderr.splitlines()[-1]
    assert last == f"Error: {signals.MESSAGES[getattr(signal, sent)]}"
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("sent", "error"),
    [(signal.SIGTERM, signals.Terminated), (signal.SIGINT, KeyboardInterrupt)],
)
def test_elsewhere_a_signal_is_an_exception_and_files_are_tidied(sent, error):
    tidied = []
    with pytest.raises(error), signals.stopping_on_signals():
        try:
            signal.raise_signal(sent)
        finally:
            tidied.append(True)
    assert tidied == [True]


def test_handlers_are_as_before_afterwards_and_an_ignored_signal_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    terminating = signal.getsignal(signal.SIGTERM)
    try:
        with signals.stopping_on_signals():
            signal.raise_signal(signal.SIGINT)
            assert signal.getsignal(signal.SIGTERM) is not terminating
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) is terminating
    finally:
        signal.signal(signal.SIGINT, before)


def test_work_that_ends_at_once_leaves_a_notebook_its_own_handlers():
    with pytest.raises(KeyboardInterrupt), signals.ends_at_once():
        signal.raise_signal(signal.SIGINT)
    with pytest.raises(signals.Terminated), signals.stopping_on_signals():
        signal.raise_signal(signal.SIGTERM)
