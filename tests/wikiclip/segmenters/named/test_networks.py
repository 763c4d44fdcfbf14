"""SAM 3, and Grounding DINO with SAM 2, in their real architectures at random weights."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from benchmarks.hub.server import StandInHub
from tests.wikiclip.segmenters.named.small_networks import made_dino, made_sam3
from tests.wikiclip.segmenters.test_sam import made_sam2
from wikiclip.base.errors import WikiClipError
from wikiclip.segmenters.named import NameSegmenter, Reference, grounded, open_name_segmenter, sam3
from wikiclip.segmenters.named.grounded import GroundedSam

MADE = {"stand-in/sam3": made_sam3, "stand-in/dino": made_dino, "stand-in/sam2": made_sam2}
WORDS = [Reference(words="a brown cat on the chair."), Reference(words="?"), Reference(words="very " * 100)]


def noise(size: tuple[int, int]) -> Image.Image:
    """Of this width and height, the same at each call."""
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hub")
    for name, made in MADE.items():
        (root / name).mkdir(parents=True)
        made(root / name)
    return root


@pytest.fixture(scope="module", params=["stand-in/sam3", "stand-in/dino+stand-in/sam2"])
def segmenter(request: pytest.FixtureRequest, root: Path) -> NameSegmenter:
    return open_name_segmenter("+".join(str(root / name) for name in request.param.split("+")), device="cpu")


@pytest.fixture(autouse=True)
def _unsure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models at random weights are sure of nothing."""
    monkeypatch.setattr(grounded, "BOX", 0.01)


@pytest.mark.parametrize("size", [(90, 60), (60, 90), (1, 1), (3, 200), (1500, 20)])
def test_what_is_found_has_the_picture_s_size(segmenter: NameSegmenter, size: tuple[int, int]) -> None:
    image = noise(size)
    found = segmenter.find(image, WORDS)
    assert len(found) == len(WORDS)
    assert any(found)
    for candidates in found:
        sure = [candidate.confidence for candidate in candidates]
        assert sure == sorted(sure, reverse=True)
        for candidate in candidates:
            assert (candidate.mask.shape, candidate.mask.dtype) == (size[::-1], np.bool_)
            assert candidate.mask.any()
            assert 0 <= candidate.confidence <= 1
            if (box := candidate.box) is not None:
                assert 0 <= box.left < box.right <= size[0]
                assert 0 <= box.top < box.bottom <= size[1]
                assert not candidate.mask[: box.top].any()
                assert not candidate.mask[:, box.right :].any()
    assert segmenter.find(image, []) == []


def test_a_reference_is_independent_of_those_beside_it(segmenter: NameSegmenter) -> None:
    image = noise((90, 60))
    together = segmenter.find(image, WORDS)
    for reference, candidates in zip(WORDS, together, strict=True):
        (alone,) = segmenter.find(image, [reference])
        assert [one.confidence for one in alone] == [one.confidence for one in candidates]
        assert all(np.array_equal(one.mask, other.mask) for one, other in zip(alone, candidates, strict=True))


def test_nothing_is_found_where_the_model_is_not_sure(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sam3, "LEAST", 1.0)
    monkeypatch.setattr(grounded, "BOX", 1.0)
    image = noise((90, 60))
    for source in (root / "stand-in/sam3", f"{root / 'stand-in/dino'}+{root / 'stand-in/sam2'}"):
        assert open_name_segmenter(str(source), device="cpu").find(image, WORDS[:1]) == [[]]


