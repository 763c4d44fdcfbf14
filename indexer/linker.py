"""Pictures and regions to candidates: linking in process, which the service and linking offline stand on.

    linker = Linker.open()
    found = linker.link("street.jpg", {"box": [40, 30, 200, 180]})
    for candidate in found.candidates:
        print(candidate.entity.title, candidate.score)

Axes: B mention, M width of mention vectors.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, islice
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from indexer.asked import AskedRegions, shown_part
from indexer.errors import NoIndex
from indexer.kb.record import Entity, describe
from indexer.kinds.milvus.server import MilvusServer
from indexer.records.records import Candidate, Nearest
from indexer.records.tag_filter import AnyTags, TagFilter
from indexer.search import EntityIndex
from indexer.version import read_version
from wikiclip.base.devices import move_to_gpu
from wikiclip.base.machine import DeviceChoice
from wikiclip.base.paths import index_home
from wikiclip.explanation import Pair, pair
from wikiclip.masks import decode_region
from wikiclip.model import PreparedMention, WikiClip
from wikiclip.pictures import Fit, Picture, PictureError, PictureLimits, as_it_is, read_picture


@dataclass(frozen=True, slots=True)
class LinkQuery:
    """Mentions of one picture, ready for the encoder, and what is asked about each.

    Attributes:
        top_k: candidates for each mention.
        min_score: leaves out candidates that score less.
        tags: which entities it is about; None for all.
    """

    mentions: tuple[PreparedMention, ...]
    top_k: int
    min_score: float | None
    tags: TagFilter | None = None


@dataclass(frozen=True, slots=True)
class Ranked:
    """What a mention may be, by the numbers of entities, and how likely the first is right, as in `Found`."""

    nearest: Nearest
    confidence: float | None


@dataclass(frozen=True, slots=True)
class Found:
    """What a mention may be.

    Attributes:
        candidates: best first.
        confidence: how likely the first is right, 0 to 1; None where the checkpoint does not tell, and where the index
            holds fewer entities, or fewer of them pass, than it is told from. Of those that pass alone: what is left
            out by tags counts as not in the index.
    """

    candidates: list[Candidate]
    confidence: float | None


class Linker:
    """A model and an index made with it. Safe on any thread.

    Attributes:
        where: on what mentions are encoded, and why there.
    """

    def __init__(self, model: WikiClip, index: EntityIndex, *, limits: PictureLimits, where: str) -> None:
        self.model = model
        self.index = index
        self.limits = limits
        self.where = where

    @classmethod
    def open(
        cls,
        model: str | Path = "tiny",
        index: str | Path | None = None,
        *,
        limits: PictureLimits | None = None,
        threads: int = 1,
        device: DeviceChoice = "cpu",
        version: str | None = None,
        milvus: MilvusServer | None = None,
    ) -> "Linker":
        """Loads a checkpoint and an index version.

        Args:
            model: the name of a packaged checkpoint, or a checkpoint's folder.
            index: the folder that keeps the index versions; `paths.index_home()` if None.
            limits: what pictures are taken; those of `PictureLimits` if None.
            threads: how many threads one search may take.
            device: where to encode and to search.
            version: which version; the published one if None.
            milvus: the server, where the index has its vectors in one; that of the environment if None.

        Raises:
            WikiClipError: one of the two is missing or damaged, or the index was made with another checkpoint.
        """
        index = index_home() if index is None else Path(index)
        try:
            # Before the model, which takes seconds: an index that is missing is said at once.
            read_version(index, version)
        except NoIndex as error:
            raise NoIndex(f"{error} `make demo-index` builds the demo's.") from error
        loaded = WikiClip.load(model)
        opened = EntityIndex.open(
            index, fingerprint=loaded.fingerprint, version=version, threads=threads, device=device, milvus=milvus
        )
        where = "the CPU, as asked" if device == "cpu" else move_to_gpu(loaded)
        loaded.vision.optimize_for_inference()
        return cls(loaded, opened, limits=limits or PictureLimits(), where=where)

    @property
    def encodes_here(self) -> bool:
        """Whether mentions are encoded on the processor, by the thread that asks for it."""
        return self.model.vision.device.type == "cpu"

    @overload
    def link(
        self,
        picture: str | Path | bytes,
        region: object = None,
        *,
        regions: None = None,
        top_k: int = 10,
        min_score: float | None = None,
        tags: AnyTags = None,
    ) -> Found: ...

    @overload
    def link(
        self,
        picture: str | Path | bytes,
        region: None = None,
        *,
        regions: Sequence[object],
        top_k: int = 10,
        min_score: float | None = None,
        tags: AnyTags = None,
    ) -> list[Found]: ...

    def link(
        self,
        picture: str | Path | bytes,
        region: object = None,
        *,
        regions: Sequence[object] | None = None,
        top_k: int = 10,
        min_score: float | None = None,
        tags: AnyTags = None,
    ) -> Found | list[Found]:
        """What a region of a picture may be, or each of several `regions`, which one pass encodes.

        Args:
            picture: the path of a file, or what the file holds.
            region: in a form of `wikiclip.regions.decode`; the whole picture if None.
            top_k: candidates for each region, 1 or more.
            min_score: leaves out candidates that score less.
            tags: which entities are compared at all: `{"any": [...], "all": [...], "none": [...]}`; see `TagFilter`.

        Raises:
            PictureError, RegionError: what was handed over cannot be read.
            ValueError: a region and regions are given, `top_k` is below 1, or `tags` are not such a mapping.
        """
        if region is not None and regions is not None:
            raise ValueError("link takes a region or several regions, not both")
        if top_k < 1:
            raise ValueError(f"top_k is {top_k}, below 1")
        asked = [region] if regions is None else regions
        file = Path(picture) if isinstance(picture, str) else picture
        query = self.prepare(file, asked, top_k=top_k, min_score=min_score, tags=tags) if asked else None
        found = [] if query is None else self.answer(query)
        return found[0] if regions is None else found

    def prepare(
        self,
        picture: bytes | Path,
        regions: Sequence[object],
        *,
        top_k: int = 10,
        min_score: float | None = None,
        tags: AnyTags = None,
    ) -> LinkQuery:
        """Decodes a picture once and cuts out each region; None stands for the whole picture.

        Raises:
            PictureError, RegionError: what was handed over cannot be read.
            ValueError: `tags` are not as `TagFilter` has them.
        """
        wanted = TagFilter.of_mapping(tags)
        asked = AskedRegions(regions, self.model)
        return LinkQuery(tuple(asked.cut(self.read(picture, fit=asked.fit))), top_k, min_score, wanted)

    def read(self, picture: bytes | Path, *, fit: Fit = as_it_is) -> Picture:
        """Raises PictureError, and what `fit` raises."""
        return read_picture(picture, limits=self.limits, fit=fit)

    def pair(self, picture: Picture, region: object, entity: Entity) -> Pair:
        """A mention and a record with the first picture that the knowledge base has of it, to be explained.

        A picture that cannot be read counts as none, as it does for the index. Raises RegionError.
        """
        path = self.index.picture_path(entity.entity_id)
        try:
            own = None if path is None else read_picture(path)
        except PictureError:
            own = None
        width, height = picture.size
        mask = shown_part(picture) if region is None else decode_region(region, height=height, width=width)
        return pair(self.model, picture.rgb, mask, describe(entity), own, shrunk=picture.shrunk)

    def encode(self, queries: Sequence[LinkQuery]) -> NDArray[np.float32]:
        """Vectors [B, M] of the mentions of all queries, in one batch."""
        return self.model.encode_mentions([mention for query in queries for mention in query.mentions])

    def search(self, vectors_BM: NDArray[np.float32], queries: Sequence[LinkQuery]) -> list[list[Found]]:
        """For each query, for each of its mentions, what was found; searched for in one batch."""
        ranked = self.rank(vectors_BM, queries)
        return [[self.found(one) for one in of_query] for of_query in ranked]

    def rank(self, vectors_BM: NDArray[np.float32], queries: Sequence[LinkQuery]) -> list[list[Ranked]]:
        """What `search` finds, by number: nothing is read of the records."""
        ends = list(accumulate(len(query.mentions) for query in queries))
        ranked: list[list[Ranked]] = [[] for _ in queries]
        for tags in dict.fromkeys(query.tags for query in queries):
            # Those that are about the same entities are searched for together, and with no others.
            places = [place for place, query in enumerate(queries) if query.tags == tags]
            rows = [row for place in places for row in range(ends[place] - len(queries[place].mentions), ends[place])]
            together = vectors_BM if len(places) == len(queries) else vectors_BM[rows]
            each = iter(self._ranked(together, max(queries[place].top_k for place in places), tags))
            for place in places:
                query = queries[place]
                ranked[place] = [
                    Ranked(_best(one.nearest, query), one.confidence) for one in islice(each, len(query.mentions))
                ]
        return ranked

    def found(self, ranked: Ranked) -> Found:
        """The same with the records."""
        return Found(self.index.candidates(ranked.nearest), ranked.confidence)

    def answer(self, query: LinkQuery) -> list[Found]:
        """Encodes and searches: what was found for each mention."""
        return self.search(self.encode([query]), [query])[0]

    def _ranked(self, vectors_BM: NDArray[np.float32], top_k: int, tags: TagFilter | None) -> list[Ranked]:
        enough = 0 if self.model.confidence is None else self.model.confidence.candidates
        found = self.index.nearest(vectors_BM, max(enough, top_k), tags=tags)
        confidences = self._confidences(found, tags)
        return [Ranked(nearest, confidence) for nearest, confidence in zip(found, confidences, strict=True)]

    def _confidences(self, found: Sequence[Nearest], tags: TagFilter | None) -> list[float | None]:
        told = self.model.confidence
        if told is None or self.index.count_passing(tags) < told.candidates:
            return [None] * len(found)
        return list(told(np.array([nearest.scores[: told.candidates] for nearest in found])).tolist())


def _best(nearest: Nearest, query: LinkQuery) -> Nearest:
    kept = nearest.first(query.top_k)
    if query.min_score is None:
        return kept
    # Scores fall, so those that are high enough come first.
    return kept.first(sum(score >= query.min_score for score in kept.scores))
