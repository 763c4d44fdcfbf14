"""Pictures that are links out of their folder: read and shown where that was asked for, by that version alone."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from indexer import build, update
from indexer.kb.record import Entity
from indexer.manifest import MANIFEST
from indexer.search import EntityIndex
from indexer.version import PROBLEMS, read_version

# What each record's picture is, and why it stays refused where links are followed; None where it is read.
PICTURES = {
    "plain.png": None,
    "out.png": None,
    "far/blue.png": None,
    "text.png": "must be one of",
    "pipe.png": "is no file",
    "far/pipe.png": "is no file",
    "zero.png": "is no file",
    "loop.png": "round in a circle",
    "broken.png": "not there",
}
LINKED = ("out.png", "far/blue.png")


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """Records named as their pictures, some of which lie elsewhere."""
    root, elsewhere = tmp_path / "pictures", tmp_path / "elsewhere"
    root.mkdir()
    elsewhere.mkdir()
    Image.new("RGB", (40, 30), "green").save(root / "plain.png")
    for name in ("red", "blue"):
        Image.new("RGB", (40, 30), name).save(elsewhere / f"{name}.png")
    (elsewhere / "secret.txt").write_text("root:x:0:0")
    os.mkfifo(elsewhere / "pipe.png")
    (root / "far").symlink_to(elsewhere)
    for name, target in (
        ("out.png", "../elsewhere/red.png"),
        ("text.png", "../elsewhere/secret.txt"),
        ("pipe.png", "../elsewhere/pipe.png"),
        ("zero.png", "/dev/zero"),
        ("loop.png", "loop.png"),
        ("broken.png", "none"),
    ):
        (root / name).symlink_to(target)
    return written(root / "records.jsonl", PICTURES)


def written(path: Path, names: Any, text: str = "A bird.") -> Path:
    lines = ({"entity_id": name, "title": "Heron", "text": text, "images": [name]} for name in names)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def run(app: Any, *arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None:
        raise result.exception
    return result.output


@pytest.fixture
def options(checkpoint: Path, tmp_path: Path) -> tuple[object, ...]:
    return ("--out", tmp_path / "index", "--model", checkpoint)


def build_index(records: Path, *options: object) -> EntityIndex:
    run(build.app, "--kb", "jsonl", "--records", records, *options)
    return opened(options)


def update_index(records: Path, *options: object) -> EntityIndex:
    run(update.app, "--records", records, "--images", records.parent / "pictures", *options)
    return opened(options)


def opened(options: tuple[object, ...]) -> EntityIndex:
    return EntityIndex.open(Path(str(options[options.index("--out") + 1])))


def problems(index_home: Path) -> dict[str, str]:
    lines = (read_version(index_home).folder / PROBLEMS).read_text().splitlines()
    return {row["where"].partition(": ")[0]: row["why"] for row in map(json.loads, lines)}


def found(index: EntityIndex, names: Any = PICTURES) -> list[str]:
    return [name for name in names if index.picture_path(name) is not None]


def test_without_the_option_a_link_out_of_the_folder_is_named_and_refused(records: Path, tmp_path: Path, options):
    index = build_index(records, *options)
    assert found(index) == ["plain.png"]
    refused = problems(tmp_path / "index")
    assert refused.keys() == PICTURES.keys() - {"plain.png"}
    for name in (*LINKED, "text.png", "pipe.png", "far/pipe.png", "zero.png"):
        assert "--follow-links" in refused[name]
    assert "follow_links" not in (read_version(tmp_path / "index").folder / MANIFEST).read_text()


def test_with_it_links_are_followed_to_pictures_and_to_nothing_else(records: Path, tmp_path: Path, options):
    before = build_index(records, *options)
    index = build_index(records, *options, "--follow-links")
    assert index.version != before.version
    assert found(index) == ["plain.png", *LINKED]
    assert index.picture_path("out.png") == (tmp_path / "elsewhere" / "red.png").resolve()
    refused = problems(tmp_path / "index")
    assert refused.keys() == {name for name, why in PICTURES.items() if why is not None}
    for name, why in refused.items():
        assert str(PICTURES[name]) in why
    vectors = {name: version.rows.vectors(np.arange(3)) for name, version in (("off", before), ("on", index))}
    assert (vectors["off"][0] == vectors["on"][0]).all()
    assert not np.allclose(vectors["off"][1:], vectors["on"][1:], atol=1e-3)

    assert build_index(records, *options, "--follow-links").version == index.version
    assert build_index(records, *options).version == before.version, "without the option nothing is followed again"


def test_an_update_does_as_its_version_does_and_keeps_what_others_do(records: Path, tmp_path: Path, options):
    build_index(records, *options, "--follow-links")
    changes = written(tmp_path / "changes.jsonl", LINKED, text="It changed.")
    index = update_index(changes, *options)
    assert found(index, LINKED) == [*LINKED]
    assert [shard.follow_links for shard in index.manifest.shards] == [True, True]
    index = update_index(written(changes, ["out.png"], text="Again."), *options, "--no-follow-links")
    assert found(index, LINKED) == ["far/blue.png"]
    assert [shard.follow_links for shard in index.manifest.shards] == [True, True, False]
    assert "--follow-links" in problems(tmp_path / "index")["out.png"]


def test_an_update_that_follows_links_leaves_the_pictures_from_before_as_they_were(
    records: Path, tmp_path: Path, options
):
    build_index(written(records, ["plain.png", "text.png"]), *options)
    changes = written(tmp_path / "changes.jsonl", LINKED)
    known = ("plain.png", *LINKED)
    assert found(update_index(changes, *options), known) == ["plain.png"]
    index = update_index(changes, *options, "--follow-links")
    assert found(index, known) == [*known]
    (tmp_path / "pictures" / "plain.png").unlink()
    (tmp_path / "pictures" / "plain.png").symlink_to("../elsewhere/red.png")
    assert found(index, known) == [*LINKED]


def test_oven_s_pictures_may_be_links_and_wordnet_has_none(tmp_path: Path, options):
    folder = tmp_path / "oven"
    place = folder / "wikipedia_images_full" / "Q1" / "Q1.jpg"
    place.parent.mkdir(parents=True)
    Image.new("RGB", (40, 30), "red").save(tmp_path / "elsewhere.jpg")
    place.symlink_to(tmp_path / "elsewhere.jpg")
    line = {"wikidata_id": "Q1", "wikipedia_title": "Heron", "wikipedia_summary": "A bird."}
    (folder / "Wiki6M_ver_1_0.jsonl").write_text(json.dumps(line) + "\n")
    oven = ("--kb", "oven", "--records", folder / "Wiki6M_ver_1_0.jsonl", "--images", folder)
    run(build.app, *oven, *options)
    assert opened(options).picture_path("Q1") is None
    run(build.app, *oven, *options, "--follow-links")
    assert opened(options).picture_path("Q1") == (tmp_path / "elsewhere.jpg").resolve()
    with pytest.raises(Exception, match="--follow-links do not apply to --kb wordnet"):
        run(build.app, "--kb", "wordnet", *options, "--follow-links")


def test_a_plan_without_it_is_found_by_who_never_heard_of_it(records: Path, tmp_path: Path, options, make_version):
    entities = [Entity(entity_id="a", title="a", text="", images=("out.png",))]
    rows_NM = np.eye(1, 16, dtype=np.float32)
    for follow_links in (False, True):
        version = make_version(
            tmp_path / "own", rows_NM, entities=entities, image_root=records.parent, follow_links=follow_links
        )
        told = json.loads((version.folder / MANIFEST).read_text())["shards"][0]
        assert ("follow_links" in told) == follow_links
        assert (EntityIndex.open(tmp_path / "own").picture_path("a") is not None) == follow_links
