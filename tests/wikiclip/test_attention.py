"""Attention with the places first: what comes out is the same, and no weights are copied for each place."""

from collections.abc import Callable

import open_clip
import pytest
import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from tests.wikiclip.small_models import Towers, close
from wikiclip.attention import make_sequence_first, sequence_first
from wikiclip.presets import AdaptorConfig
from wikiclip.vgka import VisionGuidedKnowledgeAdaptor

BY_THE_COPY = "aten::bmm"  # the operation that projects each place with weights of its own


def operations(work: Callable[[], object]) -> set[str]:
    with (
        torch.inference_mode(),
        torch.autocast("cpu", torch.bfloat16),
        profile(activities=[ProfilerActivity.CPU]) as seen,
    ):
        work()
    return {event.key for event in seen.key_averages()}


def test_places_come_first_in_memory() -> None:
    x_LBD = sequence_first(torch.arange(24.0).view(2, 3, 4))
    assert x_LBD.shape == (3, 2, 4)
    assert x_LBD.is_contiguous()
    assert x_LBD[1, 0].tolist() == [4, 5, 6, 7]


def test_a_tower_gives_the_same_with_its_places_first() -> None:
    torch.manual_seed(0)
    tower = open_clip.transformer.VisionTransformer(32, 8, 24, 2, 3, 4.0, output_dim=12).eval()
    pixels_BCHW = torch.randn(3, 3, 32, 32)

    def seen() -> tuple[Tensor, Tensor]:
        with torch.inference_mode():
            found = tower.forward_intermediates(pixels_BCHW, indices=[-1], output_fmt="NLC")
        return found["image_intermediates"][0], found["image_features"]

    before = seen()
    assert tower.transformer.batch_first
    make_sequence_first(tower)
    assert not tower.transformer.batch_first
    for ours, theirs in zip(seen(), before, strict=True):
        assert close(ours, theirs)


@pytest.mark.parametrize("name", ["vit-token", "vit-average"])
def test_a_tower_copies_no_weights(tower: Towers, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wikiclip.towers.vision.bf16_pays", lambda _: True)
    encoder = tower(name)
    pixels = torch.zeros(2, 3, encoder.image_size, encoder.image_size, dtype=torch.uint8)
    assert BY_THE_COPY not in operations(lambda: encoder(pixels))


def test_the_adaptor_copies_no_weights() -> None:
    adaptor = VisionGuidedKnowledgeAdaptor(
        AdaptorConfig(width=16, heads=2), patch_width=5, text_width=7, out_width=6, patches=4
    ).eval()
    has_picture_B, padding_BL = torch.ones(3, dtype=torch.bool), torch.zeros(3, 9, dtype=torch.bool)
    seen_BPV = torch.randn(3, 5, 5)[:, 1:]  # as a tower gives its patches that had a class token beside them
    tokens_BLT = torch.randn(3, 9, 7)
    assert BY_THE_COPY not in operations(lambda: adaptor(seen_BPV, has_picture_B, tokens_BLT, padding_BL))
