"""What of a picture's labels goes to the segmenters, and what becomes of it."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from indexer.kb.record import Entity
from indexer.kb.wordnet.nouns import WORDNET, read_nouns
from indexer.search import EntityIndex
from tests.indexer.conftest import make_version
from tests.training.annotate.conftest import COLOURS, ColourSegmenter, draw_picture
from training.annotate.annotator import Annotator
from training.annotate.labels import Label
from training.annotate.opening import OncePerVector, ids_of, open_kinds, open_segmenters, vectors_of
from training.annotate.references.kinds import SeveralKinds
from training.annotate.references.wordnet import WordNetKinds
from wikiclip.base.errors import WikiClipError
from wikiclip.masks import decode_region
from wikiclip.segmenters.naming import Reference

__all__ = ["make_version"]


@dataclasses.dataclass
class Listening:
    """A segmenter, and what it was asked."""

    inner: ColourSegmenter
    asked: list = dataclasses.field(default_factory=list)

    @property
    def method(self):
        return self.inner.method

    def find(self, image, references):
        self.asked.append([reference.words for reference in references])
        return self.inner.find(image, references)


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "0.png"
    return path, draw_picture(path, 0)


def label(path, entity, number=0, **more):
    return Label(data_id=f"a{number}", picture=path, file_name=path.name, entity=entity, **more)


def mask_of(outcome):
    return decode_region(outcome.annotation["segmentation"], height=72, width=96)


def test_a_picture_is_looked_at_once_for_all_its_labels_in_all_words(picture, stamps_data):
    path, masks = picture
    first = Listening(ColourSegmenter(boxed=True))
    annotator = Annotator(
        segmenters=[first, ColourSegmenter(method="grown", grow=1)],
        kinds=WordNetKinds(read_nouns(stamps_data / WORDNET)),
    )
    labels = [
        label(path, "red apple", 0, question="What is the red fruit on the left?"),
        label(path, "democracy", 1),
        label(path, "green car", 2, question="What is this?"),
    ]
    outcomes = annotator.annotate(labels)
    of_apple = ["red apple", "red apple, a kind of edible fruit", "the red fruit on the left"]
    assert first.asked == [[*of_apple, "green car", "green car, a kind of vehicle"]]
    assert [outcome.fate for outcome in outcomes] == ["kept", "non-visual", "kept"]
    np.testing.assert_array_equal(mask_of(outcomes[0]), masks["red"])
    np.testing.assert_array_equal(mask_of(outcomes[2]), masks["green"])


def test_where_the_words_of_a_question_alone_find_it_they_are_named(picture, colour_annotator):
    path, masks = picture
    (outcome,) = colour_annotator.annotate([label(path, "apple", question="What is the red thing on the left?")])
    assert outcome.annotation["reference"] == "extension"
    assert outcome.annotation["text_prompt"] == "the red thing on the left"
    np.testing.assert_array_equal(mask_of(outcome), masks["red"])


def test_two_that_draw_different_things_are_not_believed(picture):
    path, _ = picture

    class Contrary(ColourSegmenter):
        """Finds another colour than the one that is named."""

        def find(self, image, references):
            names = list(COLOURS)
            swapped = [Reference(words=names[(names.index(each.words.split()[0]) + 1) % 4]) for each in references]
            return super().find(image, swapped)

    annotator = Annotator(segmenters=[ColourSegmenter(), Contrary(method="contrary")], kinds=SeveralKinds([]))
    (outcome,) = annotator.annotate([label(path, "red thing")])
    assert outcome.fate == "disagreement"
    assert outcome.annotation is None


def test_references_of_one_vector_are_asked_for_once_and_answered_alike(picture):
    path, _ = picture
    one_M, other_M = np.array([1.0, 0.0], np.float32), np.array([0.0, 1.0], np.float32)
    listening = Listening(ColourSegmenter())
    references = [
        Reference(words="red", entity_M=one_M),
        Reference(words="red, a kind of fruit", entity_M=one_M),
        Reference(words="green", entity_M=other_M),
        Reference(words="green"),
        Reference(words="blue"),
    ]
    with Image.open(path) as file:
        found = OncePerVector(listening).find(file.convert("RGB"), references)
    assert listening.asked == [["red", "green", "green", "blue"]]
    assert found[0] is found[1]
    assert len(found) == 5
    assert found[2] is not found[3]
    assert not found[4]


def test_a_segmenter_is_not_held_against_itself():
    with pytest.raises(WikiClipError, match="agrees with itself"):
        open_segmenters(("windows", "windows"), None, "cpu")


def test_a_table_of_ids_needs_their_names(tmp_path):
    with pytest.raises(WikiClipError, match="belong together"):
        open_kinds(tmp_path / "kinds.tsv", None)


def test_without_anything_that_knows_kinds_annotation_goes_on_and_says_so(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("WIKICLIP_HOME", str(tmp_path))
    assert open_kinds(None, None).of(None, "giraffe") == []
    assert "Nothing says what entities are" in capsys.readouterr().err


def test_what_its_segmenter_is_unsure_of_is_not_kept(picture):
    path, _ = picture

    class Unsure(ColourSegmenter):
        """Finds the same, and is a tenth as sure."""

        def find(self, image, references):
            return [
                [dataclasses.replace(each, confidence=each.confidence / 10) for each in found]
                for found in super().find(image, references)
            ]

    annotator = Annotator(segmenters=[Unsure(), Unsure(method="second")], kinds=SeveralKinds([]))
    (outcome,) = annotator.annotate([label(path, "red thing")])
    assert outcome.fate == "disagreement"
    assert annotator.thresholds.sure > 0.1


def test_a_label_without_an_id_is_of_the_one_entity_that_has_its_name(picture, make_version, tmp_path):
    path, _ = picture
    titles = ("Red apple", "Green", "green", "Red whale", "Red")
    entities = [Entity(entity_id=f"Q{n}", title=title, text="") for n, title in enumerate(titles)]
    make_version(tmp_path / "index", np.eye(len(titles), dtype=np.float32), entities=entities)
    index = EntityIndex.open(tmp_path / "index")
    vectors = []

    class Watched(ColourSegmenter):
        def find(self, image, references):
            vectors.extend(reference.entity_M for reference in references)
            return ColourSegmenter.find(self, image, references)

    segmenters = [Watched(), ColourSegmenter(method="grown", grow=1)]
    annotator = Annotator(
        segmenters=segmenters, kinds=SeveralKinds([]), vector_of=vectors_of(index), id_of=ids_of(index)
    )
    labels = [label(path, "red apple", 0), label(path, "GREEN", 1), label(path, "red", 2)]
    outcomes = annotator.annotate([*labels, label(path, "red apple", 3, entity_id="Q77")])
    assert [ids_of(index)(name) for name in ("RED APPLE", "green", "red", "re", "none")] == [
        "Q0",
        None,
        "Q4",
        None,
        None,
    ]
    assert outcomes[0].annotation["category_id"] == "Q0"
    assert outcomes[1].annotation["category_id"].startswith("name-")  # two have the name
    assert outcomes[2].annotation["category_id"] == "Q4"
    assert outcomes[3].annotation["category_id"] == "Q77"  # what the label says counts
    known = [None if vector_M is None else int(vector_M.argmax()) for vector_M in vectors]
    assert known[-1] == 0  # of its name: no entity has the id
    assert set(known) == {0, None, 4}
