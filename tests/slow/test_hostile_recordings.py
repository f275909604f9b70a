"""All recordings that lie about themselves, those among them that take seconds to refuse."""

import pytest
from hostile_recordings import CASES
from hostile_trials import assert_refused, outcomes

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def refusals(tmp_path_factory):
    return outcomes(tmp_path_factory.mktemp("hostile"), list(CASES))


def test_there_are_many():
    assert len(CASES) >= 60


@pytest.mark.parametrize("case", CASES)
def test_a_recording_that_lies_costs_one_line(refusals, case):
    assert_refused(refusals[case])
