"""Steps of a job: those that are done are passed over, and events say how far it is."""

from functools import partial

import pytest

from ecg_nas.pipeline.step import Step, never, run_steps


class Job:
    """Three steps that leave their names in ``made``."""

    def __init__(self, *made):
        self.made, self.ran, self.events = list(made), [], []

    def steps(self):
        for name in ("first", "second", "third"):
            yield Step(
                name=name,
                text=f"doing the {name}",
                done=partial(self.made.__contains__, name),
                run=partial(self.do, name),
            )

    def do(self, name, on_event):
        on_event({"event": "stage", "text": f"more of the {name}"})
        on_event({"event": "fold", "fold": 1})
        self.ran.append(name)
        self.made.append(name)

    def run(self, on_event=None):
        run_steps(self.steps(), on_event or self.events.append, total=3)


def test_steps_run_in_order_and_their_stages_are_numbered():
    job = Job()
    job.run()
    assert job.ran == ["first", "second", "third"]
    stages = [event for event in job.events if event["event"] == "stage"]
    assert [event["step"] for event in stages] == [1, 1, 2, 2, 3, 3]
    assert {event["steps"] for event in job.events} == {3}
    assert stages[0]["text"] == "doing the first"
    assert {"event": "fold", "fold": 1, "step": 2, "steps": 3} in job.events


def test_what_is_done_is_passed_over_and_counted():
    job = Job("first", "third")
    job.run()
    assert job.ran == ["second"]
    assert {event["step"] for event in job.events if event["event"] == "stage"} == {2}
    job.events.clear()
    job.run()
    assert job.events == []


def test_a_job_that_was_stopped_goes_on_with_the_step_that_it_was_in():
    job = Job()

    def stop(event):
        if event.get("text") == "more of the second":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        job.run(stop)
    job.run()
    assert job.ran == ["first", "second", "third"]


def test_a_step_that_is_never_done_runs_every_time():
    ran = []
    events = []
    step = Step(name="look", done=never, run=ran.append)
    for _ in range(2):
        run_steps([step], events.append, total=1)
    assert len(ran) == 2
    assert events == []  # it has no text
