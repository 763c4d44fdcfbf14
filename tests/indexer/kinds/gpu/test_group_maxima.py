"""Which of two ways finds the best of each group: torch's product, or the kernel where it is right and quicker."""

import pytest
import torch

import indexer.kinds.gpu.group_maxima as group_maxima
from indexer.kinds.gpu.group_maxima import GROUP, GroupMaxima

SLACK = 2e-3  # of unit vectors in half precision


def units(seed: int, count: int, width: int) -> torch.Tensor:
    made = torch.randn(count, width, generator=torch.Generator().manual_seed(seed))
    return (made / made.norm(dim=1, keepdim=True)).half()


def test_away_from_gpus_torch_multiplies():
    maxima = GroupMaxima(units(1, 2 * GROUP, 16), precision=torch.float16, numbers=2**20, slack=SLACK)
    assert maxima.fused_from is None
    assert maxima(units(2, 3, 16).float()).shape == (3, 2)


@pytest.mark.parametrize(
    ("off", "seconds", "expected"),
    [
        (0.0, {16: (1.0, 2.0), 64: (1.0, 2.0)}, 1),
        (0.0, {16: (2.0, 1.0), 64: (1.0, 2.0)}, 17),
        (0.0, {16: (2.0, 1.0), 64: (2.0, 1.0)}, None),
        (1.0, {16: (1.0, 2.0), 64: (1.0, 2.0)}, None),
    ],
)
def test_the_kernel_is_taken_where_it_is_right_and_quicker(monkeypatch, off, seconds, expected):
    """What it takes is made up here: which of the two is quicker, a GPU alone can tell."""
    rows_NM = units(1, 3 * GROUP, 16)
    product = GroupMaxima(rows_NM, precision=torch.float32, numbers=2**20, slack=SLACK)

    def kernel(rows_NM: torch.Tensor, units_BM: torch.Tensor, group: int) -> torch.Tensor:
        return product(units_BM.float()) + off

    def took(work, device) -> float:
        return seconds[len(work.args[1] if work.func is kernel else work.args[0])][0 if work.func is kernel else 1]

    monkeypatch.setattr(group_maxima, "_kernel", lambda: kernel)
    monkeypatch.setattr(group_maxima, "_seconds", took)
    monkeypatch.setattr(group_maxima, "_is_gpu", lambda rows_NM: True)
    assert group_maxima._fused_from(rows_NM, product, SLACK) == expected


def test_a_kernel_that_cannot_be_compiled_leaves_it_to_torch(monkeypatch):
    def kernel(rows_NM: torch.Tensor, units_BM: torch.Tensor, group: int) -> torch.Tensor:
        raise RuntimeError("out of resource: shared memory")

    rows_NM = units(1, 3 * GROUP, 16)
    product = GroupMaxima(rows_NM, precision=torch.float32, numbers=2**20, slack=SLACK)
    monkeypatch.setattr(group_maxima, "_is_gpu", lambda rows_NM: True)
    monkeypatch.setattr(group_maxima, "_kernel", lambda: kernel)
    assert group_maxima._fused_from(rows_NM, product, SLACK) is None
