"""A small 3D network for the acceptance checks, trained from scratch in minutes on one core."""

import keras
import numpy as np
from keras import layers

EPOCHS, BATCH, LEARNING_RATE, WEIGHT_DECAY = 16, 16, 1e-3, 1e-3
# Filters, and strides in time and space.
STAGES = ((12, (1, 2, 2)), (24, (2, 2, 2)), (48, (2, 2, 2)))
DROPOUT = 0.3


def build_check_network(clip_shape: tuple[int, int, int], num_outputs: int) -> keras.Model:
    """Three convolutions over space and time with global pooling, invariant to position.

        clip (t, h, w) → standardized → conv 12 → 24 → 48 → features → logits

    Args:
        clip_shape: Frames, rows and columns; gray levels 0 … 255.
    """
    clip = keras.Input(clip_shape, name="clip")
    # Each clip is standardized by itself, as gain and dynamic range differ between scanners.
    x = layers.LayerNormalization(
        axis=(1, 2, 3), center=False, scale=False, epsilon=1.0, name="standardized"
    )(clip)[..., None]
    for stage, (filters, strides) in enumerate(STAGES, start=1):
        name = f"stage{stage}"
        x = layers.Conv3D(filters, 3, strides=strides, padding="same", name=f"{name}_conv")(x)
        x = layers.BatchNormalization(momentum=0.9, name=f"{name}_bn")(x)
        x = layers.ReLU(name=f"{name}_relu")(x)
    x = layers.GlobalAveragePooling3D(name="features")(x)
    x = layers.Dropout(DROPOUT, name="dropout")(x)
    return keras.Model(clip, layers.Dense(num_outputs, name="logits")(x), name="check_network")


def train_and_score(
    clips: np.ndarray, labels: np.ndarray, test: np.ndarray, *, seed: int
) -> np.ndarray:
    """Trains on clips `(n, t, h, w)` and their mirror images; returns probabilities `(m, k)`."""
    keras.utils.set_random_seed(seed)
    model = build_check_network(clips.shape[1:], int(labels.max()) + 1)
    model.compile(
        keras.optimizers.AdamW(LEARNING_RATE, weight_decay=WEIGHT_DECAY),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    both = np.concatenate([clips, clips[..., ::-1]])
    model.fit(both, np.concatenate([labels, labels]), batch_size=BATCH, epochs=EPOCHS, verbose=0)
    logits = model.predict(test, batch_size=64, verbose=0)
    return np.asarray(keras.ops.softmax(logits), np.float64)
