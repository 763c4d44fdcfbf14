"""Small files in the form of MaskOVEN-Wiki's release, with pictures that the tests draw."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from indexer.kb.record import BadRecord
from training.data.annotation import Annotation, MentionError, read_mention
from training.data.releases import maskoven
from training.data.releases.maskoven import PUBLISHED, MaskOvenAnnotations, count_warning
from wikiclip.base.errors import WikiClipError
from wikiclip.masks import encode_rle

HEIGHT, WIDTH = 10, 12
IMAGE = {"id": "oven_04925844", "file_name": "/04/oven_04925844.jpg", "height": HEIGHT, "width": WIDTH}
ROW = {
    "id": "oven_query_val_00000107",
    "image_id": "oven_04925844",
    "category_id": "Q388450",
    "segmentation": [{"size": [HEIGHT, WIDTH], "counts": [30, 90]}],
    "bbox": [[3.0, 0.0, 12.0, 10.0]],
    "text_prompt": "A crow.",
    "label": ["a bird(0.44)"],
    "question": "what kind of bird is this?",
    "data_split": "query_val_seen",
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where the release is expected, with one picture in it."""
    monkeypatch.setenv("WIKICLIP_HOME", str(tmp_path))
    drawn(tmp_path / "oven/oven_images/04/oven_04925844.jpg")
    return tmp_path / "oven"


def drawn(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (WIDTH, HEIGHT), (200, 30, 30)).save(path)
    return path


def written(path: Path, *rows: object, images: Any = (IMAGE,)) -> Path:
    path.write_text(json.dumps({"images": images, "categories": [{"id": "Q388450"}], "annotations": rows}))
    return path


def val(home: Path, *rows: object, images: Any = (IMAGE,)) -> list[Annotation | BadRecord]:
    written(home / "mask_oven_query_val.json", *rows, images=images)
    return list(MaskOvenAnnotations(part="val", tasks=["query"]))


def test_reads_the_release_from_where_it_is_expected(home: Path):
    [found] = val(home, ROW)
    assert found == Annotation(
        data_id="oven_query_val_00000107",
        picture=home / "oven_images/04/oven_04925844.jpg",
        region=[{"size": [HEIGHT, WIDTH], "counts": [30, 90]}],
        entity_id="Q388450",
        split="seen",
        task="query",
        question="what kind of bird is this?",
    )
    _, mask = read_mention(found)
    assert mask[:, 3:].all()
    assert not mask[:, :3].any()


@pytest.mark.parametrize("annotations_first", [False, True])
def test_the_order_of_the_lists_does_not_matter(home: Path, annotations_first: bool):
    document = {"images": [IMAGE], "annotations": [ROW]}
    path = home / "mask_oven_query_val.json"
    path.write_text(json.dumps(dict(reversed(document.items())) if annotations_first else document))
    [found] = MaskOvenAnnotations(part="val", tasks=["query"])
    assert isinstance(found, Annotation)


def test_rles_of_both_kinds_are_one_region(home: Path):
    left, right = np.zeros((2, HEIGHT, WIDTH), dtype=np.bool_)
    left[2:5, :7] = True
    right[4:9, 5:] = True
    uncompressed = {"size": [HEIGHT, WIDTH], "counts": [HEIGHT * WIDTH - 1, 1]}
    [found] = val(home, {**ROW, "segmentation": [encode_rle(left), encode_rle(right), uncompressed]})
    assert isinstance(found, Annotation)
    expected = left | right
    expected[-1, -1] = True
    assert (read_mention(found)[1] == expected).all()


