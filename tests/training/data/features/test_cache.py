"""Kept features against features computed when asked for, and what a crash or a change leaves behind."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from training import pace
from training.data.features import cache, columns
from training.data.features.cache import STRETCHES, Budget, Features
from training.data.features.columns import Column
from wikiclip.base import files
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


def note(found, stretch=0):
    """How far a stretch has come, column by column."""
    path = found.folder / STRETCHES / f"{stretch:06}.json"
    return json.loads(path.read_text()) if path.exists() else {}


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


class Killed(BaseException):
    """Stands for the end of a process, at whatever place."""


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    size=st.integers(1, 40),
    step=st.integers(1, 9),
    stretch=st.integers(1, 15),
    # Of each process: the bytes that it may keep, and after how many computations or notes of progress it ends.
    lives=st.lists(st.tuples(st.sampled_from([0, 200, 600, 10**9]), st.none() | st.integers(0, 12)), max_size=6),
    data=st.data(),
)
def test_however_budgets_change_and_processes_end_the_rows_are_the_same(size, step, stretch, lives, data):
    key = [size, step, stretch, data.draw(st.uuids()).hex]
    rows = data.draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=8))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache, "STRETCH", stretch)
        for module in (columns, files):  # a power cut is not among the ends, and waiting for the disk takes minutes
            patch.setattr(module, "sync", lambda path: None)
        for budget, left in [*lives, (10**9, None)]:
            mortal = Mortal(left)
            found = features(rows=size, step=step, budget=budget, key=key, make=lambda n, m=mortal: m.spend(made(n)))
            patch.setattr(found._stretches, "note", lambda *n, m=mortal, f=found._stretches.note: f(*m.spend(n)))
            try:
                found.fill()
                mortal.left = None
                check(found, rows)
            except Killed:
                pass
        assert all(set(note(found, number).values()) == {len(found._stretches.rows(number))} for number in
                   range(-(-size // stretch)))  # fmt: skip


class Mortal:
    """Ends after so many deeds; None lives on."""

    def __init__(self, left):
        self.left = left

    def spend(self, deed):
        if self.left is not None:
            if not self.left:
                raise Killed
            self.left -= 1
        return deed


def test_a_folder_is_one_whatever_may_be_kept():
    assert features(budget=0).folder == features().folder


def test_a_column_that_is_granted_later_is_computed_then_and_nothing_is_lost_under_a_smaller_budget():
    asked = []

    def counting(rows):
        asked.append(rows.tolist())
        return made(rows)

    few = features(budget=0, make=counting)
    check(few, [3])
    del asked[:]
    many = features(make=counting)
    many.fill()
    assert list(chain(*asked)) == list(range(20))
    assert note(many) == dict.fromkeys(("vector", "patches", "tokens", "flag"), 20)
    check(features(make=lambda rows: pytest.fail("nothing is left to do")), range(20))
    features(budget=0, make=lambda rows: pytest.fail("nothing is left to do")).fill()
    assert note(many)["patches"] == 20


def test_several_at_once_share_the_stretches_and_each_row_is_computed_once(monkeypatch):
    monkeypatch.setattr(cache, "STRETCH", 5)
    asked = [[], [], []]

    def fill(number):
        def slow(rows):
            asked[number].extend(rows.tolist())
            time.sleep(0.02)
            return made(rows)

        found = features(rows=60, make=slow)
        found.fill()
        return found

    with ThreadPoolExecutor(3) as pool:
        for found in pool.map(fill, range(3)):
            check(found, range(60))
    assert all(asked)
    assert sorted(chain(*asked)) == list(range(60))


def test_what_one_that_ended_held_is_finished_by_the_one_that_waits_for_it(monkeypatch):
    monkeypatch.setattr(cache, "STRETCH", 5)
    holds, end = threading.Event(), threading.Event()

    def ending(rows):
        holds.set()
        assert end.wait(10)
        raise Killed

    def first():
        with pytest.raises(Killed):
            features(make=ending).fill()

    asked = []

    def second(rows):
        asked.extend(rows.tolist())
        if rows[-1] == 19:
            end.set()
        return made(rows)

    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(first)
        assert holds.wait(10)
        check(features(make=second), range(20))
        held.result()
    assert asked == [*range(5, 20), *range(5)], "what is free comes first, what another holds last"


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
    with (again.folder / "tokens.values").open("r+b") as file:
        file.seek(COLUMNS[2].entry_bytes * (16 + 2))  # the rows 0 to 7 have 16 entries; the third after them
        file.write(b"left behind by a crash")
    check(again, [0, 7, 8, 19])
    assert asked == list(range(8, 20))
    check(features(make=lambda rows: pytest.fail("nothing is left to do")), range(20))


def test_another_key_is_another_folder_and_nothing_stale_is_read():
    features(key="first").fill()
    other = features(key="second", make=lambda rows: {**made(rows), "vector": np.zeros((len(rows), 3))})
    assert not other.get("vector", np.arange(20)).any()
    check(features(key="first"), [3])


@pytest.mark.parametrize("change", ["key", "short", "missing", "", "21", '{"vector": 21}', '{"vector": "9"}'])
def test_a_folder_that_was_changed_is_refused(change):
    found = features()
    found.fill()
    if change == "key":
        (found.folder / "key.json").write_text("{}")
    elif change == "short":
        os.truncate(found.folder / "vector.values", 100)
    elif change == "missing":
        (found.folder / "tokens.ends").unlink()
    else:
        (found.folder / STRETCHES / "000000.json").write_text(change)
    with pytest.raises(WikiClipError, match="remove"):
        features().fill()


def test_a_disk_that_is_too_small_is_named_before_the_work():
    huge = (Column(name="vector", shape=(2**50,), dtype="float32", always=True),)
    with pytest.raises(WikiClipError, match="GB are free"):
        Features("huge", 1, rows=10**6, columns=huge, make=made, budget=Budget(0)).fill()


CHILD = """
import sys, time
from tests.training.data.features.test_cache import features, made
def slow(rows):
    time.sleep(0.15)
    return made(rows)
features(rows=400, make=slow).fill()
"""


@pytest.mark.slow
def test_kill_9_loses_no_more_than_a_step_and_who_waits_goes_on(home, monkeypatch):
    monkeypatch.setattr(pace, "LEAST", 1000)  # so that nothing is asked for that is not kept
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(["", *sys.path])}
    child = subprocess.Popen([sys.executable, "-c", CHILD], env=environment)
    while note(features(rows=400)).get("flag", 0) < 40:
        assert child.poll() is None
        time.sleep(0.05)
    asked = []

    def counting(rows):
        asked.extend(rows.tolist())
        return made(rows)

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(check, features(rows=400, make=counting), range(400))
        time.sleep(0.3)
        assert not asked, "the child holds the only stretch"
        before = note(features(rows=400))["flag"]
        child.send_signal(signal.SIGKILL)
        child.wait()
        waiting.result(120)
    assert 40 <= before <= asked[0] < 400
    assert asked == list(range(asked[0], 400))
