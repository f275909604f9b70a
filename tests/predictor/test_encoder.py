import numpy as np
import pytest
import torch

from ecg_nas.predictor.dcl import EncoderConfig
from ecg_nas.predictor.encodings.paths import HardEncoder
from ecg_nas.predictor.networks._encoder import (
    GraphBatch,
    GraphEncoder,
    RankingNetwork,
    graph_batch,
)
from search_spaces import load

CONFIG = EncoderConfig(members=3, width=8, layers=2, head_width=8, projection=4)


@pytest.fixture
def batch():
    space = load("ecg1d")
    rng = np.random.default_rng(0)
    encoded = HardEncoder(space).encode([space.sample(rng) for _ in range(12)])
    figures = encoded.summary.shape[1]
    return graph_batch(encoded, centre=torch.zeros(figures), scale=torch.ones(figures))


def build(batch):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return RankingNetwork(
            kinds=batch.nodes.shape[2],
            n_settings=batch.settings.shape[1],
            n_known=batch.known.shape[1],
            config=CONFIG,
        )


def test_shapes(batch):
    network = build(batch)
    assert network(batch).shape == (3, 12)
    projected = network.project(batch)
    assert projected.shape == (3, 12, 4)
    torch.testing.assert_close(projected.norm(dim=2), torch.ones(3, 12))


def test_members_do_not_touch_one_another(batch):
    network = build(batch)
    network(batch)[1].sum().backward()
    for name, parameter in network.named_parameters():
        if parameter.grad is not None and parameter.dim() == 3:
            touched = parameter.grad.abs().sum(dim=(1, 2)) > 0
            assert not touched[0], name
            assert not touched[2], name
    assert network.head[0].weight.grad[1].abs().sum() > 0
    assert network.encoder.forwards[0].nn.first.weight.grad[1].abs().sum() > 0


def test_the_order_of_inner_nodes_and_padding_do_not_matter(batch):
    network = build(batch).encoder
    order = torch.tensor([0, 3, 1, 4, 2, 5])  # input and output stay
    shuffled = GraphBatch(
        nodes=batch.nodes[:, order],
        adjacency=batch.adjacency[:, order][:, :, order],
        settings=batch.settings,
        known=batch.known,
    )
    torch.testing.assert_close(network(shuffled), network(batch), atol=1e-5, rtol=1e-4)


def test_direction_matters(batch):
    network = build(batch).encoder
    turned = GraphBatch(
        nodes=batch.nodes,
        adjacency=batch.adjacency.transpose(1, 2),
        settings=batch.settings,
        known=batch.known,
    )
    assert not torch.allclose(network(turned), network(batch), atol=1e-3)


def test_tells_apart_cells_that_share_all_their_paths():
    # One node on two ways, or two nodes with the same operation: equal paths, unequal cells.
    nodes = torch.zeros(2, 6, 4)
    adjacency = torch.zeros(2, 6, 6)
    for cell, (kinds, edges) in enumerate(
        [
            ([0, 2, 3, 3], [(0, 1), (1, 2), (1, 3), (2, 5), (3, 5)]),
            ([0, 2, 2, 3, 3], [(0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 5)]),
        ]
    ):
        nodes[cell, [*range(len(kinds)), 5], [*kinds, 1]] = 1
        for start, end in edges:
            adjacency[cell, start, end] = 1
    torch.manual_seed(0)
    encoder = GraphEncoder(4, CONFIG)
    none = torch.zeros(2, 0)
    codes = encoder(GraphBatch(nodes=nodes, adjacency=adjacency, settings=none, known=none))
    assert (codes[:, 0] - codes[:, 1]).abs().max() > 0.01
