"""What the weights of `tiny` see, and that nothing asks the network for any."""

import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from tests.wikiclip.small_models import Backbones, close
from wikiclip.base.errors import WikiClipError
from wikiclip.model import WikiClip
from wikiclip.presets import PRESETS, TextBackbone
from wikiclip.towers.loading import classifier_rows, open_vision_tower
from wikiclip.towers.text import TextEncoder


def crossword() -> Image.Image:
    image = Image.new("RGB", (224, 224), "white")
    draw, black = ImageDraw.Draw(image), np.random.default_rng(0).random((11, 11)) < 0.3
    for (row, column), filled in np.ndenumerate(black):
        x, y = 2 + 20 * column, 2 + 20 * row
        draw.rectangle((x, y, x + 20, y + 20), outline="black", fill="black" if filled else "white")
    return image


def traffic_light() -> Image.Image:
    image = Image.new("RGB", (224, 224), (120, 170, 220))
    draw = ImageDraw.Draw(image)
    draw.rectangle((105, 190, 119, 224), fill=(60, 60, 60))
    draw.rounded_rectangle((75, 20, 149, 190), 12, fill=(25, 25, 25))
    for y, colour in ((48, (255, 40, 30)), (105, (80, 70, 10)), (162, (10, 60, 20))):
        draw.ellipse((90, y - 22, 134, y + 22), fill=colour)
    return image


def spider_web() -> Image.Image:
    image = Image.new("RGB", (224, 224), (20, 30, 20))
    draw = ImageDraw.Draw(image)
    rays = [(math.cos(k * math.pi / 12), math.sin(k * math.pi / 12)) for k in range(25)]
    for x, y in rays:
        draw.line((112, 112, 112 + 160 * x, 112 + 160 * y), fill=(220, 220, 220))
    for radius in range(6, 150, 7):
        draw.line([(112 + radius * x, 112 + radius * y) for x, y in rays], fill=(220, 220, 220))
    return image


DRAWINGS = [(crossword, 918), (traffic_light, 920), (spider_web, 815)]


def pixels_of(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]


@pytest.mark.parametrize(("draw", "imagenet_class"), DRAWINGS)
def test_tiny_names_drawings_by_the_rows_of_its_classifier(
    tiny: WikiClip, draw: Callable[[], Image.Image], imagenet_class: int
) -> None:
    """The packaged weights are under the right names, and pixels, their order and their scale are as in training."""
    rows = classifier_rows(PRESETS["tiny"].vision)
    assert rows.shape == (1000, 1280)
    alone = open_vision_tower(replace(PRESETS["tiny"].vision, levels=None))
    features = alone(pixels_of(draw()))
    assert int((features.pooled_BW @ rows.T).argmax()) == imagenet_class
    evenly_BW = alone.pool(features, torch.ones(1, alone.grid**2))
    assert int((evenly_BW @ rows.T).argmax()) == imagenet_class
    last_BV = tiny.vision(pixels_of(draw())).pooled_BW[:, : rows.shape[1]]
    assert int((last_BV @ rows.T).argmax()) == imagenet_class, (
        "the pooled vector of several depths begins with the last"
    )


def test_tiny_gives_one_picture_the_same_features_in_every_batch(tiny: WikiClip) -> None:
    pixels = torch.cat([pixels_of(draw()) for draw, _ in DRAWINGS])
    together, alone = tiny.vision(pixels), tiny.vision(pixels[1:2])
    assert torch.isfinite(together.pooled_BW).all()
    assert close(alone.pooled_BW, together.pooled_BW[1:2], 3e-2)
    assert float(torch.cosine_similarity(alone.pooled_BW, together.pooled_BW[1:2])) > 0.999


def test_tiny_reads_meaning(tiny: WikiClip) -> None:
    texts = ["a heron wades in a lake", "a long-legged bird in shallow water", "a screwdriver for small screws"]
    near, far = (tiny.text(texts).sentence_BT @ tiny.text(texts[:1]).sentence_BT.T)[1:, 0]
    assert float(near) > float(far) + 0.2


def test_a_classifier_is_known_of_tiny_only() -> None:
    with pytest.raises(WikiClipError, match="No classifier is known"):
        classifier_rows(PRESETS["base"].vision)


class Calls:
    """Lookups of names and connections that anything in this process tries."""

    def __init__(self) -> None:
        self.listening, self.seen = False, list[str]()
        sys.addaudithook(self.hear)

    def hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.listening and event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.connect"):
            self.seen.append(f"{event} {arguments[0]}")


@pytest.fixture(scope="module")
def all_calls() -> Calls:
    return Calls()  # once: an audit hook cannot be taken out again


@pytest.fixture
def calls(all_calls: Calls) -> Iterator[list[str]]:
    all_calls.seen.clear()
    all_calls.listening = True
    yield all_calls.seen
    all_calls.listening = False


def test_tiny_is_loaded_from_packages_without_a_network(calls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    WikiClip(PRESETS["tiny"])
    assert calls == []


def test_small_models_are_made_without_a_network(
    calls: list[str], vision_backbone: Backbones, text_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    open_vision_tower(vision_backbone("timm-cnn"))
    TextEncoder(TextBackbone(model=str(text_folder)))
    assert calls == []


def test_without_a_hub_the_preset_base_says_what_to_do(
    calls: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(WikiClipError, match=r"ViT-B-16 with weights 'datacomp.*give the path.*or make the model hub"):
        open_vision_tower(PRESETS["base"].vision)
    with pytest.raises(WikiClipError, match=r"text encoder 'BAAI/bge.*give the path.*or make the model hub"):
        TextEncoder(PRESETS["base"].text)
    assert calls == []
