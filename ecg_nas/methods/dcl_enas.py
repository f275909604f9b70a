"""DCL-ENAS: evolution guided by the dual contrastive predictor.

Algorithm 1, in the words of the paper: pre-train the soft encoder on unlabelled architectures;
train ``n_init`` random ones in full; then, until ``fes_max`` full trainings, fine-tune the
predictor on all labels, evolve for ``t_gap`` generations with the predictor as fitness, and train
``n_infill`` promising ones in full. The best one trained is the result.

References:
    Zhang, Gong, Chen, Zhang, *Evolutionary Neural Architecture Search with Dual Contrastive
    Learning*, 2025 (arXiv 2512.20112). This is an implementation in its spirit: what the
    sources at hand leave open (operators, selection of the infill, all sizes) is our own.
"""

from __future__ import annotations

import time
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from typing_extensions import override

from ecg_nas import predictor as predictors
from ecg_nas import seeds
from ecg_nas.errors import ConfigError
from ecg_nas.methods.base import (
    Allowed,
    Cost,
    Method,
    Outcome,
    Proposal,
    SearchAlgorithm,
    check_least,
)
from ecg_nas.methods.engine.selection import ByFront, ByScore, Candidate, Selection
from ecg_nas.predictor import Predictor, PredictorSpec
from ecg_nas.predictor.base import HardCoded, member_scores
from ecg_nas.predictor.encodings.paths import HardEncoder
from search_spaces import Architecture, SearchSpace

_OWN_PREDICTOR = "dcl"


def _predictor_of(settings: Mapping[str, Any]) -> PredictorSpec:
    return predictors.load(settings.get("predictor_name") or _OWN_PREDICTOR)


@dataclass(frozen=True, slots=True, kw_only=True)
class DclEnasConfig:
    """Settings of the search.

    Attributes:
        fes_max: Full trainings in all.
        n_init: Random architectures trained before the predictor is first used.
        n_infill: Architectures trained between two fits of the predictor.
        infill: How the places of an infill are chosen, in turn: ``mean`` takes the architecture
            that the whole ensemble puts first, ``member`` the one that a random member puts first,
            ``novel`` the one with a feature that earlier infills tried least.
        novel_share: Share of the candidates, the best predicted ones, that ``novel`` looks at.
        t_gap: Generations evolved between two infills.
        population: Parents a generation; the first are the best ones trained so far.
        crossover: Probability that a child has two parents.
        n_unlabelled: Random architectures for pre-training.
        predictor_name: Any predictor of ``ecg_nas.predictor``; ``None`` for the paper's, ``dcl``.
        predictor: Settings of the predictor; ``None`` for its own.
    """

    fes_max: int = 100
    n_init: int = 16
    n_infill: int = 6
    infill: tuple[Literal["mean", "member", "novel"], ...] = (
        "mean",
        "novel",
        "mean",
        "member",
        "mean",
        "novel",
    )
    novel_share: float = 0.5
    t_gap: int = 16
    population: int = 80
    crossover: float = 0.5
    n_unlabelled: int = 1000
    predictor_name: str | None = None
    predictor: Any = field(default=None, metadata={"configured_by": _predictor_of})

    def __post_init__(self) -> None:
        name = self.predictor_name or _OWN_PREDICTOR
        usual = predictors.load(name).config
        if self.predictor is None:
            object.__setattr__(self, "predictor", usual)
        if not isinstance(self.predictor, type(usual)):
            raise ConfigError(
                f"the settings of predictor {name} must be a {type(usual).__name__}; got a "
                f"{type(self.predictor).__name__}"
            )
        check_least(self, fes_max=1, n_init=2, n_infill=1, t_gap=1, population=2)
        for name in ("novel_share", "crossover"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} must be from 0 to 1; got {getattr(self, name)}")
        if not self.infill:
            raise ConfigError("infill must name at least one way to choose; got none")