@pytest.mark.parametrize(
    ("fields", "inside"),
    [
        ({"segmentation": [[2, 3, 7, 3, 7, 9, 2, 9]]}, [(3, 9, 2, 7)]),
        ({"segmentation": [], "bbox": [[2, 3, 7, 9]]}, [(3, 9, 2, 7)]),
        ({"segmentation": None, "bbox": [[2, 3, 7, 9], [6, 0, 40, 4]]}, [(3, 9, 2, 7), (0, 4, 6, WIDTH)]),
        ({"segmentation": [], "bbox": [2, 3, 5, 6]}, [(3, 9, 2, 7)]),
        ({"segmentation": [], "bbox": []}, [(0, HEIGHT, 0, WIDTH)]),
    ],
)
def test_polygons_and_boxes_become_masks(home: Path, fields: dict[str, Any], inside: list[tuple[int, int, int, int]]):
    [found] = val(home, {**ROW, **fields})
    assert isinstance(found, Annotation)
    expected = np.zeros((HEIGHT, WIDTH), dtype=np.bool_)
    for top, bottom, left, right in inside:
        expected[top:bottom, left:right] = True
    assert (read_mention(found)[1] == expected).all()


@pytest.mark.parametrize(
    ("fields", "cause"),
    [
        ({"segmentation": [{"size": [HEIGHT, WIDTH], "counts": "0"}]}, "malformed-rle"),
        ({"segmentation": "all of it"}, "malformed-region"),
        ({"segmentation": 7}, "malformed-region"),
        ({"segmentation": [], "bbox": [[1, 2]]}, "malformed-box"),
        ({"segmentation": [], "bbox": [["a", "b", "c", "d"]]}, "malformed-polygon"),
        ({"segmentation": [], "bbox": [[40, 40, 50, 50]]}, "empty-mask"),
        ({"segmentation": [], "bbox": {"x": 1}}, "malformed-box"),
    ],
)
def test_a_region_is_judged_when_it_is_decoded(home: Path, fields: dict[str, Any], cause: str):
    [found] = val(home, {**ROW, **fields})
    assert isinstance(found, Annotation)
    with pytest.raises(MentionError) as error:
        read_mention(found)
    assert (error.value.code, error.value.cause) == ("bad-region", cause)


IN_PIXELS = {
    "boxes by corners": {"segmentation": [], "bbox": [[2, 3, 7, 9]]},
    "box": {"segmentation": None, "bbox": [2, 3, 5, 6]},
    "polygon": {"segmentation": [[2, 3, 7, 3, 7, 9, 2, 9]]},
    "flat polygon": {"segmentation": [2, 3, 7, 3, 7, 9, 2, 9]},
}
OTHER_SIZES = {
    "turned": {"width": HEIGHT, "height": WIDTH},
    "scaled": {"width": 2 * WIDTH, "height": 2 * HEIGHT},
    "one side": {"width": WIDTH + 1, "height": None},
    "a text": {"width": str(HEIGHT), "height": str(WIDTH)},
}


@pytest.mark.parametrize("size", OTHER_SIZES.values(), ids=OTHER_SIZES)
@pytest.mark.parametrize("fields", IN_PIXELS.values(), ids=IN_PIXELS)
def test_a_region_in_pixels_of_a_picture_of_another_size_is_a_bad_region(
    home: Path, fields: dict[str, Any], size: dict[str, Any]
):
    [found] = val(home, {**ROW, **fields}, images=[{**IMAGE, **size}])
    assert isinstance(found, Annotation)
    with pytest.raises(MentionError, match="The annotations give the picture as") as error:
        read_mention(found)
    assert (error.value.code, error.value.cause) == ("bad-region", "mask-size-mismatch")


@pytest.mark.parametrize("fields", [{}, {"segmentation": [], "bbox": []}], ids=["RLEs", "the whole picture"])
def test_a_region_that_needs_no_declared_size_is_not_held_against_one(home: Path, fields: dict[str, Any]):
    [found] = val(home, {**ROW, **fields}, images=[{**IMAGE, "width": HEIGHT, "height": WIDTH}])
    assert isinstance(found, Annotation)
    assert read_mention(found)[1].any()


