import gzip
import json
from pathlib import Path

import pytest

from benchmarks.release.records import write_records
from indexer.kb.oven import Oven
from indexer.kb.record import Entity


@pytest.mark.usefixtures("own_home")
def test_our_reader_takes_every_record(tmp_path: Path):
    path = tmp_path / "Wiki6M_ver_1_0.jsonl.gz"
    write_records(path, records=3000, member_records=700)
    read = list(Oven(path).records())
    assert all(isinstance(record, Entity) for record in read)
    assert len({record.entity_id for record in read}) == len({record.title for record in read}) == len(read) == 3000
    assert all(record.text for record in read)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.usefixtures("own_home")
def test_the_keys_are_the_releases_and_a_third_has_a_picture(tmp_path: Path):
    write_records(tmp_path / "records.gz", records=2000)
    with gzip.open(tmp_path / "records.gz", "rt", encoding="utf-8") as file:
        records = [json.loads(line) for line in file]
    keys = ["wikidata_id", "wikipedia_title", "wikipedia_summary", "wikipedia_content", "wikipedia_image_url"]
    assert all(list(record) == keys for record in records)
    assert 0.28 < sum(record["wikipedia_image_url"] is not None for record in records) / 2000 < 0.39
    assert any(not record["wikipedia_summary"] for record in records)
    mean = sum(len(record["wikipedia_content"]) for record in records) / 2000
    assert 1000 < mean < 4000


@pytest.mark.usefixtures("own_home")
def test_a_stopped_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def written(name: str) -> bytes:
        write_records(tmp_path / name, records=1000, member_records=10)
        return (tmp_path / name).read_bytes()

    whole = written("whole.gz")

    class StoppedError(Exception):
        pass

    def stop(path: Path, text: str) -> None:
        path.write_text(text)
        raise StoppedError

    with monkeypatch.context() as patch:
        patch.setattr("benchmarks.release.records.write_text", stop)
        with pytest.raises(StoppedError):
            written("cut.gz")
    (partial,) = tmp_path.glob("cut.gz.*.partial")
    with partial.open("ab") as file:
        file.write(b"half a member")
    assert written("cut.gz") == whole
