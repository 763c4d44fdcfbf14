"""From the labels of one picture to what becomes of each: references, candidates, filters."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.annotate.ensemble import Answer, Choice
from training.annotate.filters import dense, places, propagation
from training.annotate.filters.agreement import choose, is_agreed
from training.annotate.filters.non_visual import not_seen
from training.annotate.filters.sort_of import Sort, Types, sort_of
from training.annotate.filters.sort_of import packaged as packaged_types
from training.annotate.filters.thresholds import Thresholds
from training.annotate.labels import Label
from training.annotate.outcome import Outcome
from training.annotate.references.build import ReferenceKind, references_of
from training.annotate.references.kinds import Kind, Kinds
from training.annotate.references.templates import Templates
from training.annotate.references.templates import packaged as packaged_templates
from training.annotate.written import annotation_of, image_of
from training.data.annotation import Annotation, MentionError, read_mention
from wikiclip.masks import whole
from wikiclip.segmenters.naming import Candidate, NameSegmenter, Reference

VectorOf = Callable[[str], NDArray[np.float32] | None]


def unknown(entity: str) -> None:
    """Knows no entity, so that each is looked for by words alone."""


@dataclass(frozen=True, kw_only=True)
class Annotator:
    """Makes masks.

    Attributes:
        segmenters: the first is held against the others.
        kinds: what entities are.
        vector_of: the unit vector [M] of an entity's id; None where it is not known.
        id_of: the id of the entity that a name means, for labels without one; None where that is not known.
    """

    segmenters: Sequence[NameSegmenter]
    kinds: Kinds
    vector_of: VectorOf = unknown
    id_of: Callable[[str], str | None] = unknown
    thresholds: Thresholds = field(default_factory=Thresholds)
    templates: Templates = field(default_factory=packaged_templates)
    types: Types = field(default_factory=packaged_types)

    def annotate(self, labels: Sequence[Label]) -> list[Outcome]:
        """Returns what becomes of each label, all of one picture, in their order."""
        looked_for: list[_Sought] = []
        outcomes: dict[int, Outcome] = {}
        for place, named in enumerate(labels):
            label = named if named.entity_id is not None else replace(named, entity_id=self.id_of(named.entity))
            kinds = self.kinds.of(label.entity_id, label.entity)
            sort = sort_of(label.entity, label.type, kinds, self.types)
            if why := not_seen(label.entity, sort, label.question, self.types):
                outcomes[place] = Outcome(data_id=label.data_id, fate="non-visual", why=why)
            else:
                looked_for.append(_Sought(place, label, sort, self._references(label, kinds)))
        if looked_for:
            outcomes |= self._found(looked_for)
        return [outcomes[place] for place in range(len(labels))]

    def answers(self, picture: Image.Image, labels: Sequence[Label]) -> list[list[Answer]]:
        """Returns what all segmenters find for each label of one picture, upright and RGB, whatever the label is of."""
        kinds = [self.kinds.of(label.entity_id, label.entity) for label in labels]
        references = [self._references(label, of_it) for label, of_it in zip(labels, kinds, strict=True)]
        return self._answers(picture, references)

    def ensemble(self, answers: Sequence[Answer], sort: Sort | None, shape: tuple[int, int]) -> Choice | None:
        """Returns the mask [H, W] that the filters make of all answers; None where there is none to be had."""
        choice = choose(answers, self.thresholds)
        if sort is not None and sort.group == "place":
            return self._of_place(choice, answers, shape)
        if choice is None:
            return None
        if dense.is_dense(choice.mask, answers, self.thresholds):
            # A box around a crowd holds several things by nature, so what follows would see an error in it.
            return dense.put_right(choice, answers, self.thresholds)
        return propagation.mended(choice, answers, self.thresholds)

    def is_kept(self, choice: Choice) -> bool:
        """Whether a mask is trusted in the end: its segmenter is sure, and others agree or a filter settled it by what
        they say; or it is a whole picture of a place."""
        if "places" in choice.mended:
            return True
        return choice.confidence >= self.thresholds.sure and (bool(choice.mended) or is_agreed(choice, self.thresholds))

    def _of_place(self, choice: Choice | None, answers: Sequence[Answer], shape: tuple[int, int]) -> Choice:
        nowhere = answers[0]
        found = choice or Choice(
            mask=whole(*shape),
            confidence=0.0,
            relative=0.0,
            segmenter=nowhere.segmenter,
            method=nowhere.method,
            reference=nowhere.reference,
        )
        return places.widened(found, self.thresholds)

    def _references(self, label: Label, kinds: Sequence[Kind]) -> dict[ReferenceKind, Reference]:
        ids = (label.entity_id, self.id_of(label.entity))  # an index may have other ids than the labels
        vectors = (self.vector_of(entity_id) for entity_id in ids if entity_id is not None)
        vector_M = next((vector_M for vector_M in vectors if vector_M is not None), None)
        return references_of(label, kinds, vector_M, self.templates)

    def _found(self, looked_for: Sequence["_Sought"]) -> dict[int, Outcome]:
        first = looked_for[0].label
        try:
            picture, _ = read_mention(_whole_picture(first))
        except MentionError as error:
            return {
                sought.place: Outcome(data_id=sought.label.data_id, fate="problem", code=error.code, why=str(error))
                for sought in looked_for
            }
        answered = self._answers(picture, [sought.references for sought in looked_for])
        shape = picture.height, picture.width
        return {
            sought.place: self._outcome(sought, self.ensemble(answers, sought.sort, shape))
            for sought, answers in zip(looked_for, answered, strict=True)
        }

    def _answers(
        self, picture: Image.Image, references: Sequence[Mapping[ReferenceKind, Reference]]
    ) -> list[list[Answer]]:
        """What all segmenters find for the references of each label; each looks at the picture once.

        What one gives for several references of a label, the same list, is one answer.
        """
        asked = [reference for of_label in references for reference in of_label.values()]
        answers: list[list[Answer]] = [[] for _ in references]
        for number, segmenter in enumerate(self.segmenters):
            found = iter(segmenter.find(picture, asked))
            for of_label, into in zip(references, answers, strict=True):
                told_apart: list[list[Candidate]] = []
                for kind, candidates in zip(of_label, found, strict=False):
                    if any(candidates is other for other in told_apart):
                        continue
                    told_apart.append(candidates)
                    method = segmenter.method
                    into.append(Answer(segmenter=number, method=method, reference=kind, candidates=candidates))
        return answers

    def _outcome(self, sought: "_Sought", choice: Choice | None) -> Outcome:
        label = sought.label
        if choice is None:
            return Outcome(data_id=label.data_id, fate="not-found")
        if not self.is_kept(choice):
            return Outcome(data_id=label.data_id, fate="disagreement", mended=choice.mended)
        return Outcome(
            data_id=label.data_id,
            fate="kept",
            mended=choice.mended,
            image=image_of(label, *choice.mask.shape),
            annotation=annotation_of(label, choice, sought.references),
            entity=label.entity,
        )


@dataclass(frozen=True, slots=True)
class _Sought:
    """A label that is looked for: its place among the picture's."""

    place: int
    label: Label
    sort: Sort | None
    references: dict[ReferenceKind, Reference]


def _whole_picture(label: Label) -> Annotation:
    """The label as an annotation of the whole picture, for the one reader of pictures that all sets have."""
    return Annotation(
        data_id=label.data_id,
        picture=label.picture,
        region=None,
        entity_id=label.entity_id or "",
        split="train",
        task=None,
        question=None,
    )
