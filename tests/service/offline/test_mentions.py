import json
from pathlib import Path
from typing import Any

import pytest

from service.offline.mentions import Annotations, Folder, Mention, region_of
from wikiclip.base.errors import WikiClipError

RLE = {"size": [4, 5], "counts": [3, 17]}


def read(tmp_path: Path, document: Any) -> list[Mention]:
    path = tmp_path / "coco.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return list(Annotations(path, tmp_path / "pictures"))


@pytest.mark.parametrize(
    ("annotation", "region"),
    [
        ({"segmentation": [RLE, RLE]}, [RLE, RLE]),  # MaskOVEN
        ({"segmentation": RLE, "bbox": [0, 0, 1, 1]}, RLE),
        ({"segmentation": [[0, 0, 9, 0, 9, 9]]}, {"polygon": [[0, 0, 9, 0, 9, 9]]}),
        ({"segmentation": [], "bbox": [1, 2, 3, 4]}, {"box": [1, 2, 3, 4]}),
        ({"bbox": [[1, 2, 5, 9]]}, {"polygon": [[1, 2, 5, 2, 5, 9, 1, 9]]}),
        ({"bbox": []}, None),
        ({}, None),
        ({"segmentation": "x"}, "x"),  # for decode_region to refuse
        ({"bbox": [[1, 2]]}, {"box": [[1, 2]]}),
    ],
)
def test_the_region_of_an_annotation(annotation: dict[str, Any], region: object) -> None:
    assert region_of(annotation) == region


@pytest.mark.parametrize("images_first", [True, False])
def test_ids_of_any_kind_and_names_that_begin_with_a_slash(tmp_path: Path, images_first: bool) -> None:
    images = [
        {"id": "oven_04", "file_name": "/04/oven_04.jpg", "height": 4, "width": 5},
        {"id": 7, "file_name": "a.png"},
    ]
    annotations = [
        {"id": "a", "image_id": "oven_04", "category_id": "Q1", "segmentation": [RLE], "bbox": [[0, 0, 4, 3]]},
        {"id": 2, "image_id": 7, "segmentation": [[0.5, 0, 9, 0, 9, 9]]},
        {"image_id": 7},
    ]
    document = {"images": images, "annotations": annotations, "categories": []}
    found = read(tmp_path, document if images_first else dict(reversed(document.items())))
    pictures = tmp_path / "pictures"
    assert found == [
        Mention("a", "oven_04", pictures / "04/oven_04.jpg", [RLE]),
        Mention(2, 7, pictures / "a.png", {"polygon": [[0.5, 0, 9, 0, 9, 9]]}),
        Mention("#2", 7, pictures / "a.png", None),
    ]


@pytest.mark.parametrize(
    "name", ["../secret.png", "/../secret.png", "a/../../b.png", "a\\..\\b.png", "a\0.png", "", "/"]
)
def test_a_name_that_leads_out_of_the_folder_is_no_picture(tmp_path: Path, name: str) -> None:
    document = {"images": [{"id": 1, "file_name": name}], "annotations": [{"id": 1, "image_id": 1}]}
    [mention] = read(tmp_path, document)
    assert mention.picture is None
    assert "folder" in mention.why


def test_an_annotation_without_a_picture_is_kept(tmp_path: Path) -> None:
    document = {"images": [{"id": 1, "file_name": None}], "annotations": [{"id": 1, "image_id": 1}, {"id": 2}]}
    assert [mention.picture for mention in read(tmp_path, document)] == [None, None]


@pytest.mark.parametrize(
    "document",
    [
        "",
        "[",
        "[]",
        "{}",
        '{"images": [], "annotations": []}',
        '{"annotations": [1]}',
        '{"annotations": [{"id": NaN}]}',
    ],
)
def test_a_file_of_another_kind_is_an_error(tmp_path: Path, document: str) -> None:
    with pytest.raises(WikiClipError, match=r"coco\.json"):
        read(tmp_path, document)


def test_a_file_that_is_cut_off_gives_what_it_holds_first(tmp_path: Path) -> None:
    path = tmp_path / "coco.json"
    path.write_text('{"images": [{"id": 1, "file_name": "a.png"}], "annotations": [{"id": 1, "image_id": 1}, {"id": 2,')
    path.write_text(path.read_text().replace('"images"', '"categories": [], "images"'))
    mentions = iter(Annotations(path, tmp_path))
    with pytest.raises(WikiClipError, match="cut off"):
        list(mentions)


def test_a_folder_gives_its_pictures_in_order(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.jpeg", "deep/c.webp", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "folder.png").mkdir()
    assert [mention.annotation_id for mention in Folder(tmp_path)] == ["a.jpeg", "b.PNG", "deep/c.webp"]
