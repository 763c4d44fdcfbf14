import gzip
import json
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from indexer import build
from indexer.kb import oven
from indexer.kb.jsonl import JsonLines
from indexer.search import EntityIndex
from indexer.version import PROBLEMS, only_builder, read_version
from tests.indexer.conftest import published_as, spoil
from wikiclip.base.command import run as run_command
from wikiclip.model import WikiClip


@pytest.fixture
def command(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    """Runs the command as a user would, and returns its exit code and what it said."""

    def command(kb: str, *options: object) -> tuple[int, str]:
        arguments = ["--kb", kb, "--model", checkpoint, "--out", tmp_path / "index", *options]
        monkeypatch.setattr(sys, "argv", ["indexer.build", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            run_command(build.app)
        said = capsys.readouterr()
        return int(end.value.code or 0), said.out + said.err

    return command


@pytest.fixture
def run(command, birds: Path):
    """The command for the birds."""
    return partial(command, "jsonl", "--records", birds)


def test_builds_an_index_that_finds_what_it_holds_and_does_it_once(run, birds: Path, tmp_path: Path, model: WikiClip):
    home = tmp_path / "index"
    code, said = run()
    assert code == 0
    assert "5 entities, 6 vectors" in said
    index = EntityIndex.open(home, fingerprint=model.fingerprint)
    assert (index.manifest.knowledge_base, index.manifest.model.name) == ("jsonl", "tiny")
    assert index.picture_path("three", 1) == (birds.parent / "blue.png").resolve()
    queries_BM = model.encode_entities([model.prepare_entity("Stork: Nests on roofs.", None)])
    assert index.search(queries_BM, 1)[0][0].entity.entity_id == "none"
    listed = [json.loads(line) for line in (read_version(home).folder / PROBLEMS).read_text().splitlines()]
    assert len(listed) == 5
    assert list((home / "building").iterdir()) == []

    code, again = run()
    assert (code, read_version(home).id) == (0, index.version)
    assert "Embedding" not in again
    code, said = run("--strict")
    assert code == 1
    assert "5 records or pictures could not be read" in said

    code, _ = run("--force")
    forced = read_version(home).id
    assert (code, forced != index.version) == (0, True)

    shard = home / "versions" / forced / "shards" / "00000" / "exact.faiss"
    spoil(shard, shard.read_bytes()[:-1])
    assert run()[0] == 0
    mended = read_version(home)
    assert mended.id != forced
    mended.verify()

    with birds.open("a") as file:
        file.write('{"entity_id": "new", "title": "Bittern", "text": "Booms."}\n')
    assert run()[0] == 0
    assert EntityIndex.open(home).entity("new").title == "Bittern"


def test_another_kind_embeds_nothing_again_and_is_what_a_build_from_scratch_is(run, birds: Path, tmp_path: Path):
    home = tmp_path / "index"
    assert run()[0] == 0
    assert run("--index", "compact-pq", "--force")[0] == 0
    scratch = read_version(home)
    (home / "versions" / scratch.id).rename(tmp_path / "scratch")
    code, said = run("--index", "compact-pq")
    assert code == 0
    assert "nothing is embedded again" in said
    assert "Embedding" not in said
    made = read_version(home)
    assert (made.manifest.files, made.manifest.counts) == (scratch.manifest.files, scratch.manifest.counts)
    assert list((home / "building").iterdir()) == []

    before = sorted((home / "versions").iterdir())
    assert run("--index", "balanced", "--strict")[0] == 1, "what was left out then is left out of these, too"
    assert sorted((home / "versions").iterdir()) == before
    code, said = run("--index", "balanced")
    assert (code, "nothing is embedded again" in said) == (0, True)
    assert run("--index", "balanced", "--strict")[0] == 1


@pytest.mark.parametrize("options", [(), ("--index", "exact")])
def test_a_version_of_a_kind_that_is_gone_is_neither_published_again_nor_reused(run, tmp_path: Path, options):
    home = tmp_path / "index"
    assert run()[0] == 0
    whole = read_version(home)
    gone = published_as("exact-int8", whole, home)
    shutil.rmtree(whole.folder)
    code, said = run(*options)
    assert (code, "Embedding" in said) == (0, True)
    assert read_version(home).id != gone.id
    assert read_version(home).manifest.kind == "exact-fp16"


def test_strict_publishes_nothing_and_names_the_line(run, tmp_path: Path):
    code, said = run("--strict")
    assert code == 1
    assert "birds.jsonl:3: Invalid JSON" in said
    assert not (tmp_path / "index" / "CURRENT").exists()


def test_records_that_are_all_bad_are_an_error(run, birds: Path):
    birds.write_text("{\n{\n")
    code, said = run()
    assert code == 1
    assert "No record could be read" in said


def test_a_build_that_would_lose_most_of_the_index_asks_first_and_embeds_once(
    run, birds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    home, whole = tmp_path / "index", birds.read_text()
    assert run()[0] == 0
    before = read_version(home).id
    birds.write_text("".join(whole.splitlines(keepends=True)[:2]))
    for _ in range(2):
        code, said = run()
        assert code == 1
        assert "2 of the 5 entities" in said
        assert "--force" in said
        assert read_version(home).id == before
    monkeypatch.delattr(WikiClip, "prepare_entity")  # so that nothing can be embedded
    assert run("--force")[0] == 0
    assert read_version(home).manifest.counts.entities == 2
    assert list((home / "building").iterdir()) == []


def test_one_default_knowledge_base_may_replace_a_larger_one(
    run, birds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Other ones may not: a name that is not that of fetched data may be of records that nobody can make again."""
    whole = birds.read_text()
    assert run()[0] == 0
    birds.write_text("".join(whole.splitlines(keepends=True)[:2]))
    assert run()[0] == 1
    monkeypatch.setattr(JsonLines, "name", "wikipedia")
    assert run()[0] == 1, "what was served is none that is fetched"
    monkeypatch.setattr("indexer.building.make.FETCHED", ("jsonl", "wikipedia"))
    code, said = run()
    assert code == 0
    assert "held jsonl until now" in said
    assert read_version(tmp_path / "index").manifest.knowledge_base == "wikipedia"


@pytest.mark.parametrize("options", [(), ("--index", "balanced")])
def test_an_older_version_with_fewer_than_half_asks_first_too(
    run, birds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
):
    """Whether it becomes current as it is, or its vectors do in another kind of index."""
    home, whole = tmp_path / "index", birds.read_text()
    birds.write_text("".join(whole.splitlines(keepends=True)[:2]))
    assert run()[0] == 0
    small = read_version(home).id
    birds.write_text(whole)
    assert run()[0] == 0
    large = read_version(home).id
    birds.write_text("".join(whole.splitlines(keepends=True)[:2]))
    code, said = run(*options)
    assert code == 1
    assert "2 of the 5 entities" in said
    assert read_version(home).id == large
    monkeypatch.delattr(WikiClip, "prepare_entity")  # so that nothing can be embedded
    assert run(*options, "--force")[0] == 0
    current = read_version(home)
    assert current.manifest.counts.entities == 2
    assert (current.id == small) == (options == ())
    assert list((home / "building").iterdir()) == []


def test_a_build_that_was_killed_as_it_published_leaves_no_workshop_behind(run, tmp_path: Path):
    home = tmp_path / "index"
    assert run()[0] == 0
    version = read_version(home)
    for suffix in ("", "-again"):
        (home / "building" / f"{version.manifest.plan}{suffix}" / "chunks").mkdir(parents=True)
    assert run()[0] == 0
    assert read_version(home).id == version.id
    assert list((home / "building").iterdir()) == []


def test_a_second_build_in_the_same_folder_is_refused_with_the_holder_named(run, tmp_path: Path):
    with only_builder(tmp_path / "index"):
        code, said = run()
    assert code == 1
    assert f"process {os.getpid()} builds" in said
    assert run()[0] == 0


def test_a_checkpoint_that_is_not_there_is_one_line(run, tmp_path: Path):
    code, said = run("--model", str(tmp_path / "none"))
    assert code == 1
    assert said.startswith("Error: ")
    assert said.count("\n") == 1


@pytest.mark.slow
def test_the_missing_oven_release_is_one_line_in_a_fresh_process(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-m", "indexer.build", "--kb", "oven"],
        env={**os.environ, "WIKICLIP_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Error: OVEN's record file is not at")
    assert "Traceback" not in done.stderr


def test_faiss_and_torch_share_a_process(make_version, model: WikiClip, tmp_path: Path):
    """Each brings an OpenMP of its own; a search between two encodings must neither hang nor change what comes out."""
    rows_NM = np.random.default_rng(0).normal(size=(2000, model.mention_width)).astype(np.float32)
    make_version(tmp_path, rows_NM, chunk_rows=1000, shard_rows=1000)
    index, record = EntityIndex.open(tmp_path, threads=2), [model.prepare_entity("Heron: A bird.", None)]
    before = model.encode_entities(record)
    found = [candidate.entity for candidate in index.search(before, 5)[0]]
    np.testing.assert_array_equal(model.encode_entities(record), before)
    assert [candidate.entity for candidate in index.search(before, 5)[0]] == found


def test_builds_from_a_release_of_ovens_shape(command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    releases = [
        {
            "wikidata_id": "Q1141409",
            "wikipedia_title": "Heron",
            "wikipedia_summary": "A bird.",
            "wikipedia_content": "",
        },
        {"wikidata_id": "Q2", "wikipedia_title": "Egret", "wikipedia_summary": "", "wikipedia_content": "White."},
        {"wikidata_id": "../Q3", "wikipedia_title": "Ibis", "wikipedia_summary": "", "wikipedia_content": ""},
    ]
    records = tmp_path / "Wiki6M_ver_1_0.jsonl.gz"
    records.write_bytes(gzip.compress("".join(json.dumps(line) + "\n" for line in releases).encode()))
    folder = tmp_path / "pictures" / "wikipedia_images_full" / "Q114"
    folder.mkdir(parents=True)
    Image.new("RGB", (40, 30), "grey").save(folder / "Q1141409.jpg")

    whole = records.read_bytes()
    monkeypatch.setattr(oven, "QUICKLY_COUNTED", 0)  # as the release's own file is not
    records.write_bytes(whole[:-6])
    code, said = command("oven", "--records", records, "--images", tmp_path / "pictures")
    assert code == 1
    assert "was cut off" in said
    assert not list((tmp_path / "index").rglob("chunks/*"))  # nothing was embedded

    records.write_bytes(whole)
    code, said = command("oven", "--records", records, "--images", tmp_path / "pictures")
    assert code == 0
    assert "2 entities, 2 vectors" in said
    index = EntityIndex.open(tmp_path / "index")
    assert index.picture_path("Q1141409") == (folder / "Q1141409.jpg").resolve()
    assert index.entity("Q2").text == "White."
