"""What every search algorithm must do, on a cell-only space and on one with settings."""

import json

import pytest

from ecg_nas.errors import ConfigError
from ecg_nas.evaluation.base import Candidate
from ecg_nas.evaluation.landscape import SyntheticEvaluator
from ecg_nas.methods.bananas import Bananas, BananasConfig
from ecg_nas.methods.base import SearchAlgorithm, Told
from ecg_nas.methods.dcl_enas import DclEnas, DclEnasConfig
from ecg_nas.methods.local_search import LocalSearch, LocalSearchConfig
from ecg_nas.methods.npenas import Npenas, NpenasConfig
from ecg_nas.methods.nsga2 import Nsga2, Nsga2Config
from ecg_nas.methods.random import RandomSearch, RandomSearchConfig
from ecg_nas.methods.regularized_evolution import RegularizedEvolution, RegularizedEvolutionConfig
from ecg_nas.methods.weaknas import WeakNas, WeakNasConfig
from ecg_nas.predictor.config import (
    DclConfig,
    EncoderConfig,
    GinConfig,
    PathMlpConfig,
    WeakMlpConfig,
)
from ecg_nas.runs.config import METHODS
from search_spaces import load
from search_spaces.nasbench201 import NasBench201, from_index

SMALL = DclConfig(
    encoder=EncoderConfig(members=2, width=8, layers=2, head_width=8),
    pretrain_steps=2,
    pretrain_batch=16,
    epochs=5,
)
BUDGET = 20


def dcl_enas(space, budget, seed, allowed):
    config = DclEnasConfig(
        fes_max=budget,
        n_init=8,
        n_infill=5,
        t_gap=2,
        population=8,
        n_unlabelled=32,
        predictor=SMALL,
    )
    return DclEnas(space, config, seed=seed, allowed=allowed)


def random_search(space, budget, seed, allowed):
    config = RandomSearchConfig(fes_max=budget, n_batch=6)
    return RandomSearch(space, config, seed=seed, allowed=allowed)


def evolution(space, budget, seed, allowed):
    config = RegularizedEvolutionConfig(fes_max=budget, population=8, tournament=3, n_batch=3)
    return RegularizedEvolution(space, config, seed=seed, allowed=allowed)


def cost(architecture):
    return 1.0 + len(architecture.edges) + 3 * sum("conv" in op for op in architecture.ops)


def dcl_enas_front(space, budget, seed, allowed):
    algorithm = dcl_enas(space, budget, seed, allowed)
    return DclEnas(space, algorithm._config, seed=seed, allowed=allowed, cost=cost)


def nsga2(space, budget, seed, allowed):
    config = Nsga2Config(fes_max=budget, population=8)
    return Nsga2(space, config, seed=seed, allowed=allowed, cost=cost)


def local_search(space, budget, seed, allowed):
    config = LocalSearchConfig(fes_max=budget, n_init=6, n_batch=2)
    return LocalSearch(space, config, seed=seed, allowed=allowed)


def bananas(space, budget, seed, allowed):
    predictor = PathMlpConfig(members=2, layers=2, width=4, epochs=2, max_codes=50)
    config = BananasConfig(
        fes_max=budget, n_init=8, n_infill=5, n_mutants=12, n_parents=3, predictor=predictor
    )
    return Bananas(space, config, seed=seed, allowed=allowed)


def npenas(space, budget, seed, allowed):
    predictor = GinConfig(layers=1, width=4, head_width=4, epochs=2)
    config = NpenasConfig(
        fes_max=budget, n_init=8, n_infill=5, n_mutants=12, n_parents=3, predictor=predictor
    )
    return Npenas(space, config, seed=seed, allowed=allowed)


def weaknas(space, budget, seed, allowed):
    predictor = WeakMlpConfig(layers=1, width=8, epochs=2)
    config = WeakNasConfig(
        fes_max=budget, n_init=8, n_infill=5, n_top=10, n_pool=60, predictor=predictor
    )
    return WeakNas(space, config, seed=seed, allowed=allowed)


MAKERS = {
    "dcl-enas": dcl_enas,
    "dcl-enas with a cost": dcl_enas_front,
    "nsga2": nsga2,
    "local-search": local_search,
    "bananas": bananas,
    "npenas": npenas,
    "weaknas": weaknas,
    "random": random_search,
    "regularized-evolution": evolution,
}


@pytest.fixture(params=["nasbench201", "ecg1d"])
def space(request):
    return load(request.param)


