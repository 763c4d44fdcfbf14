"""Vision towers of every kind that open_clip offers, at random weights."""

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.wikiclip.small_models import EMBED_DIM, TOWERS, Backbones, Towers, close
from wikiclip.base.errors import WikiClipError
from wikiclip.presets import PRESETS, VisionBackbone
from wikiclip.towers.loading import open_vision_tower
from wikiclip.towers.timm_trunk import TimmTower
from wikiclip.towers.vision import VisionFeatures, VisionTower
from wikiclip.towers.vit import VitTower

UNSUPPORTED = ("vit-attention", "resnet")
KINDS = [name for name in TOWERS if name not in UNSUPPORTED]
NATIVE = [name for name in KINDS if name.startswith("vit-")]
AVERAGING = [name for name in KINDS if name not in ("vit-token", "timm-vit-token", "timm-vit-map", "timm-eva")]


def noise(encoder: VisionTower, count: int = 2, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    size = encoder.image_size
    return torch.randint(0, 256, (count, 3, size, size), generator=generator, dtype=torch.uint8)


def normalised(encoder: VisionTower, pixels_BCHW: Tensor) -> Tensor:
    """What open_clip's own preprocessing makes of the pixels."""
    mean, std = PRESETS["base"].vision.mean, PRESETS["base"].vision.std
    return (pixels_BCHW / 255 - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_of_backbone_has_its_adapter(tower: Towers, name: str) -> None:
    opened = tower(name)
    assert isinstance(opened, VitTower if name in NATIVE else TimmTower)
    assert not opened.uses_mask
    assert opened.device.type == "cpu"


def test_batches_join_to_the_features_of_one(tower: Towers) -> None:
    opened = tower("vit-token")
    pixels = noise(opened, 5)
    whole = opened(pixels)
    parts = [VisionFeatures(whole.patches_BPV[some], whole.pooled_BW[some]) for some in (slice(0, 2), slice(2, 5))]
    joined = VisionFeatures.joined(parts)
    assert torch.equal(joined.patches_BPV, whole.patches_BPV)
    assert torch.equal(joined.pooled_BW, whole.pooled_BW)
    assert VisionFeatures.joined([whole]) is whole


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.usefixtures("float32")
def test_the_pooled_vector_is_what_open_clip_makes(tower: Towers, name: str) -> None:
    encoder = tower(name)
    pixels = noise(encoder)
    with torch.inference_mode():
        theirs = encoder.network(normalised(encoder, pixels))
    ours = encoder(pixels).pooled_BW
    assert ours.shape == (2, encoder.pooled_width)
    assert close(ours, theirs)


@pytest.mark.parametrize("name", KINDS)
def test_patches_make_a_square_without_class_tokens(tower: Towers, name: str) -> None:
    encoder = tower(name)
    features = encoder(noise(encoder, 3))
    assert encoder.grid == {"timm-cnn": 2, "timm-cnn-projected": 2, "timm-swin": 2}.get(name, 4)
    assert features.patches_BPV.shape == (3, encoder.grid**2, encoder.patch_width)
    assert features.patches_BPV.dtype == features.pooled_BW.dtype == torch.float32
    assert torch.isfinite(features.patches_BPV).all()


@pytest.mark.parametrize("name", ["vit-token", "vit-average"])
@pytest.mark.usefixtures("float32")
def test_a_native_vit_gives_its_own_tokens(tower: Towers, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = tower(name)
    pixels = noise(encoder)
    monkeypatch.setattr(encoder.network, "output_tokens", True)
    with torch.inference_mode():
        _, tokens_BPV = encoder.network(normalised(encoder, pixels))
    assert close(encoder(pixels).patches_BPV, tokens_BPV)


@pytest.mark.parametrize("name", [name for name in KINDS if name != "timm-swin"])
@pytest.mark.usefixtures("float32")
def test_patches_come_row_by_row(tower: Towers, name: str) -> None:
    """What changes one cell of the picture changes that cell's patch the most."""
    encoder = tower(name)
    side = encoder.image_size // encoder.grid
    for row, column in ((0, encoder.grid - 1), (encoder.grid - 1, 0)):
        pixels = torch.full((2, 3, encoder.image_size, encoder.image_size), 128, dtype=torch.uint8)
        cell = noise(encoder)[0, :, :side, :side]
        pixels[1, :, row * side : (row + 1) * side, column * side : (column + 1) * side] = cell
        before, after = encoder(pixels).patches_BPV
        assert int((after - before).norm(dim=-1).argmax()) == row * encoder.grid + column


@pytest.mark.parametrize("name", AVERAGING)
@pytest.mark.usefixtures("float32")
def test_pooling_evenly_gives_the_pooled_vector_of_a_tower_that_averages(tower: Towers, name: str) -> None:
    encoder = tower(name)
    features = encoder(noise(encoder))
    even = torch.full((2, encoder.grid**2), 0.25)
    assert close(encoder.pool(features, even), features.pooled_BW)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.usefixtures("float32")
def test_pooling_is_a_weighted_mean_through_the_head(tower: Towers, name: str) -> None:
    encoder = tower(name)
    features = encoder(noise(encoder))
    patches_BPV = features.patches_BPV
    weights_BP = torch.rand(2, encoder.grid**2, generator=torch.Generator().manual_seed(1))
    pooled_BW = encoder.pool(features, weights_BP)
    assert pooled_BW.shape == (2, encoder.pooled_width)
    assert close(encoder.pool(features, weights_BP * 7), pooled_BW)
    mean_B1V = (weights_BP[..., None] * patches_BPV).sum(1, keepdim=True) / weights_BP.sum(1)[:, None, None]
    alike = replace(features, patches_BPV=mean_B1V.expand_as(patches_BPV))
    assert close(encoder.pool(alike, torch.ones_like(weights_BP)), pooled_BW)
    alone = torch.zeros_like(weights_BP)
    alone[:, 1] = 1
    others = replace(
        features, patches_BPV=torch.where(alone[..., None] > 0, patches_BPV, torch.randn_like(patches_BPV))
    )
    assert close(encoder.pool(others, alone), encoder.pool(features, alone))
    assert torch.isfinite(encoder.pool(features, torch.zeros_like(weights_BP))).all()


@pytest.mark.usefixtures("float32")
def test_a_native_vit_projects_what_it_pools(tower: Towers) -> None:
    encoder = tower("vit-token")
    features = encoder(noise(encoder))
    pooled_BW = encoder.pool(features, torch.ones(2, 16))
    assert encoder.patch_width == 64
    assert encoder.pooled_width == EMBED_DIM
    assert close(pooled_BW, features.patches_BPV.mean(1) @ encoder.network.proj)


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_a_tower_whose_patches_no_mask_can_pool_is_refused(vision_backbone: Backbones, name: str) -> None:
    with pytest.raises(WikiClipError, match="pools its patches by attention"):
        open_vision_tower(vision_backbone(name))


@pytest.mark.parametrize("name", KINDS)
def test_bfloat16_and_the_rest_of_the_batch_change_little(
    tower: Towers, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = tower(name)
    pixels = noise(encoder, 5)
    features = {}
    for used in (True, False):
        monkeypatch.setattr("wikiclip.towers.vision.bf16_pays", lambda device, used=used: used)
        features[used] = encoder(pixels)
        assert close(encoder(pixels[3:4]).pooled_BW, features[used].pooled_BW[3:4], 3e-2 if used else 1e-4)
    cosine_B = torch.cosine_similarity(features[True].pooled_BW, features[False].pooled_BW)
    assert float(cosine_B.min()) > 0.999


@pytest.mark.parametrize("name", KINDS)
def test_weights_stored_as_they_are_computed_with_change_no_bit(
    tower: Towers, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for user in ("wikiclip.towers.vision", "wikiclip.base.precision"):
        monkeypatch.setattr(f"{user}.bf16_pays", lambda _: True)
    encoder, narrow = tower(name), copy.deepcopy(tower(name))
    narrow.optimize_for_inference()
    assert any(weight.dtype == torch.bfloat16 for weight in narrow.parameters())
    pixels, weights_BP = noise(encoder), torch.rand(2, encoder.grid**2, generator=torch.Generator().manual_seed(1))
    wide, same = encoder(pixels), narrow(pixels)
    assert torch.equal(wide.patches_BPV, same.patches_BPV)
    assert torch.equal(wide.pooled_BW, same.pooled_BW)
    assert torch.equal(encoder.pool(wide, weights_BP), narrow.pool(same, weights_BP))


def test_a_tower_is_frozen(tower: Towers) -> None:
    encoder = tower("timm-cnn")
    assert not any(part.training for part in encoder.network.modules())
    assert not any(parameter.requires_grad for parameter in encoder.parameters())
    assert not encoder(noise(encoder)).pooled_BW.requires_grad


def test_a_local_checkpoint_of_open_clip_is_read(clip_file: Path, tower: Towers) -> None:
    encoder = open_vision_tower(VisionBackbone(architecture="small-vit-token", weights=str(clip_file), image_size=32))
    torch.testing.assert_close(encoder.network.proj, torch.load(clip_file)["visual.proj"], rtol=0, atol=0)
    assert not close(encoder.network.proj, tower("vit-token").network.proj)


def test_a_local_checkpoint_is_held_to_its_sha256(clip_file: Path) -> None:
    backbone = VisionBackbone(architecture="small-vit-token", weights=str(clip_file), sha256="0" * 64, image_size=32)
    with pytest.raises(WikiClipError, match=f"sha256 .* not {'0' * 64}"):
        open_vision_tower(backbone)


@pytest.mark.parametrize("content", [b"", b"hello world", b"PK\x03\x04", b"\x10" + bytes(30)])
@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
@pytest.mark.usefixtures("vision_backbone")
def test_a_file_that_holds_no_weights_is_refused(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"weights.{suffix}"
    path.write_bytes(content)
    with pytest.raises(WikiClipError, match="cannot be loaded: give the path of a local checkpoint"):
        open_vision_tower(VisionBackbone(architecture="small-vit-token", weights=str(path), image_size=32))


def test_a_checkpoint_of_another_tower_is_refused(clip_file: Path) -> None:
    with pytest.raises(WikiClipError, match="cannot be loaded"):
        open_vision_tower(VisionBackbone(architecture="small-timm-cnn", weights=str(clip_file), image_size=64))


@pytest.mark.parametrize("architecture", ["ViT-no-such", "../ViT-B-16"])
def test_an_architecture_that_open_clip_does_not_know_is_named_in_a_short_error(architecture: str) -> None:
    with pytest.raises(WikiClipError, match="ViT-") as caught:
        open_vision_tower(VisionBackbone(architecture=architecture, weights="random"))
    assert len(str(caught.value)) < 500
