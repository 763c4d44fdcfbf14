"""An annotated set against a knowledge base, at any size: its mentions' frozen features, to train on or to ask.

Axes: N annotation, Q mention, W width of pooled vectors.
"""

import hashlib
from collections import Counter
from dataclasses import asdict, dataclass
from typing import get_args

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from indexer.embedding.pending import workers
from indexer.errors import BadRecordFound
from indexer.kb.record import KnowledgeBase
from training.data.annotation import AnnotatedSet, MentionCode, MentionError, Split, Task, read_mention
from training.data.annotation_table import REPORT, open_annotations
from training.data.features.cache import Budget, Features, Made
from training.data.features.columns import Column
from training.data.problems import ProblemCode, Problems, summary
from training.data.prompts import Prompt, shown_by
from training.data.records import Records
from training.data.training_set import TrainingSet
from training.processes import tell
from wikiclip.base.errors import WikiClipError
from wikiclip.masks import Mask
from wikiclip.mentions.mention import VIEWS_VERSION
from wikiclip.model import PreparedMention, WikiClip

BATCH = 32
# What the column "fault" holds: the place here, 0 for a mention that can be read.
FAULTS: tuple[MentionCode | None, ...] = (None, *get_args(MentionCode))


@dataclass(frozen=True, kw_only=True)
class AnnotatedQueries:
    """Mentions to measure on.

    Attributes:
        number_Q: of their annotations in the table.
        data_ids: of their annotations, [Q].
        questions: what was asked of each, [Q]; None where nothing was.
        pooled_QW: the tower's pooled vectors; zero where the mention cannot be read.
        readable_Q: False where the mention cannot be read: no answer to it is right.
        record_Q: the row of the record that each shows.
    """

    number_Q: NDArray[np.int64]
    data_ids: list[str]
    questions: list[str | None]
    pooled_QW: Tensor
    readable_Q: NDArray[np.bool_]
    record_Q: NDArray[np.int64]


