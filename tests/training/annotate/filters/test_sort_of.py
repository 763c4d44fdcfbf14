"""What can be seen, what cannot, and what is a place: by WordNet's hypernyms, by a table, and by a title alone."""

import pytest

from indexer.kb.wordnet.nouns import WORDNET, read_nouns
from training.annotate.filters.non_visual import not_seen
from training.annotate.filters.sort_of import packaged, sort_of
from training.annotate.references.kinds import Kind
from training.annotate.references.wordnet import WordNetKinds

GROUPS = {
    "visible": (
        "giraffe", "Komodo dragon", "tennis", "engine", "apple", "oak", "guitar", "fire truck", "orange", "basketball",
        "Golden retriever", "pizza", "nurse", "Mercury (planet)", "bicycle", "surfing", "rose", "dolphin", "umbrella",
        "Canis", "Rosa",
    ),
    "non_visual": (
        "Industrial Revolution", "checkers", "World War II", "democracy", "decade", "Battle of Hastings", "summer",
        "1968 Summer Olympics", "philosophy", "video game", "backgammon", "algorithm",
        "wedding", "Renaissance", "French language",
    ),
    "place": (
        "Rolls-Royce Museum", "museum", "lighthouse", "Paris", "Lake Geneva", "Yosemite National Park", "castle",
        "airport", "waterfall", "University of Oxford", "skyscraper", "bridge", "Amazon River", "desert", "church",
        "valley",
    ),
}  # fmt: skip
NAMES = [(name, group) for group, names in GROUPS.items() for name in names]


@pytest.fixture(scope="module")
def wordnet(stamps_data):
    return WordNetKinds(read_nouns(stamps_data / WORDNET))


@pytest.mark.parametrize(("name", "group"), NAMES)
def test_entities_are_sorted_as_a_person_sorts_them(wordnet, name, group):
    sort = sort_of(name, None, wordnet.of(None, name), packaged())
    assert (sort.group if sort else "visible") == group


def test_what_the_label_says_goes_before_all_else():
    kinds = [Kind(name="animal")]
    assert sort_of("giraffe", "Event", kinds, packaged()).name == "event"
    assert sort_of("giraffe", "museums", kinds, packaged()).name == "building"
    assert sort_of("giraffe", "something unheard of", kinds, packaged()).group == "visible"


def test_the_nearest_kind_decides():
    near_and_far = [Kind(name="athletic game"), Kind(name="game"), Kind(name="event")]
    assert sort_of("a", None, near_and_far, packaged()).group == "visible"
    assert sort_of("a", None, near_and_far[1:], packaged()).name == "game"


@pytest.mark.parametrize(
    ("question", "why"),
    [
        ("When was this device first used?", "when"),
        ("When did this device start being widely used?", "when"),
        ("In what year was this building finished?", "when"),
        ("What time of day is it?", "when"),
        ("Since when is this in use?", "when"),
        ("How does this machine run?", "how"),
        ("How many wheels does it have?", "how"),
        ("so, how old is this animal?", "how"),
        ("Why is the man wet?", "why"),
        ("What is the reason for the sign?", "why"),
        ("What is this?", None),
        ("What is the man doing when it rains?", None),
        ("What shows how fast the car is?", None),
        ("How do you call this animal?", None),
        ("How is this bird called?", None),
        ("Where is this place?", None),
        ("Which clock is the one on the wall?", None),
        ("When you look at the picture, what is the animal on the left?", None),
        ("What timepiece is on the wall?", None),
        (None, None),
    ],
)
def test_a_question_that_asks_when_how_or_why_asks_for_nothing_to_be_seen(question, why):
    assert not_seen("giraffe", None, question, packaged()) == why


def test_a_title_tells_where_nothing_else_does():
    assert not_seen("History of Spain", None, None, packaged()) == "title"
    assert not_seen("giraffe", None, None, packaged()) is None
