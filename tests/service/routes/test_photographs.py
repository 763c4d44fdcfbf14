"""A large photograph, which is decoded smaller where that is enough: what is told of it stays in its own frame."""

import base64
import json

import httpx
import numpy as np
import pytest
from PIL import Image, ImageDraw

from tests.wikiclip.picture_files.kinds import exif
from tests.wikiclip.test_shrunk_pictures import jpeg, photograph
from wikiclip.masks import decode_region

WIDTH, HEIGHT = 2048, 1536
BOX = [700, 500, 600, 400]  # x, y, width, height of the red thing


def scene() -> Image.Image:
    image = Image.blend(photograph(WIDTH, HEIGHT), Image.new("RGB", (WIDTH, HEIGHT), (60, 90, 60)), 0.8)
    x, y, width, height = BOX
    ImageDraw.Draw(image).rectangle((x, y, x + width - 1, y + height - 1), fill=(220, 30, 30))
    return image


IMAGE = base64.b64encode(jpeg(scene())).decode()


def red() -> np.ndarray:
    return decode_region({"box": BOX}, height=HEIGHT, width=WIDTH)


def iou(first: np.ndarray, second: np.ndarray) -> float:
    return float((first & second).sum() / (first | second).sum())


@pytest.mark.parametrize("asked", [{"point": [1000, 700]}, {"box": [650, 450, 700, 500]}, {}])
def test_an_outline_has_the_photograph_s_size(client: httpx.Client, asked: dict) -> None:
    regions = client.post("/segment", json={"image": IMAGE, **asked}).raise_for_status().json()["regions"]
    assert regions[0]["rle"]["size"] == [HEIGHT, WIDTH]
    assert iou(decode_region(regions[0]["rle"], height=HEIGHT, width=WIDTH), red()) > 0.9
    assert np.abs(np.array(regions[0]["box"]) - BOX).max() < 20


def test_a_point_in_the_last_row_and_column_lies_in_it_and_one_beyond_does_not(client: httpx.Client) -> None:
    corner = client.post("/segment", json={"image": IMAGE, "point": [WIDTH - 0.5, HEIGHT - 0.5]})
    mask = decode_region(corner.raise_for_status().json()["regions"][0]["rle"], height=HEIGHT, width=WIDTH)
    assert mask[-1, -1]
    beyond = client.post("/segment", json={"image": IMAGE, "point": [WIDTH, 10]})
    assert (beyond.status_code, beyond.json()["type"]) == (422, "urn:wikiclip:problem:outside-picture")


def test_regions_are_told_in_its_frame_whichever_was_asked_first(client: httpx.Client) -> None:
    """The large region lets the photograph be kept smaller, and the small one asks for all of it again."""
    small, large = {"box": [720, 520, 90, 90]}, {"box": BOX}
    alone = []
    for number, region in enumerate((small, large)):
        image = base64.b64encode(jpeg(scene(), comment=str(number).encode())).decode()
        alone += client.post("/link", json={"image": image, "region": region}).raise_for_status().json()["results"]
    for regions in ([large], [small], [large], [large, small], [None]):
        answer = client.post("/link", json={"image": IMAGE, "regions": regions}).raise_for_status().json()
        for region, found in zip(regions, answer["results"], strict=True):
            if region is not None:
                expected = alone[region is large]["candidates"]
                assert [one["entity_id"] for one in found["candidates"]] == [one["entity_id"] for one in expected]
                scores = [[one["score"] for one in candidates] for candidates in (found["candidates"], expected)]
                np.testing.assert_allclose(*scores, atol=0.01)


def test_what_was_asked_before_makes_no_difference(client: httpx.Client) -> None:
    """Things are outlined in a smaller copy than a small region is cut from, and each question keeps its own."""
    image = base64.b64encode(jpeg(scene(), comment=b"asked twice")).decode()
    questions: list[tuple[str, dict]] = [
        ("/segment", {}),
        ("/segment", {"point": [1000, 700]}),
        ("/link", {"region": {"box": BOX}}),
        ("/link", {}),
        ("/link", {"regions": "find", "whole": True}),
        ("/link", {"region": {"box": [720, 520, 90, 90]}}),
    ]

    def told(path: str, asked: dict) -> object:
        answer = client.post(path, json={"image": image, **asked}).raise_for_status().json()
        return answer["regions"] if path == "/segment" else answer["results"]

    first = [told(*question) for question in questions]
    assert [told(*question) for question in reversed(questions)] == first[::-1]


def test_an_explanation_s_frame_is_in_its_pixels(client: httpx.Client) -> None:
    asked = {"image": IMAGE, "region": {"box": BOX}, "entity_id": "red-disc"}
    x, y, width, height = client.post("/explain", json=asked).raise_for_status().json()["mention"]["frame"]
    assert x <= BOX[0]
    assert y <= BOX[1]
    assert BOX[2] <= width <= 1.5 * BOX[2]
    assert width == height


def test_one_that_lies_on_its_side_is_asked_about_upright(client: httpx.Client) -> None:
    lying = scene().transpose(Image.Transpose.ROTATE_90)  # which EXIF's 6 turns back
    image = base64.b64encode(jpeg(lying, exif=exif(6))).decode()
    (region,) = (
        client.post("/segment", json={"image": image, "point": [1000, 700]}).raise_for_status().json()["regions"]
    )
    assert iou(decode_region(region["rle"], height=HEIGHT, width=WIDTH), red()) > 0.9
    other_way = client.post("/link", json={"image": image, "region": {"box": [0, HEIGHT + 1, 5, 5]}})
    assert (other_way.status_code, other_way.json()["type"]) == (422, "urn:wikiclip:problem:outside-picture")


@pytest.mark.parametrize(
    ("region", "problem"),
    [
        ({"size": [HEIGHT // 2, WIDTH // 2], "counts": [HEIGHT * WIDTH // 4]}, "mask-size-mismatch"),
        ({"box": [WIDTH + 1, 0, 9, 9]}, "outside-picture"),
    ],
)
def test_a_region_of_the_smaller_copy_is_none_of_the_photograph(
    client: httpx.Client, region: dict, problem: str
) -> None:
    answer = client.post("/link", json={"image": IMAGE, "region": region})
    assert (answer.status_code, answer.json()["type"]) == (422, f"urn:wikiclip:problem:{problem}")


def test_as_multipart_it_is_the_same(client: httpx.Client) -> None:
    as_json = client.post("/segment", json={"image": IMAGE, "point": [1000, 700]}).json()
    form = {"point": json.dumps([1000, 700])}
    as_form = client.post("/segment", files={"image": ("p.jpg", base64.b64decode(IMAGE))}, data=form)
    assert as_form.raise_for_status().json()["regions"] == as_json["regions"]
