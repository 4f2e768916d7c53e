"""The networks and the input pipeline in PyTorch."""

import os
from collections import deque
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn
from torch.nn import functional

from lus_keras.benchmark.contenders import BATCHES, L2, OUTPUTS, RATES, SHAPES, batch_of
from lus_keras.benchmark.worker import Contender

EPSILON, MOMENTUM = 1e-3, 0.01
CLIPS_A_BATCH = 8
COUNTER = "num_batches_tracked"


class C2dLstmA(nn.Module):
    """C2D+LSTM+A from `(b, t, 1, h, w)` to two logits."""

    def __init__(self, shape: tuple[int, ...]):
        super().__init__()
        _, height, width, channels = shape
        blocks: list[nn.Module] = []
        for filters, pooled in ((16, False), (16, True), (32, False), (32, True)):
            blocks += [nn.Conv2d(channels, filters, 3, padding=1), nn.ReLU()]
            blocks += [nn.BatchNorm2d(filters, EPSILON, MOMENTUM)]
            blocks += [nn.MaxPool2d(2)] if pooled else []
            channels = filters
        self.frames = nn.Sequential(*blocks, nn.Flatten())
        self.dense = nn.Linear(32 * (height // 4) * (width // 4), 256)
        self.lstm = nn.LSTM(256, 16, batch_first=True, bidirectional=True)
        for name, value in self.lstm.named_parameters():
            # Keras has one bias per gate, PyTorch two.
            if name.startswith("bias_hh"):
                nn.init.zeros_(value)
                value.requires_grad_(False)
        self.norm = nn.BatchNorm1d(32, EPSILON, MOMENTUM)
        self.dropout = nn.Dropout(0.2)
        self.attention = nn.Linear(32, 1, bias=False)
        self.logits = nn.Linear(32, 2)

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        """Logits `(b, 2)`."""
        b, t = clips.shape[:2]
        x = functional.relu(self.dense(self.frames(clips.flatten(0, 1)))).view(b, t, -1)
        x = self.lstm(self.dropout(x))[0]
        x = self.dropout(self.norm(x.transpose(1, 2)).transpose(1, 2))
        weights = torch.softmax(self.attention(x), dim=1)
        return self.logits((x * weights).mean(dim=1))


class SameConv3d(nn.Conv3d):
    """Convolution with TensorFlow's "same" padding, which is asymmetric for strides."""

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        """Pads and convolves."""
        widths: list[int] = []
        sides = zip(clips.shape[2:], self.kernel_size, self.stride, strict=True)
        for size, taps, stride in reversed(list(sides)):
            total = max((-(-size // stride) - 1) * stride + taps - size, 0)
            widths += [total // 2, total - total // 2]
        if widths[0::2] == widths[1::2]:
            even = tuple(reversed(widths[0::2]))
            return functional.conv3d(clips, self.weight, self.bias, self.stride, even)
        return super().forward(functional.pad(clips, widths))


class Block(nn.Module):
    """Two convolutions, each preceded by normalization, with a skip connection."""

    def __init__(self, taken: int, given: int, strides: int, first: bool):
        super().__init__()
        self.norm1 = nn.Identity() if first else _normalize(taken)
        self.conv1 = SameConv3d(taken, given, 3, stride=strides)
        self.norm2 = _normalize(given)
        self.conv2 = SameConv3d(given, given, 3)
        self.around = (
            nn.Identity() if taken == given else SameConv3d(taken, given, 1, stride=strides)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Adds the residual to the input."""
        return self.around(x) + self.conv2(self.norm2(self.conv1(self.norm1(x))))


def _normalize(channels: int) -> nn.Module:
    return nn.Sequential(nn.BatchNorm3d(channels, EPSILON, MOMENTUM), nn.ReLU())


class Pool(nn.Module):
    """Max pooling 3 × 3 × 3 with stride 2 and TensorFlow's "same" padding."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pads with the smallest number and pools."""
        widths: list[int] = []
        for size in reversed(x.shape[2:]):
            total = max((-(-size // 2) - 1) * 2 + 3 - size, 0)
            widths += [total // 2, total - total // 2]
        return functional.max_pool3d(functional.pad(x, widths, value=float("-inf")), 3, 2)


class ResNet3d18(nn.Module):
    """ResNet3D-18 as in keras-resnet3d, from `(b, c, t, h, w)` to one logit."""

    def __init__(self, shape: tuple[int, ...]):
        super().__init__()
        blocks: list[nn.Module] = [SameConv3d(shape[-1], 64, 7, stride=2), _normalize(64), Pool()]
        taken = 64
        for stage in range(4):
            for block in range(2):
                given = 64 * 2**stage
                strides = 2 if stage and not block else 1
                blocks.append(Block(taken, given, strides, first=stage == block == 0))
                taken = given
        self.features = nn.Sequential(*blocks, _normalize(512), nn.AdaptiveAvgPool3d(1))
        self.logits = nn.Linear(512, 1)

    def forward(self, clips: torch.Tensor) -> torch.Tensor:
        """Logits `(b, 1)`."""
        return self.logits(self.features(clips).flatten(1))


NETWORKS: dict[str, type[Any]] = {"c2d_lstm_a": C2dLstmA, "resnet3d_18": ResNet3d18}
# Axis permutations from channels last to the layout of each network.
AXES = {"c2d_lstm_a": (0, 1, 4, 2, 3), "resnet3d_18": (0, 4, 1, 2, 3)}


def count_parameters(model: nn.Module) -> int:
    """Number of parameters as counted by Keras: with moving averages, without constants."""
    learned = sum(value.numel() for value in model.parameters() if value.requires_grad)
    moving = sum(v.numel() for name, v in model.named_buffers() if name.split(".")[-1] != COUNTER)
    return learned + moving


def _start() -> None:
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads())))
    torch.manual_seed(0)


def train(*, network: str, precision: str, batch: int | None = None) -> Contender:
    """Training steps on one batch kept in memory; the L2 penalty is Adam's coupled decay."""
    _start()
    batch = batch or BATCHES[network]
    model = NETWORKS[network](SHAPES[network])
    kernels = [v for v in model.parameters() if v.requires_grad and v.dim() > 1]
    others = [v for v in model.parameters() if v.requires_grad and v.dim() <= 1]
    groups: list[dict[str, Any]] = [
        {"params": kernels, "weight_decay": 2 * L2[network]},
        {"params": others},
    ]
    optimizer = torch.optim.Adam(groups, lr=RATES[network])
    clips, labels = batch_of(network, batch)
    inputs = torch.from_numpy(clips.transpose(AXES[network]).copy())
    truth = torch.from_numpy(labels)

    def loss_of(logits: torch.Tensor):
        if OUTPUTS[network] == 1:
            return functional.binary_cross_entropy_with_logits(logits[:, 0], truth.float())
        return functional.cross_entropy(logits, truth)

    def step() -> float:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            logits = model(inputs)
        loss = loss_of(logits.float())
        loss.backward()
        optimizer.step()
        loss.item()
        return batch

    step()
    step()
    return Contender(step, {"parameters": count_parameters(model)})


def infer(
    *, video: str, seconds: float, frames: int, stride: int, size: tuple[int, int]
) -> Contender:
    """Reads a video with OpenCV, cuts clips and predicts eight at a time.

    Units are seconds of video.
    """
    _start()
    model = C2dLstmA((frames, *size, 1)).eval()

    def step() -> float:
        pending: list[np.ndarray] = []
        with torch.inference_mode():
            for clip in _clips(cv2.VideoCapture(video), frames, stride, size):
                pending.append(clip)
                if len(pending) == CLIPS_A_BATCH:
                    _predict(model, pending)
                    pending = []
            if pending:
                _predict(model, pending)
        return seconds

    step()
    return Contender(step, {"parameters": count_parameters(model)})


def _clips(capture: Any, frames: int, stride: int, size: tuple[int, int]) -> Iterator[np.ndarray]:
    held: deque[np.ndarray] = deque(maxlen=frames)
    count = 0
    while True:
        found, picture = capture.read()
        if not found:
            return
        gray = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        held.append(cv2.resize(gray, size[::-1], interpolation=cv2.INTER_AREA))
        count += 1
        if count >= frames and (count - frames) % stride == 0:
            yield np.stack(held)


def _predict(model: nn.Module, clips: list[np.ndarray]) -> None:
    values = torch.from_numpy(np.stack(clips)[:, :, None]).float() / 255
    torch.softmax(model(values), dim=1).numpy()


class _Clips(torch.utils.data.Dataset):
    def __init__(self, path: str, shape: tuple[int, ...], frames: int):
        self.frames = np.memmap(path, np.uint8, "r", shape=tuple(shape))
        self.length = frames

    def __len__(self) -> int:
        return len(self.frames) // self.length

    def __getitem__(self, row: int) -> tuple[torch.Tensor, int]:
        first = row * self.length
        clip = np.array(self.frames[first : first + self.length])
        return torch.from_numpy(clip).permute(0, 3, 1, 2).float() / 255, row % 2


def read(*, path: str, shape: tuple[int, ...], frames: int, batch: int = 20) -> Contender:
    """Epochs of non-overlapping clips from a memory map `(n, h, w, c)` uint8 by `DataLoader`."""
    _start()
    loader = torch.utils.data.DataLoader(
        _Clips(path, shape, frames), batch, shuffle=True, num_workers=2, persistent_workers=True
    )

    def step() -> float:
        return float(sum(len(labels) for _, labels in loader))

    step()
    return Contender(step)


TASKS = {"train": train, "infer": infer, "read": read}
