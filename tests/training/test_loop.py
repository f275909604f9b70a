import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from ecg_nas.errors import ConfigError
from ecg_nas.metrics.classification import confusion, macro_f1
from ecg_nas.training.config import AugmentConfig, TrainConfig
from ecg_nas.training.isolation import OwnRandomness
from ecg_nas.training.loop import DivergedError, Training, predict, train
from ecg_nas.training.recipe import Average

CONFIG = TrainConfig(epochs=12, batch=16, learning_rate=2e-2, keep_every=2)


def weights(module):
    return torch.cat([t.flatten().float() for t in module.state_dict().values()])


def test_it_learns_beats_it_has_not_seen(beats, small_net):
    rows = np.arange(len(beats.labels))
    module = train(small_net, beats, rows[::2], CONFIG, seed=0)
    held_out = rows[1::2]
    predicted = predict(module, beats, held_out)
    assert macro_f1(confusion(beats.labels[held_out], predicted, 5), beats.task) > 0.85


def test_a_seed_gives_the_same_bits_and_another_seed_others(beats, small_net):
    rows = np.arange(len(beats.labels))
    config = replace(CONFIG, epochs=2)
    first = weights(train(small_net, beats, rows, config, seed=5))
    torch.manual_seed(99)
    torch.set_num_threads(2)
    try:
        again = weights(train(small_net, beats, rows, config, seed=5))
    finally:
        torch.set_num_threads(1)
    assert torch.equal(first, again)
    assert not torch.equal(first, weights(train(small_net, beats, rows, config, seed=6)))


def test_torch_is_left_as_it_was(beats, small_net):
    torch.manual_seed(7)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    module = train(small_net, beats, np.arange(64), replace(CONFIG, epochs=1), seed=0)
    predict(module, beats, np.arange(64))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads


def test_inside_there_is_one_thread():
    with OwnRandomness(0, torch.device("cpu")).active():
        assert torch.get_num_threads() == 1


def test_threads_do_not_draw_from_each_others_numbers():
    def draw(seed):
        with OwnRandomness(seed, torch.device("cpu")).active():
            first = torch.rand(3)
            time.sleep(0.01)
            return torch.cat([first, torch.rand(3)])

    alone = [draw(seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        for numbers, expected in zip(pool.map(draw, range(4)), alone, strict=True):
            assert torch.equal(numbers, expected)


def test_only_the_given_rows_are_used(beats, small_net):
    rows = np.arange(0, len(beats.labels), 3)
    x = torch.full_like(beats.x, torch.nan)
    x[rows] = beats.x[rows]
    spoilt = replace(beats, x=x)
    config = replace(CONFIG, epochs=1)
    whole = weights(train(small_net, beats, rows, config, seed=0))
    assert torch.equal(weights(train(small_net, spoilt, rows, config, seed=0)), whole)


def test_a_loss_that_is_not_finite_is_an_error(beats, small_net):
    spoilt = replace(beats, x=beats.x * torch.inf)
    with pytest.raises(DivergedError, match="epoch 1"):
        train(small_net, spoilt, np.arange(200), CONFIG, seed=0)


def test_an_output_that_is_not_finite_is_an_error(beats, small_net):
    module = small_net()
    nn.init.constant_(module.head[-1].weight, torch.nan)
    with pytest.raises(DivergedError, match="output"):
        predict(module, beats, np.arange(10))


def test_averaged_weights_follow_the_live_ones_slowly():
    module = nn.BatchNorm1d(3)
    average = Average([*module.parameters(), *module.buffers()], 0.9)
    expected = torch.ones(3)
    for step in range(1, 200):
        with torch.no_grad():
            module.weight.fill_(step)
            module.running_mean.fill_(step)
        average.update()
        expected = expected.lerp(torch.full((3,), float(step)), 1 - min(0.9, step / (step + 9)))
    average.apply()
    assert torch.allclose(module.weight, expected)
    assert 185 < float(module.running_mean[0]) < 195
    assert int(module.num_batches_tracked) == 0


def test_averaging_changes_the_result(beats, small_net):
    rows = np.arange(100)
    config = replace(CONFIG, epochs=1)
    last = weights(train(small_net, beats, rows, config, seed=0))
    assert not torch.equal(
        last, weights(train(small_net, beats, rows, replace(config, ema=0.9), seed=0))
    )


def test_epochs_are_reported_with_a_falling_loss(beats, small_net):
    losses = []
    rows = np.arange(len(beats.labels))
    train(small_net, beats, rows, CONFIG, seed=0, on_epoch=lambda _, loss: losses.append(loss))
    assert len(losses) == CONFIG.epochs
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize(
    ("field", "value"), [("epochs", 0), ("learning_rate", 0.0), ("warmup", 1.0), ("ema", -0.1)]
)
def test_impossible_settings_are_refused(field, value):
    with pytest.raises(ConfigError, match=field):
        TrainConfig(**{field: value})


def test_impossible_augmentation_is_refused():
    with pytest.raises(ConfigError, match=r"augment\.noise"):
        AugmentConfig(noise=-1)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_trains_with_the_same_code(beats, small_net):
    cuda = torch.device("cuda")
    moved = replace(beats, x=beats.x.to(cuda), context=beats.context.to(cuda), y=beats.y.to(cuda))
    rows = np.arange(len(beats.labels))
    predicted = predict(train(small_net, moved, rows, CONFIG, seed=0), moved, rows)
    assert macro_f1(confusion(beats.labels, predicted, 5), beats.task) > 0.85


def test_trainings_side_by_side_are_those_one_after_the_other(beats, small_net):
    """Dropout draws from torch's own generator: each training must have its own state of it."""
    config, rows = replace(CONFIG, epochs=2), np.arange(200)
    pair = [Training(small_net, beats, rows, config, seed=seed) for seed in (1, 2)]
    for _ in range(2):
        for training in pair:
            training.epoch()
    for seed, training in zip((1, 2), pair, strict=True):
        alone = train(small_net, beats, rows, config, seed=seed)
        assert torch.equal(weights(training.finish()), weights(alone))
