"""What a task is: the classes of a beat, the symbols that they stand for, how they are told."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from data_prep.errors import DataError

SHAPES = ("circle", "square", "diamond", "hexagon")
EC57_FIGURES = ("v", "s")


@dataclass(frozen=True, slots=True, kw_only=True)
class BeatClass:
    """One class of a beat.

    Attributes:
        letter: Its name: one letter, as it stands in tables, drawings and files.
        name: A few words for it, as in the legend of a drawing.
        text: What it holds, as a model card says it.
        colour: Its colour in drawings, ``#rrggbb``.
        shape: Of its mark in drawings, one of ``SHAPES``; ``None`` for the letter alone.
        symbol: The WFDB symbol that a beat of it is written as.
        is_scored: Whether a score is made of it.
        is_claimed: Whether a model is said to tell it; others are predicted and reported only.
    """

    letter: str
    name: str
    text: str
    colour: str
    shape: str | None
    symbol: str
    is_scored: bool = True
    is_claimed: bool = True

    def __post_init__(self) -> None:
        _require(
            re.fullmatch("[A-Za-z]", self.letter) is not None, "must be named by a letter", self
        )
        _require(bool(self.name and self.text), "must have a name and a text", self)
        _require(
            re.fullmatch("#[0-9a-f]{6}", self.colour) is not None,
            "must have a colour as in #0072b2",
            self,
        )
        _require(
            self.shape is None or self.shape in SHAPES,
            f"must have one of the shapes {', '.join(SHAPES)}, or none",
            self,
        )
        _require(len(self.symbol) == 1, "must be written as one symbol", self)


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolMapping:
    """Which beat symbols stand for which class.

    Attributes:
        name: Its name.
        symbols: Letter of each class, and its symbols one behind the other.
    """

    name: str
    symbols: tuple[tuple[str, str], ...]

    def classes(self) -> dict[str, str]:
        """Return the class of each symbol."""
        return {symbol: letter for letter, symbols in self.symbols for symbol in symbols}


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a beat is told to be. A module of this folder ends with ``TASK = `` an instance.

    It goes whole into a store's manifest, a run's and a bundle's, so that what is made of a plug-in
    is read where there is none.

    Attributes:
        name: Name of the module.
        description: One line on it.
        kinds: The classes, in the order of the labels.
        common: Letter of the class that most beats are of: it may be thinned, and it is drawn so
            that the others stand out.
        mappings: Symbols to classes; the first is the default, and a user's file may replace it.
        left_out: Symbols of beats that are neither trained nor tested on, with the reason, by
            symbol: they count as no fault of a mapping, nor of a classifier.
        headline: Name of the score: the mean F1 of the scored classes.
        runs_of: Letters of the classes whose couplets and runs a recording's summary counts.
        ec57: Which of EC57's figures by class the classes allow: ``v`` (ventricular), ``s``
            (supraventricular).
    """

    name: str
    description: str
    kinds: tuple[BeatClass, ...]
    common: str
    mappings: tuple[SymbolMapping, ...]
    left_out: tuple[tuple[str, str], ...] = ()
    headline: str
    runs_of: tuple[str, ...] = ()
    ec57: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        letters = self.classes
        self._must(len(set(letters)) == len(letters) > 1, "must have two or more different classes")
        self._must(
            self.common in letters and set(self.runs_of) <= set(letters),
            f"must name classes of its own as common and in runs_of, some of {', '.join(letters)}",
        )
        self._must(bool(self.scored), "must have a class that a score is made of")
        self._must(
            re.fullmatch("[a-z][a-z0-9_]*", self.headline) is not None,
            "must name its score in small letters, as macro_f1_nsv",
        )
        self._must(set(self.ec57) <= set(EC57_FIGURES), "must have of EC57's figures v and s only")
        self._must(bool(self.mappings), "must have a mapping of symbols")
        for one in self.mappings:
            given = [symbol for _, symbols in one.symbols for symbol in symbols]
            left_out = [symbol for symbol, _ in self.left_out]
            self._must(
                {letter for letter, _ in one.symbols} == set(letters),
                f"must map symbols to each of its classes in {one.name}",
            )
            self._must(
                len({*given, *left_out}) == len(given) + len(left_out)
                and all(len(symbol) == 1 for symbol in left_out),
                f"must give each symbol of {one.name} one class, or leave it out",
            )

    def _must(self, holds: bool, requirement: str) -> None:
        if not holds:
            raise DataError(f"the task {self.name} {requirement}; this one does not")

    @property
    def classes(self) -> tuple[str, ...]:
        """Letters of the classes, in the order of the labels."""
        return tuple(kind.letter for kind in self.kinds)

    @property
    def scored(self) -> tuple[str, ...]:
        """Letters of the classes that the score is the mean of."""
        return tuple(kind.letter for kind in self.kinds if kind.is_scored)

    @property
    def claimed(self) -> tuple[str, ...]:
        """Letters of the classes that a model is said to tell."""
        return tuple(kind.letter for kind in self.kinds if kind.is_claimed)

    @property
    def sought(self) -> tuple[str, ...]:
        """Letters of the scored classes but the common one: where classifiers differ."""
        return tuple(letter for letter in self.scored if letter != self.common)

    @property
    def figures(self) -> tuple[str, ...]:
        """Names of what classifiers are compared by: the score, then F1 of each class sought."""
        return (self.headline, *(f"{letter}_f1" for letter in self.sought))

    @property
    def score_text(self) -> str:
        """What the score is, in words."""
        return f"macro F1 over {', '.join(self.scored)}"

    def kind(self, letter: str) -> BeatClass | None:
        """Return the class called ``letter``; ``None`` if there is none, as of ``?``."""
        return next((kind for kind in self.kinds if kind.letter == letter), None)

    def index(self, letter: str) -> int:
        """Return the label of the class called ``letter``."""
        return self.classes.index(letter)

    def mapping(self, name: str) -> dict[str, str]:
        """Return the class of each symbol by the mapping called ``name``.

        Raises:
            DataError: If there is none of that name.
        """
        for one in self.mappings:
            if one.name == name:
                return one.classes()
        names = ", ".join(one.name for one in self.mappings)
        raise DataError(f"the label mapping of task {self.name} must be {names}; got {name!r}")

    def to_json(self) -> dict[str, Any]:
        """Return the task as JSON-able values."""
        return {
            **{name: list(value) if isinstance(value, tuple) else value
               for name, value in ((item.name, getattr(self, item.name)) for item in fields(self))},
            "kinds": [asdict(kind) for kind in self.kinds],
            "mappings": {one.name: dict(one.symbols) for one in self.mappings},
            "left_out": dict(self.left_out),
        }  # fmt: skip

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return the task that :meth:`to_json` wrote.

        Raises:
            DataError: If ``values`` are not such a task.
        """
        try:
            made: dict[str, Any] = {
                **{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()},
                "kinds": tuple(BeatClass(**kind) for kind in values["kinds"]),
                "mappings": tuple(
                    SymbolMapping(name=name, symbols=tuple(symbols.items()))
                    for name, symbols in values["mappings"].items()
                ),
                "left_out": tuple(values["left_out"].items()),
            }
            task = cls(**made)
            pairs = [*task.left_out, *(pair for one in task.mappings for pair in one.symbols)]
            texts = [task.name, task.description, *task.runs_of, *task.ec57, *sum(pairs, ())]
            if not all(isinstance(text, str) for text in texts):
                raise TypeError("its names, symbols and reasons must be texts")
        except (TypeError, AttributeError, KeyError) as error:
            raise DataError(f"a task must be what its to_json() writes: {error!r}") from error
        return task


def symbols(name: str, **classes: str) -> SymbolMapping:
    """Return the mapping called ``name``: to each class, its symbols one behind the other."""
    return SymbolMapping(name=name, symbols=tuple(classes.items()))


def leaving_out(letters: Iterable[str], reason: str) -> tuple[tuple[str, str], ...]:
    """Return the beat symbols ``letters`` as left out for one ``reason``."""
    return tuple((symbol, reason) for symbol in letters)


def _require(holds: bool, requirement: str, kind: BeatClass) -> None:
    if not holds:
        raise DataError(f"a class {requirement}; got {kind}")
