"""OVEN's questions as labels: its pictures and entities, which lack nothing but the mask."""

from collections.abc import Callable, Iterator
from pathlib import Path

from indexer.errors import UnknownEntity
from indexer.kb.record import BadRecord, Entity
from training.annotate.labels import Fault, Label, first_of_each_id
from training.data.annotation import Annotation
from training.data.releases.oven import OvenAnnotations
from training.data.releases.release import Part

OUTSIDE = (
    "Its picture lies outside of {folder}, from which a file of masks names pictures: move it there as the release's"
    " script does."
)


class OvenLabels:
    """The labels of one part of OVEN.

    Args:
        annotated: the questions.
        part: of which part they are.
        pictures: `oven_images`, the folder that the file of masks will name pictures from.
        entity_of: the record of an id; raises UnknownEntity where there is none.
        known: changes when the records do.
    """

    def __init__(
        self,
        annotated: OvenAnnotations,
        part: Part,
        *,
        pictures: Path,
        entity_of: Callable[[str], Entity],
        known: str,
    ) -> None:
        self.name = annotated.name
        self._annotated, self._part, self._pictures = annotated, part, pictures
        self._entity_of, self._known = entity_of, known

    def __iter__(self) -> Iterator[Label | Fault]:
        return first_of_each_id(map(self._labelled, self._annotated))

    def __len__(self) -> int:
        return len(self._annotated)

    def fingerprint(self) -> str:
        return f"{self._annotated.fingerprint()} {self._known}"

    def _labelled(self, found: Annotation | BadRecord) -> Label | Fault:
        if isinstance(found, BadRecord):
            return Fault(code="unreadable-record", where=found.where, why=found.why)
        if not found.picture.is_relative_to(self._pictures):
            why = OUTSIDE.format(folder=self._pictures)
            return Fault(code="unreadable-record", where=found.data_id, why=why)
        try:
            entity = self._entity_of(found.entity_id)
        except UnknownEntity:
            why = f"{found.entity_id} is not in the knowledge base."
            return Fault(code="unknown-entity", where=found.data_id, why=why)
        return Label(
            data_id=found.data_id,
            picture=found.picture,
            file_name=found.picture.relative_to(self._pictures).as_posix(),
            entity=entity.title,
            entity_id=found.entity_id,
            question=found.question,
            data_split=self._split_of(found),
            description=entity.text,
        )

    def _split_of(self, found: Annotation) -> str:
        """As the release writes it: "query_train", "entity_val_seen"."""
        task = found.task or self._part
        return f"{task}_train" if found.split == "train" else f"{task}_{self._part}_{found.split}"
