"""MaskOVEN-Wiki's annotations (Xu et al., AAAI 2025, "PL-VEL"): OVEN's pictures and entities, with masks.

The files are COCO's in shape, with four departures: ids are texts, a file name begins with a slash, `segmentation` is a
list of RLEs, and `bbox` is a list of boxes given by two corners. The largest do not fit in memory, so each is read as a
stream, twice: `images`, then `annotations`.
"""

import json
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from indexer.coco.files import expect_json, items, region_of
from indexer.coco.pictures import Listed, listed_pictures
from indexer.kb.fingerprint import of_files
from indexer.kb.jsonl import first_fault
from indexer.kb.oven import PICTURES as ENTITY_PICTURES
from indexer.kb.oven import oven_home
from indexer.kb.record import BadRecord
from indexer.picture_paths import NoPlace
from training.data.annotation import TASKS, Annotation, Task
from training.data.releases.release import PICTURES, DataId, EntityId, Part, find_files, labelled, set_name
from wikiclip.base.errors import WikiClipError

SINGLE_FILES = {Part.HUMAN: "mask_oven_human_test.json", Part.WIKI: "mask_oven_wiki_split.json"}
QUICKLY_COUNTED = 2**27  # bytes, a few seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """How many mentions a file has: as the release page shows it, rounded to `unit`, and in the paper's Table 2."""

    page: int
    unit: int
    paper: int


PUBLISHED = {
    "mask_oven_entity_train.json": Published(page=4_460_000, unit=10_000, paper=4_464_748),
    "mask_oven_entity_val.json": Published(page=108_000, unit=1_000, paper=108_455),
    "mask_oven_entity_test.json": Published(page=608_000, unit=1_000, paper=608_144),
    "mask_oven_query_train.json": Published(page=23_500, unit=100, paper=23_514),
    "mask_oven_query_val.json": Published(page=1_900, unit=100, paper=1_964),
    "mask_oven_query_test.json": Published(page=15_400, unit=100, paper=15_439),
    "mask_oven_human_test.json": Published(page=4_300, unit=100, paper=23_157),
    "mask_oven_wiki_split.json": Published(page=1_970_000, unit=10_000, paper=1_965_145),
}


class Row(BaseModel):
    """The keys of an annotation that are used, but for the two that make the region: `decode_region` judges those."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    id: DataId
    image_id: Annotated[str, Field(min_length=1)]
    category_id: EntityId | None = None
    question: str | None = None
    data_split: str | None = None


class MaskOvenAnnotations:
    """One part of the set.

    Args:
        folder: holds the annotation files; `oven_home()` if None.
        part: which files. `human` and `wiki` are one file each that does not tell tasks apart. `wiki` is trained on, of
            every entity the article's own picture; what its `data_split` says of seen and unseen is not looked at.
        tasks: of the other parts.
        images: the folder that holds `oven_images` and, for `wiki`, `wikipedia_images_full`; `oven_home()` if None.

    Attributes:
        files: of annotations, one a task.

    Raises:
        WikiClipError: a file or the folder of pictures is missing, or a file is a web page.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        part: Part,
        tasks: Sequence[Task] = TASKS,
        images: Path | None = None,
    ) -> None:
        self.name = set_name("maskoven", part, tasks)
        self._part = part
        self._tasks: Sequence[Task | None] = [None] if part in SINGLE_FILES else tasks
        names = file_names_of(part, tasks)
        self._pictures = (images or oven_home()) / (ENTITY_PICTURES if part == Part.WIKI else PICTURES)
        wanted = [(name,) for name in names]
        self.files = find_files("MaskOVEN-Wiki", wanted, folder=folder or oven_home(), pictures=self._pictures)
        for path in self.files:
            expect_json(path)
        self._read: dict[str, int] = {}

    def __iter__(self) -> Iterator[Annotation | BadRecord]:
        """A file that holds no annotations, or is cut off, raises WikiClipError before its first one."""
        for path, task in zip(self.files, self._tasks, strict=True):
            with listed_pictures(path, strict=False) as look_up:
                number = -1
                for number, found in enumerate(items(path, "annotations", bar=False)):
                    yield self._annotation(f"{path.name}: annotations[{number}]", found, task, look_up)
            if number < 0:
                raise WikiClipError(f"{path} holds no annotations: it should have them in a list of that name.")
            self._read[path.name] = number + 1

    def __len__(self) -> int:
        return sum(
            sum(1 for _ in items(path, "annotations", bar=False))
            if path.stat().st_size < QUICKLY_COUNTED
            else PUBLISHED[path.name].paper
            for path in self.files
        )

    def fingerprint(self) -> str:
        """Hashes dates: a picture added or removed changes its folder's; one rewritten in place goes unnoticed."""
        return of_files(self.name, [*self.files, self._pictures, *sorted(self._pictures.iterdir())])

    def count_warnings(self) -> list[str]:
        """Returns a line for each file read so far that holds another number of annotations than published."""
        warnings = (count_warning(name, count) for name, count in self._read.items())
        return [warning for warning in warnings if warning is not None]

    def copy(self, folder: Path, data_ids: Container[str]) -> None:
        """Writes those annotations to a folder, in files of the release's names; few enough to be held in memory."""
        for path in self.files:
            kept = _with_ids(items(path, "annotations", bar=False), data_ids)
            images = _with_ids(items(path, "images", bar=False), {str(one.get("image_id")) for one in kept})
            (folder / path.name).write_text(json.dumps({"images": images, "annotations": kept}))

    def _annotation(
        self, where: str, found: object, task: Task | None, look_up: Callable[[object], Listed | None]
    ) -> Annotation | BadRecord:
        try:
            row = Row.model_validate(found)
        except ValidationError as error:
            return BadRecord(where=where, why=first_fault(error))
        assert isinstance(found, dict)
        listed = look_up(row.image_id)
        if listed is None:
            return BadRecord(where=where, why="image_id: the file lists no picture of this id")
        try:
            picture: Path | NoPlace = listed.place(self._pictures)
        except NoPlace as error:
            picture = error
        region = region_of(found)
        return labelled(
            where=where,
            part=Part.TRAIN if self._part == Part.WIKI else self._part,
            data_id=row.id,
            picture=picture,
            region=region,
            entity_id=row.category_id,
            data_split="wiki_train" if self._part == Part.WIKI else row.data_split,
            task=task,
            question=row.question,
            declared=listed.declared_for(region),
        )


def file_names_of(part: Part, tasks: Sequence[Task] = TASKS) -> list[str]:
    """What the release calls a part's files."""
    return [SINGLE_FILES[part]] if part in SINGLE_FILES else [f"mask_oven_{task}_{part}.json" for task in tasks]


def _with_ids(found: Iterable[object], ids: Container[str]) -> list[dict[str, Any]]:
    return [one for one in found if isinstance(one, dict) and isinstance(one.get("id"), str) and one["id"] in ids]


def count_warning(file_name: str, count: int) -> str | None:
    """Returns a line to show where a file's number of annotations is neither the release page's nor the paper's.

    The two differ fivefold for the human set, so neither is a reason to refuse a file.
    """
    published = PUBLISHED[file_name]
    if count == published.paper or abs(count - published.page) < published.unit:
        return None
    return (
        f"{file_name} holds {count:,} annotations; the release page says about {published.page:,}"
        f" and the paper {published.paper:,}."
    )
