import json
from pathlib import Path

import pytest
from PIL import Image

from indexer.build import build
from indexer.kb import KnowledgeBaseName, open_kb
from indexer.kb.record import Entity
from indexer.kb.wikipedia.articles import SUMMARIES
from indexer.kb.wikipedia.knowledge_base import CLIPART_PREFIX, OVERRIDES, STAMPS_PREFIX, Wikipedia, first_sentence
from indexer.search import EntityIndex
from indexer.version import read_version
from wikiclip.base.errors import WikiClipError
from wikiclip.base.paths import articles_root, debian_root


def test_a_sentence_ends_where_another_begins():
    assert first_sentence("It weighs 3.5 kg. It is old.") == "It weighs 3.5 kg."
    assert first_sentence("J. S. Bach was a composer. He lived.") == "J. S. Bach was a composer."
    assert first_sentence("One only.") == "One only."


def test_options_that_do_not_apply_are_refused(tmp_path: Path):
    with pytest.raises(WikiClipError, match="do not apply to --kb wikipedia"):
        open_kb(KnowledgeBaseName.WIKIPEDIA, records=tmp_path)
    with pytest.raises(WikiClipError, match="--everything does not apply to --kb wordnet"):
        open_kb(KnowledgeBaseName.WORDNET, everything=True)


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A few articles and pictures of our own in the places of the real ones."""
    monkeypatch.setenv("WIKICLIP_HOME", str(tmp_path))
    monkeypatch.setattr("indexer.kb.wikipedia.knowledge_base.OVERRIDES", tmp_path / "overrides.toml")
    (tmp_path / "overrides.toml").write_text('["openclipart/png"]\n"plants/tree.png" = "none"\n')
    articles = [
        ("Fox", "Group of small mammals", "A fox is a mammal. It is red.", "Biology and health sciences"),
        ("Harp", "Plucked string instrument", "The harp is played.", "Arts"),
        ("Entropy", "Property of a system", "Entropy is a concept.", "Physical sciences"),
        ("Tree", "Plant with a trunk", "A tree is a plant.", "Uncategorized"),
    ]
    file = articles_root() / SUMMARIES
    file.parent.mkdir(parents=True)
    keys = ("title", "description", "extract", "topic")
    file.write_text(json.dumps({one[0]: dict(zip(keys, one, strict=True)) for one in articles}))
    share = debian_root() / "usr/share"
    for path in ("animals/fox.png", "animals/fox_mirror.png"):
        _draw(share / STAMPS_PREFIX / path, "orange")
        (share / STAMPS_PREFIX / path).with_suffix(".txt").write_text("A fox.\n")
    for path in ("recreation/music/harp_02.png", "plants/tree.png", "animals/red_fox.png"):
        _draw(share / CLIPART_PREFIX / path, "green")
    return tmp_path


def _draw(path: Path, colour: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.new("RGBA", (40, 30))
    picture.paste(Image.new("RGBA", (20, 20), colour), (5, 5))
    picture.save(path)


def test_records_have_articles_pictures_and_their_sources(small: Path):
    kb = open_kb(KnowledgeBaseName.WIKIPEDIA)
    fox, harp, tree = (record for record in kb.records() if isinstance(record, Entity))
    assert fox == Entity(
        entity_id="Fox",
        title="Fox",
        text=fox.text,
        images=("tuxpaint/stamps/animals/fox.png",),
        url="https://en.wikipedia.org/wiki/Fox",
        attribution="Wikipedia, “Fox”, CC BY-SA 4.0; picture: Tux Paint stamps",
    )
    assert fox.text == "A fox is a mammal. It is red. Group of small mammals."
    assert harp.images == ("openclipart/png/recreation/music/harp_02.png",)
    assert harp.attribution is not None
    assert harp.attribution.endswith("picture: Open Clip Art, public domain")
    assert (tree.title, tree.images) == ("Tree", ())
    assert len(kb) == 3


def test_what_cannot_be_seen_is_kept_if_asked_for(small: Path):
    kb = open_kb(KnowledgeBaseName.WIKIPEDIA, everything=True)
    assert [record.title for record in kb.records() if isinstance(record, Entity)] == ["Fox", "Harp", "Entropy", "Tree"]
    assert kb.fingerprint() != open_kb(KnowledgeBaseName.WIKIPEDIA).fingerprint()


def test_stamps_know_their_photographs(small: Path):
    stamps = Wikipedia(debian_root(), articles_root()).stamps
    photographs = {stamp.path: stamp.photograph for stamp in stamps}
    assert photographs["tuxpaint/stamps/animals/fox_mirror.png"] == "tuxpaint/stamps/animals/fox.png"
    assert {stamp.path for stamp in stamps if stamp.drawn} == {
        "openclipart/png/animals/red_fox.png",
        "openclipart/png/recreation/music/harp_02.png",
    }


def test_an_index_is_built_of_them(small: Path, checkpoint: Path):
    build(KnowledgeBaseName.WIKIPEDIA, model=str(checkpoint), out=small / "index")
    version = read_version(small / "index")
    assert (version.manifest.counts.entities, version.manifest.counts.problems) == (3, 0)
    assert EntityIndex(version).entity("Fox").title == "Fox"


@pytest.mark.data
class TestTheRealOne:
    @pytest.fixture(scope="class")
    @classmethod
    def kb(cls, wikipedia_data: Path) -> Wikipedia:
        return Wikipedia(debian_root(), articles_root())

    def test_how_much_there_is(self, kb: Wikipedia):
        records = [record for record in kb.records() if isinstance(record, Entity)]
        assert len(records) == len(kb) == len({record.entity_id for record in records})
        assert 6_000 < len(kb) < 7_000
        assert len(Wikipedia(debian_root(), articles_root(), everything=True)) == 10_033
        assert 390 <= sum(bool(record.images) for record in records) <= 430
        assert 1_150 <= len(kb.matches.matches) <= 1_300
        assert OVERRIDES.is_file()

    @pytest.mark.parametrize(
        ("path", "entity_id"),
        [
            ("tuxpaint/stamps/animals/mammals/aquatic/sea_lion.png", "Eared_seal"),  # no lion
            ("tuxpaint/stamps/animals/birds/crowned_crane.png", "Crane_(bird)"),
            ("tuxpaint/stamps/space/planets/1_mercury.png", "Mercury_(planet)"),
            ("tuxpaint/stamps/food/fruit/orange.png", "Orange_(fruit)"),
            ("tuxpaint/stamps/town/flags/redflag.png", "Flag"),
            ("openclipart/png/animals/mammals/contour_giraffe.png", "Giraffe"),
            ("openclipart/png/animals/birds/gufo_civetta_architetto__01.png", "Owl"),
            ("openclipart/png/food/desserts/pie_apple.png", "Pie"),
            ("openclipart/png/people/einstein_01.png", None),  # by a last name alone nobody is named
            ("openclipart/png/food/meats_and_eggs/hot_dog.png", None),
            ("openclipart/png/recreation/party/balloons_01.png", None),
            ("openclipart/png/transportation/horse.png", None),  # a road sign
        ],
    )
    def test_senses(self, kb: Wikipedia, path: str, entity_id: str | None):
        found = {match.path: match.entity_id for match in kb.matches.matches}
        assert found.get(path) == entity_id
        assert entity_id is not None or path in {unmatched for unmatched, _ in kb.matches.unmatched}
