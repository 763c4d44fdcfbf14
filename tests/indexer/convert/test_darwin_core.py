"""Darwin Core archives to records."""

import json
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from indexer.convert.__main__ import app
from indexer.kb.record import Entity
from tests.indexer.convert.test_tables import records
from wikiclip.base.errors import WikiClipError

DWC = "http://rs.tdwg.org/dwc/terms/"
META = f"""<archive xmlns="http://rs.tdwg.org/dwc/text/" metadata="eml.xml">
  <core encoding="UTF-8" fieldsTerminatedBy="\\t" linesTerminatedBy="\\n" fieldsEnclosedBy="" ignoreHeaderLines="1"
        rowType="{DWC}Taxon">
    <files><location>taxon.txt</location></files>
    <id index="0"/>
    <field index="1" term="{DWC}scientificName"/><field index="2" term="{DWC}acceptedNameUsageID"/>
    <field index="3" term="{DWC}family"/><field index="4" term="{DWC}taxonRank"/>
    <field default="Animalia" term="{DWC}kingdom"/>
  </core>
  <extension encoding="UTF-8" fieldsTerminatedBy="," linesTerminatedBy="\\n" fieldsEnclosedBy='"' ignoreHeaderLines="0"
        rowType="http://rs.gbif.org/terms/1.0/VernacularName">
    <files><location>names.csv</location></files>
    <coreid index="0"/><field index="1" term="{DWC}vernacularName"/>
  </extension>
  <extension fieldsTerminatedBy="," fieldsEnclosedBy='"' rowType="http://rs.gbif.org/terms/1.0/Multimedia">
    <files><location>media.csv</location></files>
    <coreid index="0"/><field index="1" term="http://purl.org/dc/terms/identifier"/>
    <field index="2" term="http://purl.org/dc/terms/creator"/>
  </extension>
  <extension fieldsTerminatedBy="," rowType="http://rs.gbif.org/terms/1.0/Distribution">
    <files><location>places.csv</location></files>
    <coreid index="0"/><field index="1" term="{DWC}locality"/>
  </extension>
</archive>"""
FILES = {
    "meta.xml": META,
    "taxon.txt": (
        "id\tname\taccepted\tfamily\trank\n"
        "1\tArdea cinerea\t\tArdeidae\tSPECIES\n"
        "2\tArdea vulgaris\t1\tArdeidae\tSPECIES\n"
        "3\t\t\t\t\n"
        "4\tshort\n"
    ),
    "names.csv": '1,"Grey heron"\n1,Graureiher\n9,"of nobody"\n',
    "media.csv": "1,https://example.org/pictures/heron.jpg?size=2,Ann\n1,https://example.org/other.jpg,\n",
    "places.csv": "1,Louvain\n",
}


def archive(path: Path, **changed: str | None) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name, text in {**FILES, **{name.replace("_", "."): text for name, text in changed.items()}}.items():
            if text is not None:
                file.writestr(name, text)
    return path


