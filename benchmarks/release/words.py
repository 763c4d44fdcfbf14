"""The records' words: WordNet's, joined at random.

Keys, ids, lengths and the share of pictures are like the release's.
"""

import random
from collections.abc import Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path

from indexer.kb.oven import RELEASED_RECORDS
from indexer.kb.wordnet.nouns import WORDNET, Nouns, Synset, read_nouns
from wikiclip.base.paths import debian_root

WITH_PICTURE = 2_032_340 / RELEASED_RECORDS
WITHOUT_SUMMARY = 0.02
IDS_APART = 19  # 6,063,945 ids spread up to some Q115,000,000, as Wikidata's are
SUMMARY_SENTENCES = (1, 6)
CONTENT_SENTENCES = 12.0  # the mean of a long-tailed number
MOST_SENTENCES = 400


def words() -> "Words":
    """The words, read once in a process."""
    return _words(debian_root() / WORDNET)


class Words:
    """Makes records of WordNet's words."""

    def __init__(self, nouns: Nouns) -> None:
        self._nouns = nouns
        self._synsets = list(nouns.synsets.values())

    def record(self, number: int, *, seed: int) -> dict[str, str | None]:
        """The record of that number; its title and its id are no other's."""
        draw = random.Random(f"{seed} {number}")
        about, beside = self._synset(draw), self._synset(draw)
        title = f"{beside.lemmas[0]} {about.lemmas[0]}"
        title = f"{title[:1].upper()}{title[1:]} ({number + 1})"
        summary = self._sentences(draw, int(draw.uniform(*SUMMARY_SENTENCES)), first=about, title=title)
        more = min(MOST_SENTENCES, int(draw.expovariate(1 / CONTENT_SENTENCES)))
        # A release's ids do not ascend by one, and neighbours in the file are not neighbours there.
        entity_id = f"Q{number * IDS_APART + 1 + int(draw.random() * IDS_APART)}"
        return {
            "wikidata_id": entity_id,
            "wikipedia_title": title,
            "wikipedia_summary": "" if draw.random() < WITHOUT_SUMMARY else summary,
            "wikipedia_content": f"{summary}\n\n{self._sentences(draw, more, first=beside, title=title)}",
            "wikipedia_image_url": f"https://upload.wikimedia.org/wikipedia/commons/{entity_id}.jpg"
            if draw.random() < WITH_PICTURE
            else None,
        }

    def _sentences(self, draw: random.Random, count: int, *, first: Synset, title: str) -> str:
        said = [first, *(self._synset(draw) for _ in range(count))]
        return f"{title} is " + " ".join(self._sentence(synset) for synset in said)

    def _sentence(self, synset: Synset) -> str:
        kinds = [parent.lemmas[0] for parent in islice(self._nouns.ancestors(synset.synset_id), 2)]
        named = f", a kind of {' and '.join(kinds)}" if kinds else ""
        return f"{synset.gloss}{named}, which is also called {' or '.join(synset.lemmas)}."

    def _synset(self, draw: random.Random) -> Synset:
        return _one_of(draw, self._synsets)


@lru_cache(maxsize=1)
def _words(folder: Path) -> Words:
    return Words(read_nouns(folder))


def _one_of(draw: random.Random, choices: Sequence[Synset]) -> Synset:
    return choices[int(draw.random() * len(choices))]
