"""Centres move to one's own pictures, the further the more there are."""

import torch
import torch.nn.functional as F

from training.learn.centres import PRIOR, moved_centre


def test_a_centre_is_a_mean_in_which_the_one_of_before_counts_as_some_pictures():
    before_W = torch.tensor([1.0, 0.0, 0.0])
    pooled_NW = torch.tensor([[0.0, 3.0, 0.0]]).expand(PRIOR, -1)
    assert torch.allclose(moved_centre(before_W, pooled_NW), torch.tensor([0.5, 0.5, 0.0]))
    assert torch.equal(moved_centre(before_W, pooled_NW[:0]), before_W)


def test_with_many_pictures_it_is_their_mean():
    pooled_NW = torch.randn(100_000, 8, generator=torch.Generator().manual_seed(0)) + 1
    mean_W = F.normalize(pooled_NW, dim=-1).mean(0)
    assert torch.allclose(moved_centre(torch.zeros(8), pooled_NW), mean_W, atol=1e-3)
