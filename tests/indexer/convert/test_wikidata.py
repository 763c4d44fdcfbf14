"""Wikidata's dumps to records."""

import bz2
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from indexer.convert.__main__ import app
from indexer.kb.record import Entity
from tests.indexer.convert.test_tables import records
from wikiclip.base.errors import WikiClipError


def terms(**texts: str) -> dict[str, dict[str, str]]:
    return {language: {"language": language, "value": text} for language, text in texts.items()}


def states(value: object, rank: str = "normal") -> dict[str, object]:
    return {"rank": rank, "mainsnak": {"snaktype": "value", "datavalue": {"value": value}}}


HERON = {
    "id": "Q25",
    "type": "item",
    "labels": terms(en="grey heron", de="Graureiher"),
    "descriptions": terms(en="species of bird"),
    "aliases": {"en": [{"language": "en", "value": "Ardea cinerea"}]},
    "sitelinks": {"enwiki": {"site": "enwiki", "title": "Grey heron"}},
    "claims": {
        "P31": [states({"id": "Q16521"}), states({"id": "Q1"}, "deprecated")],
        "P18": [states("Grey heron 2.jpg"), {"rank": "normal", "mainsnak": {"snaktype": "novalue"}}],
    },
    "lastrevid": 7,
}
BARE = {"id": "Q7", "type": "item", "labels": terms(de="Nur deutsch"), "descriptions": [], "claims": []}
PROPERTY = {"id": "P31", "type": "property", "labels": terms(en="instance of")}


def dump(*lines: object) -> bytes:
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    return ("[\n" + ",\n".join(texts) + "\n]\n").encode()


def convert(tmp_path: Path, *arguments: str) -> str:
    out = ["--out", str(tmp_path / "records.jsonl")]
    return CliRunner().invoke(app, ["wikidata", str(tmp_path / "d"), *arguments, *out], catch_exceptions=False).output


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress])
def test_items_become_records_and_every_loss_is_counted(tmp_path: Path, pack: Callable[[bytes], bytes]):
    (tmp_path / "d").write_bytes(pack(dump(HERON, BARE, PROPERTY, "{broken")))
    (tmp_path / "Grey_heron_2.jpg").touch()
    said = convert(tmp_path, "--images", str(tmp_path))
    (heron,) = records(tmp_path)
    assert heron == Entity(
        entity_id="Q25",
        title="grey heron",
        text="species of bird",
        images=("Grey_heron_2.jpg",),
        url="https://en.wikipedia.org/wiki/Grey_heron",
        aliases=("Ardea cinerea",),
        tags=("Q16521",),
        lang="en",
        extra='{"instance_of": ["Q16521"]}',
    )
    for told in (
        "1 records left out: it has no label in en (first at d:3)",
        "1 records left out: it is no item but a property (first at d:4)",
        "1 records left out: a line is no entity (first at d:5)",
    ):
        assert told in said


def test_languages_sites_and_kinds_choose(tmp_path: Path):
    (tmp_path / "d").write_bytes(dump(HERON, BARE))
    convert(tmp_path, "--language", "de", "--language", "en")
    heron, bare = records(tmp_path)
    assert (heron.title, heron.lang, heron.text) == ("Graureiher", "de", "species of bird")
    assert heron.aliases == ("grey heron", "Ardea cinerea")
    assert (bare.title, bare.text, bare.url) == ("Nur deutsch", "", "https://www.wikidata.org/wiki/Q7")
    said = convert(tmp_path, "--language", "de", "--site", "enwiki")
    assert "1 records left out: it has no page in enwiki" in said
    assert "1 parts left out: a picture of Commons is not here" in said
    assert "of another kind" in convert(tmp_path, "--language", "de", "--instance-of", "Q16521")


def test_a_dump_that_was_cut_off_is_refused(tmp_path: Path):
    (tmp_path / "d").write_bytes(gzip.compress(dump(HERON))[:-20])
    with pytest.raises(WikiClipError, match="damaged or was cut off"):
        convert(tmp_path)
    assert not (tmp_path / "records.jsonl").exists()


def test_pictures_of_commons_are_looked_up_as_others_are(tmp_path: Path):
    (tmp_path / "d").write_bytes(dump(HERON))
    (tmp_path / "commons").mkdir()
    with pytest.raises(WikiClipError, match=r"None of the 1 pictures .*'Grey_heron_2.jpg' \(d:2\)"):
        convert(tmp_path, "--images", str(tmp_path / "commons"))
    (tmp_path / "commons" / "grey_heron_2.JPG").touch()
    convert(tmp_path, "--images", str(tmp_path / "commons"))
    assert records(tmp_path)[0].images == ("grey_heron_2.JPG",)
