from dataclasses import replace

import pytest
import torch

from ecg_nas.training.augment import Augment
from ecg_nas.training.config import AugmentConfig

OFF = AugmentConfig(gain=0, wander=0, noise=0, shift=0, context_noise=0)
CPU = torch.device("cpu")
ALL = torch.arange(64)


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    x = torch.randn((64, 4, 50), generator=generator)
    return x, torch.randn((64, 3), generator=generator)


def augmented(config, batch, seed=0):
    return Augment(config, samples=50, leads=2, device=CPU, seed=seed)(*batch, ALL)


def test_switched_off_it_changes_nothing(batch):
    x, context = augmented(OFF, batch)
    assert torch.equal(x, batch[0])
    assert torch.equal(context, batch[1])


def test_gain_is_one_factor_a_beat_on_all_channels(batch):
    x, _ = augmented(replace(OFF, gain=0.1), batch)
    factor = x / batch[0]
    spread = (factor.amax((1, 2)) - factor.amin((1, 2))).abs().max()
    assert spread < 1e-4
    assert 0.05 < float(factor[:, 0, 0].log().std()) < 0.2


def test_wander_is_slow(batch):
    x, _ = augmented(replace(OFF, wander=0.1), batch)
    drift = x - batch[0]
    assert 0.05 < float(drift.std()) < 0.3
    assert float(drift.diff(dim=-1).abs().max()) < 0.05


def test_a_shift_moves_the_beat_and_repeats_its_edge(batch):
    seen = set()
    augment = Augment(replace(OFF, shift=2), samples=50, leads=2, device=CPU, seed=0)
    for _ in range(40):
        x, _ = augment(*batch, ALL)
        for by in range(-2, 3):
            if torch.equal(x[..., 2:-2], batch[0].roll(by, -1)[..., 2:-2]):
                seen.add(by)
                edge = batch[0][..., :1] if by > 0 else batch[0][..., -1:]
                gap = x[..., :by] if by > 0 else x[..., 50 + by :]
                assert torch.equal(gap, edge.expand_as(gap))
    assert seen == {-2, -1, 0, 1, 2}


def test_the_inputs_stay_as_they_are_and_the_seed_decides(batch):
    before = batch[0].clone()
    first, _ = augmented(AugmentConfig(), batch, seed=3)
    again, _ = augmented(AugmentConfig(), batch, seed=3)
    other, _ = augmented(AugmentConfig(), batch, seed=4)
    assert torch.equal(batch[0], before)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_lost_lead_takes_all_its_channels_and_no_other_lead(batch):
    x, _ = augmented(replace(OFF, lead_dropout=0.5), batch)
    zero = (x == 0).all(dim=2)  # channels 0 and 2 are lead 0, 1 and 3 lead 1
    assert torch.equal(zero[:, :2], zero[:, 2:])
    assert not zero.all(dim=1).any()
    assert 0.25 < float(zero.any(dim=1).float().mean()) < 0.75
    assert torch.equal(x[~zero], batch[0][~zero])


@pytest.mark.parametrize("beats", [64, 7])
def test_only_the_asked_beats_are_copied(batch, beats):
    rows = torch.randperm(64, generator=torch.Generator().manual_seed(2))[:beats]
    augment = Augment(OFF, samples=50, leads=2, device=CPU, seed=0)
    augment(*batch, ALL)
    x, context = augment(*batch, rows)
    assert torch.equal(x, batch[0][rows])
    assert torch.equal(context, batch[1][rows])


def test_a_step_makes_no_new_large_tensor(batch):
    augment = Augment(AugmentConfig(lead_dropout=0.1), samples=50, leads=2, device=CPU, seed=0)
    places = {augment(*batch, ALL)[0].data_ptr() for _ in range(30)}
    assert len(places) <= 2  # moved or not
    with torch.profiler.profile(profile_memory=True) as profile:
        augment(*batch, ALL)
    taken = max(event.self_cpu_memory_usage for event in profile.events())
    assert taken < batch[0].nbytes / 2
