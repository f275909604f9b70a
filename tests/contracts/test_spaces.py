"""What holds for every search space; a new space is tested by being there."""

from __future__ import annotations

import copy
import itertools
import json
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import architectures
from torch import Tensor, nn

import search_spaces
from search_spaces import Architecture, ArchitectureError, SearchSpace, measured_cost

SPACES = search_spaces.available()
TRAINED = [name for name in SPACES if search_spaces.load(name).trains]
TABLES = [name for name in SPACES if name not in TRAINED]
GOLDEN = Path(__file__).parents[1] / "golden" / "space_keys.json"
OURS = {f"search_spaces.{file.stem}" for file in Path(search_spaces.__file__).parent.glob("*.py")}
SIZES = [
    {"leads": 1, "samples": 90, "context": 0},
    {"leads": 2, "samples": 128, "context": 8},
    {"leads": 8, "samples": 280, "context": 3},
]


@pytest.fixture(params=SPACES)
def space(request: pytest.FixtureRequest) -> SearchSpace:
    return search_spaces.load(request.param)


@pytest.fixture(params=TRAINED)
def trained(request: pytest.FixtureRequest) -> SearchSpace:
    return search_spaces.load(request.param)


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _samples(space: SearchSpace, n: int, seed: int = 0) -> list[Architecture]:
    rng = np.random.default_rng(seed)
    return [space.sample(rng) for _ in range(n)]


def _covering(space: SearchSpace) -> list[Architecture]:
    """A few samples that together use every operation and every setting."""
    pool = sorted(_samples(space, 300), key=lambda arch: -len(arch.ops))
    wanted = {*space.op_names, *range(len(space.graph(pool[0]).settings))}
    chosen = []
    while wanted:
        traits = [
            {*arch.ops, *np.flatnonzero(space.graph(arch).settings).tolist()} for arch in pool
        ]
        best = max(range(len(pool)), key=lambda i: len(wanted & traits[i]))
        assert wanted & traits[best], f"300 samples never have {wanted}"
        chosen.append(pool[best])
        wanted -= traits[best]
    return chosen


def test_samples_are_legal_and_differ(space):
    archs = _samples(space, 100)
    for arch in archs:
        space.check(arch)
        assert arch.space == space.name
    assert len({arch.key for arch in archs}) > 50  # small cells of nasbench101 come often


def test_sampling_reaches_every_operation_and_setting(space):
    assert _covering(space)


@pytest.mark.parametrize("name", SPACES)
@given(data=st.data())
@settings(max_examples=50, deadline=None)
def test_json_there_and_back_is_the_same_architecture(name, data):
    space = search_spaces.load(name)
    arch = data.draw(architectures(name))
    back = space.from_json(json.loads(json.dumps(arch.to_json())))
    assert back == arch
    assert back.key == arch.key


@pytest.mark.parametrize("name", SPACES)
@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_a_mutant_is_legal_and_differs(name, data, seed):
    space = search_spaces.load(name)
    arch = data.draw(architectures(name))
    mutant = space.mutate(arch, np.random.default_rng(seed))
    space.check(mutant)
    assert mutant.key != arch.key
    assert mutant == space.mutate(arch, np.random.default_rng(seed))


@pytest.mark.parametrize("name", SPACES)
@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_a_child_is_legal_and_made_of_its_parents(name, data, seed):
    space = search_spaces.load(name)
    a, b = data.draw(architectures(name)), data.draw(architectures(name))
    child = space.crossover(a, b, np.random.default_rng(seed))
    space.check(child)
    assert set(child.ops) <= {*a.ops, *b.ops}
    assert set(child.macro) <= {*a.macro, *b.macro}
    assert set(child.representation) <= {*a.representation, *b.representation}
    assert child == space.crossover(a, b, np.random.default_rng(seed))
    assert space.crossover(a, a, np.random.default_rng(seed)) == a


