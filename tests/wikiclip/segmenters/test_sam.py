"""A SAM of random weights, small enough to be made here: what it finds is nothing, but it fits the seam."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import wikiclip.segmenters.sam  # noqa: F401  (before transformers, which imports torchvision)
from wikiclip.errors import WikiClipError
from wikiclip.segmenters import MOST_PROPOSED, Box, Point, Segmenter, open_segmenter

from transformers import SamConfig, SamImageProcessor, SamModel  # isort: skip

SIDE = 64


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
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
        prompt_encoder_config={"hidden_size": 8, "image_size": SIDE, "patch_size": 8, "mask_input_channels": 4},
        mask_decoder_config={
            "hidden_size": 8,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "mlp_dim": 16,
            "iou_head_hidden_dim": 8,
        },
    )
    home = tmp_path_factory.mktemp("sam")
    SamModel(config).save_pretrained(home)
    SamImageProcessor(
        size={"longest_edge": SIDE},
        pad_size={"height": SIDE, "width": SIDE},
        mask_size={"longest_edge": 16},
        mask_pad_size={"height": 16, "width": 16},
    ).save_pretrained(home)
    return home


@pytest.fixture(scope="module")
def sam(folder: Path) -> Segmenter:
    return open_segmenter(str(folder))


@pytest.mark.parametrize("size", [(90, 60), (60, 90), (64, 64), (300, 200), (5, 3)])
def test_every_picture_gets_masks_of_its_size(sam: Segmenter, size: tuple[int, int]) -> None:
    image = Image.effect_noise(size, 80).convert("RGB")
    width, height = size
    for prompt in (Point(width - 1, 0), Box(1, 1, width - 1, height - 1)):
        (mask,) = sam.segment(image, prompt)
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


def test_a_point_is_asked_for_where_transformers_own_processor_puts_it(sam: Segmenter, folder: Path) -> None:
    from transformers import SamProcessor

    image = Image.effect_noise((90, 60), 80).convert("RGB")
    model, processor = SamModel.from_pretrained(folder).eval(), SamProcessor(SamImageProcessor.from_pretrained(folder))
    for x, y in ((0, 0), (89, 59), (40, 13)):
        inputs = processor(images=image, input_points=[[[x, y]]], return_tensors="pt")
        with torch.inference_mode():
            out = model(**inputs, multimask_output=True)
        (masks_NCHW,) = processor.image_processor.post_process_masks(
            out.pred_masks, inputs["original_sizes"], inputs["reshaped_input_sizes"]
        )
        expected = masks_NCHW[0, out.iou_scores[0, 0].argmax()].numpy()
        expected[y, x] = True
        assert np.array_equal(sam.segment(image, Point(x, y))[0], expected)


def test_what_is_no_such_model_is_said_in_a_line(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(WikiClipError, match="WIKICLIP_SEGMENTER"):
        open_segmenter(str(tmp_path / "none"))
    for name in ("config.json", "preprocessor_config.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"none")
    with pytest.raises(WikiClipError, match="WIKICLIP_SEGMENTER"):
        open_segmenter(str(tmp_path))
