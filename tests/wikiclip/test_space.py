"""The mention space and the class memory against their formulas, one row at a time in NumPy."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from wikiclip.space import ClassMemory, MentionSpace

Array = NDArray[np.float64]
W, T, M, C = 9, 7, 5, 11


def unit(x: Array) -> Array:
    length: Array = np.sqrt((x**2).sum(-1, keepdims=True))
    return x / length


@pytest.fixture
def space() -> MentionSpace:
    torch.manual_seed(0)
    space = MentionSpace(pooled_width=W, width=M).double()
    for buffer in space.buffers():
        buffer.normal_()
    return space


@pytest.fixture
def memory() -> ClassMemory:
    torch.manual_seed(0)
    memory = ClassMemory(classes=C, text_width=T, width=M, temperature=0.1).double()
    for buffer in memory.buffers():
        buffer.normal_()
    memory.keys_CT.copy_(torch.nn.functional.normalize(memory.keys_CT, dim=-1))
    return memory


def test_mentions_and_pictures_are_centred_apart_and_projected_alike(space: MentionSpace) -> None:
    pooled_BW = torch.randn(3, W, dtype=torch.float64)
    projection_WM = space.projection_WM.numpy()
    for ours_BM, centre_W in (
        (space.mention(pooled_BW), space.mention_centre_W),
        (space.entity(pooled_BW), space.entity_centre_W),
    ):
        theirs_BM = np.stack([(unit(row_W) - centre_W.numpy()) @ projection_WM for row_W in pooled_BW.numpy()])
        np.testing.assert_allclose(ours_BM.numpy(), theirs_BM)


def test_the_space_looks_at_directions_only(space: MentionSpace) -> None:
    pooled_BW = torch.randn(3, W, dtype=torch.float64)
    torch.testing.assert_close(space.mention(pooled_BW * 100), space.mention(pooled_BW))
    assert torch.isfinite(space.mention(torch.zeros(1, W, dtype=torch.float64))).all()


def test_an_unfitted_space_keeps_the_first_directions() -> None:
    pooled_BW = torch.nn.functional.normalize(torch.randn(3, W), dim=-1)
    space = MentionSpace(pooled_width=W, width=M)
    torch.testing.assert_close(space.mention(pooled_BW), pooled_BW[:, :M])
    torch.testing.assert_close(space.entity(pooled_BW), pooled_BW[:, :M])


def test_a_description_recalls_a_mean_of_the_classes_it_is_nearest_to(memory: ClassMemory) -> None:
    sentence_BT = torch.nn.functional.normalize(torch.randn(4, T, dtype=torch.float64), dim=-1)
    ours_BM = memory(sentence_BT).numpy()
    for sentence_T, ours_M in zip(sentence_BT.numpy(), ours_BM, strict=True):
        asked_T = unit(sentence_T - memory.centre_T.numpy())
        weights = [np.exp(asked_T @ key_T / 0.1) for key_T in memory.keys_CT.numpy()]
        recalled_M = sum(
            weight / sum(weights) * value_M for weight, value_M in zip(weights, memory.values_CM.numpy(), strict=True)
        )
        np.testing.assert_allclose(ours_M, recalled_M)


def test_a_cold_memory_recalls_one_class(memory: ClassMemory) -> None:
    memory.temperature = 1e-6
    memory.centre_T.zero_()
    torch.testing.assert_close(memory(memory.keys_CT), memory.values_CM)


def test_what_was_fitted_is_saved_and_not_trained(space: MentionSpace, memory: ClassMemory) -> None:
    assert set(space.state_dict()) == {"mention_centre_W", "entity_centre_W", "projection_WM"}
    assert set(memory.state_dict()) == {"centre_T", "keys_CT", "values_CM"}
    assert not [*space.parameters(), *memory.parameters()]
