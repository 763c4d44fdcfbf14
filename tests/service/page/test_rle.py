"""The browser's run-length encoding is pycocotools'."""

import base64

import numpy as np
from playwright.sync_api import Page
from pycocotools import mask as coco_mask

from tests.service.page.conftest import Board

COUNT = 1000
ENCODE = """async (masks) => {
  const { encode, decode } = await import("/page/masks/rle.js");
  return masks.map(({ bits, width, height }) => {
    const data = Uint8Array.from(atob(bits), (character) => character.charCodeAt(0));
    const rle = encode(data, width, height);
    const again = decode(rle);
    return { ...rle, same: again.length === data.length && again.every((value, at) => value === data[at]) };
  });
}"""


def random_mask(random: np.random.Generator, number: int) -> np.ndarray:
    """[height, width] uint8: noise of any density, blobs with long runs, and the edges of what there is."""
    height, width = (int(size) for size in random.integers(1, 120, 2))
    if number % 10 == 0:
        return np.full((height, width), number // 10 % 2, np.uint8)
    if number % 2:
        return (random.random((height, width)) < random.random()).astype(np.uint8)
    y, x = np.mgrid[:height, :width]
    mask = np.zeros((height, width), np.uint8)
    for _ in range(3):
        away = (y - random.uniform(0, height)) ** 2 + (x - random.uniform(0, width)) ** 2
        mask |= away < random.uniform(1, max(height, width)) ** 2 / 4
    return mask


def test_a_thousand_random_masks_are_encoded_as_pycocotools_encodes_them(board: Board) -> None:
    random = np.random.default_rng(7)
    masks = [random_mask(random, number) for number in range(COUNT)]
    sent = [
        {"bits": base64.b64encode(mask.tobytes()).decode(), "width": mask.shape[1], "height": mask.shape[0]}
        for mask in masks
    ]
    for mask, ours in zip(masks, board.page.evaluate(ENCODE, sent), strict=True):
        theirs = coco_mask.encode(np.asfortranarray(mask))
        assert ours["size"] == theirs["size"]
        assert ours["counts"] == theirs["counts"].decode("ascii")
        assert ours["same"]


def test_an_encoding_that_does_not_fit_its_size_is_refused(board: Board) -> None:
    refused = """async (counts) => {
      const { decode } = await import("/page/masks/rle.js");
      try { decode({ size: [4, 4], counts }); } catch (error) { return error instanceof RangeError; }
      return false;
    }"""
    page: Page = board.page
    for counts in ([4, 8], [4, 20], [-1, 17], [17], "0", "o"):
        assert page.evaluate(refused, counts), counts
