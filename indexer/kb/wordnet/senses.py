"""Which noun of WordNet a name in a stamp's caption means."""

from collections import defaultdict
from collections.abc import Mapping

from indexer.kb.pictures.captions import spelt
from indexer.kb.wordnet.nouns import Nouns, Synset

# Which of WordNet's lexicographer files a folder's stamps belong to, the likeliest first.
FOLDER_SENSES: Mapping[str, tuple[str, ...]] = {
    "animals": ("animal",),
    "clothes": ("artifact",),
    "food": ("food", "plant"),
    "hobbies": ("artifact",),
    "household": ("artifact",),
    "medical": ("body", "artifact"),
    "military": ("artifact", "person"),
    "naturalforces": ("phenomenon", "event"),
    "people": ("person", "body", "artifact"),
    "plants": ("plant",),
    "seasonal": ("artifact", "food", "animal", "plant", "person", "body"),
    "space": ("object", "artifact", "person"),
    "sports": ("artifact",),
    "town": ("artifact", "object", "location"),
    "vehicles": ("artifact",),
}


class NounSenses:
    """The senses of WordNet's nouns, by name."""

    def __init__(self, nouns: Nouns) -> None:
        self._synsets = nouns.synsets
        self._senses: defaultdict[str, list[Synset]] = defaultdict(list)
        for lemma, synset_ids in nouns.senses.items():
            self._senses[spelt(lemma)] += [nouns.synsets[synset_id] for synset_id in synset_ids]

    def __contains__(self, entity_id: object) -> bool:
        return entity_id in self._synsets

    def find(self, name: str, topic: str) -> str | None:
        """The best sense that a name has in the topic's lexicographer files.

        Of several, the one whose most usual word is the name goes first ("hedgehog" is also a rare word for the
        porcupine, and WordNet lists that sense first), then WordNet's order.
        """
        for lexicographer in FOLDER_SENSES.get(topic, ()):
            if here := [synset for synset in self._senses.get(name, ()) if synset.lexicographer == lexicographer]:
                return min(here, key=lambda synset: spelt(synset.lemmas[0]) != name).synset_id
        return None