def test_taxa_become_records_and_every_loss_is_counted(tmp_path: Path):
    (tmp_path / "heron.jpg").touch()
    found = CliRunner().invoke(
        app,
        [
            "darwin-core",
            str(archive(tmp_path / "a.zip")),
            "--images",
            str(tmp_path),
            "--out",
            str(tmp_path / "records.jsonl"),
        ],
        catch_exceptions=False,
    )
    (heron,) = records(tmp_path)
    extra = {"taxonRank": "SPECIES", "family": "Ardeidae", "kingdom": "Animalia"}
    assert heron._replace(extra=None) == Entity(
        entity_id="1",
        title="Ardea cinerea",
        text="Species of Ardeidae, Animalia.",
        images=("heron.jpg",),
        attribution="Ann",
        aliases=("Grey heron", "Graureiher"),
        tags=("Animalia", "Ardeidae"),
    )
    assert json.loads(heron.extra or "") == {**extra, "picture_urls": ["https://example.org/other.jpg"]}
    for told in (
        "1 records left out: a synonym of another taxon (first at taxon.txt:3)",
        "1 records left out: a row without a name (first at taxon.txt:4)",
        "1 records left out: a row of Taxon has too few cells (first at taxon.txt:5)",
        "1 parts left out: a picture is not here: download it first (first at taxon.txt:2: 'other.jpg')",
        "1 parts left out: tables of Distribution are not read (first at places.csv)",
    ):
        assert told in found.output


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"meta_xml": None}, "is no Darwin Core archive"),
        ({"meta_xml": "<archive"}, "is no Darwin Core archive"),
        ({"meta_xml": "<archive/>"}, "describes 0 core tables"),
        ({"meta_xml": META.replace('<id index="0"/>', "")}, "a table without an id"),
        ({"meta_xml": META.replace('<id index="0"/>', '<id index="x"/>')}, "none of Darwin Core"),
        ({"meta_xml": META.replace("taxon.txt", "../../etc/passwd")}, "which the archive does not hold"),
        ({"meta_xml": META + " " * 2**20}, "which no description does"),
    ],
)
def test_what_is_no_archive_is_refused_in_a_line(tmp_path: Path, changed: dict[str, str | None], said: str):
    path = archive(tmp_path / "a.zip", **changed)
    with pytest.raises(WikiClipError, match=said):
        CliRunner().invoke(app, ["darwin-core", str(path), "--out", str(tmp_path / "r.jsonl")], catch_exceptions=False)
    assert not (tmp_path / "r.jsonl").exists()


def test_a_file_that_is_no_zip_is_refused(tmp_path: Path):
    (tmp_path / "a.zip").write_text("PK, nearly")
    for name, said in (("a.zip", "is no Darwin Core archive"), ("none.zip", "no archive at")):
        with pytest.raises(WikiClipError, match=said):
            CliRunner().invoke(app, ["darwin-core", str(tmp_path / name)], catch_exceptions=False)


def test_terms_that_become_public_are_told_and_may_be_left_out(tmp_path: Path):
    path = str(archive(tmp_path / "a.zip"))
    out = ["--out", str(tmp_path / "records.jsonl")]
    found = CliRunner().invoke(app, ["darwin-core", path, "--leave-out", "family", *out], catch_exceptions=False)
    (heron,) = records(tmp_path)
    assert "Ardeidae" not in (tmp_path / "records.jsonl").read_text()
    assert heron.text == "Species of Animalia."
    assert "everybody who may ask sees: 'acceptedNameUsageID', 'taxonRank', 'kingdom'." in found.output
    with pytest.raises(WikiClipError, match="no column 'fame': the table has scientificName"):
        CliRunner().invoke(app, ["darwin-core", path, "--leave-out", "fame", *out], catch_exceptions=False)


def test_where_no_picture_is_in_the_folder_nothing_is_written(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    arguments = ["darwin-core", str(archive(tmp_path / "a.zip")), "--images", str(tmp_path / "empty")]
    with pytest.raises(WikiClipError, match=r"None of the 2 pictures .*'heron.jpg' \(taxon.txt:2\)"):
        CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "r.jsonl")], catch_exceptions=False)
    assert not (tmp_path / "r.jsonl").exists()


def test_a_picture_is_found_in_any_case_and_one_of_another_format_is_left_out(tmp_path: Path):
    (tmp_path / "Heron.JPG").touch()
    (tmp_path / "other.jpg").write_bytes(b"II*\0")
    arguments = ["darwin-core", str(archive(tmp_path / "a.zip")), "--images", str(tmp_path)]
    found = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "records.jsonl")], catch_exceptions=False)
    assert records(tmp_path)[0].images == ("Heron.JPG",)
    assert "it is TIFF, not JPEG, PNG, WebP or GIF (first at taxon.txt:2: 'other.jpg')" in found.output