def test_text_is_read_as_json_is(space):
    arch = _samples(space, 1)[0]
    assert space.from_text(json.dumps(arch.to_json())) == arch
    with pytest.raises(ArchitectureError):
        space.from_text("conv, conv")


def test_the_same_generator_gives_the_same_samples(space):
    assert _samples(space, 10, seed=3) == _samples(space, 10, seed=3)
    assert _samples(space, 10, seed=3) != _samples(space, 10, seed=4)


def test_a_list_has_every_architecture_once(space):
    keys = [arch.key for arch in itertools.islice(space.listed() or (), 20_000)]
    assert len(set(keys)) == len(keys)
    if 0 < len(keys) < 20_000:
        assert space.size in (None, len(keys))
        assert {arch.key for arch in _samples(space, 200)} <= set(keys)


def test_mutation_moves_everything_there_is(space):
    """From one architecture, mutants alone come to every operation and setting."""
    rng = np.random.default_rng(0)
    arch = space.sample(rng)
    seen: set[object] = set()
    for _ in range(1500):
        arch = space.mutate(arch, rng)
        seen |= {*arch.ops, *np.flatnonzero(space.graph(arch).settings).tolist()}
    assert seen == {*space.op_names, *range(len(space.graph(arch).settings))}


def test_graphs_keep_the_promised_limits(space):
    for arch in _samples(space, 300):
        graph = space.graph(arch)
        assert graph.ops[0] == 0
        assert graph.ops[-1] == 1
        assert all(2 <= op < 2 + len(space.op_names) for op in graph.ops[1:-1])
        assert len(graph.ops) <= space.max_nodes
        assert all(0 <= a < b < len(graph.ops) for a, b in graph.edges)
        paths = graph.paths()
        assert len(paths) <= space.max_paths
        assert all(len(path) <= space.max_path_ops for path in paths)
        # No dead nodes: every operation lies on a path.
        assert {op for path in paths for op in path} == set(graph.ops[1:-1])


def test_keys_never_change(space):
    if type(space).__module__ not in OURS:
        pytest.skip("a plug-in: its keys are not kept here")
    golden = json.loads(GOLDEN.read_text())[space.name]
    assert len(golden) == 5
    for entry in golden:
        assert space.from_json(entry["architecture"]).key == entry["key"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: None, "must be a JSON object"),
        (lambda data: {**data, "space": "elsewhere"}, "must belong to the space"),
        (lambda data: {k: v for k, v in data.items() if k != "ops"}, "must have the fields"),
        (lambda data: {**data, "score": 1}, "must have the fields"),
        (lambda data: {**data, "ops": "conv"}, "ops must be a list"),
        (lambda data: {**data, "ops": ["teleport", *data["ops"][1:]]}, "operation must be one of"),
        (lambda data: {**data, "ops": [[1], *data["ops"][1:]]}, "operation must be one of"),
        (lambda data: {**data, "ops": []}, "must have"),
        (lambda data: {**data, "edges": 3}, "edges must be a list"),
        (lambda data: {**data, "edges": [[1, 0]]}, "an edge must be"),
        (lambda data: {**data, "edges": [[0, 99]]}, "an edge must be"),
        (lambda data: {**data, "edges": [[0, True]]}, "an edge must be"),
        (lambda data: {**data, "edges": data["edges"] * 2}, "listed once"),
        (lambda data: {**data, "macro": None}, "macro must give"),
        (lambda data: {**data, "macro": {"colour": "red"}}, "macro must give"),
        (lambda data: {**data, "representation": []}, "representation must give"),
    ],
)
def test_bad_json_is_refused_in_one_line(space, change, message):
    data = _samples(space, 1)[0].to_json()
    with pytest.raises(ArchitectureError, match=message) as error:
        space.from_json(change(copy.deepcopy(data)))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("what", ["build", "cost"])
def test_a_space_of_tables_says_that_it_has_no_networks(name, what):
    space = search_spaces.load(name)
    [arch] = _samples(space, 1)
    with pytest.raises(ArchitectureError, match=f"{name} is a space of tables, without networks"):
        getattr(space, what)(arch, **SIZES[0], classes=5)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size.values())))
