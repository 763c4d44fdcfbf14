"""What the releases of OVEN and MaskOVEN-Wiki have in common: parts, names, and where their files belong."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

from pydantic import Field

from indexer.kb.oven import oven_home
from indexer.kb.record import BadRecord
from indexer.picture_paths import NoPlace, OutOfFolder
from training.data.annotation import TASKS, Annotation, Split, Task
from wikiclip.base.errors import WikiClipError
from wikiclip.masks import UNDECLARED, Declared

PICTURES = "oven_images"

DataId = Annotated[str, Field(min_length=1, max_length=256)]
EntityId = Annotated[str, Field(pattern=r"^Q[0-9]+$")]
# What `data_split` ends in -> what that means.
SPLITS: Mapping[str, Split] = MappingProxyType({"_train": "train", "_seen": "seen", "_unseen": "unseen"})


class Part(StrEnum):
    """The parts of a release."""

    TRAIN = "train"
    VAL = "val"
    TEST = "test"
    HUMAN = "human"
    WIKI = "wiki"  # MaskOVEN-Wiki alone has it, and it is trained on


def set_name(release: str, part: Part, tasks: Sequence[Task]) -> str:
    """Returns the name of a part of a release; with its tasks where it is not of all, and so is another set."""
    of_all = part in (Part.HUMAN, Part.WIKI) or set(tasks) == set(TASKS)
    return "-".join([release, part, *([] if of_all else tasks)])


def labelled(
    *,
    where: str,
    part: Part,
    data_id: str,
    picture: Path | NoPlace,
    region: object,
    entity_id: str | None,
    data_split: str | None,
    task: Task | None,
    question: str | None,
    declared: Declared = UNDECLARED,
    splits: Mapping[str, Split] = SPLITS,
) -> Annotation | BadRecord:
    """Returns the annotation, if it has a label, belongs to its part, and its picture has a place in its folder.

    Args:
        splits: what the release's `data_split` ends in, and what that means.
    """
    if entity_id is None:
        withheld = part in (Part.TEST, Part.HUMAN)
        why = "the release withholds this set's labels: link it, and measure on val" if withheld else "Field required"
        return BadRecord(where=where, why=f"entity_id: {why}")
    split = split_of(data_split or "", splits)
    if split is None or (split == "train") != (part == Part.TRAIN):
        endings = (ending for ending, meant in splits.items() if (meant == "train") == (part == Part.TRAIN))
        return BadRecord(where=where, why=f"data_split: must end in {' or '.join(endings)} in this file")
    if isinstance(picture, OutOfFolder):
        return BadRecord(where=where, why="the picture's path leads out of the folder of pictures")
    if isinstance(picture, NoPlace):
        return BadRecord(where=where, why=str(picture))
    return Annotation(
        data_id=data_id,
        picture=picture,
        region=region,
        entity_id=entity_id,
        split=split,
        task=task,
        question=question,
        declared=declared,
    )


def split_of(data_split: str, splits: Mapping[str, Split] = SPLITS) -> Split | None:
    """Returns what "entity_train", "query_val_seen" and the like mean; None for anything else."""
    return next((split for ending, split in splits.items() if data_split.endswith(ending)), None)


def find_files(
    release: str,
    wanted: Iterable[Sequence[str]],
    *,
    folder: Path,
    pictures: Path,
    elsewhere: bool = False,
    expected: Path | None = None,
) -> list[Path]:
    """Returns the files of a release, each under the first of its names that is there.

    Args:
        pictures: the folder of pictures, which has to be there as well.
        elsewhere: pictures may also be anywhere in the folder above.
        expected: where the release's files belong; `oven_home()` if None.

    Raises:
        WikiClipError: names all that is missing, the folder of pictures included, where it belongs, and what moves it.
    """
    found, faults = [], []
    for names in wanted:
        there = [folder / name for name in names if (folder / name).is_file()]
        found += there[:1]
        faults += [] if there else [f"{' or '.join(names)} is not in {folder}"]
    if not (pictures.is_dir() or (elsewhere and pictures.parent.is_dir())):
        faults.append(f"there is no folder of pictures {pictures}")
    if faults:
        expected = expected or oven_home()
        raise WikiClipError(
            f"{release} is not complete: {'; '.join(faults)}. Fetch what is missing from its release: annotations are"
            f" expected in {expected} (--annotations DIR names another folder), pictures in {pictures.name} below"
            f" {expected} (--images DIR names another folder above {pictures.name})."
        )
    return found
