import pytest

from indexer.kb.pictures.captions import head_phrase, names


@pytest.mark.parametrize(
    ("caption", "phrase"),
    [
        ("A Silver Gull.", "silver gull"),
        ("A stethoscope lets your doctor listen to your heart and lungs.", "stethoscope"),
        ("A “Granny Smith” apple.", "granny smith apple"),
        ("A ginger 'root'.", "ginger root"),
        ("A Jack-o\u2019-lantern.", "jack o' lantern"),
        ("A plumber\u2019s wrench.", "plumber's wrench"),
        ("Venus—the second planet in the solar system", "venus"),
        ("A pair of pliers.", "pliers"),
        ("The baby of a gnu.", "gnu"),
        ("Eat your broccoli!", "broccoli"),
        ("A red and white anemone flower.", "red and white anemone flower"),
        ("\u2013 Because a brain is a terrible thing to waste…", ""),
        ("", ""),
    ],
)
def test_keeps_the_words_that_name_the_thing(caption: str, phrase: str):
    assert head_phrase(caption) == phrase


def test_the_last_word_is_the_noun_and_longer_names_come_first():
    assert list(names("A colorful toy cement truck.")) == [
        "colorful toy cement truck",
        "toy cement truck",
        "cement truck",
        "truck",
    ]


def test_a_word_that_says_little_gives_way_to_the_one_before_it():
    found = list(names("A hibiscus flower."))
    assert found.index("hibiscus flower") < found.index("hibiscus") < found.index("flower")
    assert list(names("Flower")) == ["flower"]


@pytest.mark.parametrize(
    ("caption", "name"),
    [
        ("Some cherries.", "cherry"),
        ("Two wild boars.", "wild boar"),
        ("Wolves", "wolf"),
        ("Knives", "knife"),
        ("Two foxes.", "fox"),
        ("Firemen", "fireman"),
        ("Glass", "glass"),
    ],
)
def test_gives_the_singular_too(caption: str, name: str):
    assert name in names(caption)
