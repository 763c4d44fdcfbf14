import json
import re
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
        ({"segmentation": [[]], "bbox": [1, 2, 3, 4]}, {"box": [1, 2, 3, 4]}),
        ({"segmentation": [None, []], "bbox": [1, 2, 3, 4]}, {"box": [1, 2, 3, 4]}),
        ({"segmentation": [[], [0, 0, 9, 0, 9, 9]]}, {"polygon": [[0, 0, 9, 0, 9, 9]]}),
        ({"segmentation": [0, 0, 9, 0, 9.5, 9], "bbox": [1, 2, 3, 4]}, {"polygon": [[0, 0, 9, 0, 9.5, 9]]}),
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


def of(images: list[Any], *annotations: dict[str, Any]) -> dict[str, Any]:
    return {"images": images, "annotations": [{"id": number, **one} for number, one in enumerate(annotations)]}


def test_annotations_of_one_id_are_told_apart(tmp_path: Path) -> None:
    images = [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "b.png"}]
    boxes = [(1, [0, 0, 1, 1]), (2, [0, 0, 1, 1]), (1, [0, 0, 2, 2]), (1, [0, 0, 2, 2]), (1.0, [0, 0, 3, 3])]
    path = tmp_path / "coco.json"
    path.write_text(json.dumps(of(images, *({"id": 0, "image_id": one, "bbox": box} for one, box in boxes))))
    source = Annotations(path, tmp_path)
    for _ in range(2):
        assert [(mention.image_id, mention.repeat) for mention in source] == [(1, 0), (2, 0), (1, 1), (1.0, 2)]
        assert source.copies == 1


@pytest.mark.parametrize(
    ("listed", "asked", "found"),
    [
        ([1], 1.0, True),
        ([1.0], 1, True),
        ([1], "1", True),
        (["1"], 1, True),
        ([2**70], 2**70, True),
        (["a"], "b", False),
        ([1], "01", False),
        (['"a"'], "a", False),
    ],
)
def test_an_image_id_finds_its_picture_however_it_is_written(
    tmp_path: Path, listed: list[Any], asked: object, found: bool
) -> None:
    [mention] = read(tmp_path, of([{"id": one, "file_name": "a.png"} for one in listed], {"image_id": asked}))
    assert (mention.picture is not None) is found


def test_a_text_and_a_number_are_two_ids_where_both_are_there(tmp_path: Path) -> None:
    images = [{"id": 1, "file_name": "number.png"}, {"id": "1", "file_name": "text.png"}]
    mentions = read(tmp_path, of(images, {"image_id": "1"}, {"image_id": 1}))
    assert [one.picture and one.picture.name for one in mentions] == ["text.png", "number.png"]


def test_two_pictures_under_one_id_are_named_and_one_listed_twice_is_none(tmp_path: Path) -> None:
    images = [{"id": 1, "file_name": "a.png"}, {"id": 1, "file_name": "b.png"}, *[{"id": 2, "file_name": "c.png"}] * 2]
    several, one = read(tmp_path, of(images, {"image_id": 1}, {"image_id": 2}))
    assert several.picture is None
    assert "several pictures under this image_id" in several.why
    assert one.picture == tmp_path / "pictures" / "c.png"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("images\\x.png", "images/x.png"),
        (".\\images\\x.png", "images/x.png"),
        ("C: odd.png", "C: odd.png"),
        ("back\\slash.png", "back\\slash.png"),
        ("http://e.org/images/x.png", "images/x.png"),
        ("s3://bucket/x/C%3A%20odd.png", "C: odd.png"),
    ],
)
def test_a_name_that_is_no_plain_path_is_tried_as_one(tmp_path: Path, name: str, found: str) -> None:
    pictures = tmp_path / "pictures"
    (pictures / "images").mkdir(parents=True)
    for there in ("images/x.png", "C: odd.png", "back\\slash.png"):
        (pictures / there).touch()
    [mention] = read(tmp_path, of([{"id": 1, "file_name": name}], {"image_id": 1}))
    assert mention.picture is not None
    assert mention.picture.resolve() == (pictures / found).resolve()


