"""The default knowledge base: WordNet's concrete nouns, a few hundred of them with a Tux Paint stamp."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from indexer.kb.fingerprint import of_records
from indexer.kb.pictures.match import Matches, Overrides, Stamp, match_pictures, with_photographs
from indexer.kb.pictures.tuxpaint import STAMPS, crops, read_stamps
from indexer.kb.record import BadRecord, Entity
from indexer.kb.wordnet.nouns import WORDNET, Nouns, Synset, read_nouns
from indexer.kb.wordnet.senses import NounSenses

OVERRIDES = Path(__file__).with_name("pictures.toml")

CONCRETE = frozenset(
    {"animal", "artifact", "body", "food", "object", "person", "phenomenon", "plant", "shape", "substance"}
)
TAXONOMIC_GROUP = "n07992450"  # "genus Canis": a name for a shelf of things, not for a thing

# Kinds that everybody knows. A record names the nearest one, since its direct hypernym may say little: a rosella is a
# parakeet is a parrot is a bird.
EVERYDAY = frozenset(
    {
        # bird, fish, mammal, insect, reptile, amphibian, animal
        "n01503061", "n02512053", "n01861778", "n02159955", "n01661091", "n01627424", "n00015388",
        # flower, tree, shrub, herb, fungus, plant, part of a plant
        "n11669921", "n13104059", "n13112664", "n12205694", "n12992868", "n00017222", "n13086908",
        # fruit, vegetable, beverage, dish, solid food, food
        "n07705931", "n07707451", "n07881800", "n07557434", "n07555863", "n00021265",
        # vehicle, clothing, tool, musical instrument, weapon, furniture, container
        "n04524313", "n03051540", "n04451818", "n03800933", "n04565375", "n03405725", "n03094503",
        # building, drug, machine, fabric, structure, device, artifact
        "n02913152", "n03247620", "n03699975", "n03309808", "n04341686", "n03183080", "n00021939",
        # person, body part, body of water, geological formation, chemical compound, substance, natural phenomenon
        "n00007846", "n05220461", "n09225146", "n09287968", "n14818238", "n00019613", "n11408559",
    }
)  # fmt: skip


class WordNet:
    """Concrete nouns as records; a record that a stamp shows has that stamp as its one picture.

    Left out, unless a stamp shows them: single people, places and buildings, which no description tells apart by their
    looks, and the names of taxonomic groups, which stand beside the creatures themselves.

    Args:
        root: the folder that the Debian packages are unpacked in.

    Raises:
        WikiClipError: WordNet is not there, or is not whole. Stamps are looked for when they are first needed.
    """

    name = "wordnet"

    def __init__(self, root: Path) -> None:
        self._nouns = read_nouns(root / WORDNET)
        self.image_root: Path | None = root / STAMPS
        self.follow_links = False

    @cached_property
    def stamps(self) -> tuple[Stamp, ...]:
        """Every stamp that shows an entity, with the photograph that it is; takes seconds, since it opens them all."""
        assert self.image_root is not None
        unmatched = (path for path, _ in self.matches.unmatched)
        return with_photographs(self.image_root, self.matches, crops=crops(), others=unmatched)

    @cached_property
    def matches(self) -> Matches:
        """Which stamp shows which entity, by caption and folder."""
        assert self.image_root is not None
        return match_pictures(read_stamps(self.image_root), NounSenses(self._nouns), Overrides.read(OVERRIDES))

    @cached_property
    def _picture_of(self) -> dict[str, str]:
        return {entity_id: stamps[0].path for entity_id, stamps in self.matches.by_entity().items()}

    @cached_property
    def _kept(self) -> list[Synset]:
        return [
            synset
            for synset in self._nouns.synsets.values()
            if synset.synset_id in self._picture_of or is_concrete_class(synset, self._nouns)
        ]

    def __len__(self) -> int:
        return len(self._kept)

    def records(self) -> Iterator[Entity | BadRecord]:
        """Yields the entities in WordNet's order."""
        for synset in self._kept:
            picture = self._picture_of.get(synset.synset_id)
            yield Entity(
                entity_id=synset.synset_id,
                title=synset.lemmas[0],
                text=describe(synset, self._nouns),
                images=(picture,) if picture else (),
                url=f"https://wordnet-rdf.princeton.edu/pwn30/{synset.synset_id[1:]}-n",
                attribution="WordNet 3.0, Princeton University" + ("; picture: Tux Paint stamps" if picture else ""),
            )

    def fingerprint(self) -> str:
        return of_records(self)


def is_concrete_class(synset: Synset, nouns: Nouns) -> bool:
    """Whether a synset names a kind of thing that can be seen, rather than one such thing or a shelf in taxonomy."""
    return (
        synset.lexicographer in CONCRETE
        and not synset.instance_of
        and all(ancestor.synset_id != TAXONOMIC_GROUP for ancestor in nouns.ancestors(synset.synset_id))
    )


def describe(synset: Synset, nouns: Nouns) -> str:
    """A synset's gloss, what it is a kind of, and its other words, as sentences; the most telling comes first, since a
    text encoder may read no more than the first words."""
    parents = list(nouns.ancestors(synset.synset_id))
    kinds = [parent.lemmas[0] for parent in parents[:1]]
    kinds += [parent.lemmas[0] for parent in parents[1:] if parent.synset_id in EVERYDAY][:1]
    sentences = [synset.gloss[:1].upper() + synset.gloss[1:]]
    if kinds:
        sentences.append(f"A kind of {', '.join(kinds)}" if synset.hypernyms else f"One {', '.join(kinds)}")
    if len(synset.lemmas) > 1:
        sentences.append(f"Also called {', '.join(synset.lemmas[1:])}")
    return "".join(f"{sentence}. " for sentence in sentences).strip()
