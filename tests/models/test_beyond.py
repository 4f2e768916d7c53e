"""Networks and parts that the papers name as future work."""

import os
import subprocess
import sys

import numpy as np
import pytest

from lus_keras.core.environment import start_tensorflow

start_tensorflow()
import keras  # noqa: E402

from lus_keras.models import build_model  # noqa: E402
from lus_keras.models.beyond import deep_frames  # noqa: E402
from lus_keras.models.resnet152 import IMAGENET_MEAN, IMAGENET_STD, RESNET50  # noqa: E402

CLIP = (6, 16, 16, 1)


def random_clips(*shape):
    return np.random.default_rng(0).random(shape, np.float32)


def test_factored_convolutions_have_about_as_many_weights():
    """From 8 to 8: ⌊27·64 / (9·8 + 3·8)⌋ = 18 between, so 1,314 + 72 (BN) + 440 for 1,736."""

    def more(c, f):
        middle = 27 * c * f // (9 * c + 3 * f)
        over_space, over_time = 9 * c * middle + middle, 3 * middle * f + f
        return over_space + 4 * middle + over_time - (27 * c * f + f)

    assert more(8, 8) == 1314 + 72 + 440 - 1736
    convolutions = [(8, 8)] * 4
    for filters in (16, 32, 64):
        convolutions += [(filters // 2, filters), *[(filters, filters)] * 3]
    plain, factored = (
        build_model("resnet3d_18", input_shape=(6, 8, 8, 3), filters=8, factored=is_factored)
        for is_factored in (False, True)
    )
    expected = sum(more(*sizes) for sizes in convolutions)
    assert factored.count_params() - plain.count_params() == expected


def test_difference_frames_see_what_changes_alone():
    """A still is a still, whatever it shows; the network of 7 frames sees 6 differences."""
    options = {"filters": 4, "bn_momentum": 0.9}
    model = build_model("resnet3d_18", input_shape=(7, 8, 8, 3), difference=True, **options)
    plain = build_model("resnet3d_18", input_shape=(6, 8, 8, 3), **options)
    plain.set_weights(model.get_weights())
    clips = random_clips(2, 7, 8, 8, 3)
    np.testing.assert_allclose(
        model.predict(clips, verbose=0),
        plain.predict(np.diff(clips, axis=1), verbose=0),
        atol=1e-5,
    )
    stills = np.repeat(random_clips(2, 1, 8, 8, 3), 7, axis=1)
    one, other = model.predict(stills, verbose=0)
    np.testing.assert_allclose(one, other, atol=1e-6)


GRADIENTS = """
import numpy as np, tensorflow as tf
from lus_keras.models.convolution import StemConv3D
layer = StemConv3D(2, 7, strides=2, padding="same")
clip = tf.constant(np.random.default_rng(0).random((8, 5, 6, 6, 3), np.float32))
layer.build(clip.shape)
for _ in range(50):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(clip, training=True) ** 2)
    found = tape.gradient(loss, layer.kernel)
around = tf.pad(clip, [[0, 0], [3, 3], [2, 3], [2, 3], [0, 0]])
with tf.GradientTape() as tape:
    loss = tf.reduce_sum(tf.nn.conv3d(around, layer.kernel + 0, [1, 2, 2, 2, 1], "VALID") ** 2)
np.testing.assert_allclose(found, tape.gradient(loss, layer.kernel), rtol=1e-4)
print("equal")
"""


def test_the_stem_takes_clips_of_five_frames():
    """TensorFlow's own gradient writes past its memory there, and the process ends."""
    checked = {**os.environ, "MALLOC_CHECK_": "3", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-c", GRADIENTS], capture_output=True, text=True, env=checked, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "equal"), done.stderr[-500:]


def test_vgg19_and_resnet101_are_those_of_keras():
    """Parameters at full width; ResNet101 of keras.applications has biases before each of its
    104 normalizations, 26,560 + 26,112 in all: one a filter."""
    shape = (32, 32, 3)
    vgg = keras.applications.VGG19(include_top=False, weights=None, input_shape=shape)
    ours = deep_frames("vgg19", shape, 64, 0.9)
    assert [w.shape for w in ours.weights] == [w.shape for w in vgg.weights]
    ours.set_weights(vgg.get_weights())
    frames = random_clips(1, *shape)
    np.testing.assert_allclose(
        ours.predict(frames, verbose=0), vgg.predict(frames, verbose=0), rtol=1e-4, atol=1e-5
    )
    resnet = keras.applications.ResNet101(include_top=False, weights=None, input_shape=shape)
    convolutions = [x for x in resnet.layers if isinstance(x, keras.layers.Conv2D)]
    biases = sum(layer.filters for layer in convolutions)
    deep = deep_frames("resnet101", shape, 64, 0.9)
    assert deep.count_params() == resnet.count_params() - biases


@pytest.mark.parametrize("temporal", ["tcn", "heads"])
def test_frames_see_each_other_without_recurrence(temporal):
    """Features have the BiLSTM's width, and the first frame's depend on the fourth."""
    model = build_model("c2d_lstm_a", input_shape=CLIP, temporal=temporal)
    assert model.get_layer("features").output.shape == (None, 32)
    assert not any("bilstm" in layer.name for layer in model.layers)
    before = model.get_layer("attention").input
    states = keras.Model(model.input, before)
    clip = random_clips(1, *CLIP)
    changed = clip.copy()
    changed[:, 3] = 1 - changed[:, 3]
    one, other = (states.predict(x, verbose=0)[0, 0] for x in (clip, changed))
    assert np.abs(one - other).max() > 1e-4


def test_spatial_attention_weighs_places():
    """Where the mask is nought, frames are equal: nothing of the picture is left."""
    model = build_model("c2d_lstm_a", input_shape=CLIP, spatial=True)
    mask = model.get_layer("spatial_mask")
    assert mask.output.shape == (None, 6, 4, 4, 1)
    kernel, bias = mask.get_weights()
    mask.set_weights([0 * kernel, bias - 100])
    logits = model.predict(random_clips(2, *CLIP), verbose=0)
    np.testing.assert_allclose(logits[0], logits[1], atol=1e-6)


def test_both_sliding_networks_read_the_same_clip():
    """The joint features are those of the parts: the clip's, then its middle column's."""
    shape = (6, 8, 9, 3)
    model = build_model("mmode_3d", input_shape=shape, filters=4)
    parts = [layer for layer in model.layers if isinstance(layer, keras.Model)]
    clips = random_clips(2, *shape)
    column = clips[:, :, :, 4].transpose(0, 2, 1, 3)
    expected = [part.predict(x, verbose=0) for part, x in zip(parts, (clips, column), strict=True)]
    features = keras.Model(model.input, model.get_layer("features").output)
    np.testing.assert_allclose(
        features.predict(clips, verbose=0), np.concatenate(expected, axis=1), atol=1e-5
    )


@pytest.mark.parametrize(
    "sizes",
    [
        {"variant": "v1.5", "blocks": (1, 1, 1, 1), "width": 4},
        {"variant": "v1", "blocks": RESNET50},
    ],
)
def test_neighboring_frames_are_the_channels_of_one_image(sizes):
    """The same weights: gray levels of the frames in their order, whatever the other channels."""
    clip = build_model("resnet152", input_shape=(3, 32, 32, 3), **sizes)
    image = build_model("resnet152", input_shape=(32, 32, 3), **sizes)
    image.set_weights(clip.get_weights())
    frames = random_clips(2, 3, 32, 32, 3)
    stacked = np.stack([frames[:, number, :, :, 0] for number in range(3)], axis=-1)
    logits = clip.predict(frames, verbose=0)
    np.testing.assert_allclose(logits, image.predict(stacked, verbose=0), atol=1e-5)
    turned = image.predict(stacked[..., ::-1], verbose=0)
    assert np.abs(logits - turned).max() > 1e-4 * np.abs(logits).max()


def test_efficientnet_sees_gray_levels_as_keras_does():
    model = build_model("efficientnet_b0", input_shape=(32, 32, 3))
    levels = 255 * random_clips(2, 32, 32, 3)
    normalized = (levels / 255 - IMAGENET_MEAN) / IMAGENET_STD
    seen = keras.Model(model.input, model.get_layer("grey_levels").output)
    np.testing.assert_allclose(seen.predict(normalized, verbose=0), levels, rtol=1e-4, atol=1e-3)
    kept = keras.applications.EfficientNetB0(weights=None, include_top=False).count_params()
    assert model.count_params() == kept + 1280 * 4 + 4
