"""An annotation as a command asks for it, made into a job."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from indexer.kb.oven import Oven, oven_home
from indexer.kb.record import Entity
from indexer.search import EntityIndex
from training.annotate.annotator import Annotator
from training.annotate.filters.thresholds import Thresholds
from training.annotate.labels import LabelLines, LabelSource
from training.annotate.opening import ids_of, open_kinds, open_segmenters, vectors_of
from training.annotate.oven_labels import OvenLabels
from training.annotate.plan import Plan
from training.annotate.run import Job
from training.data.record_table import open_table
from training.data.releases.oven import OvenAnnotations
from training.data.releases.release import PICTURES, Part
from training.data.source import Tasks
from training.processes import tell
from wikiclip.base.devices import move_to_gpu
from wikiclip.base.errors import WikiClipError
from wikiclip.base.machine import DeviceChoice
from wikiclip.model import WikiClip


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What to annotate, and with what.

    Attributes:
        out: the file of masks.
        labels, pictures: a file of labels, and the folder that they name pictures from.
        part, tasks, annotations, records, images: of OVEN, where there is no file of labels.
        index: the folder of index versions that entities' vectors come from.
        model: a checkpoint's name or folder.
        segmenters: the first is held against the others.
        thresholds: the filters' constants.
        wikidata, wikidata_labels: the table of kinds.
    """

    out: Path
    labels: Path | None
    pictures: Path | None
    part: Part | None
    tasks: Tasks
    annotations: Path | None
    records: Path | None
    images: Path | None
    index: Path | None
    model: str
    segmenters: tuple[str, ...]
    thresholds: Thresholds
    device: DeviceChoice
    wikidata: Path | None
    wikidata_labels: Path | None
    strict: bool


def open_job(wish: Wish) -> Job:
    """Opens all that a job needs; what is missing is said before a model is loaded.

    Raises:
        WikiClipError: something is missing, or options do not go together.
    """
    kinds = open_kinds(wish.wikidata, wish.wikidata_labels)
    labels = open_labels(wish)
    model = WikiClip.load(wish.model)
    index = None if wish.index is None else EntityIndex.open(wish.index, fingerprint=model.fingerprint)
    if index is None:
        tell("There is no index, so each entity is looked for by its words alone; --index DIR names one.")
    if wish.device != "cpu":
        tell(f"Segmenters work on {move_to_gpu(model)}.")
    segmenters = open_segmenters(wish.segmenters, model, wish.device)
    plan = Plan(
        labels=labels.fingerprint(),
        kinds=kinds.fingerprint(),
        model=model.fingerprint,
        index=None if index is None else index.version,
        segmenters=wish.segmenters,
        thresholds=wish.thresholds,
    )
    annotator = Annotator(segmenters=segmenters, kinds=kinds, thresholds=wish.thresholds)
    if index is not None:
        annotator = replace(annotator, vector_of=vectors_of(index), id_of=ids_of(index))
    return Job(labels=labels, annotator=annotator, plan=plan, out=wish.out, strict=wish.strict)


def open_labels(wish: Wish) -> LabelSource:
    """Opens the labels of a file, or of OVEN.

    Raises:
        WikiClipError: files are missing, or options do not go together.
    """
    if (wish.labels is None) == (wish.part is None):
        raise WikiClipError("Name the labels by --labels FILE with --pictures DIR, or by --data oven with --part PART.")
    if wish.labels is not None:
        if wish.pictures is None:
            raise WikiClipError("--labels needs --pictures DIR, the folder that its pictures are named from.")
        return LabelLines(wish.labels, wish.pictures)
    assert wish.part is not None
    if wish.part == Part.WIKI:
        raise WikiClipError("--part wiki is no part of OVEN.")
    annotated = OvenAnnotations(wish.annotations, part=wish.part, tasks=wish.tasks.tasks, images=wish.images)
    entity_of, known = _records(wish)
    pictures = (wish.images or oven_home()) / PICTURES
    return OvenLabels(annotated, wish.part, pictures=pictures, entity_of=entity_of, known=known)


def _records(wish: Wish) -> tuple[Callable[[str], Entity], str]:
    """A look-up of OVEN's records by id, and their fingerprint."""
    kb = Oven(wish.records)
    fingerprint = kb.fingerprint()
    entities = open_table(kb, fingerprint).entities
    return lambda entity_id: entities[entities.number_of(entity_id)], fingerprint
