"""The sheet of a set: regions that only the annotations name are drawn on their pictures."""

import base64
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from service import examples
from service.batch import app
from service.offline import by_picture
from service.offline.by_picture import asked_of_set, first_pictures
from service.offline.mentions import Annotations, Mention
from service.settings import Settings

RLE, BOX, POLYGON = (examples.regions()[name] for name in ("rle", "box", "polygon"))
W, H = examples.WIDTH, examples.HEIGHT


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    (folder / "hall").mkdir(parents=True)
    for name in ("hall/1.png", "2.png"):
        (folder / name).write_bytes(examples.picture())
    (folder / "cut.png").write_bytes(examples.picture()[:100])
    return folder


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch, pictures: Path, tmp_path: Path) -> Any:
    """Links a set in this process and returns its sheet, and what was said."""
    monkeypatch.setenv("WIKICLIP_INDEX", str(settings.index))
    monkeypatch.setenv("WIKICLIP_THREADS", "1")

    def linked(images: list[dict[str, Any]], annotations: list[dict[str, Any]]) -> tuple[str, str]:
        coco, out, sheet = (tmp_path / name for name in ("coco.json", "out.jsonl", "sheet.html"))
        coco.write_text(json.dumps({"images": images, "annotations": annotations}))
        named = {"--images": pictures, "--annotations": coco, "--out": out, "--sheet": sheet}
        asked = [str(word) for pair in named.items() for word in pair]
        said = CliRunner().invoke(app, asked, catch_exceptions=False).output
        return sheet.read_text(encoding="utf-8"), said

    return linked


def sections(html: str) -> dict[str, str]:
    return {re.search("<h2>(.*)</h2>", each)[1]: each for each in html.split("<section>")[1:]}  # type: ignore[index]


def drawn(section: str) -> list[tuple[str, Image.Image]]:
    """What stands for each answer, and its picture: the answers' own come before those of the records."""
    found = re.findall(r'<li class="\w+">\n<img src="data:image/jpeg;base64,([^"]+)"[^>]* alt="([^"]+)"', section)
    return [(alt, Image.open(io.BytesIO(base64.b64decode(data)))) for data, alt in found]


def test_a_set_s_regions_are_drawn_on_its_pictures(run: Any) -> None:
    images = [
        {"id": 1, "file_name": "hall/1.png", "width": W, "height": H},
        {"id": "1", "file_name": "2.png", "width": W, "height": H},
        {"id": 3, "file_name": "cut.png"},
        {"id": 4, "file_name": "<gone>.png"},
    ]
    annotations = [
        {"id": "disc", "image_id": 1, "segmentation": [RLE]},
        {"id": "box & all", "image_id": "1", "bbox": BOX["box"]},
        {"id": "polygon", "image_id": 1, "segmentation": POLYGON["polygon"]},
        {"id": "cut", "image_id": 3},
        {"id": "gone", "image_id": 4},
        {"id": "nowhere", "image_id": 5},
        {"id": "whole", "image_id": 1},
        {"id": "bad", "image_id": 1, "segmentation": [{**RLE, "counts": "0"}]},
    ]
    html, said = run(images, annotations)
    assert "with 5 pictures" in said
    of = sections(html)
    assert list(of) == ["hall/1.png", "2.png", "cut.png", "&lt;gone&gt;.png", "5"]
    first = of["hall/1.png"]
    names = [first.index(f">{name}<") for name in ("whole", "disc", "polygon", "bad")]
    assert names == sorted(names), "the whole picture comes first, though its row comes last"
    (whole, plain), *parts = drawn(first)
    assert (whole, [alt for alt, _ in parts]) == ("The picture", ["A region of it"] * 2)
    for _, part in parts:  # with a contour, and all else dimmed
        assert np.asarray(part).mean() < 0.8 * np.asarray(plain).mean()
    assert [alt for alt, _ in drawn(of["2.png"])] == ["A region of it"]
    assert "box &amp; all" in of["2.png"]
    for name in ("cut.png", "&lt;gone&gt;.png", "5"):
        assert not drawn(of[name])
        assert 'class="error"' in of[name]


def test_boxes_are_not_drawn_where_the_set_means_a_picture_of_another_size(run: Any) -> None:
    images = [{"id": 1, "file_name": "2.png", "width": 2 * W, "height": H}]
    html, said = run(images, [{"id": 1, "image_id": 1, **box()}])
    assert "with 1 picture (" in said
    assert "<p>1 picture: 0 answers are sure, 0 are not, 1 could not be given." in html
    assert not drawn(html)
    assert 'class="error"' in html


def box() -> dict[str, Any]:
    return {"bbox": BOX["box"]}


def test_of_many_regions_the_first_are_shown_and_the_others_counted(run: Any) -> None:
    images = [{"id": 1, "file_name": "2.png", "width": W, "height": H}]
    annotations = [{"id": n, "image_id": 1, "bbox": [n % 8, 1, 20, 20]} for n in range(15)]
    html, _ = run(images, annotations)
    assert len(drawn(html)) == 13
    assert "and 2 more regions" in html
    html, _ = run(images, annotations[2:])  # the set has shrunk since: of those that are gone the ids are known
    assert len(drawn(html)) == 11
    assert html.count('<p class="quiet">') == 14


def test_a_set_is_read_no_further_than_the_last_of_what_is_shown(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    told = [{"annotation_id": n, "image_id": n // 2} for n in range(10)]
    rows.write_text("".join(f"{json.dumps(row)}\n" for row in told))
    first = first_pictures(rows, pictures=2, each=1)
    assert [(one.image_id, len(one.rows), one.more) for one in first] == [(0, 1, 1), (1, 1, 1)]
    read = iter([Mention(n, n // 2, tmp_path, {"box": [n, 0, 1, 1]}) for n in range(10)])
    asked = list(asked_of_set([row for one in first for row in one.rows], read))
    assert [mention.region for mention in asked] == [{"box": [0, 0, 1, 1]}, {"box": [2, 0, 1, 1]}]
    assert next(read).annotation_id == 3


def test_ids_are_told_apart_as_rows_tell_them(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    told = [{"annotation_id": 1, "image_id": image} for image in (1, "1", 1.0, [1])]
    rows.write_text("".join(f"{json.dumps(row)}\n" for row in told))
    assert [len(one.rows) for one in first_pictures(rows, pictures=9, each=9)] == [2, 1, 1]
    assert by_picture.first_pictures(rows, pictures=0, each=9) == []
    assert list(asked_of_set([], Annotations(tmp_path / "none.json", tmp_path))) == []
