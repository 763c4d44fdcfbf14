"""Kinds out of WordNet: the hypernyms of a noun, or of the noun that a title ends in."""

import re
from collections.abc import Iterator

from indexer.kb.wordnet.knowledge_base import CONCRETE, EVERYDAY
from indexer.kb.wordnet.nouns import Nouns, Synset
from training.annotate.references.kinds import Kind

SYNSET_ID = re.compile(r"n[0-9]{8}")
EXPLAINED = re.compile(r"^(?P<name>.*?)\s*\((?P<explained>[^()]+)\)$")  # "Mercury (planet)"
SEEN = CONCRETE | {"location"}
ROOTS = frozenset({"entity", "physical entity", "abstraction", "object", "whole", "matter", "thing", "causal agent"})


class WordNetKinds:
    """Hypernyms of entities that are nouns.

    A picture shows no idea, so of a word's senses the first concrete one is meant, and the first of all only where it
    has no concrete one: "orange" is a fruit, "revolution" is an event.
    """

    def __init__(self, nouns: Nouns) -> None:
        self._nouns = nouns

    def of(self, entity_id: str | None, name: str) -> list[Kind]:
        synset = self._synset(entity_id, name)
        if synset is None:
            return []
        own = [] if _same(synset, name) else [_kind(synset)]  # "Komodo dragon" of the noun "dragon"
        above = [_kind(each) for each in self._nouns.ancestors(synset.synset_id)]
        return [kind for kind in own + above if kind.name not in ROOTS]

    def fingerprint(self) -> str:
        return f"wordnet {len(self._nouns.synsets)}"

    def _synset(self, entity_id: str | None, name: str) -> Synset | None:
        if entity_id is not None and SYNSET_ID.fullmatch(entity_id) and entity_id in self._nouns.synsets:
            return self._nouns.synsets[entity_id]
        for word in _words_for(name):
            senses = [self._nouns.synsets[sense] for sense in self._nouns.senses.get(word, ())]
            if senses:
                return next((sense for sense in senses if sense.lexicographer in SEEN), senses[0])
        return None


def _words_for(title: str) -> Iterator[str]:
    """Yields nouns that a title may be one of, the likeliest first, in lower case.

    An explanation in brackets says what it is. Of a title of several words the last ones are its noun, unless they have
    capitals: "Komodo dragon" is a dragon, but John Green is no green.
    """
    explained = EXPLAINED.match(title)
    if explained:
        yield from _words_for(explained["explained"])
        title = explained["name"]
    yield title.lower()
    words = title.split()
    for start in range(1, len(words)):
        if all(word.islower() for word in words[start:]):
            yield " ".join(words[start:])


def _same(synset: Synset, name: str) -> bool:
    return name.lower() in {lemma.lower() for lemma in synset.lemmas}


def _kind(synset: Synset) -> Kind:
    return Kind(name=synset.lemmas[0].lower(), everyday=synset.synset_id in EVERYDAY)
