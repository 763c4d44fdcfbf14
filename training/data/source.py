"""Which data set, and where its files are."""

from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from typing_extensions import Doc

from indexer.kb import KnowledgeBase, KnowledgeBaseName, open_kb
from indexer.kb.jsonl import JsonLines
from indexer.kb.oven import PICTURES as ENTITY_PICTURES
from indexer.kb.oven import Oven
from training.data.annotated import AnnotatedData
from training.data.annotation import TASKS, AnnotatedSet, Task
from training.data.collection.labels import LABEL_FOLDS, CollectionLabels
from training.data.features.cache import GB, Budget
from training.data.prompts import Prompt
from training.data.releases.encyclopedic_vqa import PARTS, EncyclopedicVqaAnnotations
from training.data.releases.infoseek import InfoSeekAnnotations
from training.data.releases.maskoven import MaskOvenAnnotations
from training.data.releases.oven import OvenAnnotations
from training.data.releases.release import Part
from training.data.scenes.dataset import CACHE_GB, ScenesData, load_scenes
from training.data.scenes.folds import FOLDS
from training.data.training_set import TrainingSet
from training.processes import tell
from wikiclip.base.errors import WikiClipError
from wikiclip.model import WikiClip

Data = ScenesData | AnnotatedData


class DataName(StrEnum):
    """The data sets there are."""

    SCENES = "scenes"
    OVEN = "oven"
    MASKOVEN = "maskoven"
    INFOSEEK = "infoseek"
    ENCYCLOPEDIC_VQA = "encyclopedic-vqa"
    JSONL = "jsonl"


# Options that belong to some sets alone; `data` and `cache_gb` belong to all, and the others to releases.
APPLIES = {
    "fold": {DataName.SCENES, DataName.JSONL},
    "labels": {DataName.JSONL},
    "pictures": {DataName.JSONL},
    "tasks": {DataName.OVEN, DataName.MASKOVEN},
    "kb": {DataName.INFOSEEK, DataName.ENCYCLOPEDIC_VQA},
    **{name: {*DataName} - {DataName.SCENES} for name in ("records", "images", "per_entity", "strict")},
}
RELEASES = {*DataName} - {DataName.SCENES, DataName.JSONL}
# Sets of questions that are asked of a knowledge base that a call names -> the one that is meant where it names none.
ASKED_OF = {
    DataName.INFOSEEK: KnowledgeBaseName.OVEN,
    DataName.ENCYCLOPEDIC_VQA: KnowledgeBaseName.ENCYCLOPEDIC_VQA,
}


