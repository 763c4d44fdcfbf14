"""A fourth channel for the mask: against two convolutions that are added, and out of files of every kind."""

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from tests.wikiclip.small_models import Backbones, Towers, close
from tests.wikiclip.towers.test_masked_attention import mask_of, noise
from wikiclip.base.errors import WikiClipError
from wikiclip.presets import VisionBackbone
from wikiclip.towers.alpha import ALPHA
from wikiclip.towers.loading import open_vision_tower
from wikiclip.towers.vision import VisionTower

SHAPE = (64, 1, 8, 8)  # of `vit-token`


def some_alpha(scale: float = 0.3) -> Tensor:
    return scale * torch.randn(SHAPE, generator=torch.Generator().manual_seed(5))


def with_alpha(backbones: Backbones, path: Path, **changes: Any) -> VisionTower:
    torch.manual_seed(0)
    return open_vision_tower(replace(backbones("vit-token"), alpha=str(path), **changes))


@pytest.fixture
def plain(vision_backbone: Backbones) -> VisionTower:
    torch.manual_seed(0)
    return open_vision_tower(vision_backbone("vit-token"))


@pytest.mark.usefixtures("float32")
def test_a_channel_without_weights_changes_nothing(
    vision_backbone: Backbones, plain: VisionTower, tmp_path: Path
) -> None:
    torch.save({ALPHA: torch.zeros(SHAPE)}, tmp_path / "alpha.pt")
    tower = with_alpha(vision_backbone, tmp_path / "alpha.pt")
    assert tower.uses_mask
    assert not plain.uses_mask
    pixels = noise(tower)
    for inside in (None, torch.ones(2, 32, 32), mask_of(tower)):
        assert close(tower(pixels, inside).pooled_BW, plain(pixels).pooled_BW, 1e-5)


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
@pytest.mark.usefixtures("float32")
def test_the_mask_is_one_more_convolution(
    vision_backbone: Backbones, plain: VisionTower, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"alpha.{suffix}"
    save_file({ALPHA: some_alpha()}, path) if suffix == "safetensors" else torch.save({ALPHA: some_alpha()}, path)
    tower = with_alpha(vision_backbone, path)
    pixels, inside = noise(tower), mask_of(tower)
    for given, mask in ((inside, inside), (None, torch.ones_like(inside))):
        added = torch.nn.functional.conv2d((mask[:, None] - 0.5) / 0.26, some_alpha(), stride=8)
        hook = plain.network.conv1.register_forward_hook(lambda _, __, out, added=added: out + added)
        expected = plain(pixels)
        hook.remove()
        found = tower(pixels, given)
        assert close(found.pooled_BW, expected.pooled_BW)
        assert close(found.patches_BPV, expected.patches_BPV)
    assert not close(tower(pixels, inside).pooled_BW, tower(pixels).pooled_BW, 1e-2)


@pytest.mark.parametrize("prefix", ["", "visual.", "module.visual."])
@pytest.mark.usefixtures("float32")
def test_a_file_with_the_whole_tower_takes_its_place(
    vision_backbone: Backbones, plain: VisionTower, tmp_path: Path, prefix: str
) -> None:
    """Under the names that Alpha-CLIP has, in half precision, beside a text tower that is left out."""
    torch.manual_seed(9)
    trained = open_vision_tower(vision_backbone("vit-token")).network
    state = {
        prefix + name.replace("in_proj_", "in_proj."): value.half() for name, value in trained.state_dict().items()
    }
    rest = {"logit_scale": torch.tensor(1.0)} if prefix else {}
    torch.save({"state_dict": {**state, prefix + ALPHA: some_alpha().half(), **rest}}, tmp_path / "alpha.pt")
    tower = with_alpha(vision_backbone, tmp_path / "alpha.pt")
    torch.testing.assert_close(tower.network.proj, trained.proj.half().float(), rtol=0, atol=0)
    assert not close(tower.network.proj, plain.network.proj)
    torch.testing.assert_close(tower.network.conv1.weight[:, 3:], some_alpha().half().float(), rtol=0, atol=0)


def test_attention_may_be_masked_beside_it(vision_backbone: Backbones, tmp_path: Path) -> None:
    torch.save({ALPHA: some_alpha()}, tmp_path / "alpha.pt")
    told, both = (with_alpha(vision_backbone, tmp_path / "alpha.pt", masked_blocks=blocks) for blocks in (0, 1))
    pixels, inside = noise(told), mask_of(told)
    assert torch.equal(told(pixels).pooled_BW, both(pixels).pooled_BW)
    assert not close(told(pixels, inside).pooled_BW, both(pixels, inside).pooled_BW, 1e-2)


class Dangerous:
    """Runs what it is told when it is unpickled."""

    def __reduce__(self) -> Any:
        return exec, ("raise SystemExit('it ran')",)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ({}, "there is none"),
        ({"conv1.weight": torch.zeros(64, 3, 8, 8)}, "there is none"),
        ({ALPHA: torch.zeros(64, 1, 16, 16)}, r"one of shape \(64, 1, 16, 16\)"),
        ({ALPHA: torch.zeros(SHAPE), "conv1.weight": torch.zeros(64, 3, 8, 8)}, "holds another vision tower"),
        ({ALPHA: 3}, "holds no table of tensors"),
        ([torch.zeros(SHAPE)], "holds no table of tensors"),
        ({ALPHA: Dangerous()}, "cannot be read"),
        (b"hello", "cannot be read"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_in_one_line(
    vision_backbone: Backbones, tmp_path: Path, content: Any, match: str
) -> None:
    path = tmp_path / "alpha.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path, pickle_module=pickle)
    with pytest.raises(WikiClipError, match=match) as caught:
        with_alpha(vision_backbone, path)
    assert "\n" not in str(caught.value)


def test_it_is_held_to_its_sha256(vision_backbone: Backbones, tmp_path: Path) -> None:
    torch.save({ALPHA: some_alpha()}, tmp_path / "alpha.pt")
    with pytest.raises(WikiClipError, match=f"sha256 .* not {'0' * 64}"):
        with_alpha(vision_backbone, tmp_path / "alpha.pt", alpha_sha256="0" * 64)


@pytest.mark.parametrize("name", ["timm-vit-token", "timm-cnn"])
def test_only_a_vit_of_open_clip_s_own_has_it(vision_backbone: Backbones, tower: Towers, name: str) -> None:
    backbone: VisionBackbone = replace(vision_backbone(name), alpha="alpha.pt")
    with pytest.raises(WikiClipError, match=f"which small-{name} is not"):
        open_vision_tower(backbone)
