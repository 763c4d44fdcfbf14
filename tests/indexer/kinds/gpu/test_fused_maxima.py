"""The kernel that multiplies and keeps each group's best: compiled where there is a GPU, elsewhere interpreted.

`tools/test-triton.sh` runs this file on machines whose torch brings no Triton.
"""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import indexer.kinds.gpu.group_maxima as group_maxima
import indexer.kinds.gpu.torch_exact as torch_exact
from indexer.kinds.brute import BruteForce
from indexer.kinds.gpu.group_maxima import GROUP
from indexer.kinds.gpu.torch_exact import TorchExact

pytest.importorskip("triton", reason="there is no Triton here: tools/test-triton.sh")
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


@pytest.fixture(scope="module")
def fused() -> Callable[[torch.Tensor, torch.Tensor, int], torch.Tensor]:
    from indexer.kinds.gpu.fused_maxima import fused_maxima

    return fused_maxima


def units(seed: int, count: int, width: int) -> torch.Tensor:
    made = torch.randn(count, width, generator=torch.Generator().manual_seed(seed))
    return (made / made.norm(dim=1, keepdim=True)).half()


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 2**31),
    groups=st.integers(1, 40),
    width=st.sampled_from([8, 64, 72, 136]),
    queries=st.sampled_from([1, 15, 16, 33, 128, 150]),
)
def test_the_kernel_finds_the_best_of_each_group(fused, seed, groups, width, queries):
    rows_NM, asked_BM = units(seed, groups * GROUP, width).to(DEVICE), units(seed + 1, queries, width).to(DEVICE)
    truth_BL = (asked_BM.float() @ rows_NM.float().T).view(queries, groups, GROUP).amax(2)
    found_BL = fused(rows_NM, asked_BM, GROUP)
    assert found_BL.shape == (queries, groups)
    assert found_BL.dtype == torch.float16
    assert (found_BL.float() - truth_BL).abs().max() <= 2.0**-11


@settings(deadline=None, max_examples=10)
@given(
    seed=st.integers(0, 2**31),
    count=st.integers(1, 400),
    parts=st.integers(1, 2),
    k=st.integers(1, 30),
    from_queries=st.sampled_from([1, 4]),
)
def test_a_search_by_the_kernel_agrees_with_brute_force(fused, seed, count, parts, k, from_queries):
    rows_NM, queries_BM = units(seed, count, 24).numpy(), units(seed + 1, 4, 24).float().numpy()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch_exact, "_rough_precision", lambda device: torch.float16)
        patch.setattr(group_maxima, "_fused_from", lambda *of_a_part: from_queries)
        index = TorchExact([rows_NM], rows=count, width=24, devices=[DEVICE] * parts)
    assert index.fused_from == from_queries
    for asked_BM in (queries_BM, queries_BM[:1]):
        ours, truth = index.search(asked_BM, k), BruteForce(rows_NM).search(asked_BM, k)
        np.testing.assert_allclose(ours.scores_BK, truth.scores_BK, atol=1e-5)