class DclEnas(SearchAlgorithm[DclEnasConfig]):
    """Proposes by evolution on a predictor that is fine-tuned after every infill.

    Args:
        space: Where to search.
        config: The settings.
        seed: The run's seed.
        allowed: The constraint on proposals; ``None`` for none.
        cost: A second objective, known without training: then evolution and infill look for the
            whole front of score against cost, not for the highest score alone.
    """

    def __init__(
        self,
        space: SearchSpace,
        config: DclEnasConfig,
        *,
        seed: int,
        allowed: Allowed | None = None,
        cost: Cost | None = None,
    ) -> None:
        super().__init__(space, config, seed=seed, allowed=allowed)
        self._selection: Selection = ByScore() if cost is None else ByFront(cost)
        self._predictor: Predictor | None = None  # rebuilt from the seed, so not in the state
        self._features: HardCoded | None = None
        self._fitted_to = 0  # labels that the predictor has learnt from
        self._concordant = 0  # pairs of one infill in the predicted order, less those against it
        self._compared = 0
        self._predictor_seconds = 0.0

    @override
    def ask(self) -> list[Proposal]:
        return self._by_infill(self._infill, self._config)

    @override
    def tell(self, outcomes: Sequence[Outcome]) -> None:
        if len(self._archive) >= self._config.n_init and self._learnable():
            self._compare(outcomes)
        super().tell(outcomes)

    @override
    def state(self) -> dict[str, Any]:
        figures = {"concordant": self._concordant, "compared": self._compared}
        return {**super().state(), **figures}

    @override
    def load_state(self, state: dict[str, Any]) -> None:
        super().load_state(state)
        self._concordant = state["concordant"]
        self._compared = state["compared"]
        self._fitted_to = 0

    @override
    def diagnostics(self) -> dict[str, float | None]:
        """Return figures to show the user.

        ``kendall_tau``: rank correlation of predictions, made before training, with what came
        out, over the pairs within each infill (``None`` before the first). An infill holds only
        promising ones, so it is far below the correlation over the whole space.
        ``predictor_seconds``: time this process spent in pre-training, fitting and evolving.
        """
        return {
            "kendall_tau": self._concordant / self._compared if self._compared else None,
            "predictor_seconds": self._predictor_seconds,
        }

    def _infill(self, count: int) -> list[Architecture]:
        rng = seeds.generator(self._seed, "infill", len(self._archive))
        started = time.perf_counter()
        predictor = self._fine_tuned()
        trained = _predicted(predictor, self._archive.architectures)
        met = self._evolve(predictor, trained, rng)
        picked = self._pick(predictor, met, list(trained.values()), count, rng)
        self._predictor_seconds += time.perf_counter() - started
        return picked

    def _compare(self, outcomes: Sequence[Outcome]) -> None:
        """Count the pairs of an infill that came out as predicted before it was trained."""
        measured = [t for t in outcomes if t.score is not None and np.isfinite(t.score)]
        # After a crash the predictor may not be there: then it is fitted again, as it was.
        predicted = self._fine_tuned().predict([told.architecture for told in measured])
        scores = np.array([told.score for told in measured])
        above = np.triu_indices(len(measured), k=1)
        signs = [np.sign(v[:, None] - v[None])[above] for v in (predicted, scores)]
        self._concordant += int((signs[0] * signs[1]).sum())
        self._compared += len(above[0])

    def _fine_tuned(self) -> Predictor:
        """Return the predictor, fitted to all labels; pre-trained at the first call."""
        if self._predictor is None:
            rng = seeds.generator(self._seed, "unlabelled")
            unlabelled = [self._space.sample(rng) for _ in range(self._config.n_unlabelled)]
            spec = predictors.load(self._config.predictor_name or _OWN_PREDICTOR)
            self._predictor = spec.start(self._space, self._seed, config=self._config.predictor)
            self._predictor.pretrain(unlabelled)
        if self._fitted_to != len(self._archive):
            self._predictor.fit(self._archive.architectures, self._archive.scores())
            self._fitted_to = len(self._archive)
        return self._predictor

    def _evolve(
        self, predictor: Predictor, trained: Mapping[str, Candidate], rng: np.random.Generator
    ) -> dict[str, Candidate]:
        """Return every new architecture met in ``t_gap`` generations, by key."""
        config = self._config
        measured = [
            Candidate(told.architecture, np.zeros(0), score)
            for told, score in zip(self._archive, self._archive.scores(), strict=True)
        ]
        first = self._selection.ranked(measured)[: config.population]
        met = {c.architecture.key: trained[c.architecture.key] for c in first}
        parents = list(met.values())
        for _ in range(config.t_gap):
            children = self._offspring([parent.architecture for parent in parents], met, rng)
            if not children:
                break
            brood = _predicted(predictor, children)
            met |= brood
            parents = self._selection.ranked([*parents, *brood.values()])[: config.population]
        return {key: found for key, found in met.items() if key not in self._archive}

    def _offspring(
        self,
        parents: Sequence[Architecture],
        met: Container[str],
        rng: np.random.Generator,
    ) -> list[Architecture]:
        """Return children of one generation that are allowed and were not met before."""
        children: dict[str, Architecture] = {}
        for _ in range(self._config.population):
            first, second = (parents[i] for i in rng.integers(len(parents), size=2))
            child = first
            if rng.random() < self._config.crossover:
                child = self._space.crossover(first, second, rng)
            if child.key in met or rng.random() < 0.5:
                child = self._space.mutate(child, rng)
            key = child.key
            if key not in met and (self._allowed is None or self._allowed(child)):
                children[key] = child
        return list(children.values())

    def _pick(
        self,
        predictor: Predictor,
        candidates: Mapping[str, Candidate],
        trained: Sequence[Candidate],
        count: int,
        rng: np.random.Generator,
    ) -> list[Architecture]:
        """Return the infill: each place chosen in its own way from what evolution met.

        The ensemble's favourites alone would circle round the first good region; novel ones, and
        favourites of single members, show the predictor where it is wrong.
        """
        left = dict(candidates)
        picked: list[Candidate] = []
        while left and len(picked) < count:
            way = self._config.infill[len(picked) % len(self._config.infill)]
            known = [*trained, *picked]
            if way == "novel":
                key = self._most_novel(predictor, left, picked)
            elif way == "member":
                member = int(rng.integers(len(next(iter(left.values())).members)))
                key = self._selection.best(left, known, member=member)
            else:
                key = self._selection.best(left, known)
            picked.append(left.pop(key))
        return [candidate.architecture for candidate in picked]

    def _most_novel(
        self,
        predictor: Predictor,
        candidates: Mapping[str, Candidate],
        picked: Sequence[Candidate],
    ) -> str:
        """Return the key of the promising candidate with the least tried feature.

        A feature is a bit of the hard code: an operation at a place of a path, or a setting. The
        first labels are few, so the predictor can be sure and wrong about one of them, and then
        never learns better. Here each gets its turn, in the best company that can be predicted;
        the initial design does not count, its company being random.
        """
        ranked = self._selection.ranked(list(candidates.values()))
        promising = [
            c.architecture for c in ranked[: max(1, int(len(ranked) * self._config.novel_share))]
        ]
        coder = self._coder(predictor)
        codes = coder.hard_codes(promising)
        tried = self._archive.architectures[self._config.n_init :]
        tried += [candidate.architecture for candidate in picked]
        times = coder.hard_codes(tried).sum(axis=0) if tried else np.zeros(codes.shape[1])
        least = np.where(codes > 0, times, np.inf).min(axis=1)
        return promising[int(least.argmin())].key  # of equals, the best predicted

    def _coder(self, predictor: Predictor) -> HardCoded:
        """Return what knows the features of architectures: the predictor, if it can be asked."""
        if isinstance(predictor, HardCoded):
            return predictor
        if self._features is None:
            self._features = HardEncoder(self._space)
        return self._features


def _predicted(predictor: Predictor, archs: Sequence[Architecture]) -> dict[str, Candidate]:
    scores = member_scores(predictor, archs)
    return {
        arch.key: Candidate(arch, members, float(members.mean()))
        for arch, members in zip(archs, scores.T, strict=True)
    }


METHOD = Method(
    algorithm=DclEnas,
    config=DclEnasConfig(),
    cost="taken",
    # Ablations: one stage left out.
    variants={
        "no-pretraining": {"predictor": {"pretraining": False}},
        "regression": {"predictor": {"objective": "regression"}},
    },
)