@pytest.mark.parametrize("side", [None, 0, -1, "?", [], {}])
def test_a_size_that_is_not_told_is_not_compared(home: Path, side: object):
    [found] = val(home, {**ROW, **IN_PIXELS["box"]}, images=[{**IMAGE, "width": side, "height": side}])
    assert isinstance(found, Annotation)
    assert read_mention(found)[1].sum() == 30


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (7, "annotations[1]"),
        ({key: value for key, value in ROW.items() if key != "id"}, "id: Field required"),
        ({**ROW, "id": 107}, "id: "),
        ({**ROW, "image_id": 4925844}, "image_id: "),
        ({**ROW, "image_id": "oven_00"}, "image_id: the file lists no picture of this id"),
        ({**ROW, "category_id": "crow"}, "category_id: "),
        ({key: value for key, value in ROW.items() if key != "category_id"}, "entity_id: Field required"),
        ({**ROW, "question": 1}, "question: "),
        ({**ROW, "data_split": "query_val"}, "data_split: must end in _seen or _unseen"),
        ({**ROW, "image_id": "out"}, "leads out of the folder"),
        ({**ROW, "image_id": "nameless"}, "lists no picture"),
    ],
)
def test_a_bad_annotation_is_named_and_stops_nothing(home: Path, row: object, why: str):
    images = [IMAGE, {"id": "out", "file_name": "/../secret.jpg"}, {"id": "nameless", "file_name": None}, 7]
    first, bad, last = val(home, {**ROW, "id": "first"}, row, {**ROW, "id": "last"}, images=images)
    assert isinstance(first, Annotation)
    assert isinstance(last, Annotation)
    assert isinstance(bad, BadRecord)
    assert bad.where == "mask_oven_query_val.json: annotations[1]"
    assert why in f"{bad.where} {bad.why}"


def test_two_pictures_under_one_id_are_a_bad_record(home: Path):
    [found] = val(home, ROW, images=[IMAGE, {**IMAGE, "file_name": "/04/other.jpg"}])
    assert isinstance(found, BadRecord)
    assert "several pictures under this image_id" in found.why
    assert isinstance(val(home, ROW, images=[IMAGE, IMAGE])[0], Annotation)


@pytest.mark.parametrize("name", ["../a.jpg", "/04/../../a.jpg", "a\\b.jpg", "a\0.jpg", "/"])
def test_a_name_that_leads_out_of_the_folder_is_a_bad_record(home: Path, name: str):
    [found] = val(home, ROW, images=[{**IMAGE, "file_name": name}])
    assert isinstance(found, BadRecord)


def test_the_wiki_set_is_trained_on_and_has_the_entities_own_pictures(home: Path):
    image = {"id": "Q388450", "file_name": "/Q388/Q388450.jpg"}
    rows = [{**ROW, "id": str(n), "image_id": "Q388450", "data_split": s} for n, s in enumerate(["wiki_unseen", "w"])]
    written(home / "mask_oven_wiki_split.json", *rows, images=[image])
    picture = drawn(home / "wikipedia_images_full/Q388/Q388450.jpg")
    found = [one for one in MaskOvenAnnotations(part="wiki") if isinstance(one, Annotation)]
    assert [(one.picture, one.split, one.task) for one in found] == [(picture, "train", None)] * 2


def test_the_human_set_is_one_file_without_tasks(home: Path):
    written(home / "mask_oven_human_test.json", {**ROW, "data_split": "human_test_unseen"})
    [found] = MaskOvenAnnotations(part="human")
    assert isinstance(found, Annotation)
    assert (found.split, found.task) == ("unseen", None)


