"""Questions about pictures, and the entities that they ask about."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

from tqdm import tqdm

from benchmarks.release.picture_names import Picture, asked_picture, entity_picture
from benchmarks.release.words import words
from training.data.annotation import TASKS, Task
from training.data.releases.release import Part

MOST_ASKED = 16_000  # entities, as the release's test set has them
ASKED_FOR = {
    "entity": ("what is the main object?", "which kind of thing is this?", "what is shown in the picture?"),
    "query": ("what is this used for?", "who made it?", "what is it made of?"),
}


@dataclass(frozen=True, kw_only=True)
class AskedEntity:
    """An entity that is asked about; its own picture where its record has one."""

    entity_id: str
    title: str
    picture: Picture | None


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """The questions of one file. The release's human set does not tell tasks apart."""

    part: Part
    task: Task | None

    @property
    def name(self) -> str:
        """As in "oven_entity_val.jsonl"."""
        return "human" if self.task is None else f"{self.task}_{self.part}"


SHEETS = [
    *(Sheet(part=part, task=task) for part in (Part.VAL, Part.TEST, Part.TRAIN) for task in TASKS),
    Sheet(part=Part.HUMAN, task=None),
]


@dataclass(frozen=True, kw_only=True)
class Question:
    """One question about one picture, and the entity that answers it."""

    data_id: str
    picture: Picture
    text: str
    entity: AskedEntity
    data_split: str

    def row(self, *, labelled: bool) -> dict[str, Any]:
        """As a line of an annotation file has it."""
        label = {"entity_id": self.entity.entity_id, "entity_text": self.entity.title} if labelled else {}
        return {
            "data_id": self.data_id,
            "image_id": self.picture.image_id,
            "question": self.text,
            **label,
            "data_split": self.data_split,
        }


def asked_entities(records: int, *, seed: int) -> list[AskedEntity]:
    """Some of the records, from the first to the last."""
    asked = min(records, MOST_ASKED)
    entities, pictured = list[AskedEntity](), count()
    for number in tqdm(range(asked), unit=" entities", desc="Entities that are asked about"):
        record = words().record(number * records // asked, seed=seed)
        entity_id, title = record["wikidata_id"], record["wikipedia_title"]
        assert entity_id is not None
        assert title is not None
        picture = None if record["wikipedia_image_url"] is None else entity_picture(next(pictured), entity_id)
        entities.append(AskedEntity(entity_id=entity_id, title=title, picture=picture))
    return entities


class Questions:
    """Every question there is, by its sheet and its number.

    Args:
        entities: every second one is asked about in training.
        each: how many questions a sheet has.
        pictures: how many there are; the sheets go through them one after the other.
    """

    def __init__(self, entities: list[AskedEntity], *, each: int, pictures: int) -> None:
        self._seen, self._unseen = entities[::2], entities[1::2]
        self._each, self._pictures = each, pictures

    def of(self, sheet: Sheet) -> Iterator[Question]:
        """The questions of a sheet, and more of its kind without an end."""
        return (self._question(sheet, number) for number in count())

    def pictures(self, sheet: Sheet) -> Iterator[Picture]:
        """The pictures that a sheet asks about, each once."""
        return (asked_picture(self._place(sheet, number)) for number in range(min(self._each, self._pictures)))

    def _place(self, sheet: Sheet, number: int) -> int:
        return (SHEETS.index(sheet) * self._each + number) % self._pictures

    def _question(self, sheet: Sheet, number: int) -> Question:
        train = sheet.part == Part.TRAIN
        seen = train or number % 2 == 0
        entities = self._seen if seen else self._unseen
        texts = ASKED_FOR[sheet.task or TASKS[number % len(TASKS)]]
        return Question(
            data_id=f"oven_{sheet.name}_{number:08}",
            picture=asked_picture(self._place(sheet, number)),
            text=texts[number % len(texts)],
            entity=entities[number // 2 % len(entities)],
            data_split=f"{sheet.name}{'' if train else '_seen' if seen else '_unseen'}",
        )


def own_pictures(entities: Iterable[AskedEntity]) -> Iterator[Question]:
    """A question about each entity's own picture, as MaskOVEN-Wiki's file of these has it."""
    for number, entity in enumerate(entities):
        if entity.picture is not None:
            yield Question(
                data_id=f"wiki_{number:08}",
                picture=entity.picture,
                text=ASKED_FOR["entity"][0],
                entity=entity,
                data_split="wiki_train",
            )
