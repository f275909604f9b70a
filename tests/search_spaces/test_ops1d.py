from __future__ import annotations

import pytest
import torch
from torch import nn

from search_spaces._layer_sizes import live_taps
from search_spaces._ops1d import conv, make_op, to_channels_last
from search_spaces.ecg1d import OPS


@pytest.mark.parametrize("length", [2, 5, 23, 90])
@pytest.mark.parametrize("name", OPS)
def test_an_operation_keeps_the_shape_and_sees_the_signal(name, length):
    torch.manual_seed(0)
    op = to_channels_last(make_op(name, 12, length, "silu")).eval()
    x = torch.randn(3, 12, 1, length).contiguous(memory_format=torch.channels_last)
    x.requires_grad_()
    y = op(x)
    assert y.shape == x.shape
    assert y.is_contiguous(memory_format=torch.channels_last)
    y.square().sum().backward()
    assert x.grad.isfinite().all()
    assert (x.grad != 0).any()


def _reach(name: str) -> int:
    """Return how many samples to either side an operation looks."""
    op = make_op(name, 4, 64, "silu").eval()
    x = torch.randn(1, 4, 1, 64, requires_grad=True)
    op(x)[0, :, 0, 32].square().sum().backward()
    seen = x.grad.abs().sum((0, 1, 2)).nonzero()[:, 0]
    return int(max(32 - seen.min(), seen.max() - 32))


@pytest.mark.parametrize(
    ("name", "reach"),
    [
        ("sep_conv_3", 1),
        ("sep_conv_7", 3),
        ("sep_conv_13", 6),
        ("dil_conv_7x2", 6),
        ("dil_conv_7x4", 12),
        ("conv_1", 0),
        ("conv_3", 1),
        ("conv_5", 2),
        ("max_pool_3", 1),
        ("avg_pool_3", 1),
        ("identity", 0),
    ],
)
def test_operations_reach_as_far_as_their_names_say(name, reach):
    torch.manual_seed(0)
    # a maximum has a gradient at one sample only, so the furthest over several draws
    assert max(_reach(name) for _ in range(8)) == reach


def test_squeeze_excitation_weighs_channels_by_all_samples():
    torch.manual_seed(0)
    op = make_op("squeeze_excite", 8, 16, "relu")
    x = torch.randn(2, 8, 1, 16)
    gate = (op(x) / x)[..., 0]
    assert ((gate > 0) & (gate < 1)).all()
    torch.testing.assert_close(op(x), x * gate[..., None])
    shifted = op(x.roll(5, dims=3)).roll(-5, dims=3)
    torch.testing.assert_close(shifted, op(x))  # the gate does not see where, only how much


@pytest.mark.parametrize(("kernel", "dilation"), [(13, 1), (7, 2), (7, 4)])
@pytest.mark.parametrize("length", [1, 2, 5, 11, 12, 13, 50])
def test_taps_left_out_only_ever_saw_padding(kernel, dilation, length):
    torch.manual_seed(0)
    full = conv(6, 6, kernel, dilation=dilation, groups=6)
    taps = live_taps(kernel, dilation, length)
    short = conv(6, 6, taps, dilation=dilation, groups=6)
    cut = (kernel - taps) // 2
    short.weight.data = full.weight.data[..., cut : cut + taps].clone()
    x = torch.randn(2, 6, 1, length)
    torch.testing.assert_close(short(x), full(x))
    # and those kept are needed
    assert taps == kernel or dilation * (taps // 2 + 1) >= length


def test_convolution_weights_lie_in_channels_last():
    op = to_channels_last(make_op("conv_5", 8, 32, "relu"))
    weights = [m.weight for m in op.modules() if isinstance(m, nn.Conv2d)]
    assert weights
    assert all(w.is_contiguous(memory_format=torch.channels_last) for w in weights)
