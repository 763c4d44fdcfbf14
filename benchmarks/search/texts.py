"""Distinct texts of real words for measuring at size: WordNet's glosses, words and hypernym paths, combined.

One endless stream, the same for a seed, so that fewer texts are the first of more. Each is drawn alike: the stretch
that is held out to search for is no easier or harder than what is indexed.
"""

import hashlib
import random
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TypeVar

from indexer.kb.wordnet.nouns import Nouns, Synset

PLAIN = 0.25  # how many texts describe one synset rather than join two
PATH = 3  # hypernyms that a text names
JOINTS = ("with", "beside", "found near", "named after", "made for", "used with", "shown on", "part of")


T = TypeVar("T")


def stream(nouns: Nouns, *, seed: int = 0) -> Iterator[str]:
    """Yields texts without end, none of them twice."""
    synsets = list(nouns.synsets.values())
    # Of all that `random` gives, only `random()` is promised to stay the same between versions of Python.
    draw = random.Random(seed)
    seen: set[bytes] = set()
    while True:
        text = _text(draw, synsets, nouns)
        digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
        if digest not in seen:
            seen.add(digest)
            yield text


def _text(draw: random.Random, synsets: Sequence[Synset], nouns: Nouns) -> str:
    """A title and what it means, as an entity's title and description are read together."""
    about = _one_of(draw, synsets)
    word, kinds = _one_of(draw, about.lemmas), _kinds(about, nouns)
    if draw.random() < PLAIN:
        return f"{word}: {about.gloss}. {kinds}".strip()
    other = _one_of(draw, synsets)
    joined = _one_of(draw, other.lemmas)
    # Both words come first, since a text encoder may read no more than the first words.
    return f"{joined} {word}: {about.gloss}, {_one_of(draw, JOINTS)} {joined} ({other.gloss}). {kinds}".strip()


def _kinds(synset: Synset, nouns: Nouns) -> str:
    path = [parent.lemmas[0] for parent in islice(nouns.ancestors(synset.synset_id), PATH)]
    return f"A kind of {', '.join(path)}." if path else ""


def _one_of(draw: random.Random, choices: Sequence[T]) -> T:
    return choices[int(draw.random() * len(choices))]
