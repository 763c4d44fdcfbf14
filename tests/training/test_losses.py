"""The loss against a slow reference written from the equations, synthesis and replacement included."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.losses import info_nce
from training.negatives import draw_partners, replace_where_harder, synthesize
from wikiclip.entity import EntityFeatures


def slow_loss(h, v, synthesized, partners, entity, scale):
    """loss_i = -log(exp(h_i v_i / tau) / (exp(h_i v_i / tau) + sum over j != i of exp(s_ij / tau)))."""
    total = 0.0
    for i in range(len(entity)):
        positive = math.exp(scale * float(h[i] @ v[i]))
        below = positive
        for j in range(len(entity)):
            if j == i or entity[j] == entity[i]:
                continue
            s_ij = float(h[i] @ v[j])
            if j in partners[i]:
                s_ij = max(s_ij, float(h[i] @ synthesized[i, partners[i].index(j)]))
            below += math.exp(scale * s_ij)
        total -= math.log(positive / below)
    return total / len(entity)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**31), st.integers(3, 9), st.integers(1, 5), st.floats(0.5, 20))
def test_info_nce_with_synthesized_negatives_is_the_written_loss(seed, batch, count, scale):
    generator = torch.Generator().manual_seed(seed)
    entity_B = torch.randint(0, max(2, batch - 1), (batch,), generator=generator)
    h, v = (torch.nn.functional.normalize(torch.randn(batch, 4, generator=generator), dim=-1) for _ in range(2))
    partners_BS, valid_BS = draw_partners(entity_B, count, generator)
    synthesized = torch.nn.functional.normalize(torch.randn(*partners_BS.shape, 4, generator=generator), dim=-1)
    scores_BB = replace_where_harder(h @ v.T, torch.einsum("bm,bsm->bs", h, synthesized), partners_BS, valid_BS)
    ours = info_nce(scores_BB, entity_B, entity_B, torch.tensor(math.log(scale)))
    partners = partners_BS.masked_fill(~valid_BS, -1).tolist()
    assert ours.item() == pytest.approx(
        slow_loss(h, v, synthesized, partners, entity_B.tolist(), scale), rel=1e-4, abs=1e-5
    )


def test_candidates_beyond_the_batch_are_negatives():
    scores = torch.tensor([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5]])
    entity = torch.tensor([0, 1])
    ours = info_nce(scores, entity, torch.tensor([0, 1, -1]), torch.tensor(0.0))
    assert ours.item() == pytest.approx(-math.log(math.e / (math.e + 1 + math.exp(0.5))), rel=1e-6)


@given(st.lists(st.integers(0, 4), min_size=2, max_size=12), st.integers(1, 8), st.integers(0, 999))
def test_partners_are_distinct_other_entities(entities, count, seed):
    entity_B = torch.tensor(entities)
    partners_BS, valid_BS = draw_partners(entity_B, count, torch.Generator().manual_seed(seed))
    for own, partners, valid in zip(entities, partners_BS, valid_BS, strict=True):
        drawn = [entities[p] for p, ok in zip(partners.tolist(), valid.tolist(), strict=True) if ok]
        assert own not in drawn
        assert len(set(drawn)) == len(drawn) == min(count, len(set(entities)) - 1)


def test_synthesized_records_keep_the_picture_and_change_the_words():
    batch, text = 3, 4
    features = EntityFeatures(
        patches_BPV=torch.arange(batch)[:, None, None].float().expand(batch, 2, 5),
        pooled_BW=torch.arange(batch)[:, None].float().expand(batch, 5),
        has_picture_B=torch.tensor([True, False, True]),
        tokens_BLT=torch.arange(batch)[:, None, None].float().expand(batch, text, 6),
        padding_BL=torch.tensor([[False] * 4, [False, False, True, True], [True] * 4]),
        sentence_BT=torch.arange(batch)[:, None].float().expand(batch, 6),
    )
    made = synthesize(features, torch.tensor([[1, 2], [0, 2], [0, 1]]))
    assert made.pooled_BW[:, 0].tolist() == made.patches_BPV[:, 0, 0].tolist() == [0, 0, 1, 1, 2, 2]
    assert made.has_picture_B.tolist() == [True, True, False, False, True, True]
    assert made.tokens_BLT[:, 0, 0].tolist() == made.sentence_BT[:, 0].tolist() == [1, 2, 0, 2, 0, 1]
    assert torch.equal(made.padding_BL, features.padding_BL[torch.tensor([1, 2, 0, 2, 0, 1])])
