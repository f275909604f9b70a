"""The dual contrastive predictor: pre-trained on structure, fine-tuned on comparisons.

Stage 1 (contrastive pre-training) teaches the graph encoder, from unlabelled architectures, which
structures are alike; the hard code decides. Stage 2 (contrastive fine-tuning) teaches, from the
few labels, which of two architectures is the better one.

In the spirit of Zhang, Gong, Chen, Zhang, *Evolutionary Neural Architecture Search with Dual
Contrastive Learning*, 2025 (arXiv 2512.20112); the layers, the losses' form and all settings are
our own.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from ecg_nas import seeds
from ecg_nas.predictor.base import Predictor, check_labels, unfitted
from ecg_nas.predictor.encodings.paths import Encoded, HardEncoder, distance
from ecg_nas.predictor.networks import _losses
from ecg_nas.predictor.networks._chunks import predicted
from ecg_nas.predictor.networks._encoder import GraphBatch, RankingNetwork, graph_batch
from ecg_nas.predictor.networks._isolation import isolated
from search_spaces import Architecture, SearchSpace

if TYPE_CHECKING:
    from ecg_nas.predictor.dcl import DclConfig

_CHUNK = 256  # architectures a forward pass: more no longer fit the cache


class DclPredictor(Predictor):
    """Ranks architectures of one space with an ensemble of pre-trained graph networks."""

    def __init__(
        self,
        space: SearchSpace,
        config: DclConfig,
        *,
        seed: int,
        encoder: HardEncoder | None = None,
    ) -> None:
        """Start without any knowledge.

        Args:
            space: Of the architectures.
            config: The settings.
            seed: Of everything random.
            encoder: One of ``space`` to share with other predictors; ``None`` for its own.
        """
        self._space = space
        self._config = config
        self._seed = seed
        self._hard = HardEncoder(space) if encoder is None else encoder
        self._centre: Tensor | None = None  # of the path summary, and its scale
        self._scale: Tensor | None = None
        self._pretrained: RankingNetwork | None = None
        self._network: RankingNetwork | None = None
        self._spread: tuple[Tensor, Tensor] | None = None  # each member's mean and deviation

    @override
    def pretrain(self, archs: Sequence[Architecture]) -> None:
        encoded = self._hard.encode(archs)
        with isolated(seeds.derive(self._seed, "pre-training")):
            self._pretrained = self._new_network(encoded)
            if self._config.pretraining:
                self._contrast(self._pretrained, encoded)

    @override
    def fit(self, archs: Sequence[Architecture], scores: Sequence[float]) -> None:
        check_labels(archs, scores)
        encoded = self._hard.encode(archs)
        with isolated(seeds.derive(self._seed, "fine-tuning", len(archs))):
            if self._pretrained is None:
                self._pretrained = self._new_network(encoded)
            network = deepcopy(self._pretrained)
            batch = self._batch(encoded)
            self._tune(network, batch, torch.tensor(scores, dtype=torch.float64).float())
            with torch.no_grad():
                fitted = network(batch)
        self._network = network
        deviation = fitted.std(dim=1, keepdim=True, correction=0)
        self._spread = fitted.mean(dim=1, keepdim=True), deviation.clamp_min(1e-6)

    @override
    def predict(self, archs: Sequence[Architecture]) -> NDArray[np.float64]:
        mean: NDArray[np.float64] = self.predict_members(archs).mean(axis=0)
        return mean

    def predict_members(self, archs: Sequence[Architecture]) -> NDArray[np.float64]:
        """Return each member's scores, ``(members, n)``.

        They are standardised by the labelled architectures of the last ``fit``, so their standard
        deviation over members says how far the ensemble disagrees.

        Raises:
            ValueError: If the predictor has not been fitted.
        """
        if self._network is None or self._spread is None:
            raise unfitted()
        network, (centre, spread) = self._network, self._spread

        def score(part: Sequence[Architecture]) -> Tensor:
            scores: Tensor = (network(self._batch(self._hard.encode(part))) - centre) / spread
            return scores

        return predicted(score, archs, size=_CHUNK, leading=(self._config.encoder.members,))

    def hard_codes(self, archs: Sequence[Architecture]) -> NDArray[np.float32]:
        """Return the hard codes of ``archs``, ``(n, bits)`` of 0 and 1."""
        return self._hard.hard_codes(archs)

    def _new_network(self, encoded: Encoded) -> RankingNetwork:
        summary = torch.from_numpy(encoded.summary)
        deviation = summary.std(dim=0, correction=0)
        self._centre = summary.mean(dim=0)
        self._scale = torch.where(deviation > 0, deviation, 1.0)
        return RankingNetwork(
            kinds=encoded.nodes.shape[2],
            n_settings=encoded.settings.shape[1],
            n_known=encoded.hard.shape[1] + encoded.summary.shape[1],
            config=self._config.encoder,
        )

    def _batch(self, encoded: Encoded) -> GraphBatch:
        assert self._centre is not None
        assert self._scale is not None
        return graph_batch(encoded, centre=self._centre, scale=self._scale)

    def _contrast(self, network: RankingNetwork, encoded: Encoded) -> None:
        """Run stage 1 on ``network``, in place."""
        config = self._config
        batch = self._batch(encoded)
        parameters = [*network.encoder.parameters(), *network.projector.parameters()]
        optimizer = torch.optim.AdamW(parameters, lr=config.pretrain_rate, fused=True)
        for _ in range(config.pretrain_steps):
            rows = torch.randperm(len(batch))[: config.pretrain_batch]
            hard = encoded.hard[rows.numpy()]
            positives = _losses.nearest_mask(torch.from_numpy(distance(hard, hard)))
            loss = _losses.info_nce(
                network.project(batch[rows]), positives, temperature=config.temperature
            )
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()

    def _tune(self, network: RankingNetwork, batch: GraphBatch, scores: Tensor) -> None:
        """Run stage 2 on ``network``, in place."""
        config = self._config
        optimizer = torch.optim.AdamW(
            [
                {
                    "params": [*network.encoder.parameters()],
                    "lr": config.rate * config.encoder_rate,
                },
                {"params": [*network.head.parameters()], "lr": config.rate},
            ],
            weight_decay=config.weight_decay,
            fused=True,
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer,
            [config.rate * config.encoder_rate, config.rate],
            total_steps=config.epochs,
        )
        pairs = _losses.ranking_pairs(scores, top=config.top)
        for _ in range(config.epochs):
            predicted = network(batch)
            loss = (
                _losses.ranking(predicted, pairs)
                if config.objective == "ranking"
                else _losses.regression(predicted, scores)
            )
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
