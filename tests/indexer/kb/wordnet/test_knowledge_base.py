from pathlib import Path

import pytest

from indexer.kb.record import Entity
from indexer.kb.wordnet.knowledge_base import TAXONOMIC_GROUP, WordNet, describe, is_concrete_class
from indexer.kb.wordnet.nouns import Nouns, Synset


def noun(synset_id: str, *lemmas: str, of: str | None = None, one: str | None = None, file: str = "animal") -> Synset:
    return Synset(
        synset_id=synset_id,
        lemmas=lemmas,
        lexicographer=file,
        gloss=f"what a {lemmas[0]} is",
        hypernyms=(of,) if of else (),
        instance_of=(one,) if one else (),
    )


SYNSETS = (
    noun("n00015388", "animal"),
    noun("n01503061", "bird", of="n00015388"),
    noun("n1", "parrot", of="n01503061"),
    noun("n2", "parakeet", "budgie", "Melopsittacus", of="n1"),
    noun("n3", "Polly", one="n2"),
    noun(TAXONOMIC_GROUP, "taxonomic group", file="group"),
    noun("n4", "genus Melopsittacus", of=TAXONOMIC_GROUP),
    noun("n5", "flight", file="act"),
)
NOUNS = Nouns(synsets={synset.synset_id: synset for synset in SYNSETS}, senses={})


def test_a_description_begins_with_the_gloss_and_names_an_everyday_kind():
    assert describe(NOUNS.synsets["n2"], NOUNS) == (
        "What a parakeet is. A kind of parrot, bird. Also called budgie, Melopsittacus."
    )
    assert describe(NOUNS.synsets["n01503061"], NOUNS) == "What a bird is. A kind of animal."
    assert describe(NOUNS.synsets["n3"], NOUNS) == "What a Polly is. One parakeet, bird."
    assert describe(NOUNS.synsets["n5"], NOUNS) == "What a flight is."


def test_only_kinds_of_things_that_can_be_seen_are_kept():
    kept = {synset.synset_id for synset in SYNSETS if is_concrete_class(synset, NOUNS)}
    assert kept == {"n00015388", "n01503061", "n1", "n2"}


@pytest.fixture(scope="module")
def kb(stamps_data: Path) -> WordNet:
    return WordNet(stamps_data)


@pytest.mark.data
class TestTheRealOne:
    def test_holds_tens_of_thousands_of_records_and_some_pictures(self, kb: WordNet):
        records = [record for record in kb.records() if isinstance(record, Entity)]
        assert len(records) == len(kb) == len({record.entity_id for record in records})
        assert 35_000 < len(records) < 45_000
        assert all(record.title and record.text and record.url for record in records)
        assert kb.image_root is not None
        pictured = [record for record in records if record.images]
        assert 370 <= len(pictured) <= 430
        assert all((kb.image_root / image).is_file() for record in pictured for image in record.images)
        assert all(len(record.images) == 1 for record in pictured)

    def test_what_a_record_says(self, kb: WordNet):
        hedgehog = next(record for record in kb.records() if isinstance(record, Entity) and record.title == "hedgehog")
        assert hedgehog == Entity(
            entity_id="n01893825",
            title="hedgehog",
            text=hedgehog.text,
            images=("animals/mammals/hedgehog.png",),
            url="https://wordnet-rdf.princeton.edu/pwn30/01893825-n",
            attribution="WordNet 3.0, Princeton University; picture: Tux Paint stamps",
        )
        assert "protective spines. A kind of insectivore, mammal." in hedgehog.text

    def test_every_entity_that_a_stamp_shows_has_a_record_with_one_of_its_stamps(self, kb: WordNet):
        picture_of = {record.entity_id: record.images for record in kb.records() if isinstance(record, Entity)}
        stamps_of: dict[str, set[str]] = {}
        for stamp in kb.stamps:
            stamps_of.setdefault(stamp.entity_id, set()).add(stamp.path)
        assert {entity_id for entity_id, images in picture_of.items() if images} == stamps_of.keys()
        assert all(set(picture_of[entity_id]) <= stamps for entity_id, stamps in stamps_of.items())

    def test_single_things_are_in_where_a_stamp_shows_them(self, kb: WordNet):
        titles = {record.title for record in kb.records() if isinstance(record, Entity)}
        assert {"Eiffel Tower", "Venus"} <= titles
        assert titles.isdisjoint({"Taj Mahal", "Einstein", "Vega", "genus Canis"})

    def test_a_second_reading_is_the_same(self, kb: WordNet, stamps_data: Path):
        again = WordNet(stamps_data)
        assert list(kb.records()) == list(kb.records()) == list(again.records())
        assert kb.fingerprint() == again.fingerprint()
