"""OVEN's own questions, annotated, become a file that stands where MaskOVEN's would, and is read as that."""

import dataclasses

import pytest

from indexer.errors import UnknownEntity
from indexer.kb.record import Entity
from training.annotate.annotator import Annotator
from training.annotate.labels import Fault, Label
from training.annotate.oven_labels import OvenLabels
from training.annotate.plan import Plan
from training.annotate.references.kinds import SeveralKinds
from training.annotate.run import Job, annotate
from training.data.annotation import read_mention
from training.data.releases.maskoven import MaskOvenAnnotations
from training.data.releases.oven import OvenAnnotations
from training.data.releases.release import Part
from wikiclip.masks import whole
from wikiclip.segmenters.naming import Candidate

TITLES = {f"Q{n}": f"heron {n}" for n in range(1, 6)}  # all but Q6


@dataclasses.dataclass(frozen=True)
class LeftHalf:
    """A segmenter that finds everything in the left half of a picture."""

    method: str

    def find(self, image, references):
        mask = whole(image.height, image.width)
        mask[:, image.width // 2 :] = False
        return [[Candidate(mask=mask, confidence=0.9)] for _ in references]


def entity_of(entity_id):
    if entity_id not in TITLES:
        raise UnknownEntity(entity_id)
    return Entity(entity_id=entity_id, title=TITLES[entity_id], text="a bird")


def labels_of(release, part, tasks=("entity",)):
    annotated = OvenAnnotations(release, part=part, tasks=tasks, images=release)
    return OvenLabels(annotated, part, pictures=release / "oven_images", entity_of=entity_of, known="k")


def test_a_question_becomes_a_label_with_the_title_of_its_entity(release):
    found = list(labels_of(release, Part.VAL))
    first = found[0]
    assert isinstance(first, Label)
    assert (first.data_id, first.entity, first.entity_id) == ("entity_val_000", "heron 1", "Q1")
    assert (first.file_name, first.data_split) == ("00/oven_00000012.jpg", "entity_val_seen")
    assert first.question == "what bird is this?"


def test_an_entity_that_no_record_has_is_a_fault(release):
    faults = [each for each in labels_of(release, Part.TRAIN) if isinstance(each, Fault)]
    assert [(each.code, each.where) for each in faults] == [("unknown-entity", "entity_train_005")]


def test_a_picture_that_lies_elsewhere_is_a_fault_that_says_what_to_do(release):
    moved = release / "elsewhere"
    moved.mkdir()
    (release / "oven_images/00/oven_00000012.jpg").rename(moved / "a.jpg")
    (release / "ovenid2impath.csv").write_text("oven_id,oven_filepath\noven_00000012,elsewhere/a.jpg\n")
    found = next(iter(labels_of(release, Part.VAL)))
    assert isinstance(found, Fault)
    assert "lies outside of" in found.why


@pytest.mark.parametrize("part", [Part.TRAIN, Part.VAL])
def test_the_file_takes_the_place_of_maskovens(release, part):
    labels = labels_of(release, part)
    before = {each.data_id: each for each in MaskOvenAnnotations(release, part=part, tasks=("entity",), images=release)}
    out = release / f"mask_oven_entity_{part}.json"
    annotator = Annotator(segmenters=[LeftHalf("a"), LeftHalf("b")], kinds=SeveralKinds([]))
    plan = Plan(labels=labels.fingerprint(), kinds="", model="", index=None, segmenters=("a", "b"))
    made = annotate(Job(labels=labels, annotator=annotator, plan=plan, out=out))
    after = list(MaskOvenAnnotations(release, part=part, tasks=("entity",), images=release))
    assert len(after) == made.counts["kept"] > 0
    for found in after:
        _, mask = read_mention(found)
        assert mask[:, :24].all()
        assert not mask[:, 24:].any()
        was = before[found.data_id]
        assert dataclasses.replace(found, region=None, declared=was.declared) == dataclasses.replace(was, region=None)