class Tasks(StrEnum):
    """Which of a release's two tasks: what a picture shows, what a question about it is after, or both."""

    ENTITY = "entity"
    QUERY = "query"
    BOTH = "both"

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks themselves."""
        return tuple(task for task in TASKS if self in (task, Tasks.BOTH))


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """A data set and its files.

    Raises:
        WikiClipError: an option does not apply to the data set, or has a value that it cannot have.
    """

    data: Annotated[DataName, Doc("Which data set.")] = DataName.SCENES
    fold: Annotated[
        int | None,
        Doc("Leave out what this fold calls unseen (scenes), or hold out this fifth of the entities (jsonl; 0)."),
    ] = None
    labels: Annotated[
        Path | None, Doc("Labels of one's own pictures, JSON lines of picture, entity_id and region (jsonl).")
    ] = None
    pictures: Annotated[
        Path | None, Doc("The folder that labels name their pictures from (jsonl); that of --images if left out.")
    ] = None
    part: Annotated[
        Part | None, Doc("Which part (releases); if left out, train to train on and val to measure on.")
    ] = None
    tasks: Annotated[Tasks, Doc("Which task's annotations (oven, maskoven).")] = Tasks.BOTH
    annotations: Annotated[
        Path | None,
        Doc("The folder of annotation files (releases); var/encyclopedic-vqa or, of the others, var/oven if left out."),
    ] = None
    kb: Annotated[
        KnowledgeBaseName | None,
        Doc("The knowledge base that is asked (infoseek, encyclopedic-vqa); oven or the set's own if left out."),
    ] = None
    records: Annotated[
        Path | None, Doc("The knowledge base's file (not scenes); looked for in the same folder if left out.")
    ] = None
    images: Annotated[
        Path | None,
        Doc(
            "The folder above oven_images and wikipedia_images_full, or above inaturalist and landmarks (releases), or"
            " that one's own pictures are named from (jsonl); the same folder if left out."
        ),
    ] = None
    per_entity: Annotated[int, Doc("Mentions of an entity to train on at most (not scenes).")] = 200
    strict: Annotated[bool, Doc("Stop at the first annotation or picture that cannot be used (not scenes).")] = False
    cache_gb: Annotated[
        float, Doc("GB of frozen features that may be kept on the disk; the others are computed in each step.")
    ] = CACHE_GB

    def __post_init__(self) -> None:
        for field in fields(self):
            applies = field.name in ("data", "cache_gb") or self.data in APPLIES.get(field.name, RELEASES)
            if not applies and getattr(self, field.name) != field.default:
                raise WikiClipError(f"--{field.name.replace('_', '-')} does not apply to --data {self.data}.")
        if self.data == DataName.JSONL and (self.records is None or self.labels is None):
            raise WikiClipError(
                "--data jsonl needs --records FILE and --labels FILE; docs/collection.md describes both."
            )
        vqa = self.data == DataName.ENCYCLOPEDIC_VQA
        if (self.part == Part.WIKI and self.data != DataName.MASKOVEN) or (vqa and self.part not in (None, *PARTS)):
            raise WikiClipError(f"--part {self.part} does not apply to --data {self.data}.")
        if self.part in (Part.HUMAN, Part.WIKI) and self.tasks != Tasks.BOTH:
            raise WikiClipError(f"--tasks does not apply to --part {self.part}, which does not tell tasks apart.")
        folds = LABEL_FOLDS if self.data == DataName.JSONL else FOLDS
        if self.fold is not None and not 0 <= self.fold < folds:
            raise WikiClipError(f"--fold must be from 0 to {folds - 1}.")
        if self.per_entity < 1:
            raise WikiClipError("--per-entity must be at least 1.")
        if not 0 <= self.cache_gb < float("inf"):
            raise WikiClipError("--cache-gb must be a number from 0 on.")


def open_data(model: WikiClip, options: DataOptions) -> Data:
    """Opens a data set for training; frozen features that are not kept yet are computed.

    Raises:
        WikiClipError: a file is missing, or the part is not one to train on.
    """
    if options.data == DataName.SCENES:
        return load_scenes(model, cache_gb=options.cache_gb)
    part = options.part or Part.TRAIN
    if part not in (Part.TRAIN, Part.WIKI):
        raise WikiClipError(
            f"--part {part} is there to measure on; train on {Part.TRAIN} or, of maskoven, on {Part.WIKI}."
        )
    return annotated_data(model, options, part)


def training_set(data: Data, options: DataOptions) -> TrainingSet:
    """Returns what training may see of it.

    Raises:
        WikiClipError: there is nothing to train on.
    """
    return data.training_set(options.fold) if isinstance(data, ScenesData) else data.training_set()


def annotated_data(
    model: WikiClip,
    options: DataOptions,
    part: Part,
    *,
    records: bool = True,
    prompt: Prompt = Prompt.MASK,
    label: str | None = None,
) -> AnnotatedData:
    """Opens a part of a release; frozen features that are not kept yet are computed.

    Args:
        records: the knowledge base's, too, which an index of it makes needless.
        prompt: what of each mention the tower is shown.
        label: what rows of a table call the set, where there are several.

    Raises:
        WikiClipError: a file is missing.
    """
    # Both before anything is read, which takes a while: whatever is missing is said at once.
    annotated, kb = _opened(options, part)
    data = AnnotatedData(
        model,
        annotated,
        kb,
        budget=Budget(int(options.cache_gb * GB)),
        per_entity=options.per_entity,
        prompt=prompt,
        label=label,
        strict=options.strict,
    )
    tell(data.annotations.summary())
    if isinstance(annotated, MaskOvenAnnotations):
        for warning in annotated.count_warnings():
            tell(warning)
    if isinstance(annotated, EncyclopedicVqaAnnotations) and annotated.two_hops:
        tell(f"Not asked, because each names two articles: {annotated.two_hops:,} of the type 2_hop.")
    data.fill(records=records)
    return data


def _opened(options: DataOptions, part: Part) -> tuple[AnnotatedSet, KnowledgeBase]:
    """Opens a set and what it is asked of; nothing of either is read."""
    if options.data == DataName.JSONL:
        assert options.labels is not None
        assert options.records is not None
        pictures = options.pictures or options.images
        own = CollectionLabels(options.labels, pictures=pictures, fold=options.fold or 0)
        return own, JsonLines(options.records, images=options.images)
    files: dict[str, Any] = {"folder": options.annotations, "part": part, "images": options.images}
    if options.data == DataName.OVEN:
        return OvenAnnotations(**files, tasks=options.tasks.tasks), Oven(options.records, images=options.images)
    if options.data == DataName.MASKOVEN:
        return MaskOvenAnnotations(**files, tasks=options.tasks.tasks), Oven(options.records, images=options.images)
    name = options.kb or ASKED_OF[options.data]
    # Questions can be asked without the records' pictures, of which only an index is made.
    pictured = name == KnowledgeBaseName.OVEN and options.images and (options.images / ENTITY_PICTURES).is_dir()
    kb = open_kb(name, records=options.records, images=options.images if pictured else None)
    if options.data == DataName.ENCYCLOPEDIC_VQA:
        return EncyclopedicVqaAnnotations(**files, kb=kb), kb
    return InfoSeekAnnotations(**files, titled=kb if name == KnowledgeBaseName.ENCYCLOPEDIC_VQA else None), kb
