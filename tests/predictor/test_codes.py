from operator import ne

import numpy as np
import pytest
from chain8 import SPACE as CHAINS

from ecg_nas.predictor.encodings.codes import adjacency_code, path_presence
from search_spaces import load
from search_spaces.nasbench201 import from_ops

CELLS = load("nasbench201")
NETWORKS = load("ecg1d")


def cell(**op_on_edge):
    """A cell that passes nothing but on the edges named, such as ``e01``."""
    names = ("e01", "e02", "e12", "e03", "e13", "e23")
    return from_ops([op_on_edge.get(name, "none") for name in names])


def test_paths_worked_out_by_hand():
    # Numbers: the empty path is 0, those of one operation follow, then those of two, of three.
    straight = cell(e03="nor_conv_3x3")
    around = cell(e01="skip_connect", e13="avg_pool_3x3")
    far = cell(e01="nor_conv_1x1", e12="skip_connect", e23="skip_connect", e03="skip_connect")
    code = path_presence(CELLS, [straight, around, far, cell()], limit=1000)
    assert code.shape == (4, 1 + 5 + 25 + 125)
    assert [np.flatnonzero(row).tolist() for row in code] == [
        [1 + 3],
        [6 + 1 * 5 + 4],
        [1 + 1, 31 + 2 * 25 + 1 * 5 + 1],
        [],
    ]


def test_a_limit_forgets_the_longest_paths():
    archs = [CELLS.sample(np.random.default_rng(seed)) for seed in range(20)]
    whole = path_presence(CELLS, archs, limit=1000)
    np.testing.assert_array_equal(path_presence(CELLS, archs, limit=31), whole[:, :31])


def test_chains_beyond_the_limit_are_told_apart():
    archs = list(dict.fromkeys(CHAINS.sample(np.random.default_rng(seed)) for seed in range(300)))
    code = path_presence(CHAINS, archs, limit=1000)
    assert len(np.unique(code, axis=0)) == len(archs)
    assert set(code.sum(axis=1)) == {8}
    a, b = archs[:2]
    different = sum(map(ne, a.ops, b.ops))
    assert np.abs(code[0] - code[1]).sum() == 2 * different  # near chains have near codes


def test_long_paths_do_not_overflow():
    class Long(type(CHAINS)):
        max_path_ops = 200

    assert path_presence(Long(), [CHAINS.sample(np.random.default_rng(0))], limit=9).sum() == 8


def test_an_adjacency_code_worked_out_by_hand():
    [code] = adjacency_code(CELLS, [cell(e12="skip_connect", e23="avg_pool_3x3")])
    ops = code[:30].reshape(6, 5)
    assert ops.argmax(axis=1).tolist() == [0, 0, 1, 0, 0, 4]
    assert ops.sum() == 6
    assert code[30:].sum() == 10  # edges between operations on nodes, the same in every cell
    assert len(code) == 30 + 28


@pytest.mark.parametrize("encode", [adjacency_code, lambda s, a: path_presence(s, a, limit=100)])
def test_settings_stand_behind(encode):
    archs = [NETWORKS.sample(np.random.default_rng(seed)) for seed in range(20)]
    settings = np.array([NETWORKS.graph(arch).settings for arch in archs], np.float32)
    np.testing.assert_array_equal(encode(NETWORKS, archs)[:, -settings.shape[1] :], settings)


def test_different_architectures_have_different_adjacency_codes():
    rng = np.random.default_rng(0)
    archs = {arch.key: arch for arch in (NETWORKS.sample(rng) for _ in range(300))}
    code = adjacency_code(NETWORKS, list(archs.values()))
    assert len(np.unique(code, axis=0)) == len(archs)
