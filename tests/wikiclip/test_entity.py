"""The entity side: an anchor that the adaptor corrects, or the adaptor alone."""

from dataclasses import fields, replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from wikiclip.entity import EntityFeatures, VgkaEncoder
from wikiclip.presets import PRESETS, AdaptorConfig, Preset, SpaceConfig

pytestmark = pytest.mark.usefixtures("float32")  # held against the equations closely

V, W, T, M, P, L = 5, 9, 7, 6, 4, 3
ADAPTOR = AdaptorConfig(width=8, heads=2)
PLAIN = replace(PRESETS["base"], adaptor=ADAPTOR)
SPACED = replace(PLAIN, space=SpaceConfig(width=M, classes=4, picture_weight=3.0, text_weight=2.0))

# Records: picture and text, picture, text, neither.
PICTURE, TEXT = torch.tensor([True, True, False, False]), torch.tensor([True, False, True, False])


@pytest.fixture
def features() -> EntityFeatures:
    torch.manual_seed(1)
    return EntityFeatures(
        patches_BPV=torch.randn(4, P, V) * PICTURE[:, None, None],
        pooled_BW=torch.randn(4, W) * PICTURE[:, None],
        has_picture_B=PICTURE,
        tokens_BLT=torch.randn(4, L, T),
        padding_BL=~TEXT[:, None] | torch.tensor([False, False, True]),
        sentence_BT=F.normalize(torch.randn(4, T), dim=-1) * TEXT[:, None],
    )


def make(preset: Preset) -> VgkaEncoder:
    """With whatever is learned or fitted at random."""
    torch.manual_seed(0)
    encoder = VgkaEncoder(preset, patch_width=V, pooled_width=W, text_width=T, patches=P).eval()
    for value in encoder.state_dict().values():
        value.normal_(std=0.5)
    return encoder


def corrections(encoder: VgkaEncoder, features: EntityFeatures) -> Tensor:
    out_BM: Tensor = encoder.adaptor(
        features.patches_BPV, features.has_picture_B, features.tokens_BLT, features.padding_BL
    )
    return out_BM


@torch.inference_mode()
def test_an_entity_is_its_anchor_corrected_by_the_adaptor(features: EntityFeatures) -> None:
    encoder = make(SPACED)
    assert encoder.space is not None
    assert encoder.memory is not None
    picture_BM = 3.0 * F.normalize(encoder.space.entity(features.pooled_BW), dim=-1)
    text_BM = 2.0 * encoder.memory(features.sentence_BT)
    anchor_BM = torch.stack([picture_BM[0] + text_BM[0], picture_BM[1], text_BM[2], torch.zeros(M)])
    torch.testing.assert_close(encoder.anchor(features), anchor_BM)
    entities_BM = encoder(features)
    torch.testing.assert_close(entities_BM, F.normalize(anchor_BM + corrections(encoder, features), dim=-1))
    torch.testing.assert_close(entities_BM.norm(dim=-1), torch.ones(4))


@torch.inference_mode()
def test_without_a_space_an_entity_is_the_adaptors_output(features: EntityFeatures) -> None:
    encoder = make(PLAIN)
    assert encoder.mention_width == W, "mentions stay as the tower gives them"
    torch.testing.assert_close(encoder(features), F.normalize(corrections(encoder, features), dim=-1))
    pooled_BW = torch.randn(2, W)
    torch.testing.assert_close(encoder.mention(pooled_BW), F.normalize(pooled_BW, dim=-1))


@torch.inference_mode()
def test_a_mention_goes_through_the_space(features: EntityFeatures) -> None:
    encoder = make(SPACED)
    assert encoder.space is not None
    mentions_BM = encoder.mention(features.pooled_BW)
    assert encoder.mention_width == mentions_BM.shape[1] == M
    torch.testing.assert_close(mentions_BM, F.normalize(encoder.space.mention(features.pooled_BW), dim=-1))


@torch.inference_mode()
def test_untrained_an_entity_is_its_anchor(features: EntityFeatures) -> None:
    encoder = VgkaEncoder(SPACED, patch_width=V, pooled_width=W, text_width=T, patches=P)
    torch.testing.assert_close(encoder(features)[:2], F.normalize(encoder.anchor(features)[:2], dim=-1))
    assert torch.isfinite(encoder(features)).all(), "a record without anything is not NaN"
    plain = VgkaEncoder(PLAIN, patch_width=V, pooled_width=W, text_width=T, patches=P)
    assert corrections(plain, features).any(), "without an anchor there is nothing to start at"


@torch.inference_mode()
def test_what_a_record_lacks_is_not_read(features: EntityFeatures) -> None:
    noisy = replace(
        features,
        patches_BPV=torch.where(PICTURE[:, None, None], features.patches_BPV, 7.0),
        pooled_BW=torch.where(PICTURE[:, None], features.pooled_BW, 7.0),
        tokens_BLT=torch.where(features.padding_BL[..., None], 7.0, features.tokens_BLT),
        sentence_BT=torch.where(TEXT[:, None], features.sentence_BT, 7.0),
    )
    for preset in (PLAIN, SPACED):
        encoder = make(preset)
        torch.testing.assert_close(encoder(noisy), encoder(features))


def test_only_the_adaptor_is_trained(features: EntityFeatures) -> None:
    encoder = make(SPACED).train()
    encoder(features).sum().backward()
    assert {name.split(".")[0] for name, _ in encoder.named_parameters()} == {"adaptor"}
    assert all(parameter.grad is not None for parameter in encoder.parameters())


def test_rows_are_chosen_of_every_feature(features: EntityFeatures) -> None:
    rows = torch.tensor([2, 0, 2])
    chosen = features[rows]
    for field in fields(features):
        assert torch.equal(getattr(chosen, field.name), getattr(features, field.name)[rows])
