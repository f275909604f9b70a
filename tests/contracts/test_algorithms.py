"""What every search algorithm must do, on a cell-only space and on one with settings."""

import json
from pathlib import Path

import pytest
from small_settings import small

from ecg_nas import methods
from ecg_nas.errors import ConfigError
from ecg_nas.evaluation.base import Candidate
from ecg_nas.evaluation.landscape import SyntheticEvaluator
from ecg_nas.methods.base import Outcome, SearchAlgorithm
from search_spaces import load
from search_spaces.nasbench201 import NasBench201, from_index

BUDGET = 20
GOLDEN = Path(__file__).parents[1] / "golden" / "proposals.json"


def cost(architecture):
    return 1.0 + len(architecture.edges) + 3 * sum("conv" in op for op in architecture.ops)


def maker(name, **second):
    def make(space, budget, seed, allowed) -> SearchAlgorithm:
        method = methods.load(name)
        config = small(method.config, fes_max=budget)
        return method.algorithm(space, config, seed=seed, allowed=allowed, **second)

    return make


def makers():
    for name in methods.available():
        use = methods.load(name).cost
        if use != "needed":
            yield name, maker(name)
        if use != "ignored":
            yield f"{name} with a cost", maker(name, cost=cost)


MAKERS = dict(makers())


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
        Outcome(architecture=candidate.architecture, score=result.score)
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


def test_spends_its_budget_and_proposes_nothing_twice(make, space):
    batches = play(make(), space)
    assert len(keys(batches)) == BUDGET
    assert len(set(keys(batches))) == BUDGET
    for batch in batches:
        for proposal in batch:
            space.check(proposal.architecture)


@pytest.mark.parametrize("space_name", ["nasbench201", "ecg1d"])
@pytest.mark.parametrize("name", MAKERS)
def test_proposes_what_it_always_proposed(name, space_name):
    space = load(space_name)
    proposed = keys(play(MAKERS[name](space, BUDGET, 0, None), space))
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert proposed == golden.get(f"{name} on {space_name}", proposed)


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
    drawn = keys(play(maker("random")(space, len(initial), 0, None), space))
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


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_repeats_only_when_the_space_is_exhausted(make):
    space = TinySpace()
    proposed = keys(play(make(space, 16, 0, None), space))
    assert len(proposed) == 16
    assert len(set(proposed[:10])) == len(set(proposed)) == 10
