"""Records whose words come as often as real ones do, and questions as a person types them."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from indexer.kb.record import Entity
from indexer.kb.wikipedia.articles import read_articles
from indexer.words.folding import words_of

TITLE_LENGTHS = (0.15, 0.38, 0.22, 0.12, 0.07, 0.04, 0.02)  # how often a title has 1, 2, 3 ... words
TEXT_LENGTH, SPREAD, MOST_TEXT = 60, 0.6, 300  # words of a text: the median, the logarithm's deviation, at most
ALIASED = 0.2  # of records have another name
NAMES, TEXTS = 400_000, 800_000  # words beyond the real ones
RARE = 2.7  # Mandelbrot's shift of Zipf's law
BLOCK = 10_000


@dataclass(frozen=True)
class Vocabulary:
    """Words by how often they come: the real ones in their order, then ones that were made of their halves."""

    words: NDArray[np.object_]
    sums: NDArray[np.float64]

    @classmethod
    def of(cls, counts: Counter[str], more: int, chance: Generator) -> "Vocabulary":
        real = [word for word, _ in counts.most_common()]
        long = [word for word in real if len(word) > 3]
        firsts, lasts = chance.integers(len(long), size=(2, more))
        made = (
            long[first][: len(long[first]) // 2 + 1] + long[last][len(long[last]) // 2 :]
            for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True)
        )
        words = list(dict.fromkeys([*real, *made]))
        return cls(np.array(words, dtype=object), np.cumsum(1 / (np.arange(len(words)) + 1 + RARE)))

    def draw(self, lengths: NDArray[np.int64], chance: Generator) -> list[str]:
        """A phrase of each length."""
        places = np.searchsorted(self.sums, chance.random(int(lengths.sum())) * self.sums[-1])
        words = self.words[np.minimum(places, len(self.words) - 1)]
        return [" ".join(each) for each in np.split(words, np.cumsum(lengths)[:-1])]


class Synthetic:
    """Records without pictures.

    Args:
        root: where the articles are whose words are drawn from.
        texts: whether they have texts.

    Raises:
        ArticlesError: the articles are not there.
    """

    def __init__(self, root: Path, *, texts: bool) -> None:
        articles, chance = read_articles(root), np.random.default_rng(0)
        self._names = Vocabulary.of(Counter(word for a in articles for word in words_of(a.title)), NAMES, chance)
        told = Counter(word for a in articles for word in words_of(a.extract))
        self._texts = Vocabulary.of(told, TEXTS, chance) if texts else None

    def blocks(self, count: int, *, seed: int) -> Iterator[list[Entity]]:
        """So many records, a block at a time."""
        chance = np.random.default_rng(seed)
        for start in range(0, count, BLOCK):
            size = min(BLOCK, count - start)
            titles = self._names.draw(self._lengths(size, chance), chance)
            aliases = self._names.draw(self._lengths(size, chance), chance)
            texts = [""] * size
            if self._texts is not None:
                drawn = chance.lognormal(np.log(TEXT_LENGTH), SPREAD, size=size).astype(np.int64)
                texts = self._texts.draw(drawn.clip(1, MOST_TEXT), chance)
            yield [
                Entity(f"Q{seed}-{start + n}", titles[n].title(), texts[n], aliases=(aliases[n],) * bool(has))
                for n, has in enumerate(chance.random(size) < ALIASED)
            ]

    @staticmethod
    def _lengths(size: int, chance: Generator) -> NDArray[np.int64]:
        return chance.choice(np.arange(1, len(TITLE_LENGTHS) + 1), size=size, p=TITLE_LENGTHS)


def typed(phrase: str, most: int) -> list[str]:
    """What stands in the field after each key of the first words of a phrase, but for spaces."""
    whole = " ".join(phrase.split()[:most])
    return [whole[:end] for end in range(1, len(whole) + 1) if whole[end - 1] != " "]
