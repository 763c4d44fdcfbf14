import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from indexer.build import expect_options_that_fit
from indexer.building.choice import Choice
from indexer.building.job import Job
from indexer.bundles.pull import Pull
from indexer.bundles.push import Push
from indexer.bundles.remote import Remote
from indexer.bundles.traffic import Traffic
from indexer.embedding.chunks import stored_numbers
from indexer.embedding.executors.executor import ExecutorName
from indexer.embedding.executors.local import Local
from indexer.embedding.executors.part import InParts, Part
from indexer.embedding.plan import PLAN, make_plan, open_workshop, workshop_of
from indexer.errors import IndexBusy
from indexer.kb.jsonl import JsonLines
from indexer.search import EntityIndex
from indexer.version import only_builder, read_version
from tests.indexer.conftest import assert_same_versions
from tests.indexer.embedding.executors.conftest import CHUNKS, ENTITIES, PROBLEMS, expect_tags_and_words
from wikiclip.base.errors import WikiClipError
from wikiclip.model import WikiClip

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.mark.parametrize("text", ["", "1", "0/3", "4/3", "1/0", "-1/3", "1/3/3", "a/b", "1.5/2", " 1/2"])
def test_what_is_no_part_is_refused(text: str):
    with pytest.raises(WikiClipError, match="takes I/N"):
        Part.parse(text)


@pytest.mark.parametrize("of", [1, 2, 3, 7])
def test_each_chunk_is_of_one_part(of: int):
    parts = [Part.parse(f"{number}/{of}") for number in range(1, of + 1)]
    for chunk in range(20):
        assert [part for part in parts if part.has(chunk)] == [parts[0].owner(chunk)]


def ended(part: "subprocess.Popen[str]") -> str:
    said, errors = part.communicate(timeout=500)
    assert part.returncode == 0, errors
    return said


@pytest.mark.slow
def test_parts_of_which_one_is_killed_end_in_the_version_of_one_process(start: Start, local: Path, tmp_path: Path):
    """Two at the same time, the third later; the second is killed half-way and started again."""
    home = tmp_path / "index"
    first, second = start(home, "--part", "1/3"), start(home, "--part", "2/3")
    while not (workshops := list(home.glob("building/*/plan.json"))) or len(stored_numbers(workshops[0].parent)) < 3:
        assert first.poll() is None or second.poll() is None, first.communicate()
        time.sleep(0.01)
    workshop = workshops[0].parent
    second.send_signal(signal.SIGKILL)
    second.wait()
    assert not (home / "CURRENT").exists()

    third = start(home, "--part", "3/3")
    assert "chunks are missing, of part" in ended(first)
    assert "part 2/3." in ended(third), "the third was never killed"
    before = stored_numbers(workshop)
    assert before.issuperset(n for n in range(CHUNKS) if n % 3 != 1)
    assert before != set(range(CHUNKS))
    assert not (home / "CURRENT").exists()

    assert f"{ENTITIES} entities" in ended(start(home, "--part", "2/3"))
    made = read_version(home)
    assert_same_versions(made, read_version(local))
    assert (made.manifest.counts.entities, made.manifest.counts.problems) == (ENTITIES, PROBLEMS)
    index = EntityIndex.open(home)
    assert {index.entity(f"Q{n}").title for n in (0, 7, 210, 319)} == {"heron 0", "heron 7", "egret", "heron 319"}
    assert list((home / "building").iterdir()) == []

    expect_tags_and_words(index, EntityIndex.open(local))
    Push(Remote(str(tmp_path / "remote")), Traffic(), key=None).version(made, None, current=True)
    Pull(Remote(str(tmp_path / "remote")), tmp_path / "there", Traffic(), key=None).version()
    shutil.rmtree(home)
    expect_tags_and_words(EntityIndex.open(tmp_path / "there"), EntityIndex.open(local))


