"""Linking offline gives what the route gives, row by row, and survives being killed."""

import base64
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from service import examples
from service.batch import app
from service.settings import Settings
from wikiclip.masks import encode_rle

RLE, BOX, POLYGON = (examples.regions()[name] for name in ("rle", "box", "polygon"))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    (folder / "04").mkdir(parents=True)
    (folder / "04" / "oven_04.png").write_bytes(examples.picture())
    (folder / "cut.png").write_bytes(examples.picture()[:100])
    (tmp_path / "secret.png").write_bytes(examples.picture())
    return folder


def annotations() -> dict[str, Any]:
    """MaskOVEN's kind of file, with every kind of fault a set may have."""
    uncompressed = {"size": RLE["size"], "counts": [10, examples.WIDTH * examples.HEIGHT - 10]}
    return {
        "images": [
            {"id": "oven_04", "file_name": "/04/oven_04.png", "height": examples.HEIGHT, "width": examples.WIDTH},
            {"id": "cut", "file_name": "/cut.png"},
            {"id": "gone", "file_name": "/gone.png"},
            {"id": "out", "file_name": "/../secret.png"},
        ],
        "annotations": [
            {"id": "rles", "image_id": "oven_04", "segmentation": [RLE, RLE], "bbox": [[0, 0, 9, 9]]},
            {"id": "rle", "image_id": "oven_04", "segmentation": uncompressed},
            {"id": "bad", "image_id": "oven_04", "segmentation": [{**RLE, "counts": "0"}]},
            {"id": "polygon", "image_id": "oven_04", "segmentation": POLYGON["polygon"]},
            {"id": "box", "image_id": "oven_04", "bbox": BOX["box"]},
            {"id": "cut", "image_id": "cut", "segmentation": [RLE]},
            {"id": "gone", "image_id": "gone"},
            {"id": "out", "image_id": "out"},
            {"id": "unlisted", "image_id": "none"},
            {"id": "whole", "image_id": "oven_04"},
            {"id": "whole", "image_id": "oven_04"},
        ],
        "categories": [{"id": "Q1", "name": "disc"}],
    }