def test_boxes_are_where_transformers_own_processor_puts_them(root: Path) -> None:
    segmenter = GroundedSam(str(root / "stand-in/dino"), str(root / "stand-in/sam2"), "cpu")
    assert segmenter.method == "grounding dino + sam2"
    model, processor = segmenter._model, segmenter._processor
    image = noise((90, 60))
    inputs = processor(images=image, text="a cat.", return_tensors="pt")
    with torch.inference_mode():
        out = model(**inputs)
    (theirs,) = processor.post_process_grounded_object_detection(
        out, inputs["input_ids"], threshold=0.01, text_threshold=0.25, target_sizes=[(60, 90)]
    )
    ours = segmenter.boxes(image, "A cat")
    assert len(ours) == len(theirs["scores"]) > 1
    assert [score for _, score in ours] == sorted(theirs["scores"].tolist(), reverse=True)
    surest = theirs["scores"].argsort(descending=True, stable=True)
    for (box, _), corners in zip(ours, theirs["boxes"][surest], strict=True):
        inside = corners.clamp(min=0).minimum(torch.tensor([90.0, 60, 90, 60]))
        assert (torch.tensor([box.left, box.top, box.right, box.bottom]) - inside).abs().max() <= 1


def test_all_of_a_network_s_work_is_done_where_it_is(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moved = []

    def to_meta(model: torch.nn.Module) -> str:
        moved.append(model.to("meta"))
        return "meta"

    monkeypatch.setattr("wikiclip.segmenters.named.pretrained.move_to_gpu", to_meta)
    monkeypatch.setattr("wikiclip.segmenters.sam.move_to_gpu", to_meta)
    image = Image.new("RGB", (90, 60))
    elsewhere = open_name_segmenter(str(root / "stand-in/sam3"))
    assert len(moved) == 1
    # That device computes shapes and no numbers: what fails is the first thing that asks for one.
    with pytest.raises((NotImplementedError, RuntimeError), match="meta"):
        elsewhere.find(image, WORDS[:1])
    open_name_segmenter(f"{root / 'stand-in/dino'}+{root / 'stand-in/sam2'}")
    assert len(moved) == 3
    open_name_segmenter(str(root / "stand-in/sam3"), device="cpu")
    assert len(moved) == 3  # a GPU is left to others


@pytest.fixture
def hub(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandInHub]:
    monkeypatch.setenv("WIKICLIP_HOME", str(tmp_path))
    monkeypatch.delenv("HF_HOME", raising=False)
    with StandInHub(root) as stand_in:
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", stand_in.endpoint)
        files = stand_in.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", files)
        yield stand_in


def test_a_network_of_a_hub_is_fetched_and_finds_what_that_of_a_folder_does(
    hub: StandInHub, root: Path, tmp_path: Path
) -> None:
    image = noise((90, 60))
    (fetched,) = open_name_segmenter("stand-in/sam3", device="cpu").find(image, WORDS[:1])
    (here,) = open_name_segmenter(str(root / "stand-in/sam3"), device="cpu").find(image, WORDS[:1])
    assert [one.confidence for one in fetched] == [one.confidence for one in here]
    assert any(path.endswith("model.safetensors") for path in hub.asked)
    assert list(tmp_path.rglob("model.safetensors"))
    with pytest.raises(WikiClipError, match=r"No SAM 3 can be loaded from 'stand-in/none'.*\(.+\)$"):
        open_name_segmenter("stand-in/none", device="cpu")


@pytest.mark.parametrize(("name", "said"), [("stand-in/sam3", "SAM 3"), ("stand-in/dino", "Grounding DINO")])
def test_what_is_no_such_network_is_said_in_a_line(root: Path, tmp_path: Path, name: str, said: str) -> None:
    def opened(folder: Path) -> Any:
        return open_name_segmenter(f"{folder}+{root / 'stand-in/sam2'}" if "dino" in name else str(folder))

    def why(folder: Path) -> str:
        with pytest.raises(WikiClipError, match=rf"^No {said} can be loaded from .*\(.+\)$") as caught:
            opened(folder)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    why(tmp_path / "none")
    folder = shutil.copytree(root / name, tmp_path / "copied")
    weights = load_file(folder / "model.safetensors")
    lacking = sorted(weights)[0]
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    assert "safetensors" in why(folder)
    (folder / "model.safetensors").write_bytes(b"none")
    why(folder)
    save_file({key: value for key, value in weights.items() if key != lacking}, folder / "model.safetensors")
    assert f"lack {lacking}" in why(folder)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "tokenizer.json").write_text("{}")
    why(folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "bert"}))
    assert "'bert'" in why(folder)
