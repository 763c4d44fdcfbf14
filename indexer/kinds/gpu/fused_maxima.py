"""The best rough score in each group of rows by one kernel, which multiplies and keeps the best: no score is written.

torch's product writes the scores of 64 queries, 10% of the rows' bytes at a width of 1,280, and reads them again for
their maxima (`indexer.kinds.gpu.torch_exact`). Here a block of rows is read once for up to 128 queries, its scores
stay in registers, and 1 in 16 of them is written.

Importing this takes Triton, which comes with torch's builds for GPUs. With TRITON_INTERPRET=1 the kernel runs on a CPU,
slowly.

Axes: B query, L group, M vector width, N row.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

ROWS = 128  # of a block, as many scores of which as of queries fit into registers
NUMBERS = 64  # of the width that are multiplied at once
FEWEST, MOST = 16, 128  # queries of a block: tensor cores take no fewer
STAGES = 4  # blocks of numbers that are on their way from memory while others are multiplied


@triton.jit  # type: ignore[untyped-decorator]
def _maxima(  # type: ignore[no-untyped-def]
    rows_NM,
    units_BM,
    best_LB,
    rows,
    queries,
    width,
    stride_N,
    stride_B,
    stride_L,
    GROUP: tl.constexpr,
    ROWS: tl.constexpr,
    QUERIES: tl.constexpr,
    NUMBERS: tl.constexpr,
):
    """One block of rows and one of queries. Blocks of the same rows start one after the other, and find them cached."""
    block = tl.program_id(1).to(tl.int64)  # six million rows of a thousand numbers are beyond 32 bits
    n = block * ROWS + tl.arange(0, ROWS)
    b = tl.program_id(0) * QUERIES + tl.arange(0, QUERIES)
    scores_NB = tl.zeros((ROWS, QUERIES), dtype=tl.float32)
    for start in range(0, width, NUMBERS):
        m = start + tl.arange(0, NUMBERS)
        some_NM = tl.load(
            rows_NM + n[:, None] * stride_N + m[None, :], mask=(n < rows)[:, None] & (m < width)[None, :], other=0.0
        )
        some_MB = tl.load(
            units_BM + b[None, :] * stride_B + m[:, None], mask=(b < queries)[None, :] & (m < width)[:, None], other=0.0
        )
        scores_NB = tl.dot(some_NM, some_MB, scores_NB)
    best = tl.max(tl.reshape(scores_NB, (ROWS // GROUP, GROUP, QUERIES)), axis=1)
    groups = block * (ROWS // GROUP) + tl.arange(0, ROWS // GROUP)
    inside = (groups < rows // GROUP)[:, None] & (b < queries)[None, :]
    tl.store(best_LB + groups[:, None] * stride_L + b[None, :], best.to(tl.float16), mask=inside)


def fused_maxima(rows_NM: Tensor, units_BM: Tensor, group: int) -> Tensor:
    """The best score in each group of rows, float16 [B, L].

    Sums are made in single precision, and rounded to half once.

    Args:
        rows_NM: float16, whole groups of rows.
        units_BM: float16, queries of length 1 on the same device.
        group: how many rows have one maximum; a power of 2, 128 at most.

    Raises:
        Exception: whatever Triton's compiler raises, where it cannot make the kernel for this device.
    """
    queries = len(units_BM)
    best_LB = rows_NM.new_empty(len(rows_NM) // group, queries)
    together = min(MOST, max(FEWEST, triton.next_power_of_2(queries)))
    grid = (triton.cdiv(queries, together), triton.cdiv(len(rows_NM), ROWS))
    with torch.cuda.device_of(rows_NM):  # type: ignore[no-untyped-call]  # does nothing on a CPU
        _maxima[grid](
            rows_NM,
            units_BM,
            best_LB,
            len(rows_NM),
            queries,
            rows_NM.shape[1],
            rows_NM.stride(0),
            units_BM.stride(0),
            best_LB.stride(0),
            GROUP=group,
            ROWS=ROWS,
            QUERIES=together,
            NUMBERS=NUMBERS,
            num_warps=8 if together == MOST else 4,
            num_stages=STAGES,
        )
    return best_LB.T