@pytest.fixture(params=MAKERS)
def make(request, space):
    def build(budget=BUDGET, seed=0, allowed=None) -> SearchAlgorithm:
        return MAKERS[request.param](space, budget, seed, allowed)

    return build


def outcomes(space, proposals, failing=0.0):
    evaluator = SyntheticEvaluator(space, failing=failing)
    candidates = [
        Candidate(slot=slot, architecture=proposal.architecture, seed=0)
        for slot, proposal in enumerate(proposals)
    ]
    return [
        Told(architecture=candidate.architecture, score=result.score)
        for candidate, result in zip(candidates, evaluator.evaluate(candidates), strict=True)
    ]


def play(algorithm, space, failing=0.0):
    """Run to the end; return the batches."""
    batches = []
    while proposals := algorithm.ask():
        batches.append(proposals)
        algorithm.tell(outcomes(space, proposals, failing))
    return batches


def keys(batches):
    return [proposal.architecture.key for batch in batches for proposal in batch]


def test_every_method_of_a_run_is_tested_here():
    assert set(MAKERS) >= set(METHODS)


def test_spends_its_budget_and_proposes_nothing_twice(make, space):
    batches = play(make(), space)
    assert len(keys(batches)) == BUDGET
    assert len(set(keys(batches))) == BUDGET
    for batch in batches:
        for proposal in batch:
            space.check(proposal.architecture)


def test_asks_the_same_from_the_same_state(make, space):
    algorithm = make()
    while proposals := algorithm.ask():
        assert algorithm.ask() == proposals
        algorithm.tell(outcomes(space, proposals))


def test_continues_exactly_from_a_saved_state(make, space):
    whole = play(make(), space)
    algorithm = make()
    for batch in whole:
        algorithm.tell(outcomes(space, batch))  # as after a crash: told without having asked
        restored = make()
        restored.load_state(json.loads(json.dumps(algorithm.state())))
        assert restored.state() == algorithm.state()
        algorithm = restored
    assert algorithm.ask() == []
    uninterrupted = make()
    play(uninterrupted, space)
    assert algorithm.state() == uninterrupted.state()
    halfway = make()
    for batch in whole[: len(whole) // 2]:
        halfway.tell(outcomes(space, batch))
    assert play(halfway, space) == whole[len(whole) // 2 :]


def test_seeds_differ_and_repeat(make, space):
    first, again, other = (play(make(seed=seed), space) for seed in (0, 0, 1))
    assert first == again
    assert keys(first) != keys(other)


def test_starts_from_the_same_architectures_as_random_search(make, space):
    initial = make().ask()
    drawn = keys(play(random_search(space, len(initial), 0, None), space))
    assert [proposal.architecture.key for proposal in initial] == drawn
    assert {proposal.origin for proposal in initial} == {"initial"}


@pytest.mark.parametrize("failing", [0.3, 1.0])
def test_failures_are_outcomes(make, space, failing):
    batches = play(make(), space, failing)
    assert len(set(keys(batches))) == BUDGET


def test_a_larger_budget_continues(make, space):
    small = make(budget=12)
    batches = play(small, space)
    assert len(keys(batches)) == 12
    large = make(budget=BUDGET)
    large.load_state(small.state())
    batches += play(large, space)
    assert len(set(keys(batches))) == BUDGET


def test_keeps_the_constraint(make, space):
    def allowed(arch):
        return len(space.graph(arch).edges) % 2 == 0

    batches = play(make(allowed=allowed), space)
    assert len(set(keys(batches))) == BUDGET
    assert all(allowed(proposal.architecture) for batch in batches for proposal in batch)


def test_a_constraint_that_nothing_keeps_is_said(make):
    with pytest.raises(ConfigError, match="--max-params"):
        make(allowed=lambda _: False).ask()


class TinySpace(NasBench201):
    """Ten cells of NAS-Bench-201."""

    def sample(self, rng):
        return from_index(12_000 + int(rng.integers(10)))

    def mutate(self, arch, rng):
        return self.sample(rng)

    def crossover(self, a, b, rng):
        return (a, b)[int(rng.integers(2))]

    def listed(self):
        return map(from_index, range(12_000, 12_010))


@pytest.mark.parametrize("maker", MAKERS.values(), ids=MAKERS)
def test_repeats_only_when_the_space_is_exhausted(maker):
    space = TinySpace()
    proposed = keys(play(maker(space, 16, 0, None), space))
    assert len(proposed) == 16
    assert len(set(proposed[:10])) == len(set(proposed)) == 10