@pytest.mark.parametrize(
    ("image", "why"),
    [
        ({"file_name": "images\\x.png"}, "has a backslash"),
        ({"file_name": "C:\\data\\x.png"}, "has a backslash"),
        ({"file_name": "..\\x.png"}, "leads out of the folder"),
        ({"file_name": "https://e.org/images/x.png"}, "URL.*holds no images/x.png"),
        ({"file_name": "https://e.org/../../x.png"}, "URL"),
        ({"file_name": 7}, "not a text"),
        ({}, "without a file_name"),
        ({"coco_url": "http://e.org/val2017/x.png"}, "without a file_name.*holds no val2017/x.png"),
        ({"file_name": ""}, "names no file"),
        ({"file_name": "a\0.png"}, "zero byte"),
    ],
)
def test_each_cause_has_its_own_sentence(tmp_path: Path, image: dict[str, Any], why: str) -> None:
    (tmp_path / "x.png").touch()
    (tmp_path / "pictures").mkdir()
    [mention] = read(tmp_path, of([{"id": 1, **image}], {"image_id": 1}))
    assert mention.picture is None
    assert re.search(why, mention.why)


@pytest.mark.parametrize("place", ["val2017/x.png", "x.png"])
def test_a_picture_without_a_file_name_is_found_by_its_url(tmp_path: Path, place: str) -> None:
    there = tmp_path / "pictures" / place
    there.parent.mkdir(parents=True)
    there.touch()
    images = [{"id": 139, "coco_url": "http://images.cocodataset.org/val2017/x.png"}]
    [mention] = read(tmp_path, of(images, {"image_id": 139}))
    assert mention.picture == there


@pytest.mark.parametrize(
    ("size", "declared"),
    [
        ({"width": 480, "height": 640.0}, (480, 640)),
        ({"width": "480"}, (480, None)),
        ({"width": 0, "height": -1}, (None, None)),
        ({"width": None, "height": "?"}, (None, None)),
    ],
)
def test_the_declared_size_goes_with_regions_in_pixels(tmp_path: Path, size: Any, declared: Any) -> None:
    images = [{"id": 1, "file_name": "a.png", **size}]
    regions = [{"bbox": [1, 2, 3, 4]}, {"segmentation": [[0, 0, 9, 0, 9, 9]]}, {"segmentation": [RLE]}, {}]
    mentions = read(tmp_path, of(images, *({"image_id": 1, **region} for region in regions)))
    assert [one.declared for one in mentions] == [declared, declared, (None, None), (None, None)]


def test_a_folder_knows_pictures_by_their_bytes(tmp_path: Path) -> None:
    for name in ("a.jfif", "b", "c.txt"):
        (tmp_path / name).write_bytes(b"\xff\xd8\xff\xe0" + b"0" * 20)
    (tmp_path / "d.txt").write_text("no picture")
    assert [mention.annotation_id for mention in Folder(tmp_path)] == ["a.jfif", "b", "c.txt"]


@pytest.mark.parametrize(("follow", "expected"), [(True, ["a.png", "linked/b.png"]), (False, ["a.png"])])
def test_linked_folders_are_followed_once_and_told(tmp_path: Path, follow: bool, expected: list[str]) -> None:
    pictures, elsewhere = tmp_path / "pictures", tmp_path / "elsewhere"
    for path in (pictures / "a.png", elsewhere / "b.png"):
        path.parent.mkdir()
        path.touch()
    (pictures / "linked").symlink_to(elsewhere)
    (pictures / "circle").symlink_to(pictures)
    (elsewhere / "circle").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(pictures)
    (pictures / "broken").symlink_to(tmp_path / "none")
    source = Folder(pictures, follow_links=follow)
    assert [mention.annotation_id for mention in source] == expected
    assert "linked" in source.linked


def test_pictures_in_formats_that_are_not_read_are_known(tmp_path: Path) -> None:
    for name, start in (("a.tiff", b"II*\0"), ("b.HEIC", b""), ("c", b"BM\x1a\0\0\0\0\0\0\0"), ("d.txt", b"BM wins")):
        (tmp_path / name).write_bytes(start)
    (tmp_path / "e.jpg").touch()
    folder = Folder(tmp_path)
    assert [mention.image_id for mention in folder] == ["e.jpg"]
    assert folder.others == ["a.tiff", "b.HEIC", "c"]


def test_numbers_in_names_are_numbers_in_their_order(tmp_path: Path) -> None:
    names = ["roll 2/1.png", "roll 2/10.png", "roll 10/1.png", "scan 01.png", "scan 1.png", "scan 2.png", "scan 10.png"]
    names += ["scan 10a2.png", "scan 10a11.png", "scan a.png"]
    for name in reversed(names):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert [mention.image_id for mention in Folder(tmp_path)] == names
