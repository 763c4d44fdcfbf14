from pathlib import Path

import pytest

from indexer.kb.wordnet.imagenet import imagenet_synsets
from indexer.kb.wordnet.nouns import WORDNET, Nouns, Synset, WordNetError, parse_synset, read_nouns, split_gloss

# Made up, in the format of wndb(5WN): a thing, a kind of it that two words name, and one single thing of that kind.
LICENCE = "  1 This is a made-up database.  \n"
THING = "00000100 03 n 01 thing 0 001 ~ 00000200 n 0000 | whatever there is  \n"
LAMP = '00000200 06 n 02 reading_lamp 0 Lamp 2 002 @ 00000100 n 0000 + 00000300 v 0101 | gives "light"; "a dim one"  \n'
PHAROS = "00000400 06 n 01 Pharos 0 001 @i 00000200 n 0000 | it is gone  \n"
INDEX = "lamp n 1 1 @ 1 0 00000200  \nreading_lamp n 1 1 @ 1 0 00000200  \nthing n 2 1 ~ 2 0 00000100 00000200  \n"


def written(folder: Path, *, data: str = LICENCE + THING + LAMP + PHAROS, index: str = LICENCE + INDEX) -> Path:
    (folder / "data.noun").write_text(data)
    (folder / "index.noun").write_text(index)
    return folder


def test_reads_synsets_and_the_order_of_senses(tmp_path: Path):
    nouns = read_nouns(written(tmp_path))
    assert nouns.synsets["n00000200"] == Synset(
        synset_id="n00000200",
        lemmas=("reading lamp", "Lamp"),
        lexicographer="artifact",
        gloss='gives "light"',
        examples=("a dim one",),
        hypernyms=("n00000100",),
    )
    assert nouns.synsets["n00000400"].instance_of == ("n00000200",)
    assert nouns.senses["thing"] == ("n00000100", "n00000200")
    assert nouns.senses["reading lamp"] == ("n00000200",)
    assert [synset.lemmas[0] for synset in nouns.ancestors("n00000400")] == ["reading lamp", "thing"]


@pytest.mark.parametrize(
    ("gloss", "parts"),
    [
        ("a plain one", ("a plain one", ())),
        ('a thing; used so; "as here"; "and there"', ("a thing; used so", ("as here", "and there"))),
        ('a "so called" thing', ('a "so called" thing', ())),
        ("", ("", ())),
    ],
)
def test_tells_examples_from_the_definition(gloss: str, parts: tuple[str, tuple[str, ...]]):
    assert split_gloss(gloss) == parts


def test_a_missing_folder_says_what_fetches_it(tmp_path: Path):
    with pytest.raises(WordNetError, match="fetch --kb wordnet"):
        read_nouns(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("data", "index"),
    [
        (THING + "nonsense\n", INDEX),
        (THING + LAMP.replace("002 @", "007 @"), INDEX),
        (THING + LAMP.replace(" 06 ", " 99 "), INDEX),
        (THING + LAMP.replace(" n 02 ", " v 02 "), INDEX),
        (THING + LAMP, INDEX + "lamp n\n"),
        (THING + LAMP, INDEX + "lost n 1 0 1 0 00000900  \n"),  # a sense that data.noun lacks
        (LAMP, INDEX.replace("2 0 00000100 ", "1 0 ")),  # cut off: the hypernym is missing
    ],
)
def test_files_that_are_not_wordnets_are_refused(tmp_path: Path, data: str, index: str):
    with pytest.raises(WordNetError):
        read_nouns(written(tmp_path, data=data, index=index))


def test_a_line_without_pointers_is_a_synset():
    assert parse_synset("00000500 17 n 01 rock 0 000 | hard").hypernyms == ()


@pytest.mark.data
def test_imagenets_classes_are_synsets_of_the_real_one(stamps_data: Path):
    nouns: Nouns = read_nouns(stamps_data / WORDNET)
    assert len(nouns.synsets) == 82_115
    classes = imagenet_synsets()
    assert len(classes) == len(set(classes)) == 1000
    assert set(classes) <= nouns.synsets.keys()
    # The order of a classifier's rows, held at its ends and in between.
    assert [nouns.synsets[classes[row]].lemmas[0] for row in (0, 291, 954, 999)] == [
        "tench",
        "lion",
        "banana",
        "toilet tissue",
    ]