def rows_of(path: Path) -> dict[str, dict[str, Any]]:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert len({row["annotation_id"] for row in rows}) == len(rows)
    return {row["annotation_id"]: row for row in rows}


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the command in this process."""
    monkeypatch.setenv("WIKICLIP_INDEX", str(settings.index))
    monkeypatch.setenv("WIKICLIP_THREADS", "1")
    monkeypatch.setenv("WIKICLIP_BATCH", "4")
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_rows_equal_the_route_s_answers(run: Any, pictures: Path, tmp_path: Path, client: httpx.Client) -> None:
    coco, out = tmp_path / "coco.json", tmp_path / "out.jsonl"
    coco.write_text(json.dumps(annotations()))
    result = run("--annotations", coco, "--images", pictures, "--out", out, "--top-k", 3)
    assert result.exit_code == 0, result.output
    assert "10 rows added to 0; of those added 5 say" in result.stdout
    rows = rows_of(out)
    errors = {key: row["error"]["type"].rpartition(":")[2] for key, row in rows.items() if "error" in row}
    assert errors == {
        "bad": "malformed-rle",
        "cut": "malformed-image",
        "gone": "unreadable-image",
        "out": "unreadable-image",
        "unlisted": "unreadable-image",
    }
    asked = {"rles": RLE, "polygon": POLYGON, "box": BOX, "whole": None}
    body = {"image": base64.b64encode(examples.picture()).decode(), "regions": list(asked.values()), "top_k": 3}
    answer = client.post("/link", json=body).raise_for_status().json()
    for key, result in zip(asked, answer["results"], strict=True):
        assert rows[key]["image_id"] == "oven_04"
        assert rows[key]["index_version"] == answer["index_version"]
        found = [(candidate["entity_id"], candidate["score"]) for candidate in rows[key]["candidates"]]
        expected = [(candidate["entity_id"], candidate["score"]) for candidate in result["candidates"]]
        assert [entity for entity, _ in found] == [entity for entity, _ in expected]
        assert [score for _, score in found] == pytest.approx([score for _, score in expected], abs=2e-3)


def test_a_second_run_adds_what_is_missing(run: Any, pictures: Path, tmp_path: Path) -> None:
    coco, out = tmp_path / "coco.json", tmp_path / "out.jsonl"
    coco.write_text(json.dumps(annotations()))
    run("--annotations", coco, "--images", pictures, "--out", out)
    complete = out.read_bytes()
    out.write_bytes(complete[: len(complete) // 2])  # in the middle of a row
    again = run("--annotations", coco, "--images", pictures, "--out", out)
    assert again.exit_code == 0
    assert rows_of(out).keys() == {one["id"] for one in annotations()["annotations"]}
    settled = out.read_bytes()
    assert "0 rows added to 10" in run("--annotations", coco, "--images", pictures, "--out", out).stdout
    assert out.read_bytes() == settled


def test_a_folder_of_pictures(run: Any, pictures: Path, tmp_path: Path) -> None:
    result = run("--images", pictures, "--out", tmp_path / "out.jsonl")
    assert result.exit_code == 0
    rows = rows_of(tmp_path / "out.jsonl")
    assert rows.keys() == {"04/oven_04.png", "cut.png"}
    assert len(rows["04/oven_04.png"]["candidates"]) == 10
    assert rows["cut.png"]["error"]["type"] == "urn:wikiclip:problem:malformed-image"
    assert result.stderr.count("left out") == 0


def test_pictures_that_are_not_read_are_counted(run: Any, tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    for name in ("b.tif", "a.TIFF"):
        Image.new("RGB", (4, 4)).save(tmp_path / "scans" / name, format="TIFF")
    result = run("--images", tmp_path / "scans", "--out", tmp_path / "out.jsonl")
    assert result.exit_code == 0
    told = "2 pictures are none of JPEG, PNG, WebP or GIF and left out, such as 'a.TIFF': convert them first."
    assert result.stderr.splitlines().count(told) == 1
    assert told not in result.stdout


def test_a_run_with_another_filter_does_not_go_on_with_the_rows(run: Any, pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    first = run("--images", pictures, "--out", out, "--tags-any", "mind", "--tags-any", "nothing", "--tags-any", "mind")
    assert first.exit_code == 0, first.output
    rows = rows_of(out)
    assert [row["tags"] for row in rows.values()] == [{"any": ["mind", "nothing"]}] * 2, "an error's, too"
    assert [one["entity_id"] for one in rows["04/oven_04.png"]["candidates"]] == ["no-picture"]
    written = out.read_bytes()
    for other in ((), ("--tags-none", "mind"), ("--tags-any", "mind")):
        refused = run("--images", pictures, "--out", out, *other)
        assert "name another --out, or the same tags" in str(refused.exception)
        assert out.read_bytes() == written
    again = run("--images", pictures, "--out", out, "--tags-any", "nothing", "--tags-any", "mind")
    assert "0 rows added to 2" in again.stdout


def linked(path: Path) -> list[bool]:
    return ["candidates" in json.loads(line) for line in path.read_text().splitlines()]


def test_what_went_wrong_is_tried_again_and_another_set_is_refused(run: Any, pictures: Path, tmp_path: Path) -> None:
    coco, out, empty = tmp_path / "coco.json", tmp_path / "out.jsonl", tmp_path / "empty"
    empty.mkdir()
    document = {"images": [{"id": 1, "file_name": "04/oven_04.png"}], "annotations": [{"id": 1, "image_id": 1}]}
    coco.write_text(json.dumps(document))
    said = run("--annotations", coco, "--images", empty, "--out", out).stdout
    assert "1 row added to 0; of those added 1 says what went wrong." in said
    assert "1 row holds an error; the next run tries again." in said
    again = run("--annotations", coco, "--images", pictures, "--out", out).stdout
    assert "1 row that held an error is linked now" in again
    assert "the next run" not in again
    assert linked(out) == [True]
    document["annotations"][0]["bbox"] = BOX["box"]
    coco.write_text(json.dumps(document))
    assert "holds rows of another set" in str(run("--annotations", coco, "--images", pictures, "--out", out).exception)


def test_a_picture_of_another_size_than_declared_is_an_error_for_what_is_in_pixels(
    run: Any, pictures: Path, tmp_path: Path
) -> None:
    coco, out = tmp_path / "coco.json", tmp_path / "out.jsonl"
    image = {"id": 1, "file_name": "04/oven_04.png", "width": examples.HEIGHT, "height": examples.WIDTH}
    regions = [{"bbox": BOX["box"]}, {"segmentation": POLYGON["polygon"]}, {"segmentation": RLE}, {}]
    found = [{"id": number, "image_id": 1, **region} for number, region in enumerate(regions)]
    coco.write_text(json.dumps({"images": [image], "annotations": found}))
    run("--annotations", coco, "--images", pictures, "--out", out)
    assert linked(out) == [False, False, True, True]
    errors = [row["error"] for row in rows_of(out).values() if "error" in row]
    assert {one["type"] for one in errors} == {"urn:wikiclip:problem:mask-size-mismatch"}
    assert all(f"{examples.HEIGHT} wide" in one["detail"] for one in errors)


def noise(folder: Path, pictures: int) -> dict[str, Any]:
    """Pictures and annotations enough for a run to be killed on the way."""
    folder.mkdir()
    random = np.random.default_rng(0)
    images, found = [], []
    for number in range(pictures):
        Image.fromarray(random.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(folder / f"{number}.png")
        images.append({"id": str(number), "file_name": f"/{number}.png"})
        for part in range(3):
            mask = np.zeros((64, 64), dtype=np.bool_)
            mask[part * 20 : part * 20 + 20, 5:50] = True
            found.append({"id": f"{number}-{part}", "image_id": str(number), "segmentation": [encode_rle(mask)]})
    return {"images": images, "annotations": found}


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on(settings: Settings, tmp_path: Path) -> None:
    coco, out = tmp_path / "coco.json", tmp_path / "out.jsonl"
    document = noise(tmp_path / "noise", 24)
    coco.write_text(json.dumps(document))
    command = [sys.executable, "-m", "service.batch", "--annotations", str(coco), "--images", str(tmp_path / "noise")]
    settings_of_run = {"WIKICLIP_INDEX": str(settings.index), "WIKICLIP_THREADS": "1", "WIKICLIP_BATCH": "3"}
    environment = {**os.environ, **settings_of_run}
    process = subprocess.Popen([*command, "--out", str(out)], env=environment, stderr=subprocess.DEVNULL)
    while process.poll() is None and (not out.exists() or not out.stat().st_size):
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert 0 < len(out.read_text().splitlines()) < 72
    subprocess.run([*command, "--out", str(out)], env=environment, check=True, stderr=subprocess.DEVNULL)
    rows = rows_of(out)
    assert list(rows) == [annotation["id"] for annotation in document["annotations"]]
    assert all(row["candidates"] for row in rows.values())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--images", "nowhere"], "There is no folder of pictures at nowhere"),
        (["--images", ".", "--annotations", "none.json"], "There is no file of annotations at none.json"),
    ],
)
def test_what_is_missing_is_said(run: Any, tmp_path: Path, arguments: list[str], message: str) -> None:
    assert message in str(run(*arguments, "--out", tmp_path / "out.jsonl").exception)