def test_networks_train(trained, size):
    for arch in _samples(trained, 6, seed=1):
        network = trained.build(arch, **size, classes=5)
        x = torch.randn(4, size["leads"], size["samples"])
        context = torch.randn(4, size["context"])
        logits = network(x, context)
        assert logits.shape == (4, 5)
        assert logits.dtype == torch.float32
        logits.square().sum().backward()
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size.values())))
def test_cost_is_what_the_network_has(trained, size):
    for arch in _samples(trained, 6, seed=2):
        network = trained.build(arch, **size, classes=4)
        assert trained.cost(arch, **size, classes=4) == measured_cost(network, **size)


def test_a_beat_is_answered_alone_as_in_a_batch(trained):
    """In use, no beat may look at another one in the batch."""
    for arch in _samples(trained, 4, seed=3):
        network = trained.build(arch, leads=2, samples=90, context=4, classes=5).eval()
        x, context = torch.randn(8, 2, 90), torch.randn(8, 4)
        with torch.no_grad():
            torch.testing.assert_close(
                network(x, context)[:1], network(x[:1], context[:1]), atol=1e-5, rtol=1e-5
            )


@pytest.mark.usefixtures("one_thread")
def test_training_repeats_bit_for_bit(trained):
    for arch in _covering(trained):
        weights = []
        for _ in range(2):
            with torch.random.fork_rng():
                torch.manual_seed(5)
                network = trained.build(arch, leads=2, samples=90, context=4, classes=5)
                x, context = torch.randn(32, 2, 90), torch.randn(32, 4)
            optimiser = torch.optim.AdamW(network.parameters(), lr=1e-2)
            for _ in range(3):
                optimiser.zero_grad()
                network(x, context).logsumexp(1).sum().backward()
                optimiser.step()
            weights.append(network.state_dict())
        for name, value in weights[0].items():
            assert torch.equal(value, weights[1][name]), (arch.ops, name)


class _Side(nn.Module):
    """Several networks on the same beats, so that one export covers them all."""

    def __init__(self, networks: list[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, x: Tensor, context: Tensor) -> list[Tensor]:
        return [network(x, context) for network in self.networks]


def test_every_operation_and_setting_exports_to_onnx(trained):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    torch.manual_seed(0)
    size = {"leads": 2, "samples": 90, "context": 4}
    module = _Side([trained.build(arch, **size, classes=5) for arch in _covering(trained)])
    module(torch.randn(64, 2, 90), torch.randn(64, 4))  # batch norm statistics of its own
    module.eval()
    beats = torch.export.Dim("beats")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own deprecations
        program = torch.onnx.export(
            module,
            (torch.randn(3, 2, 90), torch.randn(3, 4)),
            input_names=["x", "context"],
            dynamic_shapes=({0: beats}, {0: beats}),
            dynamo=True,
            opset_version=18,
            verbose=False,
        )
    session = onnxruntime.InferenceSession(program.model_proto.SerializeToString())
    for n in (1, 5):
        x, context = torch.randn(n, 2, 90), torch.randn(n, 4)
        found = session.run(None, {"x": x.numpy(), "context": context.numpy()})
        with torch.no_grad():
            for want, got in zip(module(x, context), found, strict=True):
                np.testing.assert_allclose(got, want.numpy(), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", [name for name in SPACES if name not in TRAINED])
def test_a_space_without_networks_says_so(name):
    space = search_spaces.load(name)
    arch = _samples(space, 1)[0]
    for method in (space.build, space.cost):
        with pytest.raises(ArchitectureError, match=name):
            method(arch, leads=2, samples=90, context=4, classes=5)


def test_an_unknown_space_says_which_there_are():
    with pytest.raises(ArchitectureError, match="ecg1d, nasbench101, nasbench201; got 'nowhere'"):
        search_spaces.load("nowhere")
