from itertools import islice
from pathlib import Path

from benchmarks.search.texts import stream
from indexer.kb.wordnet.nouns import WORDNET, read_nouns


def test_no_text_comes_twice_and_a_seed_gives_the_same_texts(stamps_data: Path):
    nouns = read_nouns(stamps_data / WORDNET)
    texts = list(islice(stream(nouns), 8_000))
    assert len(set(texts)) == len(texts)
    assert list(islice(stream(nouns), 100)) == texts[:100]
    assert list(islice(stream(nouns, seed=1), 100)) != texts[:100]


def test_texts_differ_in_what_an_encoder_reads(stamps_data: Path):
    nouns = read_nouns(stamps_data / WORDNET)
    starts = [" ".join(text.split()[:16]) for text in islice(stream(nouns), 8_000)]
    assert len(set(starts)) > 0.99 * len(starts)
