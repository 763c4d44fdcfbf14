"""Attention kept to the mask, against the obvious way: what the mask leaves out is taken out of the sequence."""

import threading
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.wikiclip.small_models import Backbones, close
from wikiclip.base.errors import WikiClipError
from wikiclip.presets import PooledLevels
from wikiclip.towers.loading import open_vision_tower
from wikiclip.towers.vision import VisionFeatures, VisionTower

NATIVE = ("vit-token", "vit-average", "vit-norm-after-pool")
KINDS = (*NATIVE, "timm-vit-token", "timm-vit-average", "timm-vit-map", "timm-eva")
GRID = 4
INSIDE = torch.zeros(GRID, GRID, dtype=torch.bool)
INSIDE[1:3, :3] = True


def opened(backbones: Backbones, name: str, blocks: int) -> VisionTower:
    """The same weights for each number of masked blocks."""
    torch.manual_seed(0)
    return open_vision_tower(replace(backbones(name), masked_blocks=blocks))


def depth(tower: VisionTower) -> int:
    network = tower.network
    return len(network.trunk.blocks if hasattr(network, "trunk") else network.transformer.resblocks)


def noise(tower: VisionTower, count: int = 2, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, tower.image_size, tower.image_size), generator=generator, dtype=torch.uint8)


def mask_of(tower: VisionTower, inside_GG: Tensor = INSIDE, count: int = 2) -> Tensor:
    """A mask [B, H, W] along the edges of patches."""
    inside_HW = F.interpolate(inside_GG[None, None].float(), tower.image_size)[0, 0]
    return inside_HW.expand(count, -1, -1)


def without_the_rest(tower: VisionTower, pixels: Tensor, inside_P: Tensor, blocks: int) -> Tensor:
    """The pooled vector of a network whose last blocks are given the tokens of patches inside, and no others."""
    x = (pixels - tower.mean_C) / tower.std_C
    network = tower.network
    trunk = getattr(network, "trunk", None)
    rope = None
    if trunk is None:
        x, layers, before = network._embeds(x).transpose(0, 1), network.transformer.resblocks, 1
    else:
        x = trunk._pos_embed(trunk.patch_embed(x))
        x, rope = x if isinstance(x, tuple) else (x, None)
        x, layers, before = trunk.norm_pre(x), trunk.blocks, trunk.num_prefix_tokens
    kept_L = torch.cat([torch.ones(before, dtype=torch.bool), inside_P])
    for number, layer in enumerate(layers):
        if number == len(layers) - blocks:
            x = x[kept_L] if trunk is None else x[:, kept_L]
            rope = rope if rope is None else rope[inside_P]
        x = layer(x) if rope is None else layer(x, rope=rope)
    if trunk is not None:
        pooled: Tensor = network.head(trunk.forward_head(trunk.norm(x)))
        return pooled
    pooled, _ = network._pool(x.transpose(0, 1))
    return pooled @ network.proj


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("blocks", [1, 2, None])
@pytest.mark.usefixtures("float32")
@torch.inference_mode()
def test_what_is_hidden_might_as_well_not_be_there(vision_backbone: Backbones, name: str, blocks: int | None) -> None:
    blocks = depth(opened(vision_backbone, name, 0)) if blocks is None else blocks
    tower = opened(vision_backbone, name, blocks)
    pixels = noise(tower)
    found = tower(pixels, mask_of(tower)).pooled_BW
    assert close(found, without_the_rest(tower, pixels, INSIDE.flatten(), blocks))
    assert not close(found, tower(pixels).pooled_BW, 1e-2)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.usefixtures("float32")
def test_with_all_blocks_masked_nothing_outside_counts(vision_backbone: Backbones, name: str) -> None:
    tower = opened(vision_backbone, name, depth(opened(vision_backbone, name, 0)))
    inside = mask_of(tower)
    pixels = noise(tower)
    others = torch.where(inside[:, None] > 0, pixels, noise(tower, seed=1))
    here, there = tower(pixels, inside), tower(others, inside)
    assert close(here.pooled_BW, there.pooled_BW, 1e-5)
    kept_P = INSIDE.flatten()
    assert close(here.patches_BPV[:, kept_P], there.patches_BPV[:, kept_P], 1e-5)
    assert not close(tower(pixels).pooled_BW, tower(others).pooled_BW, 1e-2)


@pytest.mark.parametrize("name", KINDS)
def test_a_whole_mask_changes_no_bit_whatever_stands_beside_it(vision_backbone: Backbones, name: str) -> None:
    plain, tower = opened(vision_backbone, name, 0), opened(vision_backbone, name, 1)
    pixels = noise(tower, 3)
    whole, nothing = torch.ones(tower.image_size, tower.image_size), torch.zeros(tower.image_size, tower.image_size)
    expected = plain(pixels)
    for found in (tower(pixels), tower(pixels, torch.stack([whole, nothing, whole]))):
        assert torch.equal(found.pooled_BW, expected.pooled_BW)
        assert torch.equal(found.patches_BPV, expected.patches_BPV)
    assert torch.equal(plain(pixels, torch.stack([nothing] * 3)).pooled_BW, expected.pooled_BW), "it is not told"
    mixed = tower(pixels, torch.stack([whole, mask_of(tower)[0], whole]))
    alone = plain(pixels[[0, 2]])
    assert torch.equal(mixed.pooled_BW[[0, 2]], alone.pooled_BW)
    part = tower(pixels[1:2], mask_of(tower, count=1))
    assert torch.equal(mixed.pooled_BW[1:2], part.pooled_BW)
    assert torch.equal(mixed.patches_BPV[1:2], part.patches_BPV)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.usefixtures("float32")
