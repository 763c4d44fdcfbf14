"""A second look at the first candidates: a cross-encoder reads the mention beside each record's picture and text.

    reranker = Reranker.open("hf-hub:Qwen/Qwen3-VL-Reranker-2B", k=20)
    query = linker.prepare("street.jpg", [{"box": [40, 30, 200, 180]}], top_k=reranker.k)
    (found,) = linker.answer(query)
    best = reranker.reranked(linker.model, linker.index, query.mentions[0], found.candidates)

Axes: K candidate.
"""

from collections.abc import Callable, Sequence

import numpy as np

from indexer.kb.record import Entity, describe
from indexer.search import Candidate, EntityIndex
from wikiclip.base.machine import DeviceChoice
from wikiclip.model import PreparedEntity, PreparedMention, WikiClip
from wikiclip.pictures import PictureError, read_picture
from wikiclip.towers.sentence.pair_scorer import OutOfTime, PairScorer, open_pair_scorer

__all__ = ["OutOfTime", "Reranker"]


class Reranker:
    """Orders candidates anew. Safe on any thread.

    Attributes:
        scorer: the cross-encoder.
        k: how many candidates of a mention it looks at.
    """

    def __init__(self, scorer: PairScorer, *, k: int) -> None:
        self.scorer, self.k = scorer, k

    @classmethod
    def open(cls, name: str, *, k: int, device: DeviceChoice = "auto") -> "Reranker":
        """Loads a cross-encoder; see `pair_scorer.open_pair_scorer`.

        Raises:
            WikiClipError: it is not there, or is none.
        """
        return cls(open_pair_scorer(name, device), k=k)

    def order(
        self,
        model: WikiClip,
        index: EntityIndex,
        mention: PreparedMention,
        candidates: Sequence[Candidate],
        *,
        in_time: Callable[[], bool] = lambda: True,
    ) -> list[int]:
        """The places of candidates in the cross-encoder's order; those after the first k stay where they are.

        Candidates that it scores alike stay in the order of the search.

        Args:
            model: that cut the mention, and cuts the records' pictures.
            index: that holds the candidates.
            candidates: best first.
            in_time: asked between passes whether there is time for another.

        Raises:
            OutOfTime: there was none.
            CorruptIndex: a file of the index was cut off.
        """
        looked_at = candidates[: self.k]
        records = []
        for candidate in looked_at:
            if not in_time():
                raise OutOfTime
            records.append(_record(model, index, candidate.entity))
        scores_K = self.scorer.scores(
            mention.views[0].pixels_CHW,
            [None if record.view is None else record.view.pixels_CHW for record in records],
            [record.text for record in records],
            in_time=in_time,
        )
        order_K = np.argsort(-scores_K, kind="stable").tolist()
        return [*order_K, *range(len(looked_at), len(candidates))]

    def reranked(
        self, model: WikiClip, index: EntityIndex, mention: PreparedMention, candidates: Sequence[Candidate]
    ) -> list[Candidate]:
        """Candidates in the order of `order`, which has as long as it takes. Their scores stay those of the search."""
        return [candidates[place] for place in self.order(model, index, mention, candidates)]


def _record(model: WikiClip, index: EntityIndex, entity: Entity) -> PreparedEntity:
    """An entity with its first picture; one that cannot be read counts as none, as it does for the index."""
    path = index.picture_path(entity.entity_id)
    try:
        picture = None if path is None else read_picture(path)
    except PictureError:
        picture = None
    return model.prepare_entity(describe(entity), picture)
