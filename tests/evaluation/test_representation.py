from dataclasses import replace

import pytest

from data_prep.beats.beat_spec import BeatSpec
from data_prep.dsp.signal_spec import SignalSpec
from ecg_nas.evaluation import representation as representation_of
from search_spaces import Architecture, ArchitectureError
from search_spaces.ecg1d import REPRESENTATION

SIGNAL = SignalSpec(fs_hz=250.0)


def beat_spec(signal, representation, fixed=None):
    network = Architecture(
        space="ecg1d", ops=(), edges=(), representation=tuple(representation.items())
    )
    return representation_of.beat_spec(signal, network, fixed or {})


def test_every_option_of_the_space_is_understood_and_makes_a_difference():
    for gene, options in REPRESENTATION.items():
        assert len({beat_spec(SIGNAL, {gene: option}) for option in options}) == len(options)


def test_names_become_figures():
    wide = beat_spec(SIGNAL, {"window": "wide", "rr": "local", "reference_beat": "on"})
    assert wide == BeatSpec(
        signal=SIGNAL, before_s=1.0, after_s=1.0, rhythm="local", reference_beat=True
    )
    assert beat_spec(SIGNAL, {"window": "neighbours"}).channels == 6
    assert beat_spec(SIGNAL, {"scale": "window"}) == replace(beat_spec(SIGNAL, {}), scale="window")


@pytest.mark.parametrize(
    ("representation", "named"), [({"colour": "red"}, "colour"), ({"rr": "lunar"}, "patient")]
)
def test_unknown_names_are_refused(representation, named):
    with pytest.raises(ArchitectureError, match=named):
        beat_spec(SIGNAL, representation)


def test_every_option_is_a_beat_of_its_own():
    for gene, options in representation_of.OPTIONS.items():
        assert len({beat_spec(SIGNAL, {gene: option}) for option in options}) == len(options)


def test_what_is_fixed_wins():
    assert beat_spec(SIGNAL, {"rr": "local"}, {"rr": "all"}) == beat_spec(SIGNAL, {"rr": "all"})
    assert beat_spec(SIGNAL, {"rr": "local"}, {"causal": "on"}).causal
