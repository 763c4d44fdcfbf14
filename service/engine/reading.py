"""What was asked, to what the stages after decoding work on; pictures that were sent lately are not decoded again."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from indexer.asked import AskedRegions
from indexer.linker import LinkQuery
from indexer.records.tag_filter import TagFilter
from service.engine.course import Ends
from service.engine.decoded import DecodedPictures
from service.engine.serving import Serving
from service.errors import BY_CODE, Cause, Problem
from service.schemas import EntityOut, RegionOut
from service.settings import Settings
from service.telemetry.metrics import Metrics
from wikiclip.explanation import Pair
from wikiclip.masks import RegionError, bounds, decode_region
from wikiclip.mentions.views import Cuts
from wikiclip.model import WikiClip
from wikiclip.pictures import Fit, Picture, PictureError, read_picture
from wikiclip.segmenters import Box, Point, Prompt

REGIONS_S = 2.0  # of one core, for all regions of a request
Charge = Callable[[int], None]  # is told how many regions work is to be done on; raises Problem where they are too many


def uncharged(_: int) -> None:
    """The charge where nobody counts."""


@dataclass(frozen=True, slots=True)
class SegmentQuery:
    """A picture and where in it a thing is that shall be outlined."""

    picture: Picture
    prompt: Prompt


@dataclass(frozen=True, slots=True)
class FindQuery(Ends):
    """A picture in which regions are to be found, and what then links them.

    Attributes:
        segment: what is to be outlined, in the form that the reader has for it.
        most: regions that are found.
        whole: whether the whole picture is linked, too, as the last.
        most_regions: to link, the whole picture among them.
        most_pixels: of all their masks together.
        link: is given a reader and regions, and reads what the stages after decoding link.
    """

    segment: Any
    most: int
    whole: bool
    most_regions: int
    most_pixels: int
    link: Callable[[Any, Sequence[object]], Any]

    def chosen(self, found: Sequence[RegionOut]) -> list[RegionOut | None]:
        """The first of what was found, as many as one request may have, and None for the whole picture."""
        whole = [None] if self.whole else []
        if not found:
            return [*whole]
        room = min(self.most_regions, self.most_pixels // math.prod(found[0].rle["size"]) or 1) - len(whole)
        return [*found[: min(self.most, room)], *whole]

    def linking(self, chosen: Sequence[RegionOut | None]) -> Callable[[Any], Any]:
        """What reads these regions, from a reader."""
        return lambda reader: self.link(reader, [None if region is None else region.rle for region in chosen])


@dataclass(frozen=True, slots=True)
class ExplainQuery:
    """A mention beside an entity, and the model that looks at both."""

    pair: Pair
    entity: EntityOut
    model: WikiClip


class MentionReader:
    """Decodes pictures and regions, and cuts mentions. Safe on any thread.

    Every method takes a picture's file and raises Problem for what cannot be read. It charges for its regions once it
    knows how many there are, before the picture is looked at.

    Args:
        cuts: what cuts mentions for the model that answers now.
    """

    def __init__(self, settings: Settings, metrics: Metrics, cuts: Callable[[], Cuts]) -> None:
        self._max_regions, self._max_mask_pixels = settings.max_regions, settings.max_mask_pixels
        self._deadline_s = settings.deadline_s
        self._metrics = metrics
        self._cuts = cuts
        self._limits = settings.picture_limits
        self._pictures = DecodedPictures(self._decode, most_bytes=settings.picture_cache_bytes)

    def link(
        self,
        file: bytes,
        regions: Sequence[object],
        *,
        top_k: int,
        min_score: float | None,
        tags: TagFilter | None = None,
        charge: Charge = uncharged,
    ) -> LinkQuery:
        """Regions that shall be linked."""
        if len(regions) > self._max_regions:
            raise Problem(Cause.TOO_MANY_REGIONS, f"A request may have {self._max_regions} regions.")
        charge(len(regions))
        with _refusals():
            asked = AskedRegions(regions, self._cuts(), work=self._budget())

            def fit(width: int, height: int) -> float:
                self._expect_few_pixels(width * height, len(regions))
                return asked.fit(width, height)

            picture = self._picture(file, fit)
            self._expect_few_pixels(math.prod(picture.size), len(regions))  # of one that was kept, nobody asked `fit`
            mentions = tuple(asked.cut(picture))
        return LinkQuery(mentions, top_k, min_score, tags)

    def finding(
        self, segment: object, *, most: int, whole: bool, link: Callable[[Any, Sequence[object]], Any]
    ) -> FindQuery:
        """Regions that shall be found and linked; see `FindQuery`."""
        return FindQuery(segment, most, whole, self._max_regions, self._max_mask_pixels, link)

    def _budget(self) -> Callable[[], AbstractContextManager[None]]:
        """What the regions of a request are worked on in, so that they take no more work together than it may ask for,
        nor more time.

        Bounds on a single region leave room for a few that are very fine; sixty of those are nothing but work.
        """
        started, spent = time.monotonic(), 0.0

        @contextmanager
        def work() -> Iterator[None]:
            nonlocal spent
            if spent > REGIONS_S:
                raise Problem(
                    Cause.REGION_TOO_COMPLEX,
                    f"The regions of a request may take {REGIONS_S:g} s of work together: send fewer, or coarser ones.",
                )
            if time.monotonic() - started > self._deadline_s:
                raise Problem(Cause.DEADLINE, "The regions had not been read in time; try again later.")
            began = time.thread_time()
            yield
            spent += time.thread_time() - began

        return work

    def _expect_few_pixels(self, pixels: int, regions: int) -> None:
        """A mask of a large picture is work, however few bytes its run lengths take."""
        if (most := max(1, self._max_mask_pixels // pixels)) < regions:
            raise Problem(Cause.TOO_MANY_REGIONS, f"A picture of this size may have {most} regions in a request.")

    def _decode(self, file: bytes, fit: Fit) -> Picture:
        return read_picture(file, limits=self._limits, fit=fit)

    def _picture(self, file: bytes, fit: Fit) -> Picture:
        picture, from_cache = self._pictures.read(file, fit)
        self._metrics.pictures(from_cache=from_cache)
        return picture


class Reader(MentionReader):
    """Reads what is to be outlined and explained, too; both count as one region.

    Args:
        serving: what answers now.
        outlined_from: pixels of a picture's longer side that an outline is found in.
    """

    def __init__(
        self, settings: Settings, metrics: Metrics, serving: Callable[[], Serving], *, outlined_from: int
    ) -> None:
        super().__init__(settings, metrics, lambda: serving().linker.model)
        self._serving = serving
        self._outlined_from = outlined_from

    def segment(
        self, file: bytes, *, point: Sequence[float] | None, box: object, charge: Charge = uncharged
    ) -> SegmentQuery:
        """A thing that shall be outlined, at a point or in a box; whatever stands out where both are None."""
        charge(1)
        with _refusals():
            picture = self._picture(file, lambda width, height: max(width, height) / self._outlined_from)
            return SegmentQuery(picture, _prompt(point, box, *picture.size))

    def find(
        self,
        file: bytes,
        *,
        most: int,
        whole: bool,
        link: Callable[[Any, Sequence[object]], Any],
        charge: Charge = uncharged,
    ) -> FindQuery:
        """What stands out, at most so much, which `link` reads once it is found. The look at it counts as a region."""
        outlined = self.segment(file, point=None, box=None, charge=charge)
        return self.finding(outlined, most=most, whole=whole, link=link)

    def explain(self, file: bytes, region: object, entity_id: str, *, charge: Charge = uncharged) -> ExplainQuery:
        """A region whose score with an entity shall be explained. Raises UnknownEntity, too."""
        charge(1)
        serving = self._serving()
        linker = serving.linker
        entity = linker.index.entity(entity_id)
        with _refusals():
            asked = AskedRegions([region], linker.model)
            pair = linker.pair(self._picture(file, asked.fit), region, entity)
        return ExplainQuery(pair, serving.presenter.entity(entity), linker.model)


def _prompt(point: Sequence[float] | None, box: object, width: int, height: int) -> Prompt:
    """Raises RegionError."""
    if point is not None:
        x, y = point
        if not (0 <= x < width and 0 <= y < height):
            raise RegionError(
                "outside-picture", f"The point lies outside the picture, which is {width} wide and {height} high."
            )
        return Point(int(x), int(y))
    if box is not None:
        left, top, right, bottom = bounds(decode_region({"box": box}, height=height, width=width))
        return Box(left, top, right, bottom)
    return None


@contextmanager
def _refusals() -> Iterator[None]:
    """Makes what the model's package refuses a Problem."""
    try:
        yield
    except (PictureError, RegionError) as error:
        raise Problem(BY_CODE[error.code], str(error)) from None
