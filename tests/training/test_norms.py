from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.func import functional_call, stack_module_state, vmap

from ecg_nas.training import norms

FOLDS, BEATS, CHANNELS = 3, 8, 4


def layers(kind, **given):
    generator = torch.Generator().manual_seed(0)
    made = [kind(CHANNELS, **given) for _ in range(FOLDS)]
    for layer in made:
        for parameter in layer.parameters():
            parameter.data = torch.randn(CHANNELS, generator=generator)
    return made


def alone(made, x):
    return torch.stack([layer(beats) for layer, beats in zip(made, x, strict=True)])


def together(made, x):
    state = stack_module_state(made)
    shape = deepcopy(made[0]).to("meta")
    norms.side_by_side(shape)
    return state, vmap(lambda *own: functional_call(shape, own[:2], own[2]))(*state, x)


def beats(*size, seed=1):
    return torch.randn(FOLDS, BEATS, CHANNELS, *size, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("kind", "size"), [(nn.BatchNorm1d, ()), (nn.BatchNorm2d, (1, 5))])
@pytest.mark.parametrize("given", [{}, {"momentum": 0.3, "eps": 0.1}])
def test_a_fold_is_normalised_as_alone(kind, size, given):
    made, x, pull = layers(kind, **given), beats(*size), beats(*size, seed=2)
    (parameters, buffers), found = together(made, x)
    (found * pull).sum().backward()
    expected = alone(made, x)
    (expected * pull).sum().backward()
    torch.testing.assert_close(found, expected)
    for fold, layer in enumerate(made):
        for name, parameter in layer.named_parameters():
            torch.testing.assert_close(parameters[name].grad[fold], parameter.grad)
        for name, buffer in layer.named_buffers():
            torch.testing.assert_close(buffers[name][fold], buffer)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_bfloat16_stays_what_it_is_in_both_layouts(layout):
    """As alone; torch's own rule makes it float32, and on CUDA refuses the first layout."""
    made = layers(nn.BatchNorm2d)
    x = beats(1, 5).bfloat16().flatten(0, 1).to(memory_format=layout).unflatten(0, (FOLDS, BEATS))
    (parameters, _), found = together(made, x)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found, alone(made, x))
    found.float().square().sum().backward()
    assert parameters["weight"].grad.dtype == torch.float32


def test_folds_may_be_anywhere():
    made, x = layers(nn.BatchNorm2d), beats(1, 5)
    state = stack_module_state(made)
    shape = deepcopy(made[0]).to("meta")
    norms.side_by_side(shape)
    found = vmap(lambda *own: functional_call(shape, own[:2], own[2]), in_dims=(0, 0, 2))(
        *state, x.movedim(0, 2)
    )
    torch.testing.assert_close(found, alone(made, x))
