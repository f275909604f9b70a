"""What every search space is: architectures, and the moves between them."""

from __future__ import annotations

import hashlib
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from search_spaces import _graph

if TYPE_CHECKING:
    from torch import nn


KEY_DIGITS: Final = 16
"""Hex digits of a key."""


def is_key(text: object) -> bool:
    """Say whether ``text`` can be the key of an architecture."""
    return isinstance(text, str) and re.fullmatch(f"[0-9a-f]{{{KEY_DIGITS}}}", text) is not None


class ArchitectureError(ValueError):
    """An architecture, or the text of one, does not belong to its space."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """One network of a space, in its canonical form.

    Only a space makes architectures, and it makes one form only of each, so equal networks
    are equal objects and share a ``key``.

    Attributes:
        space: Name of the space (its module's name).
        ops: Operation of each inner node of the cell, in canonical order.
        edges: ``(from, to)`` pairs, sorted; node 0 is the cell's input, nodes ``1..len(ops)``
            carry ``ops``, node ``len(ops) + 1`` is its output.
        macro: ``(name, choice)`` of the network around the cell, sorted by name.
        representation: ``(name, option)`` of how a beat is presented, sorted by name; names only.
    """

    space: str
    ops: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]
    macro: tuple[tuple[str, int | str], ...] = ()
    representation: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> str:
        """Identity: 16 hex digits of the BLAKE2 hash of the canonical JSON text."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.blake2b(text.encode(), digest_size=KEY_DIGITS // 2).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able description; ``SearchSpace.from_json`` reads it back."""
        return {
            "space": self.space,
            "ops": list(self.ops),
            "edges": [list(edge) for edge in self.edges],
            "macro": dict(self.macro),
            "representation": dict(self.representation),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CellGraph:
    """An architecture as a predictor sees it.

    Attributes:
        ops: ``(n_nodes,)`` operation index of each node; 0 is the input, 1 the output and
            ``2 + i`` the space's ``op_names[i]``. Node 0 is the input, the last node the output;
            every edge goes from a lower to a higher node.
        edges: ``(from, to)`` pairs.
        settings: One-hot macro and representation choices, concatenated (empty if none).
    """

    ops: tuple[int, ...]
    edges: tuple[tuple[int, int], ...]
    settings: tuple[float, ...] = ()

    def paths(self) -> tuple[tuple[int, ...], ...]:
        """Return every input-to-output path as the operation indices of its inner nodes.

        In lexicographic order of the nodes; a direct edge from input to output is the empty path.
        """
        walks = _graph.paths(len(self.ops), self.edges)
        return tuple(tuple(self.ops[node] for node in walk) for walk in walks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a network costs to store and run.

    Attributes:
        params: Trainable numbers, batch-norm scales and shifts included.
        macs: Multiply-accumulates of convolutions and linear layers, for one beat or image.
    """

    params: int
    macs: int


class SearchSpace(ABC):
    """A set of architectures with the moves that a search makes in it.

    Everything random comes from the generator passed in: the same generator state gives the
    same result. Every architecture returned is legal and canonical.

    Attributes:
        name: The module's name.
        op_names: Operations of a cell's inner nodes, in a fixed order.
        max_nodes: Most nodes a ``CellGraph`` of this space can have.
        max_paths: Most input-to-output paths a legal cell can have.
        max_path_ops: Most operations on one path.
        trains: Whether ``build`` makes networks for ECG beats; a space that does not is there for
            tables of trained networks, and leaves out ``cost`` and ``build``.
        size: How many architectures there are, if that is known without listing them.
    """

    name: str
    op_names: tuple[str, ...]
    max_nodes: int
    max_paths: int
    max_path_ops: int
    trains: bool = False
    size: int | None = None

    @abstractmethod
    def sample(self, rng: np.random.Generator) -> Architecture:
        """Return a random architecture; every one of the space has a chance."""

    @abstractmethod
    def mutate(self, arch: Architecture, rng: np.random.Generator) -> Architecture:
        """Return a neighbour of ``arch`` that differs from it."""

    @abstractmethod
    def crossover(self, a: Architecture, b: Architecture, rng: np.random.Generator) -> Architecture:
        """Return a child whose every choice comes from ``a`` or ``b``."""

    @abstractmethod
    def check(self, arch: Architecture) -> None:
        """Raise ``ArchitectureError`` unless ``arch`` is legal and canonical."""

    @abstractmethod
    def from_json(self, data: Mapping[str, Any]) -> Architecture:
        """Return the canonical architecture that ``data`` describes.

        Raises:
            ArchitectureError: If ``data`` is not an architecture of this space.
        """

    def from_text(self, text: str) -> Architecture:
        """Return the canonical architecture that ``text`` writes: JSON, or a form of the space's.

        Raises:
            ArchitectureError: If ``text`` is not an architecture of this space.
        """
        try:
            data = json.loads(text)
        except ValueError:
            raise ArchitectureError(
                f"an architecture of {self.name} must be written as JSON; got {text!r:.80}"
            ) from None
        return self.from_json(data)

    @abstractmethod
    def graph(self, arch: Architecture) -> CellGraph:
        """Return what a predictor sees of ``arch``."""

    def listed(self) -> Iterator[Architecture] | None:
        """Return every architecture once, in a fixed order; ``None`` if they cannot be listed."""
        return None

    def cost(
        self, arch: Architecture, *, leads: int, samples: int, context: int, classes: int
    ) -> Cost:
        """Return what the network that ``build`` makes with these arguments costs.

        Raises:
            ArchitectureError: If the space holds no trainable networks.
        """
        raise self._no_networks()

    def build(
        self, arch: Architecture, *, leads: int, samples: int, context: int, classes: int
    ) -> nn.Module:
        """Return the untrained network, initialised from torch's current random state.

        It maps ``x (beats, leads, samples)`` and ``context (beats, context)``, both float32, to
        logits ``(beats, classes)``. ``leads`` counts input channels, whatever they stand for.

        Raises:
            ArchitectureError: If the space holds no trainable networks.
        """
        raise self._no_networks()

    def _no_networks(self) -> ArchitectureError:
        return ArchitectureError(
            f"{self.name} is a space of tables, without networks for beats: compare methods on a "
            "table of it with `ecg-nas benchmark`, or search a space that trains"
        )
