from dataclasses import replace

import pytest

from ecg_nas.errors import ConfigError
from ecg_nas.methods.base import Outcome
from ecg_nas.methods.local_search import LocalSearch, LocalSearchConfig
from search_spaces import load

SPACE = load("nasbench201")
CONFIG = LocalSearchConfig(fes_max=300, n_init=4)


def convolutions(arch):
    return float(arch.ops.count("nor_conv_3x3"))


def tell(algorithm, proposals, score):
    algorithm.tell(
        [Outcome(architecture=p.architecture, score=score(p.architecture)) for p in proposals]
    )


def apart(a, b):
    return sum(x != y for x, y in zip(a.ops, b.ops, strict=True))


def test_climbs_from_the_best_random_one_and_moves_at_the_first_better_one():
    algorithm = LocalSearch(SPACE, CONFIG, seed=0)
    start = algorithm.ask()
    tell(algorithm, start, convolutions)
    here = max((p.architecture for p in start), key=convolutions)
    while convolutions(here) < 6:
        [proposal] = algorithm.ask()
        neighbour = proposal.architecture
        assert proposal.origin == "evolution"
        assert apart(here, neighbour) == 1
        tell(algorithm, [proposal], convolutions)
        if convolutions(neighbour) > convolutions(here):
            here = neighbour


def test_starts_again_when_all_neighbours_are_known():
    algorithm = LocalSearch(SPACE, CONFIG, seed=0)
    start = algorithm.ask()
    top = start[2].architecture
    batches = [start]
    tell(algorithm, start, lambda arch: float(arch == top))
    while len(batches[-1]) == 1 or len(batches) == 1:
        batches.append(algorithm.ask())
        tell(algorithm, batches[-1], lambda arch: float(arch == top))
    climbed = [batch[0].architecture for batch in batches[1:-1]]
    known = [p.architecture for p in start if apart(p.architecture, top) == 1]
    assert len(climbed) + len(known) == 24  # six edges, four other operations on each
    assert all(apart(arch, top) == 1 for arch in climbed)
    assert len(batches[-1]) == CONFIG.n_init
    assert {p.origin for p in batches[-1]} == {"exploration"}
    # What the first climb found is out of mind: the second one leaves from its own best.
    [proposal] = algorithm.ask()
    assert apart(batches[-1][0].architecture, proposal.architecture) == 1


@pytest.mark.parametrize("name", ["n_init", "n_batch"])
def test_settings_out_of_range_are_refused(name):
    with pytest.raises(ConfigError, match=name):
        replace(CONFIG, **{name: 0})
