"""A SAM and a SAM 2 of random weights, small enough to be made here: they find nothing, but they fit the seam."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import wikiclip.segmenters.sam  # noqa: F401  (before transformers, which imports torchvision)
from wikiclip.base.errors import WikiClipError
from wikiclip.segmenters import MOST_PROPOSED, Box, Point, Segmenter, open_segmenter
from wikiclip.segmenters.segmenter import MOST_OF_A_POINT, answering, told_apart

from transformers import (  # isort: skip
    Sam2Config,
    Sam2ImageProcessor,
    Sam2Model,
    Sam2Processor,
    SamConfig,
    SamImageProcessor,
    SamModel,
    SamProcessor,
)

SIDE = 64
DECODER = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "mlp_dim": 16, "iou_head_hidden_dim": 8}
PROMPTS = {"hidden_size": 8, "image_size": SIDE, "mask_input_channels": 4}


def made_sam(home: Path) -> None:
    config = SamConfig(
        vision_config={
            "hidden_size": 16,
            "output_channels": 8,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "image_size": SIDE,
            "patch_size": 8,
            "num_pos_feats": 4,
            "mlp_dim": 32,
            "window_size": 4,
            "global_attn_indexes": [0],
        },
        prompt_encoder_config={**PROMPTS, "patch_size": 8},
        mask_decoder_config=DECODER,
    )
    SamModel(config).save_pretrained(home)
    SamImageProcessor(
        size={"longest_edge": SIDE},
        pad_size={"height": SIDE, "width": SIDE},
        mask_size={"longest_edge": 16},
        mask_pad_size={"height": 16, "width": 16},
    ).save_pretrained(home)


def made_sam2(home: Path) -> None:
    config = Sam2Config(
        vision_config={
            "backbone_config": {
                "model_type": "sam2_hiera_det_model",
                "hidden_size": 8,
                "image_size": [SIDE, SIDE],
                "blocks_per_stage": [1, 1, 2, 1],
                "embed_dim_per_stage": [8, 16, 32, 64],
                "num_attention_heads_per_stage": [1, 1, 1, 1],
                "window_size_per_stage": [8, 8, 4, 4],
                "window_positional_embedding_background_size": [4, 4],
                "global_attention_blocks": [3],
            },
            "backbone_channel_list": [64, 32, 16, 8],
            "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
            "fpn_hidden_size": 32,
        },
        prompt_encoder_config={**PROMPTS, "hidden_size": 32, "patch_size": 16},
        mask_decoder_config={**DECODER, "hidden_size": 32},
    )
    Sam2Model(config).save_pretrained(home)
    Sam2ImageProcessor(size={"height": SIDE, "width": SIDE}, mask_size={"height": 16, "width": 16}).save_pretrained(
        home
    )


def made_sam2_video(home: Path) -> None:
    """As SAM 2 is published."""
    made_sam2(home)
    config = json.loads((home / "config.json").read_text())
    (home / "config.json").write_text(json.dumps({**config, "model_type": "sam2_video"}))


MADE = {"sam": made_sam, "sam2": made_sam2, "sam2_video": made_sam2_video}


@pytest.fixture(scope="module", params=MADE)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    home = tmp_path_factory.mktemp(request.param)
    MADE[request.param](home)
    return home


@pytest.fixture(scope="module")
def sam(folder: Path) -> Segmenter:
    return open_segmenter(str(folder))


@pytest.fixture
def theirs(sam: Segmenter, folder: Path) -> tuple[Any, Any]:
    """The model, and transformers' own processor of pictures and prompts together."""
    if sam.method == "sam":
        return SamModel.from_pretrained(folder).eval(), SamProcessor(SamImageProcessor.from_pretrained(folder))
    return Sam2Model.from_pretrained(folder).eval(), Sam2Processor(Sam2ImageProcessor.from_pretrained(folder))