def test_a_patch_counts_by_the_share_that_is_covered(vision_backbone: Backbones, name: str) -> None:
    """From hidden to whole without a leap; and a mask of a single pixel still shows something."""
    tower = opened(vision_backbone, name, 2)
    pixels = noise(tower)
    side = tower.image_size // GRID
    inside = mask_of(tower).clone()
    pooled = []
    for share in (0.0, 1e-6, 0.5, 1 - 1e-6, 1.0):
        inside[:, :side, :side] = share
        pooled.append(tower(pixels, inside).pooled_BW)
    assert close(pooled[0], pooled[1], 1e-3)
    assert close(pooled[4], pooled[3], 1e-3)
    assert not close(pooled[0], pooled[2], 3e-3)
    assert not close(pooled[4], pooled[2], 3e-3)
    speck = torch.zeros_like(inside)
    speck[:, 0, 0] = 1 / 255
    assert torch.isfinite(tower(pixels, speck).pooled_BW).all()


@pytest.mark.parametrize("name", KINDS)
def test_bfloat16_changes_little(vision_backbone: Backbones, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tower = opened(vision_backbone, name, 2)
    pixels, pooled = noise(tower), []
    for used in (True, False):
        monkeypatch.setattr("wikiclip.towers.vision.bf16_pays", lambda device, used=used: used)
        pooled.append(tower(pixels, mask_of(tower)).pooled_BW)
    assert float(torch.cosine_similarity(*pooled).min()) > 0.999


def test_threads_hide_each_its_own(vision_backbone: Backbones) -> None:
    tower = opened(vision_backbone, "vit-token", 2)
    pixels = noise(tower)
    masks = [mask_of(tower, torch.eye(GRID).roll(turn, 0) > 0) for turn in range(GRID)]
    expected, found = [tower(pixels, mask).pooled_BW for mask in masks], dict[int, list[Tensor]]()

    def see(number: int) -> None:
        found[number] = [tower(pixels, masks[number]).pooled_BW for _ in range(10)]

    threads = [threading.Thread(target=see, args=[number]) for number in range(GRID)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(close(one, expected[number], 1e-5) for number, some in found.items() for one in some)
    assert len(found) == GRID


@pytest.mark.usefixtures("float32")
def test_patches_under_the_mask_go_through_the_tower_s_own_head(vision_backbone: Backbones) -> None:
    """A pooling by attention is given the mean of the patches as all that there is."""
    tower = opened(vision_backbone, "timm-vit-map", 0)
    seen, weights_BP = tower(noise(tower)), torch.rand(2, GRID**2, generator=torch.Generator().manual_seed(1))
    mean_B1V = torch.einsum("bp,bpv->bv", weights_BP / weights_BP.sum(dim=1, keepdim=True), seen.patches_BPV)[:, None]
    pooling = tower.network.trunk.attn_pool
    with torch.inference_mode():
        value_B1V = pooling.proj(pooling.kv(mean_B1V).chunk(2, dim=-1)[1])
        expected_BW = (value_B1V + pooling.mlp(pooling.norm(value_B1V)))[:, 0]
        expected_BW = tower.network.head(tower.network.trunk.fc_norm(expected_BW))
    assert close(tower.pool(seen, weights_BP), expected_BW)


def test_features_are_taken_in_any_order() -> None:
    seen = VisionFeatures(torch.rand(3, 4, 5), torch.rand(3, 6), (torch.rand(3, 2, 2, 2),))
    taken = seen.taken(torch.tensor([2, 0, 2]))
    for one, other in (
        (taken.patches_BPV, seen.patches_BPV),
        (taken.pooled_BW, seen.pooled_BW),
        (taken.earlier_maps[0], seen.earlier_maps[0]),
    ):
        assert torch.equal(one, other[[2, 0, 2]])


@pytest.mark.parametrize("name", ["timm-cnn", "timm-cnn-projected", "timm-swin"])
def test_a_tower_without_such_attention_is_refused(vision_backbone: Backbones, name: str) -> None:
    with pytest.raises(WikiClipError, match=f"small-{name} is no ViT whose attention"):
        opened(vision_backbone, name, 1)


def test_more_blocks_than_there_are_are_refused(vision_backbone: Backbones) -> None:
    with pytest.raises(WikiClipError, match="`masked_blocks` is 3, but small-vit-token has 2 blocks"):
        opened(vision_backbone, "vit-token", 3)
    with pytest.raises(WikiClipError, match="0 or more, not -1"):
        opened(vision_backbone, "vit-token", -1)
    with pytest.raises(WikiClipError, match="told the mask in one way"):
        replace(vision_backbone("vit-token"), masked_blocks=1, levels=PooledLevels(stages=(1,)))
