from pathlib import Path

import pytest

from indexer.kb.pictures.match import (
    NONE,
    Captioned,
    Match,
    Matches,
    Overrides,
    PicturesError,
    match_caption,
    match_pictures,
)
from indexer.kb.wordnet.nouns import Nouns
from indexer.kb.wordnet.senses import NounSenses


class Named:
    """Names that mean something under any topic."""

    def __init__(self, **meanings: str) -> None:
        self._meanings = meanings

    def find(self, name: str, topic: str) -> str | None:
        return self._meanings.get(name.replace(" ", "_"))

    def __contains__(self, entity_id: object) -> bool:
        return entity_id in self._meanings.values()


def picture(path: str, caption: str = "") -> Captioned:
    return Captioned(path=path, caption=caption, topic=path.partition("/")[0], drawn=False, rank=0)


def table(tmp_path: Path, text: str) -> Overrides:
    path = tmp_path / "overrides.toml"
    path.write_text(text)
    return Overrides.read(path)


def test_a_table_that_does_not_fit_is_refused(tmp_path: Path):
    for text in ('["stamps"]\n"gone.png" = "none"', '["stamps"]\n"gull.png" = "unheard of"'):
        with pytest.raises(PicturesError, match=r"overrides\.toml names what does not exist"):
            match_pictures([picture("stamps/gull.png")], Named(gull="Gull"), table(tmp_path, text))


def test_the_table_goes_before_the_caption_and_a_picture_before_its_folder(tmp_path: Path):
    overrides = table(tmp_path, '["birds"]\n"sea/" = "none"\n"gull.png" = "Gull"\n"owl.png" = "none"')
    pictures = [
        picture("birds/gull.png", "A tern."),
        picture("birds/gull_mirror.png", "A tern."),
        picture("birds/owl.png", "A gull."),
        picture("birds/sea/gull.png", "A gull."),
        picture("birds/tern.png", "A tern."),
    ]
    found = match_pictures(pictures, Named(gull="Gull", tern="Tern"), overrides)
    assert {match.path: match.entity_id for match in found.matches} == {
        "birds/gull.png": "Gull",
        "birds/gull_mirror.png": "Gull",
        "birds/tern.png": "Tern",
    }
    assert found.unmatched == (("birds/owl.png", "A gull."), ("birds/sea/gull.png", "A gull."))


def test_a_name_that_means_nothing_keeps_shorter_ones_from_misleading():
    names = Named(dog="Dog", hot_dog=NONE)
    assert match_caption("A big dog.", "food", names) == "Dog"
    assert match_caption("A big hot dog.", "food", names) == NONE


def test_a_record_shows_what_has_the_lowest_rank_and_is_not_mirrored():
    ranks = {"a/drawn.png": 1, "b/photo.png": 0, "a/photo_mirror.png": 0}
    matches = tuple(Match(path=path, caption="", entity_id="n1", rank=rank) for path, rank in ranks.items())
    found = Matches(matches=matches, unmatched=()).by_entity()
    assert [match.path for match in found["n1"]] == ["b/photo.png", "a/photo_mirror.png", "a/drawn.png"]


def test_wordnets_names_know_their_synsets():
    assert "n1" not in NounSenses(Nouns(synsets={}, senses={}))
