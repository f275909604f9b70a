from __future__ import annotations

import torch
from torch import Tensor, nn

from search_spaces import Cost, measured_cost


class _Tiny(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(2, 4, 3, padding=1)  # 2*4*3 + 4 parameters
        self.norm = nn.BatchNorm1d(4)  # 8
        self.second = nn.Conv2d(4, 4, (1, 5), stride=(1, 2), groups=4, bias=False)  # 20
        self.head = nn.Linear(4 + 3, 5)  # 40

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        y = self.second(self.norm(self.first(x)).unsqueeze(2)).mean((2, 3))
        return self.head(torch.cat([y, context], dim=1))


def test_count_agrees_with_counting_by_hand():
    # 20 samples in, (20 - 5) // 2 + 1 = 8 out of the second convolution
    macs = 2 * 4 * 3 * 20 + 4 * 5 * 8 + 7 * 5
    assert measured_cost(_Tiny(), leads=2, samples=20, context=3) == Cost(
        params=28 + 8 + 20 + 40, macs=macs
    )


def test_counting_leaves_no_trace():
    network = _Tiny()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    measured_cost(network, leads=2, samples=20, context=3)
    assert network.training
    assert not any(module._forward_hooks for module in network.modules())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
