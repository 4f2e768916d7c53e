"""Approximate cost of training, from steps measured on two cores in float32."""

import math
from collections.abc import Sequence

from lus_keras.core.config import PaperConfig

# Measured peaks in GB, and in parentheses the estimates of `peak_gb`: c3d_a at 32 × 32 pixels 1.2
# (1.3), at 64 × 64 2.7 (2.8); resnet3d_18 on tiles of 30 and 60 pixels 2.2 (2.3) and 3.4 (4.8),
# resnet3d_50 of 60 and 90 4.8 (5.5) and 8.1 (10.1); resnet152 at 224 × 224 6.2 (6.3); a step of
# alexnet_attention_bilstm on whole videos of 256 × 256 9.2, without the queued batches (11.9).
FIXED_GB = 0.8
FLOAT32_BYTES = 4
# Copies of each weight: weight, gradient, two moments of Adam, and one while weights are replaced.
BYTES_A_PARAMETER = 5 * FLOAT32_BYTES


def training_seconds(settings: PaperConfig, models: Sequence[str], clips: float) -> float:
    """Time in s to train networks one after the other on two cores.

    Networks on small frames take longer because fixed costs per step are not included.

    Args:
        clips: Clips per epoch, summed over all folds.
    """
    copies = 2 if settings.fit.augment == "flip" else 1
    pixels = clips * copies * settings.fit.epochs * math.prod(settings.clip.shape[:-1])
    return sum(pixels * settings.models[name].ns_per_pixel * 1e-9 for name in models)


def peak_gb(settings: PaperConfig, models: Sequence[str]) -> float:
    """Peak memory of a process that trains the largest of the networks.

    Returns:
        Gigabytes (10⁹ bytes).
    """
    batch = FLOAT32_BYTES * settings.fit.batch_size * math.prod(settings.clip.shape)
    entries = [settings.models[name] for name in models]
    sizes = [
        BYTES_A_PARAMETER * entry.parameters + entry.memory_factor * batch for entry in entries
    ]
    return FIXED_GB + max(sizes, default=0.0) / 1e9
