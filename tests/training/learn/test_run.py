"""A run's folder: killed anywhere it goes on to the same end, and another run does not go on in it."""

import dataclasses
import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest
import torch

from tests.training.learn.test_trainer import EVERYTHING
from tests.training.small import small_encoder, small_samples
from training.learn.run import LOCK, METRICS, STATE, Run, train_in
from training.learn.trainer import Trainer, train
from wikiclip.base.errors import WikiClipError
from wikiclip.base.locks import locked

STEPS = 240
CONFIG = dataclasses.replace(EVERYTHING, steps=STEPS)
SETTINGS = {"config": dataclasses.asdict(CONFIG)}

CHILD = """
import sys, torch
from pathlib import Path
from tests.training.learn.test_run import run_to_the_end
torch.set_num_threads(1)
run_to_the_end(Path(sys.argv[1]))
"""


def run_to_the_end(folder):
    trainer = Trainer(small_encoder(), small_samples(), CONFIG)
    train_in(Run(folder, SETTINGS), trainer, steps=STEPS, every=7)
    return trainer.encoder


@pytest.mark.slow
def test_killed_at_any_step_it_ends_with_the_weights_of_an_unbroken_run(tmp_path):
    torch.set_num_threads(1)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(["", *sys.path]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", CHILD, str(tmp_path)]
    kills = 0
    for _ in range(5):
        child = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        before = (tmp_path / STATE).stat().st_mtime_ns if (tmp_path / STATE).exists() else 0
        while child.poll() is None:
            state = tmp_path / STATE
            if state.exists() and state.stat().st_mtime_ns != before:
                time.sleep(random.uniform(0, 0.3))
                child.send_signal(signal.SIGKILL)
                break
            time.sleep(0.01)
        kills += child.wait() == -signal.SIGKILL
        if kills == 2:
            break
    assert kills == 2, "the run is too short to be killed"
    done = torch.load(tmp_path / STATE, weights_only=True)["step"]
    assert 0 < done < STEPS
    resumed = run_to_the_end(tmp_path)
    unbroken = small_encoder()
    train(unbroken, small_samples(), CONFIG)
    assert all(torch.equal(a, b) for a, b in zip(resumed.parameters(), unbroken.parameters(), strict=True))
    lines = [json.loads(line) for line in (tmp_path / METRICS).read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, STEPS + 1))
    assert {"loss", "gradient_norm", "scale", "learning_rate", "seconds"} <= lines[0].keys()


def test_a_finished_run_is_not_run_again(tmp_path):
    first = run_to_the_end(tmp_path)
    before = (tmp_path / METRICS).read_text()
    again = run_to_the_end(tmp_path)
    assert (tmp_path / METRICS).read_text() == before
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert list((tmp_path / "tensorboard").glob("events.*"))


def test_another_run_does_not_go_on_in_the_folder(tmp_path):
    Run(tmp_path, {"seed": 0})
    with pytest.raises(WikiClipError, match="other settings"):
        Run(tmp_path, {"seed": 1})
    (tmp_path / STATE).write_bytes(b"of the first")
    assert Run(tmp_path, {"seed": 1}, fresh=True).state() is None


def test_one_process_at_a_time_trains_in_a_folder(tmp_path):
    run = Run(tmp_path, SETTINGS)
    (tmp_path / STATE).write_bytes(b"of who trains")
    with locked(tmp_path / LOCK):
        with pytest.raises(WikiClipError, match="Another process trains in"):
            train_in(run, Trainer(small_encoder(), small_samples(), CONFIG), steps=STEPS, every=7)
        with pytest.raises(WikiClipError, match="Another process trains in"):
            Run(tmp_path, SETTINGS, fresh=True)
    assert (tmp_path / STATE).read_bytes() == b"of who trains"


@pytest.mark.parametrize("content", [b"", b"not a state", b"PK\x03\x04 cut off"])
def test_a_state_that_cannot_be_read_is_named(tmp_path, content):
    run = Run(tmp_path, {})
    (tmp_path / STATE).write_bytes(content)
    with pytest.raises(WikiClipError, match=r"state\.pt cannot be read"):
        run.state()