def test_other_folders_can_be_named(home: Path, tmp_path: Path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    written(elsewhere / "mask_oven_entity_train.json", {**ROW, "data_split": "entity_train"})
    picture = drawn(tmp_path / "pictures/oven_images/04/oven_04925844.jpg")
    [found] = MaskOvenAnnotations(elsewhere, part="train", tasks=["entity"], images=tmp_path / "pictures")
    assert isinstance(found, Annotation)
    assert (found.picture, found.split, found.task) == (picture, "train", "entity")


def test_all_that_is_missing_is_one_error_that_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WIKICLIP_HOME", str(tmp_path))
    with pytest.raises(WikiClipError) as error:
        MaskOvenAnnotations(part="test")
    for expected in (
        "mask_oven_entity_test.json",
        "mask_oven_query_test.json",
        "oven_images",
        str(tmp_path / "oven"),
        "--annotations",
        "--images",
    ):
        assert expected in str(error.value)


@pytest.mark.parametrize("keep", [0, 10, 300, -1])
def test_a_file_that_was_cut_off_is_an_error_before_its_first_annotation(home: Path, keep: int):
    path = written(home / "mask_oven_query_val.json", *({**ROW, "id": str(n)} for n in range(50)))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(WikiClipError, match=r"mask_oven_query_val\.json is not JSON, or is cut off"):
        next(iter(MaskOvenAnnotations(part="val", tasks=["query"])))


@pytest.mark.parametrize("document", ["[]", "{}", '{"images": [], "annotations": []}', '{"annotations": {"id": 1}}'])
def test_a_file_without_annotations_is_an_error(home: Path, document: str):
    (home / "mask_oven_query_val.json").write_text(document)
    with pytest.raises(WikiClipError, match="holds no annotations"):
        list(MaskOvenAnnotations(part="val", tasks=["query"]))


def test_a_file_can_be_streamed_again_and_gives_the_same(home: Path):
    rows = [{**ROW, "id": str(n), "category_id": f"Q{n % 9}", "data_split": "query_train"} for n in range(2_000)]
    written(home / "mask_oven_query_train.json", *rows)
    annotations = MaskOvenAnnotations(part="train", tasks=["query"])
    once, again = list(annotations), list(annotations)
    assert once == again
    assert [one.data_id for one in once if isinstance(one, Annotation)] == [row["id"] for row in rows]
    assert len(annotations) == 2_000


def test_a_large_file_is_believed_and_not_counted(home: Path, monkeypatch: pytest.MonkeyPatch):
    written(home / "mask_oven_query_val.json", ROW)
    annotations = MaskOvenAnnotations(part="val", tasks=["query"])
    monkeypatch.setattr(maskoven, "QUICKLY_COUNTED", 10)
    assert len(annotations) == 1_964


@pytest.mark.parametrize("name", PUBLISHED)
def test_both_published_counts_are_right_and_a_third_is_told(name: str):
    published = PUBLISHED[name]
    assert count_warning(name, published.page) is None
    assert count_warning(name, published.paper) is None
    warning = count_warning(name, published.page // 2)
    assert warning is not None
    for expected in (name, f"{published.page // 2:,}", f"{published.page:,}", f"{published.paper:,}"):
        assert expected in warning


def test_the_counts_of_what_was_read_are_compared(home: Path):
    written(home / "mask_oven_query_val.json", ROW, {**ROW, "id": 5})
    annotations = MaskOvenAnnotations(part="val", tasks=["query"])
    assert annotations.count_warnings() == []
    list(annotations)
    assert annotations.count_warnings() == [
        "mask_oven_query_val.json holds 2 annotations; the release page says about 1,900 and the paper 1,964."
    ]


def test_the_fingerprint_changes_with_a_file_and_a_picture(home: Path):
    path = written(home / "mask_oven_query_val.json", ROW)

    def fingerprint() -> str:
        return MaskOvenAnnotations(part="val", tasks=["query"]).fingerprint()

    found = [fingerprint(), fingerprint()]
    drawn(home / "oven_images/04/oven_05.jpg")
    found.append(fingerprint())
    written(path, ROW, ROW)
    found.append(fingerprint())
    assert found[0] == found[1]
    assert len(set(found)) == 3
