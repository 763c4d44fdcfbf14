"""Commands that are killed, and what the command that kills them would find."""

import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from benchmarks.kills.__main__ import NAMES, kill
from benchmarks.kills.checking import (
    State,
    Wrong,
    expect_content,
    expect_let_go,
    expect_nothing_left,
    expect_one_of,
    read_state,
)
from benchmarks.kills.processes import open_starter
from indexer.assemble import assemble
from indexer.embedding.plan import Plan, open_workshop
from indexer.kb.record import Entity
from indexer.kinds import kind_of
from indexer.version import Version, only_builder, publish, version_ids
from tests.indexer.conftest import write_chunks
from wikiclip.base.files import remove_folder

CONTENT = {f"e{number}": f"text {number}" for number in range(8)}


def published(home: Path, content: Mapping[str, str], *, twice: str | None = None) -> Version:
    """A version of these entities, one of them twice if one is named."""
    ids = [*content, *([] if twice is None else [twice])]
    plan = Plan(
        knowledge_base="test",
        records=repr(ids),
        image_root=None,
        model_name="tiny",
        model_fingerprint="f" * 64,
        dimension=16,
    )
    workshop = open_workshop(plan, home)
    entities = [Entity(entity_id=name, title=f"T {name}", text=content[name]) for name in ids]
    chunks = write_chunks(workshop, np.eye(len(ids), 16, dtype=np.float32), np.arange(len(ids)), entities)
    version = publish(*assemble(workshop, chunks, plan, kind_of("exact-fp16")), home)
    remove_folder(workshop)
    return version


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_entity_is_there_once_after_twenty_kills(tmp_path: Path) -> None:
    with open_starter() as starter:
        seen = kill(starter, 20, 0, tmp_path / "kills")
    assert seen.failures == {}
    assert len(seen.kills) == 20
    assert {one.command for one in seen.kills} == set(NAMES)
    assert {one.done for one in seen.kills} == {False, True}
    assert not list((tmp_path / "kills").iterdir())


def test_an_entity_that_is_there_once_is_right(tmp_path: Path) -> None:
    published(tmp_path, CONTENT)
    expect_content(tmp_path, CONTENT)
    expect_nothing_left(tmp_path)
    expect_let_go(tmp_path)


def test_an_entity_that_is_there_twice_is_found(tmp_path: Path) -> None:
    published(tmp_path, CONTENT, twice="e3")
    with pytest.raises(Wrong, match="e3 is there 2 times"):
        expect_content(tmp_path, CONTENT)


def test_an_entity_that_is_missing_is_found(tmp_path: Path) -> None:
    published(tmp_path, {name: text for name, text in CONTENT.items() if name != "e3"})
    with pytest.raises(Wrong, match="e3 is missing"):
        expect_content(tmp_path, CONTENT)


@pytest.mark.parametrize("held", [{"e3": "what it was"}, {"e9": "what is gone"}])
def test_an_entity_as_it_was_before_and_one_that_is_gone_are_found(tmp_path: Path, held: dict[str, str]) -> None:
    published(tmp_path, CONTENT | held)
    with pytest.raises(Wrong, match=f"{next(iter(held))} is not as it should be"):
        expect_content(tmp_path, CONTENT)


def test_a_version_that_is_listed_and_not_whole_is_found(tmp_path: Path) -> None:
    published(tmp_path, CONTENT)
    published(tmp_path, {**CONTENT, "e9": "more"})
    assert len(read_state(tmp_path).versions) == 2
    entities = tmp_path / "versions" / version_ids(tmp_path)[1] / "shards" / "00000" / "entities.arrow"
    entities.write_bytes(entities.read_bytes()[:-1])
    with pytest.raises(Wrong, match=r"entities\.arrow is not of the size"):
        read_state(tmp_path)


def test_a_folder_is_as_before_or_as_after_and_nothing_between(tmp_path: Path) -> None:
    states = [read_state(tmp_path)]
    for number in range(3):
        published(tmp_path, {**CONTENT, f"e9{number}": "more"})
        states.append(read_state(tmp_path))
    nothing, _, before, after = states
    for state in (before, after):
        expect_one_of(state, before, after, removes=False)
    mixed = State(after.versions, before.current)
    for state in (nothing, mixed):
        with pytest.raises(Wrong, match="neither before nor after"):
            expect_one_of(state, before, after, removes=False)


def test_a_prune_may_have_removed_some_and_never_what_stays(tmp_path: Path) -> None:
    for number in range(3):
        published(tmp_path, {**CONTENT, f"e9{number}": "more"})
    before = read_state(tmp_path)
    oldest, middle, newest = before.versions
    after = State((newest,), 0)
    expect_one_of(State((middle, newest), 1), before, after, removes=True)
    for state in (State((oldest, middle), 1), State((newest, middle), 0), State((middle, newest), 0)):
        with pytest.raises(Wrong, match="neither before nor after"):
            expect_one_of(state, before, after, removes=True)


@pytest.mark.parametrize("left", ["CURRENT.partial", "versions/.x.removed", "building/x", "versions/x"])
def test_what_is_left_behind_is_found(tmp_path: Path, left: str) -> None:
    published(tmp_path, CONTENT)
    (tmp_path / left).mkdir()
    with pytest.raises(Wrong, match=f"{left} is left behind"):
        expect_nothing_left(tmp_path)


def test_a_folder_that_is_held_is_found(tmp_path: Path) -> None:
    with only_builder(tmp_path), pytest.raises(Wrong, match="holds the folder"):
        expect_let_go(tmp_path)


STEPS = """
import json, shutil, sys
from pathlib import Path
from benchmarks.kills.steps import count_steps

home, kill_before = Path(sys.argv[1]), json.loads(sys.argv[2])
steps = count_steps(home, kill_before=kill_before)
(home / "a").mkdir()
(home / "a" / "b").write_text("b")
(home / "a").rename(home / "c")
Path(sys.argv[3]).read_bytes()
shutil.rmtree(home / "c")
print("\\n".join(steps))
"""


def test_a_process_ends_before_the_step_of_a_number(tmp_path: Path) -> None:
    def ended(name: str, kill_before: str) -> subprocess.CompletedProcess[str]:
        home = tmp_path / name
        home.mkdir()
        command = [sys.executable, "-c", STEPS, str(home), kill_before, __file__]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    steps = ended("unbroken", "null").stdout.splitlines()
    assert steps[:3] == ["os.mkdir a", "open a/b", "os.rename a c"]
    assert "os.remove b" in steps
    assert steps[-1].startswith("os.rmdir")
    for number, left in ((0, []), (1, ["a"]), (2, ["a", "a/b"]), (3, ["c", "c/b"]), (len(steps) - 1, ["c"])):
        name = str(number)
        assert ended(name, name).returncode == -signal.SIGKILL
        assert sorted(path.relative_to(tmp_path / name).as_posix() for path in (tmp_path / name).rglob("*")) == left
