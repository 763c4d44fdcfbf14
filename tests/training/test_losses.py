"""The loss against a slow reference written from the equations, synthesis and replacement included."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.config import TrainConfig
from training.items import NONE
from training.joined import draw
from training.losses import info_nce
from training.negatives import draw_partners, put_in_place
from training.sampling import Batch


def slow_loss(h, v, synthesized, partners, entity, scale, only_harder):
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
                s_synthesized = float(h[i] @ synthesized[i, partners[i].index(j)])
                s_ij = max(s_ij, s_synthesized) if only_harder else s_synthesized
            below += math.exp(scale * s_ij)
        total -= math.log(positive / below)
    return total / len(entity)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**31), st.integers(3, 9), st.integers(1, 5), st.floats(0.5, 20), st.booleans())
def test_info_nce_with_synthesized_negatives_is_the_written_loss(seed, batch, count, scale, only_harder):
    generator = torch.Generator().manual_seed(seed)
    entity_B = torch.randint(0, max(2, batch - 1), (batch,), generator=generator)
    h, v = (torch.nn.functional.normalize(torch.randn(batch, 4, generator=generator), dim=-1) for _ in range(2))
    partners_BS, valid_BS = draw_partners(entity_B, count, generator)
    synthesized = torch.nn.functional.normalize(torch.randn(*partners_BS.shape, 4, generator=generator), dim=-1)
    scores_BB = put_in_place(
        h @ v.T, torch.einsum("bm,bsm->bs", h, synthesized), partners_BS, valid_BS, only_harder=only_harder
    )
    ours = info_nce(scores_BB, entity_B, entity_B, torch.tensor(math.log(scale)))
    partners = partners_BS.masked_fill(~valid_BS, -1).tolist()
    assert ours.item() == pytest.approx(
        slow_loss(h, v, synthesized, partners, entity_B.tolist(), scale, only_harder), rel=1e-4, abs=1e-5
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


def test_synthesized_items_keep_the_picture_and_change_the_words():
    config = TrainConfig(synthesized=2, text_negatives=1, drop_picture=0.3, drop_text=0.3)
    rows = np.arange(5) + 10
    batch = Batch(torch.zeros(5, 4), rows, np.array([True, True, True, True, False]))
    for step in range(20):
        joined = draw(batch, config, np.array([3]), step)
        own, synthesized, others = joined.text_I[:5], joined.text_I[5:15].reshape(5, 2), joined.text_I[15:]
        pictures = joined.picture_I[:5]
        assert ((own == rows) | (own == NONE)).all()
        assert ((pictures == rows) | (pictures == NONE)).all()
        assert not ((own == NONE) & (pictures == NONE)).any(), "never both from one record"
        assert pictures[4] == NONE
        assert (joined.picture_I[5:15].reshape(5, 2) == pictures[:, None]).all()
        assert (synthesized == own[joined.partners_BS.numpy()]).all()
        assert others.tolist() == [3]
        assert joined.picture_I[15:].tolist() == [NONE]
