"""What is said before long work starts, from rates that were measured."""

import copy
import re
import time

import numpy as np
import pytest
import torch

from tests.training.learn.test_trainer import EVERYTHING, same
from tests.training.small import small_encoder, small_samples
from training.learn.trainer import Trainer, train
from training.pace import LEAST, SAMPLE, WARM, foretell, foretell_steps


def test_a_rate_is_measured_on_a_few_that_lie_evenly(capsys: pytest.CaptureFixture[str]) -> None:
    worked: list[int] = []

    def work(some: np.ndarray) -> None:
        worked.extend(some.tolist())
        time.sleep(0.002 * len(some))

    foretell("Looking", np.arange(100, 60_100), "pictures", work)
    assert len(worked) == WARM + SAMPLE
    assert (worked[0], worked[-1]) == (100, 60_099)
    assert max(np.diff(worked)) < 3_000
    said = capsys.readouterr().err
    told = re.fullmatch(r"Looking: 60,000 pictures will take about (\d+) min, at ([\d,.]+) pictures a second\.\n", said)
    assert told is not None, said
    assert int(told[1]) >= 2  # a sleep is never shorter
    assert float(told[2].replace(",", "")) <= 500


def test_of_few_nothing_is_said_and_none_is_worked_on_twice(capsys: pytest.CaptureFixture[str]) -> None:
    foretell("Looking", np.arange(LEAST - 1), "pictures", pytest.fail)
    foretell_steps(3, pytest.fail)
    assert capsys.readouterr().err == ""


def test_slow_steps_are_told_by_their_seconds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter((0.0, 24.0))
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    taken: list[int] = []
    foretell_steps(600, taken.append)
    assert sum(taken) == 3
    assert capsys.readouterr().err == "Training: 600 steps will take about 2 h, at 12.0 s for each.\n"


def test_steps_that_are_tried_leave_no_trace() -> None:
    plain, tried, samples = small_encoder(), small_encoder(), small_samples()
    train(plain, samples, EVERYTHING)
    trainer = Trainer(tried, samples, EVERYTHING)
    before = torch.random.get_rng_state()
    trainer.try_steps(3)
    assert torch.equal(torch.random.get_rng_state(), before)
    for step in range(EVERYTHING.steps):
        if step == 11:
            state = copy.deepcopy(trainer.state())
            trainer.try_steps(2)
            assert trainer.step == state["step"]
        trainer.take_step()
    trainer.finish()
    assert same(plain, tried)
