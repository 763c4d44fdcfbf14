import re

import pytest

from indexer.kinds.choose import choose


@pytest.mark.parametrize(
    ("rows", "width", "memory", "kind", "why"),
    [
        (1, 256, 0, "exact-fp16", "nothing need be approximated"),
        (82_115, 256, 10**9, "exact-fp16", "takes about 6.0 ms of one core"),
        (
            6_063_945,
            256,
            600_000_000,
            "compact-pca",
            r"443\.5 ms of one core; its 0\.\d\d GB of codes fit into the 0\.60",
        ),
        (6_063_945, 256, 250_000_000, "compact-pq", r"do not fit into the 0\.25 GB given, its own 0\.22 GB do, but"),
        (6_063_945, 256, 100_000_000, "compact-pq", r"nor do its own 0\.22 GB"),
        (6_063_945, 1280, 1_000_000_000, "compact-pq", "compact-pca do not fit"),
    ],
)
def test_picks_the_most_exact_that_is_quick_and_fits(rows, width, memory, kind, why):
    name, sentence = choose(rows, width, memory)
    assert name == kind
    assert sentence.startswith(f"{kind}: ")
    assert re.search(why, sentence), sentence
