"""Layers that Keras 3 lacks or changed.

    keras2      folded time, fused normalization and pooling as in Keras 2
    attention   weights of frames, and pooling by them
    coral       ordered classes from one score
    frames      frames as the channels of one image

All compute with `keras.ops` on every backend.
"""

from lus_keras.layers.attention import SCORINGS, AttentionPooling, TemporalAttention
from lus_keras.layers.coral import CoralLogits
from lus_keras.layers.frames import FramesAsChannels
from lus_keras.layers.keras2 import BatchNormalization, FrameMaxPooling, TimeDistributed

__all__ = [
    "SCORINGS",
    "AttentionPooling",
    "BatchNormalization",
    "CoralLogits",
    "FrameMaxPooling",
    "FramesAsChannels",
    "TemporalAttention",
    "TimeDistributed",
]