@pytest.mark.parametrize("size", [(90, 60), (60, 90), (64, 64), (300, 200), (2500, 700), (5, 3)])
def test_every_picture_gets_masks_of_its_size(sam: Segmenter, size: tuple[int, int]) -> None:
    image = Image.effect_noise(size, 80).convert("RGB")
    width, height = size
    for prompt in (Point(width - 1, 0), Box(1, 1, width - 1, height - 1)):
        masks = sam.segment(image, prompt)
        assert 1 <= len(masks) <= (MOST_OF_A_POINT if isinstance(prompt, Point) else 1)
        for mask in masks:
            assert (mask.shape, mask.dtype) == ((height, width), np.bool_)
            assert mask.any()
            if isinstance(prompt, Point):
                assert mask[prompt.y, prompt.x]
            else:
                assert not mask[0].any()
                assert not mask[:, -1].any()
    proposals = sam.segment(image, None)
    assert len(proposals) <= MOST_PROPOSED
    areas = [int(mask.sum()) for mask in proposals]
    assert areas == sorted(areas, reverse=True)
    if proposals:
        assert np.sum(proposals, axis=0).max() == 1


def test_a_prompt_is_asked_for_where_transformers_own_processor_puts_it(
    sam: Segmenter, theirs: tuple[Any, Any]
) -> None:
    image = Image.effect_noise((90, 60), 80).convert("RGB")
    model, processor = theirs
    boxes = (Box(0, 0, 90, 60), Box(10, 20, 40, 55))
    for prompt in (Point(0, 0), Point(89, 59), Point(40, 13), *boxes):
        if isinstance(prompt, Point):
            asked: dict[str, Any] = {"input_points": [[[[prompt.x, prompt.y]]]]}
        else:
            asked = {"input_boxes": [[[prompt.left, prompt.top, prompt.right, prompt.bottom]]]}
        inputs = processor(images=image, **asked, return_tensors="pt")
        sizes = [inputs.pop(name) for name in ("original_sizes", "reshaped_input_sizes") if name in inputs]
        with torch.inference_mode():
            out = model(**inputs, multimask_output=True)
        (masks_NCHW,) = processor.image_processor.post_process_masks(out.pred_masks, *sizes)
        best_first = masks_NCHW[0, out.iou_scores[0, 0].argsort(descending=True)]
        expected = told_apart([answering(mask.numpy(), prompt) for mask in best_first])
        found = sam.segment(image, prompt)
        assert len(found) == (len(expected) if isinstance(prompt, Point) else 1)
        assert all(np.array_equal(one, other) for one, other in zip(found, expected, strict=False))


@pytest.mark.parametrize("prompt", [Point(3, 4), Box(1, 1, 40, 30), None])
def test_all_of_the_model_s_work_is_done_where_the_model_is(
    monkeypatch: pytest.MonkeyPatch, folder: Path, prompt: Point | Box | None
) -> None:
    moved = []

    def to_meta(model: torch.nn.Module) -> str:
        moved.append(model.to("meta"))
        return "meta"

    monkeypatch.setattr("wikiclip.segmenters.sam.move_to_gpu", to_meta)
    assert open_segmenter(str(folder), device="cpu").segment(Image.new("RGB", (90, 60)), Point(3, 4))
    assert not moved  # a GPU is left to others
    elsewhere = open_segmenter(str(folder))
    # That device computes shapes and no numbers: the model gets through, and what fails is the way back.
    with pytest.raises(NotImplementedError, match="meta tensor"):
        elsewhere.segment(Image.new("RGB", (90, 60)), prompt)
    assert len(moved) == 1


def test_what_is_no_such_model_is_said_in_a_line(tmp_path: Path, folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    weights = load_file(folder / "model.safetensors")
    weights.pop("mask_decoder.iou_token.weight")

    def said() -> str:
        with pytest.raises(WikiClipError, match=r"WIKICLIP_SEGMENTER.*\(.+\)$") as caught:
            open_segmenter(str(tmp_path))
        return str(caught.value)

    said()
    for name in ("config.json", "preprocessor_config.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    torch.save(weights, tmp_path / "pytorch_model.bin")
    assert "safetensors" in said()
    (tmp_path / "model.safetensors").write_bytes(b"none")
    said()
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    assert "lack mask_decoder.iou_token.weight" in said()
    (tmp_path / "config.json").write_text(json.dumps({**config, "model_type": "bert"}))
    assert "'bert'" in said()