@pytest.fixture
def in_part(birds: Path, model: WikiClip, tmp_path: Path):
    """A knowledge base of four chunks, and its parts."""
    kb = JsonLines(birds)
    plan = make_plan(kb, model, chunk_records=2)

    def make(part: str, **options: bool) -> bool:
        return InParts(Part.parse(part), model, "cpu").make(kb, plan, tmp_path, **{"strict": False, **options})

    return make, plan, tmp_path


def test_the_same_part_twice_is_told_so_and_nothing_is_lost(in_part, capsys):
    make, plan, home = in_part
    workshop = workshop_of(plan, home)
    with InParts(Part(1, 2), None, "cpu")._alone(_made(workshop)), pytest.raises(IndexBusy, match=r"makes part 1/2"):
        make("1/2")
    assert make("1/2") is False
    assert "2 of 4 chunks are missing, of part 2/2" in capsys.readouterr().out
    assert make("1/2") is False
    assert make("2/2") is True


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def test_parts_of_another_number_stand_beside_them(in_part, capsys):
    make, plan, home = in_part
    assert make("1/2") is False
    assert make("4/4") is False
    assert "1 of 4 chunks are missing, of part 2/4" in capsys.readouterr().out
    assert make("2/4") is True
    assert stored_numbers(workshop_of(plan, home)) == {0, 1, 2, 3}


def test_a_workshop_of_another_plan_is_refused(in_part):
    make, plan, home = in_part
    (open_workshop(plan, home) / PLAN).write_text("{}")
    with pytest.raises(WikiClipError, match="holds another plan"):
        make("1/2")


def test_a_part_does_not_wait_for_who_publishes_something_else_before_its_chunks_are_made(in_part):
    make, _, home = in_part
    with only_builder(home):
        assert make("1/1") is True


def test_parts_of_another_plan_in_the_same_folder_are_told_of(in_part, birds: Path, model: WikiClip, capsys):
    make, plan, home = in_part
    make("1/2")
    os.utime(birds.with_name("red.png"), (1, 1))  # a copy that did not keep its date
    kb = JsonLines(birds)
    other = make_plan(kb, model, chunk_records=2)
    capsys.readouterr()
    assert InParts(Part(2, 2), model, "cpu").make(kb, other, home, strict=False) is False
    assert f"{workshop_of(plan, home)} holds parts of another plan: its records differ." in capsys.readouterr().err


def test_chunks_that_machines_made_in_folders_of_their_own_are_put_together_by_copying(
    birds: Path, model: WikiClip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    kb = JsonLines(birds)
    plan = make_plan(kb, model, chunk_records=2)
    here, there = tmp_path / "here", tmp_path / "there"
    for number, home in ((1, here), (2, there)):
        assert InParts(Part(number, 2), model, "cpu").make(kb, plan, home, strict=False) is False
    for chunk in (workshop_of(plan, there) / "chunks").iterdir():
        shutil.copytree(chunk, workshop_of(plan, here) / "chunks" / chunk.name)
    monkeypatch.delattr(WikiClip, "prepare_entity")  # so that nothing can be embedded
    job = Job(source=kb, choice=Choice("auto", 2**30), home=here, strict=False, force=False, model=model)
    job.finish(plan, Local(model, "cpu"))
    assert read_version(here).manifest.counts.entities == 5


def test_what_parts_cannot_do_is_refused(in_part, birds: Path, model: WikiClip):
    _, plan, home = in_part
    job = Job(source=JsonLines(birds), choice=Choice("auto", 2**30), home=home, strict=False, force=True, model=model)
    with pytest.raises(WikiClipError, match="--force embeds everything again, which parts cannot"):
        job.is_embedded(plan)
    with pytest.raises(WikiClipError, match="--part is for machines without Ray"):
        expect_options_that_fit(ExecutorName.RAY, Part(1, 2), None)
    with pytest.raises(WikiClipError, match="add --executor ray"):
        expect_options_that_fit(ExecutorName.LOCAL, None, "head:6379")
