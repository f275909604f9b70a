"""The two contrastive losses, as pure functions.

Every tensor's first axis counts the members of the ensemble; losses are summed over it, so that
each member gets the gradient it would get alone.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def nearest_mask(distances: Tensor) -> Tensor:
    """Return which rows are closest to each row: the positives of stage 1.

    Args:
        distances: ``(n, n)`` distances of hard codes.

    Returns:
        ``(n, n)`` bool: True where the distance is the smallest of its row, self left out.
    """
    apart = distances + torch.diag(torch.full((len(distances),), torch.inf))
    return apart == apart.min(dim=1, keepdim=True).values


def info_nce(codes: Tensor, positives: Tensor, *, temperature: float) -> Tensor:
    """Return the contrastive loss of pre-training.

    Each row is drawn to the normalised mean of its positives and driven from all other rows.

    Args:
        codes: ``(members, n, length)`` unit vectors.
        positives: ``(n, n)`` bool, False on the diagonal, at least one True a row.
        temperature: Of the logits; smaller looks harder at the closest negatives.

    Returns:
        The sum over members of the mean over rows.

    References:
        van den Oord, Li, Vinyals, 2018 (arXiv 1807.03748); Wei et al., *Self-supervised
        Representation Learning for Evolutionary NAS*, 2020 (arXiv 2011.00186), for the mean of
        the closest as the positive.
    """
    weights = positives / positives.sum(dim=1, keepdim=True)
    centres = functional.normalize(weights @ codes, dim=2)
    positive = (codes * centres).sum(dim=2, keepdim=True)
    others = codes @ codes.transpose(1, 2)
    ignored = positives | torch.eye(len(positives), dtype=torch.bool)
    logits = torch.cat([positive, others.masked_fill(ignored, -torch.inf)], dim=2) / temperature
    return -functional.log_softmax(logits, dim=2)[:, :, 0].mean(dim=1).sum()


def ranking_pairs(scores: Tensor, *, top: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return all pairs of different scores, and how much each matters.

    Args:
        scores: ``(n,)`` labels.
        top: Share of the labels that counts as the top; the weight of a pair halves when the
            rank of its better one reaches it. 0 weighs all pairs alike.

    Returns:
        Indices of the better ones, of the worse ones, and weights of mean 1, ``(pairs,)`` each.
    """
    better, worse = torch.nonzero(scores[:, None] > scores[None], as_tuple=True)
    if top <= 0 or len(better) == 0:
        return better, worse, torch.ones(len(better))
    rank = torch.argsort(torch.argsort(scores, descending=True, stable=True), stable=True).float()
    weight = 1 / (1 + rank[better] / (top * len(scores)))
    return better, worse, weight / weight.mean()


def ranking(predicted: Tensor, pairs: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Return the contrastive loss of fine-tuning: the logistic loss of every pair's difference.

    Args:
        predicted: ``(members, n)`` scores.
        pairs: As ``ranking_pairs`` returns them; at least one.

    References:
        Burges et al., *Learning to Rank Using Gradient Descent*, ICML 2005,
        doi:10.1145/1102351.1102363.
    """
    better, worse, weight = pairs
    difference = predicted[:, better] - predicted[:, worse]
    return (functional.softplus(-difference) * weight).mean(dim=1).sum()


def regression(predicted: Tensor, scores: Tensor) -> Tensor:
    """Return the squared error to standardised ``scores (n,)``: the ablation without contrast."""
    spread = scores.std(correction=0)
    target = (scores - scores.mean()) / torch.where(spread > 0, spread, 1.0)
    return (predicted - target).square().mean(dim=1).sum()
