"""Two-dimensional operations of the NAS benchmarks on ``(images, channels, side, side)``."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


def conv(c_in: int, c_out: int, kernel: int, *, stride: int = 1) -> nn.Conv2d:
    """Return a convolution without bias, padded so that stride 1 keeps the side."""
    return nn.Conv2d(c_in, c_out, kernel, stride=stride, padding=kernel // 2, bias=False)


def conv_bn_relu(c_in: int, c_out: int, kernel: int) -> nn.Sequential:
    """Return NAS-Bench-101's convolution, with the momentum of its batch norm."""
    return nn.Sequential(
        conv(c_in, c_out, kernel),
        nn.BatchNorm2d(c_out, momentum=1 - 0.997),  # 0.997 in the words of TensorFlow
        nn.ReLU(),
    )


def relu_conv_bn(c_in: int, c_out: int, kernel: int, *, stride: int = 1) -> nn.Sequential:
    """Return NAS-Bench-201's convolution."""
    return nn.Sequential(nn.ReLU(), conv(c_in, c_out, kernel, stride=stride), nn.BatchNorm2d(c_out))


class AvgPool3(nn.Module):
    """The mean over 3 x 3 pixels, of those inside the image."""

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(images, channels, side, side)`` to the same shape."""
        return functional.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)


class MaxPool3(nn.Module):
    """The maximum over 3 x 3 pixels."""

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(images, channels, side, side)`` to the same shape."""
        return functional.max_pool2d(x, 3, stride=1, padding=1)
