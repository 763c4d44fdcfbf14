import tomllib
from pathlib import Path

import pytest

from indexer.kb.pictures.match import Matches, match_caption
from indexer.kb.pictures.tuxpaint import STAMPS, read_stamps
from indexer.kb.wordnet.imagenet import imagenet_synsets
from indexer.kb.wordnet.knowledge_base import OVERRIDES, WordNet
from indexer.kb.wordnet.nouns import WORDNET, Nouns, Synset, read_nouns
from indexer.kb.wordnet.senses import NounSenses


def noun(synset_id: str, lexicographer: str, *lemmas: str) -> Synset:
    return Synset(synset_id=synset_id, lemmas=lemmas, lexicographer=lexicographer, gloss="")


SYNSETS = {
    "n1": noun("n1", "animal", "porcupine", "hedgehog"),
    "n2": noun("n2", "animal", "hedgehog"),
    "n3": noun("n3", "artifact", "hedgehog"),
    "n4": noun("n4", "artifact", "T-shirt"),
    "n5": noun("n5", "artifact", "pig bank"),
}
SENSES = NounSenses(
    Nouns(
        synsets=SYNSETS,
        senses={"hedgehog": ("n3", "n1", "n2"), "porcupine": ("n1",), "t-shirt": ("n4",), "pig bank": ("n5",)},
    )
)


@pytest.mark.parametrize(
    ("caption", "folder", "entity_id"),
    [
        ("A hedgehog.", "animals", "n2"),  # its own name goes before WordNet's order
        ("A hedgehog.", "military", "n3"),  # the folder tells the sense
        ("A porcupine.", "animals", "n1"),
        ("A t shirt.", "clothes", "n4"),
        ("A pig bank.", "animals", None),
        ("A hedgehog.", "unheard of", None),
        ("A snark.", "animals", None),
    ],
)
def test_a_caption_and_its_folder_tell_the_sense(caption: str, folder: str, entity_id: str | None):
    assert match_caption(caption, folder, SENSES) == entity_id


@pytest.fixture(scope="module")
def nouns(stamps_data: Path) -> Nouns:
    return read_nouns(stamps_data / WORDNET)


@pytest.fixture(scope="module")
def kb(stamps_data: Path) -> WordNet:
    return WordNet(stamps_data)


@pytest.fixture(scope="module")
def found(kb: WordNet) -> Matches:
    return kb.matches


@pytest.mark.data
class TestTheRealOnes:
    def test_how_many_there_are(self, found: Matches, stamps_data: Path):
        assert len(found.matches) + len(found.unmatched) == len(read_stamps(stamps_data / STAMPS))
        assert 500 <= len(found.matches) <= 530
        entities = found.by_entity()
        assert 370 <= len(entities) <= 430
        assert 80 <= len(entities.keys() & set(imagenet_synsets())) <= 110

    @pytest.mark.parametrize(
        ("path", "entity_id"),
        [
            ("animals/birds/silver-gull.png", "n02041246"),
            ("animals/mammals/hedgehog.png", "n01893825"),  # not the porcupine
            ("animals/mammals/aquatic/dolphin.png", "n02068974"),  # not the dolphinfish
            ("animals/fish/seahorse.png", "n01456756"),  # not the walrus
            ("animals/birds/peacock.png", "n01806143"),  # not the butterfly
            ("animals/mammals/bovines/gnu-baby.png", "n02421449"),  # not any baby animal
            ("food/fruit/cartoon/orange.png", "n07747607"),  # the fruit
            ("plants/trees/birch.png", "n12281241"),  # the tree, not its wood
            ("medical/stethoscope.png", "n04317175"),  # not the heart that it is held to
            ("medical/tooth.png", "n05282746"),
            ("household/tools/hammer.png", "n03481172"),
            ("seasonal/halloween/bat_left.png", "n02139199"),  # the animal
            ("seasonal/halloween/jackolantern_mean.png", "n03590841"),
            ("space/planets/1_mercury.png", "n09351408"),  # the planet
            ("town/monuments/cartoon/eiffel_tower.png", "n03266906"),
            ("town/roadsigns/hospital.png", "n06794110"),  # a sign, not a hospital
            ("town/roadsigns/traffic_cone.png", "n03089348"),  # not a sign
            ("vehicles/construction/dumper_mirror.png", "n03256166"),
            ("vehicles/auto/beetle.png", "n02958343"),
        ],
    )
    def test_senses(self, found: Matches, path: str, entity_id: str):
        assert {match.path: match.entity_id for match in found.matches}[path] == entity_id

    def test_what_nobody_would_name_so_is_left_out(self, found: Matches):
        unmatched = {path for path, _ in found.unmatched}
        assert "seasonal/hanukkah/dreydl-nun.png" in unmatched  # not a nun
        assert "seasonal/hanukkah/dreydl-nun_mirror.png" in unmatched
        assert "household/rubberduck.png" in unmatched  # not a cloth

    def test_the_table_of_overrides_holds_nothing_that_the_captions_tell(
        self, found: Matches, nouns: Nouns, stamps_data: Path
    ):
        senses = NounSenses(nouns)
        captions = {stamp.path: stamp.caption for stamp in read_stamps(stamps_data / STAMPS)}
        overrides = tomllib.loads(OVERRIDES.read_text(encoding="utf-8"))[""]
        for path, entity_id in overrides.items():
            if not path.endswith("/"):
                guess = match_caption(captions[path], path.partition("/")[0], senses)
                without = overrides.get(path.rpartition("/")[0] + "/", guess)
                assert (without or "none") != entity_id, f"{path} needs no override"

    def test_enough_entities_have_several_photographs(self, kb: WordNet):
        photographs: dict[str, set[str]] = {}
        for stamp in kb.stamps:
            photographs.setdefault(stamp.entity_id, set()).add(stamp.photograph)
        assert 60 <= sum(len(shown) > 1 for shown in photographs.values()) <= 80
        assert len(photographs["n06874185"]) == 1  # one traffic light in three colours
        assert len(photographs["n02740300"]) == 2  # a Bradley, its mirror and a Stryker
