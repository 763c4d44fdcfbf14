"""The loss against a slow reference written from the equations, synthesis and replacement included."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.data.items import NONE
from training.learn.config import TrainConfig
from training.learn.loss import draw_partners, info_nce, put_in_place
from training.learn.sampling import Batch
from training.learn.step import draw_items


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
    described_B = torch.rand(batch, generator=generator) < 0.8
    partners_BS, valid_BS = draw_partners(entity_B, described_B, count, generator)
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


@given(
    st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=2, max_size=12),
    st.integers(1, 8),
    st.integers(0, 999),
)
def test_partners_are_distinct_other_entities_with_a_description(rows, count, seed):
    entities, described = zip(*rows, strict=True)
    generator = torch.Generator().manual_seed(seed)
    partners_BS, valid_BS = draw_partners(torch.tensor(entities), torch.tensor(described), count, generator)
    for own, partners, valid in zip(entities, partners_BS.tolist(), valid_BS.tolist(), strict=True):
        drawn = [p for p, ok in zip(partners, valid, strict=True) if ok]
        assert all(described[p] for p in drawn)
        drawn_entities = [entities[p] for p in drawn]
        others = {entity for entity, has_words in rows if has_words} - {own}
        assert set(drawn_entities) <= others
        assert len(set(drawn_entities)) == len(drawn) == min(count, len(others))


@pytest.mark.parametrize("only_harder", [True, False])
def test_the_loss_of_a_batch_is_the_written_one(only_harder):
    """From items alone: which picture was encoded with which description, and what it came out as."""
    config = TrainConfig(
        synthesized=2, only_harder=only_harder, text_negatives=3, drop_picture=0.3, drop_text=0.3, symmetric=False
    )
    rows = np.array([10, 11, 12, 11, 13, 14])
    generator = torch.Generator().manual_seed(0)
    for step in range(10):
        h = torch.nn.functional.normalize(torch.randn(6, 4, generator=generator), dim=-1)
        batch = Batch(h, rows, np.array([True, True, True, True, True, False]))
        items = draw_items(batch, config, np.array([3, 4]), step)
        pairs = list(zip(items.picture_I.tolist(), items.text_I.tolist(), strict=True))
        v = torch.nn.functional.normalize(torch.randn(len(pairs), 4, generator=generator), dim=-1)
        # Of what a picture wears, the description alone tells whose it is; without one it is nobody's negative.
        wears = {}
        for place in range(6, len(pairs) - 3):
            worn_by = int(items.worn.sample_W[(place - 6) // 2])
            assert pairs[place][0] == rows[worn_by] == pairs[worn_by][0]
            if pairs[place][1] not in (NONE, rows[worn_by]):
                wears[worn_by, pairs[place][1]] = v[place]
        total = 0.0
        for i in range(6):
            scores = {i: float(h[i] @ v[i])}
            for j in range(6):
                if rows[j] == rows[i]:
                    continue
                scores[j] = float(h[i] @ v[j])
                described = [n for n in range(6) if rows[n] == rows[j] and pairs[n][1] != NONE]
                if described[:1] == [j] and (i, rows[j]) in wears:
                    worn = float(h[i] @ wears[i, rows[j]])
                    scores[j] = max(scores[j], worn) if only_harder else worn
            scores |= {place: float(h[i] @ v[place]) for place in range(len(pairs) - 3, len(pairs))}
            total -= math.log(math.exp(5 * scores[i]) / sum(math.exp(5 * score) for score in scores.values()))
        ours = items.loss(v, torch.tensor(math.log(5)), config)
        assert ours.item() == pytest.approx(total / 6, rel=1e-5)
