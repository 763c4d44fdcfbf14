"""The table of a set has the pictures' names and the regions' boxes, which only the set says."""

import csv
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from service import examples
from service.batch import app
from service.offline import places
from service.offline.mentions import Mention
from service.offline.places import Place, placed
from service.settings import Settings
from wikiclip.masks import bounds, decode_region

RLE, BOX, POLYGON = (examples.regions()[name] for name in ("rle", "box", "polygon"))
W, H = examples.WIDTH, examples.HEIGHT
OURS = (__file__, places.__file__, "*/json/*", "*/picture_paths.py")  # what allocates while rows are placed


def table_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def box(region: object) -> tuple[str, ...]:
    left, top, right, bottom = bounds(decode_region(region, height=H, width=W))
    return str(left), str(top), str(right - left), str(bottom - top)


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Links a set in this process, and returns its table by annotation."""
    monkeypatch.setenv("WIKICLIP_INDEX", str(settings.index))
    monkeypatch.setenv("WIKICLIP_THREADS", "1")
    folder = tmp_path / "pictures"
    (folder / "hall").mkdir(parents=True)
    (folder / "hall" / "1.png").write_bytes(examples.picture())
    Image.new("RGB", (W, H), "red").save(folder / "2.jpg")

    def linked(annotations: list[dict[str, Any]]) -> dict[str, tuple[str, tuple[str, ...]]]:
        images = [
            {"id": 1, "file_name": "hall/1.png", "width": W, "height": H},
            {"id": 2, "file_name": "2.jpg"},
            {"id": 3, "file_name": "gone.png"},
        ]
        coco, out, table = (tmp_path / name for name in ("coco.json", "out.jsonl", "out.csv"))
        coco.write_text(json.dumps({"images": images, "annotations": annotations}))
        named = {"--images": folder, "--annotations": coco, "--out": out, "--csv": table, "--top-k": 1}
        said = CliRunner().invoke(app, [str(word) for pair in named.items() for word in pair], catch_exceptions=False)
        assert said.exit_code == 0, said.output
        sides = ("left", "top", "width", "height")
        return {line["part"]: (line["picture"], tuple(line[side] for side in sides)) for line in table_of(table)}

    return linked


def test_a_line_has_the_picture_s_name_and_the_region_s_box(run: Any) -> None:
    annotations: list[dict[str, Any]] = [
        {"id": "1#2", "image_id": 1, "segmentation": [RLE]},
        {"id": "1#", "image_id": 1, "bbox": BOX["box"]},
        {"id": 1, "image_id": 1, "segmentation": POLYGON["polygon"]},
        {"id": "whole", "image_id": 1},
        {"id": "unsaid", "image_id": 2, "bbox": [W - 9.5, 3, 99, 4]},
        {"id": "bad", "image_id": 2, "segmentation": [{**RLE, "counts": "0"}]},
        {"id": "gone", "image_id": 3, "bbox": BOX["box"]},
        {"id": "unlisted", "image_id": 4},
    ]
    none = ("",) * 4
    expected = {
        "1#2": ("hall/1.png", box(RLE)),
        "1#": ("hall/1.png", box(BOX)),
        "1": ("hall/1.png", box(POLYGON)),
        "whole": ("hall/1.png", none),
        "unsaid": ("2.jpg", (str(W - 10), "3", "10", "4")),
        "bad": ("2.jpg", none),
        "gone": ("gone.png", none),
        "unlisted": ("4", none),
    }
    assert run(annotations[4:]) == dict([*expected.items()][4:])
    found = run(annotations)
    assert found == expected
    assert [*found][:4] == ["unsaid", "bad", "gone", "unlisted"], "rows stand in another order than the set"
    left = run(annotations[:2])  # the set has shrunk since: of those that are gone the ids are known
    assert {part: left[part] for part in ("1#2", "1#", "unsaid")} == {
        "1#2": expected["1#2"],
        "1#": expected["1#"],
        "unsaid": ("2", none),
    }


def test_a_set_is_not_held_in_memory(tmp_path: Path) -> None:
    """Neither where rows stand in its order nor where the last ones come first."""
    count, picture = 3_000, tmp_path / "a.png"

    def id_of(number: int) -> str:
        return f"{number:01000d}"

    def mentions() -> Iterator[Mention]:
        for number in range(count):
            yield Mention(id_of(number), 1, picture, {"size": [1, count], "counts": [number, 1, count - 1 - number]})

    for order in (range(count), [*range(count // 2, count), *range(count // 2)]):
        rows = ({"annotation_id": id_of(number), "image_id": 1} for number in order)
        tracemalloc.start()
        for number, (row, place) in enumerate(placed(rows, mentions(), tmp_path), start=1):
            assert place == Place("a.png", (int(row["annotation_id"]), 0, 1, 1))
            if number == count:
                held = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, each) for each in OURS])
        tracemalloc.stop()
        assert number == count
        assert sum(trace.size for trace in held.traces) < 100 * count, "a tenth of the ids alone"


@pytest.mark.parametrize("size", [[2**40, 2**40], ["a", 3], [1.5, 2], [], None, 7])
def test_a_set_that_says_something_else_by_now_costs_a_box(tmp_path: Path, size: object) -> None:
    Image.fromarray(np.zeros((5, 6, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    regions = [{"size": size, "counts": [0, 30]}, [{"size": size, "counts": [0, 30]}], {"box": [1, 1, 2, 2]}]
    width = size[0] if isinstance(size, list) and size and not isinstance(size[0], str) else None
    mentions = [Mention(n, 1, tmp_path / "a.png", region, declared=(width, width)) for n, region in enumerate(regions)]
    rows = [{"annotation_id": mention.annotation_id, "image_id": 1} for mention in mentions]
    found = [place.box for _, place in placed(rows, mentions, tmp_path)]
    assert found == [None, None, (1, 1, 2, 2)]
