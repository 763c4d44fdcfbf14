"""What is found by tags and words here is found there, whatever became of the version before it was pulled."""

import json
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from indexer import build, update, versions
from indexer.errors import CorruptIndex
from indexer.records.records import Records
from indexer.records.tag_filter import TagFilter
from indexer.records.tag_table import TAGS
from indexer.search import EntityIndex
from indexer.version import read_version, version_ids
from indexer.words.file import FILE
from tests.indexer.conftest import spoil

FILTERS = [
    None,
    TagFilter.of(any=["bird"]),
    TagFilter.of(any=["bird", "plant"], none=["Finland"]),
    TagFilter.of(all=["plant", "Finland"]),
    TagFilter.of(none=["bird"]),
    TagFilter.of(any=["unknown"]),
]
QUESTIONS = ["bird", "Vogel 1", "vogel", "reeds", "number 3", "neu"]


def run(app, *arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None:
        raise result.exception
    return result.output


def line(number: int, *, title: str = "") -> str:
    kind = ("bird", "plant")[number % 2]
    record = {
        "entity_id": f"Q{number}",
        "title": title or f"{kind} {number}",
        "text": f"A {kind} of the number {number % 4}, seen in the reeds." if number % 3 else "",
        "aliases": [f"{'Vogel' if kind == 'bird' else 'Pflanze'} {number}"],
        "tags": [kind, "Finland"] if number % 5 == 0 else [kind],
        "images": ["green.png"] if number == 4 else [],
    }
    return json.dumps(record) + "\n"


@pytest.fixture(scope="module")
def built(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build, and an update with records that are new, replaced and gone: two shards."""
    folder = tmp_path_factory.mktemp("tagged")
    Image.new("RGB", (40, 30), "green").save(folder / "green.png")
    records, changes, gone = folder / "records.jsonl", folder / "changes.jsonl", folder / "gone.txt"
    records.write_text("".join(line(number) for number in range(30)))
    changes.write_text(line(40, title="Neuntöter") + line(2, title="plain 2"))
    gone.write_text("Q7\n")
    home = folder / "index"
    run(
        build.app,
        "--kb",
        "jsonl",
        "--records",
        records,
        "--images",
        folder,
        "--model",
        checkpoint,
        "--out",
        home,
    )
    run(update.app, "--records", changes, "--delete", gone, "--model", checkpoint, "--out", home)
    return home


@pytest.fixture
def here(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "here"))


@pytest.fixture
def there(here: Path, tmp_path: Path) -> Path:
    """Pulled by the commands from what others pushed, with both versions."""
    home, remote = tmp_path / "there", tmp_path / "remote"
    for version in (*version_ids(here)[::-1],):
        run(versions.app, "push", remote, version, "--out", here, "--no-model")
        run(versions.app, "pull", remote, "--out", home, "--no-model")
    return home


def found(home: Path, version: str | None = None) -> list[object]:
    """All that can be asked of an index by tags and words."""
    index = EntityIndex.open(home, version=version)
    queries_BM = np.stack([index.vector(f"Q{number}") for number in (1, 2, 29)]).astype(np.float32)
    answers: list[object] = [index.tags.listed(10), len(index)]
    for tags in FILTERS:
        answers.append([[(one.entity, one.score) for one in best] for best in index.search(queries_BM, 10, tags=tags)])
        answers.append((index.entities_titled("", 100, tags=tags), index.count_titled("", tags=tags)))
        for question in QUESTIONS:
            page = index.entities_holding(question, 100, tags=tags)
            answers.append([(each.entity, each.tier) for each in page.found])
    return answers


def ids(entities: Sequence[object]) -> set[str]:
    return {each.entity_id for each in entities}  # type: ignore[attr-defined]


def test_what_was_pulled_is_found_by_tags_and_words(here: Path, there: Path):
    expected = found(here)
    shutil.rmtree(here)
    assert found(there) == expected
    index = EntityIndex.open(there)
    living = {n for n in (*range(30), 40) if n != 7}
    birds = {f"Q{n}" for n in living if n % 2 == 0}
    (best,) = index.search(index.vector("Q1")[None].astype(np.float32), 100, tags=TagFilter.of(any=["bird"]))
    assert {one.entity.entity_id for one in best} == birds, "a plant asks, and birds alone are found"
    assert ids([each.entity for each in index.entities_holding("vogel", 100).found]) == birds
    assert ids([each.entity for each in index.entities_holding("neuntot").found]) == {"Q40"}
    both = index.entities_holding("vogel", 100, tags=TagFilter.of(any=["Finland"])).found
    assert ids([each.entity for each in both]) == {"Q0", "Q10", "Q20", "Q40"}


def test_versions_that_were_pulled_are_gone_back_to_and_looked_after(here: Path, there: Path):
    newest, oldest = version_ids(there)
    for name in (newest, oldest):
        assert "is whole" in run(versions.app, "verify", name, "--out", there)
        assert found(there, name) == found(here, name)
    run(versions.app, "rollback", "--out", there)
    assert read_version(there).id == oldest
    assert found(there) == found(here, oldest)
    run(versions.app, "prune", "--keep", "0", "--out", there)
    assert version_ids(there) == [oldest]
    assert found(there) == found(here, oldest)


@pytest.mark.parametrize("name", [TAGS, FILE, "words.npy"])
def test_a_damaged_file_of_tags_or_words_is_found_and_mended_by_a_pull(there: Path, tmp_path: Path, name: str):
    version = read_version(there)
    file = version.shards[0] / name
    content = file.read_bytes()
    spoil(file, content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(CorruptIndex, match=name):
        run(versions.app, "verify", "--out", there)
    run(versions.app, "pull", tmp_path / "remote", "--out", there, "--no-model")
    assert file.read_bytes() == content
    run(versions.app, "verify", "--out", there)


def test_who_has_a_version_open_that_is_removed_goes_on_finding(here: Path):
    """Tags are opened when they are asked for first, and words by as many connections as ask at once."""
    oldest = version_ids(here)[-1]
    records = Records(read_version(here, oldest))
    kept = Records(read_version(shutil.copytree(here, here.with_name("kept")), oldest))
    run(versions.app, "prune", "--keep", "0", "--out", here)
    assert not (here / "versions" / oldest).exists()
    tags = TagFilter.of(any=["bird"])
    assert records.count_titled("", tags=tags) == kept.count_titled("", tags=tags) == 15
    assert records.tags.listed(10) == kept.tags.listed(10)
    expected = {question: kept.entities_holding(question, 100, tags=tags) for question in QUESTIONS}
    with ThreadPoolExecutor(8) as pool:
        asked = QUESTIONS * 20
        pages = list(pool.map(lambda question: records.entities_holding(question, 100, tags=tags), asked))
    assert pages == [expected[question] for question in asked]


def test_a_version_whose_pictures_are_elsewhere_has_none(here: Path, there: Path, tmp_path: Path):
    (tmp_path / "pictures").mkdir()
    with_pictures = tmp_path / "with-pictures"
    run(
        versions.app,
        "pull",
        tmp_path / "remote",
        "--out",
        with_pictures,
        "--no-model",
        "--pictures",
        tmp_path / "pictures",
    )
    assert EntityIndex.open(here).pictured == EntityIndex.open(with_pictures).pictured == 1
    index = EntityIndex.open(there)
    assert (index.pictured, index.picture_path("Q4")) == (0, None)
    assert (index.count_titled("", pictured=True), index.count_titled("", pictured=False)) == (0, len(index))
    assert index.entities_titled("", pictured=True) == []
    assert ids(index.entities_titled("bird 4", pictured=False)) == {"Q4"}
    assert index.entities_holding("vogel", pictured=True).found == []
    said = run(versions.app, "push", tmp_path / "remote", "--out", here, "--no-model")
    assert "The pictures of 1 entities stay here, in " in said
    assert "stay here" not in run(versions.app, "push", tmp_path / "remote", "--out", there, "--no-model")
    (tmp_path / "pictures").rmdir()
    assert EntityIndex.open(with_pictures).pictured == 0, "a folder that is gone shows none"
