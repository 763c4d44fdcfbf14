"""Words in versions: what a build keeps, what an update adds and removes, and versions from before there were any."""

import json
from pathlib import Path

import numpy as np
from typer.testing import CliRunner

from indexer import build, update
from indexer.search import EntityIndex
from indexer.version import Version, publish, read_version
from indexer.words.file import FILES, Words
from indexer.words.kept import word_files, words_of_version


def run(app, *arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None:
        raise result.exception
    return result.output


def held(home: Path, question: str) -> list[str]:
    return [each.entity.entity_id for each in EntityIndex.open(home).entities_holding(question).found]


def test_a_build_keeps_the_words_that_are_wanted(birds: Path, checkpoint: Path, tmp_path: Path):
    home = tmp_path / "index"
    options = ("--kb", "jsonl", "--records", birds, "--model", checkpoint, "--out", home)
    seen = {}
    for words in (Words.NONE, Words.TITLES, Words.TEXTS):
        said = run(build.app, *options, "--words", words)
        assert ("nothing is embedded again" in said) is (words is not Words.NONE)
        version = read_version(home)
        assert words_of_version(version) is words
        assert EntityIndex.open(home).keeps_words is (words is not Words.NONE)
        seen[words] = version.id
        assert held(home, "stork") == ([] if words is Words.NONE else ["none"])
        assert held(home, "roofs") == (["none"] if words is Words.TEXTS else [])
    run(build.app, *options)
    assert read_version(home).id == seen[Words.TEXTS], "the default is what was made last"


def test_an_update_adds_a_shard_of_words_and_hides_what_is_no_more(birds: Path, checkpoint: Path, tmp_path: Path):
    home = tmp_path / "index"
    run(build.app, "--kb", "jsonl", "--records", birds, "--model", checkpoint, "--out", home)
    before = read_version(home)
    changes, gone = tmp_path / "changes.jsonl", tmp_path / "gone.txt"
    lines = [
        {"entity_id": "one", "title": "Great egret", "text": "Large.", "aliases": ["Common egret"]},
        {"entity_id": "new", "title": "Egret island", "text": "A rock."},
    ]
    changes.write_text("".join(json.dumps(line) + "\n" for line in lines))
    gone.write_text("title\n")
    run(update.app, "--records", changes, "--delete", gone, "--model", checkpoint, "--out", home)
    after = read_version(home)
    assert held(home, "egret") == ["new", "one"]
    assert held(home, "common egr") == ["one"]
    assert held(home, "white") == []
    assert held(home, "crane") == []
    first = [f"{before.manifest.shards[0].folder}/{name}" for name in FILES]
    for name in first:
        assert (after.folder / name).stat().st_ino == (before.folder / name).stat().st_ino, "linked, not written again"
    assert len(word_files(after.manifest)) == 4


def without_words(version: Version, home: Path) -> Version:
    """The same version as a program published it that knew of no words."""
    filled = home / "building" / "old"
    files = {name: stamp for name, stamp in version.manifest.files.items() if not name.endswith(FILES)}
    for name in files:
        (filled / name).parent.mkdir(parents=True, exist_ok=True)
        (filled / name).write_bytes((version.folder / name).read_bytes())
    return publish(filled, version.manifest.model_copy(update={"files": files}), home)


def test_a_version_from_before_there_were_words_opens_and_stays_so(
    make_version, birds, checkpoint, model, tmp_path: Path
):
    home = tmp_path / "index"
    run(build.app, "--kb", "jsonl", "--records", birds, "--model", checkpoint, "--out", home)
    old = without_words(read_version(home), home)
    index = EntityIndex.open(home)
    assert (index.version, index.keeps_words) == (old.id, False)
    assert index.entities_holding("egret") == ([], None)
    assert [entity.entity_id for entity in index.entities_titled("egr")] == ["one"]
    changes = tmp_path / "changes.jsonl"
    changes.write_text('{"entity_id": "new", "title": "Egret island", "text": ""}\n')
    run(update.app, "--records", changes, "--model", checkpoint, "--out", home)
    assert word_files(read_version(home).manifest) == []
    assert EntityIndex.open(home).entities_titled("egret i")[0].entity_id == "new"


def test_words_of_a_shard_alone_are_as_good_as_none(make_version, tmp_path: Path):
    version = make_version(tmp_path, np.eye(12, dtype=np.float32))
    assert len(version.shards) > 1
    (name,) = [name for name in version.manifest.files if name.startswith("shards/00001/words.sqlite")]
    files = {each: stamp for each, stamp in version.manifest.files.items() if each != name}
    assert word_files(version.manifest.model_copy(update={"files": files})) == []
