"""Kept features against features computed when asked for, and what a crash or a change leaves behind."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from training.data.feature_cache import PROGRESS, Budget, Column, Features
from wikiclip.base.errors import WikiClipError

COLUMNS = (
    Column(name="vector", shape=(3,), dtype="float32", always=True),
    Column(name="patches", shape=(2, 2), dtype="float16"),
    Column(name="tokens", shape=(2,), dtype="float16", most=5),
    Column(name="flag", shape=(), dtype="bool", always=True),
)


def made(rows):
    return {
        "vector": np.stack([np.full(3, row, np.float32) for row in rows]),
        "patches": np.stack([np.full((2, 2), row + 0.5, np.float16) for row in rows]),
        "tokens": [np.full((row % 6, 2), row, np.float16) for row in rows],
        "flag": rows % 2 == 0,
    }


def features(*, rows=20, budget=10**9, key="k", make=made, step=4):
    return Features("t", key, rows=rows, columns=COLUMNS, make=make, budget=Budget(budget), step=step)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("WIKICLIP_HOME", str(tmp_path))
    return tmp_path


def check(found, rows):
    wanted = made(np.array(rows))
    for name in ("vector", "patches", "flag"):
        assert np.array_equal(found.get(name, np.array(rows)), wanted[name])
    tokens = found.get("tokens", np.array(rows))
    assert len(tokens) == len(rows)
    assert all(np.array_equal(a, b) for a, b in zip(tokens, wanted["tokens"], strict=True))


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 30), st.integers(1, 9), st.sampled_from([0, 60, 10**9]), st.data())
def test_whatever_is_kept_the_rows_are_the_same(size, step, budget, data):
    rows = data.draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=8))
    check(features(rows=size, step=step, budget=budget, key=[size, step]), rows)


def test_the_budget_decides_what_is_kept_in_the_order_of_the_columns():
    budget = Budget(200)
    found = Features("t", 1, rows=20, columns=COLUMNS, make=made, budget=budget)
    assert [column.name for column in found.kept] == ["vector", "patches", "flag"]
    assert budget.left == 200 - 20 * 8
    assert "tokens 0.00 GB computed when needed" in str(found)


def test_features_that_were_cut_off_are_continued():
    def failing(rows):
        if rows[0] >= 8:
            raise KeyboardInterrupt
        return made(rows)

    with pytest.raises(KeyboardInterrupt):
        features(make=failing).fill()
    asked = []

    def counting(rows):
        asked.extend(rows.tolist())
        return made(rows)

    again = features(make=counting)
    with (again.folder / "tokens.values").open("ab") as file:
        file.write(b"left behind by a crash")
    check(again, [0, 7, 8, 19])
    assert asked == list(range(8, 20))
    check(features(make=lambda rows: pytest.fail("nothing is left to do")), range(20))


def test_another_key_is_another_folder_and_nothing_stale_is_read():
    features(key="first").fill()
    other = features(key="second", make=lambda rows: {**made(rows), "vector": np.zeros((len(rows), 3))})
    assert not other.get("vector", np.arange(20)).any()
    check(features(key="first"), [3])


@pytest.mark.parametrize("change", ["key", "short", "progress"])
def test_a_folder_that_was_changed_is_refused(change):
    found = features()
    found.fill()
    if change == "key":
        (found.folder / "key.json").write_text("{}")
    elif change == "short":
        os.truncate(found.folder / "vector.values", 100)
    else:
        (found.folder / PROGRESS).write_text("21")
    with pytest.raises(WikiClipError, match="remove"):
        features().fill()


def test_a_disk_that_is_too_small_is_named_before_the_work():
    huge = (Column(name="vector", shape=(2**50,), dtype="float32", always=True),)
    with pytest.raises(WikiClipError, match="GB are free"):
        Features("huge", 1, rows=10**6, columns=huge, make=made, budget=Budget(0)).fill()


CHILD = """
import sys, time
from tests.training.data.test_feature_cache import features, made
def slow(rows):
    time.sleep(0.15)
    return made(rows)
features(rows=400, make=slow).fill()
"""


@pytest.mark.slow
def test_kill_9_loses_no_more_than_a_step(home):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(["", *sys.path])}
    child = subprocess.Popen([sys.executable, "-c", CHILD], env=environment)
    progress = features(rows=400).folder / PROGRESS
    while not progress.exists() or json.loads(progress.read_text()) < 40:
        assert child.poll() is None
        time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    child.wait()
    done = json.loads(progress.read_text())
    asked = []

    def counting(rows):
        asked.extend(rows.tolist())
        return made(rows)

    check(features(rows=400, make=counting), range(400))
    assert 40 <= done < 400
    assert asked == list(range(done, 400))
