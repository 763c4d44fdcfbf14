"""Which kind of index, for those who do not want to say it."""

from indexer.kinds import KINDS, SHORT

# One core compares about 7 GB of half-precision vectors a second (500,000 x 384 in 54 ms): so much in 10 ms, where the
# picture itself takes 30 ms to encode. Beyond it the answer takes longer in proportion, and lists pay.
QUICK_BYTES = 70_000_000
BYTES_A_SECOND = 7e9
# Of those that approximate, `compact` was the fastest at equal recall in the least memory (docs/benchmarks.md).
SMALLEST = "compact-pq"


def choose(rows: int, width: int, memory_bytes: int) -> tuple[str, str]:
    """(name of the kind, a sentence that says why).

    Args:
        rows: N of the whole index.
        width: M of a vector.
        memory_bytes: how much memory the open index may take.
    """
    exact, compact, smallest = (KINDS[name] for name in (SHORT["exact"], SHORT["compact"], SMALLEST))
    read = rows * width * 2
    milliseconds = 1e3 * read / BYTES_A_SECOND
    takes = f"comparing all {rows:,} vectors of width {width} takes about {milliseconds:,.1f} ms of one core"
    if read <= QUICK_BYTES:
        return exact.name, f"{exact.name}: {takes}, so nothing need be approximated."
    has = f"the {memory_bytes / 1e9:.2f} GB given"
    codes, fewer = compact.cost(rows, width).memory, smallest.cost(rows, width).memory
    if codes <= memory_bytes:
        return compact.name, f"{compact.name}: {takes}; its {codes / 1e9:.2f} GB of codes fit into {has}."
    too_large = f"{takes}; the {codes / 1e9:.2f} GB of codes of {compact.name} do not fit into {has}"
    if fewer <= memory_bytes:
        return smallest.name, f"{smallest.name}: {too_large}, its own {fewer / 1e9:.2f} GB do, but it finds fewer."
    return (
        smallest.name,
        f"{smallest.name}: {too_large}; nor do its own {fewer / 1e9:.2f} GB, but no other comes closer.",
    )


def choose_in_milvus(rows: int, width: int, memory_bytes: int) -> tuple[str, str]:
    """(name of the kind, a sentence that says why), of those whose vectors are in a server.

    Args:
        memory_bytes: of this machine, which holds none of them.
    """
    read = 4 * rows * width
    if read <= 2 * QUICK_BYTES:
        return "milvus-flat", f"milvus-flat: the server reads {read / 1e9:.2f} GB for a query, so all are compared."
    return "milvus-hnsw", (
        f"milvus-hnsw: to compare all, the server would read {read / 1e9:.2f} GB for each query. Where its memory is"
        " too small for them, take --index ivf-sq8, a quarter as large."
    )