class AnnotatedData:
    """The annotations of a set, and the frozen features of their mentions and of the knowledge base's records.

    Annotations that cannot be used (malformed, of an entity that is not known, given before) are not in the table. A
    mention whose picture or region cannot be read is in it: it is left out of training, and counts as wrong in
    evaluation. Either is counted and listed in a file that the summaries name.

    Args:
        budget: for the records' patches and tokens; vectors are always kept.
        per_entity: mentions of one entity that are trained on at most, chosen by chance; the paper has 200. The others
            of the split "train" are not looked at.
        prompt: what of each mention the tower is shown.
        label: what rows of a table call the set, where there are several.
        strict: the first annotation, mention or picture of a record that cannot be used is the end.

    Attributes:
        annotations: the table, by number.
        records: the knowledge base's.
        label: as given.

    Raises:
        BadRecordFound: `strict`, and an annotation cannot be used.
    """

    def __init__(
        self,
        model: WikiClip,
        annotated: AnnotatedSet,
        kb: KnowledgeBase,
        *,
        budget: Budget,
        per_entity: int = 200,
        prompt: Prompt = Prompt.MASK,
        label: str | None = None,
        strict: bool = False,
    ) -> None:
        self._model, self._prompt, self._strict, self.label = model, prompt, strict, label
        self.records = Records(model, kb, budget)
        self.annotations = open_annotations(annotated, self.records.entities, self.records.fingerprint, strict=strict)
        train = self.annotations.numbers("train")
        chosen = train[at_most(per_entity, self.annotations.row_N[train], self.annotations.chance_N[train])]
        every = np.arange(len(self.annotations))
        self._number_Q = np.union1d(np.setdiff1d(every, train, assume_unique=True), chosen)
        self.features = Features(
            f"mentions-{annotated.name}",
            {
                "views": VIEWS_VERSION,
                "vision": asdict(model.preset.vision),
                "mention": asdict(model.preset.mention),
                "annotations": self.annotations.folder.name,
                "chosen": hashlib.sha256(self._number_Q.tobytes()).hexdigest(),
                **({} if prompt == Prompt.MASK else {"prompt": str(prompt.seen)}),
            },
            rows=len(self),
            columns=(
                Column(name="fault", shape=(), dtype="uint8", always=True),
                Column(name="pooled", shape=(model.vision.pooled_width,), dtype="float32", always=True),
            ),
            make=self._see,
            budget=budget,
        )
        self._report = self.features.folder / REPORT

    def __len__(self) -> int:
        """Returns how many mentions are looked at."""
        return len(self._number_Q)

    def fill(self, *, records: bool = True) -> None:
        """Computes what is not kept yet, with progress bars, and says what is kept and what cannot be read.

        Args:
            records: those of the knowledge base, too, which an index of it makes needless.

        Raises:
            BadRecordFound: `strict`, and a mention or a record's picture cannot be read.
        """
        unreadable: list[str] = []
        if records:
            self.records.fill(unreadable.append)
        if unreadable:
            line = f"{len(unreadable):,} of the records' pictures cannot be read, the first {unreadable[0]}."
            if self._strict:
                raise BadRecordFound(f"{line} Mend it, or run without --strict.")
            tell(line)
        tell(str(self.features))
        self.features.fill()
        if self._strict and self._faults().any():
            raise BadRecordFound(self.summary())
        tell(self.summary())

    def summary(self) -> str:
        """Returns which mentions cannot be read, in one line for a person; known after `fill`."""
        codes = Counter(self._faults().tolist())
        counts: dict[ProblemCode, int] = {
            code: codes[place] for place, code in enumerate(FAULTS) if code is not None and codes[place]
        }
        return summary(len(self), counts, self._report)

    def training_set(self) -> TrainingSet:
        """Returns what can be read of the split "train", and every record's own picture; known after `fill`.

        Raises:
            WikiClipError: there is nothing to train on.
        """
        place_Q = self._places("train", None)
        place_Q = place_Q[self._faults()[place_Q] == 0]
        if not len(place_Q):
            told = [self.annotations.summary(), self.summary()]
            if held := len(self._places("unseen", None)):
                told.append(f"{held:,} are of things that are held out: label others, too, or hold out another --fold.")
            raise WikiClipError(f"There is no mention to train on. {' '.join(told)}")
        return TrainingSet(
            records=self.records,
            pooled=lambda numbers: self._pooled(place_Q[numbers]),
            record_Q=self.annotations.row_N[self._number_Q[place_Q]],
            own=self.records.pictured,
            text_only=np.setdiff1d(np.arange(len(self.records)), self.records.pictured, assume_unique=True),
            class_rows=np.empty(0, np.int64),
        )

    def queries(self, split: Split, task: Task | None = None) -> AnnotatedQueries:
        """Returns the mentions of a split, of one task or of all, unreadable ones included; known after `fill`."""
        place_Q = self._places(split, task)
        number_Q = self._number_Q[place_Q]
        return AnnotatedQueries(
            number_Q=number_Q,
            data_ids=self.annotations.data_ids(number_Q),
            questions=self.annotations.questions(number_Q),
            pooled_QW=self._pooled(place_Q),
            readable_Q=self._faults()[place_Q] == 0,
            record_Q=self.annotations.row_N[number_Q],
        )

    def shown(self, number: int) -> tuple[Image.Image, Mask]:
        """The picture of an annotation of the table, and the mask [H, W] of what the prompt points at.

        Raises:
            MentionError: the mention cannot be read.
        """
        picture, mask = read_mention(self.annotations[number])
        return picture, shown_by(self._prompt, mask)

    def _places(self, split: Split, task: Task | None) -> NDArray[np.int64]:
        return np.flatnonzero(np.isin(self._number_Q, self.annotations.numbers(split, task), assume_unique=True))

    def _faults(self) -> NDArray[np.uint8]:
        faults_Q: NDArray[np.uint8] = self.features.get("fault", np.arange(len(self)))
        return faults_Q

    def _pooled(self, place_Q: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(np.array(self.features.get("pooled", place_Q)))

    def _see(self, place_Q: NDArray[np.int64]) -> Made:
        batches = [place_Q[start : start + BATCH] for start in range(0, len(place_Q), BATCH)]
        with Problems(self._report, strict=self._strict) as problems, workers() as pool:
            made = list(pool.map(lambda batch: self._see_batch(batch, problems), batches))
        return {
            "fault": np.concatenate([fault_B for fault_B, _ in made]),
            "pooled": np.concatenate([pooled_BW for _, pooled_BW in made]),
        }

    def _see_batch(
        self, place_B: NDArray[np.int64], problems: Problems
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        fault_B = np.zeros(len(place_B), np.uint8)
        pooled_BW = np.zeros((len(place_B), self._model.vision.pooled_width), np.float32)
        prepared: list[PreparedMention] = []
        for place, number in enumerate(self._number_Q[place_B]):
            annotation = self.annotations[int(number)]
            try:
                prepared.append(self._model.prepare_mention(*self.shown(int(number))))
            except MentionError as error:
                problems.add(error.code, annotation.data_id, str(error))
                fault_B[place] = FAULTS.index(error.code)
        if prepared:
            pooled_BW[fault_B == 0] = self._model.pool_mentions(prepared).cpu().numpy()
        return fault_B, pooled_BW


def at_most(most: int, group_N: NDArray[np.int64], chance_N: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Returns places of at most `most` members of each group, those of the lowest chance, ascending."""
    order_N = np.lexsort((chance_N, group_N))
    _, starts, counts = np.unique(group_N[order_N], return_index=True, return_counts=True)
    rank_N = np.arange(len(order_N)) - np.repeat(starts, counts)
    return np.sort(order_N[rank_N < most])
