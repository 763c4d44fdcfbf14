"""Bodies to what the stages after decoding work on; pictures that were sent lately are not decoded again."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from PIL import Image
from starlette.datastructures import Headers

from indexer.linker import Linker, Question
from service.engine.decoded import DecodedPictures
from service.engine.serving import Serving
from service.errors import Cause, Problem, from_input_error
from service.http import bodies
from service.routes.requests import EXPLAIN, LINK, SEGMENT, SegmentOptions
from service.schemas import EntityOut
from service.settings import Settings
from service.telemetry.metrics import Metrics
from wikiclip.explanation import Pair
from wikiclip.masks import bounds
from wikiclip.model import WikiClip
from wikiclip.pictures import Picture, PictureError, read_picture
from wikiclip.regions.decode import decode_region
from wikiclip.regions.region import RegionError
from wikiclip.segmenters import Box, Point, Prompt


@dataclass(frozen=True, slots=True)
class Sketch:
    """A picture and where in it a thing is that shall be outlined."""

    image: Image.Image
    prompt: Prompt


@dataclass(frozen=True, slots=True)
class Compared:
    """A mention beside an entity, and the model that looks at both."""

    pair: Pair
    entity: EntityOut
    model: WikiClip


class Reader:
    """Reads requests. Safe on any thread."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._max_regions, self._max_mask_pixels = settings.max_regions, settings.max_mask_pixels
        self._metrics = metrics
        read = partial(read_picture, limits=settings.picture_limits)
        self._pictures = DecodedPictures(read, most_bytes=settings.picture_cache_bytes)

    def question(self, body: bytes, headers: Headers, linker: Linker) -> Question:
        """Of `POST /link`. Raises Problem."""
        asked = bodies.parse(body, headers, LINK)
        options = asked.options
        if len(options.asked) > self._max_regions:
            raise Problem(Cause.TOO_MANY_REGIONS, f"A request may have {self._max_regions} regions.")
        with _refusals():
            picture = self._picture(asked.image)
            self._expect_few_pixels(picture, len(options.asked))
            return linker.ask(picture, options.asked, top_k=options.top_k, min_score=options.min_score)

    def sketch(self, body: bytes, headers: Headers) -> Sketch:
        """Of `POST /segment`. Raises Problem."""
        asked = bodies.parse(body, headers, SEGMENT)
        with _refusals():
            image = self._picture(asked.image).rgb
            return Sketch(image, _prompt(asked.options, image.width, image.height))

    def pair(self, body: bytes, headers: Headers, serving: Serving) -> Compared:
        """Of `POST /explain`. Raises Problem and UnknownEntity."""
        asked = bodies.parse(body, headers, EXPLAIN)
        entity = serving.linker.index.entity(asked.options.entity_id)
        with _refusals():
            pair = serving.linker.pair(self._picture(asked.image), asked.options.region, entity)
        return Compared(pair, serving.answers.entity(entity), serving.linker.model)

    def _expect_few_pixels(self, picture: Picture, regions: int) -> None:
        """A mask of a large picture is work, however few bytes its run lengths take."""
        width, height = picture.rgb.size
        if (most := max(1, self._max_mask_pixels // (width * height))) < regions:
            raise Problem(Cause.TOO_MANY_REGIONS, f"A picture of this size may have {most} regions in a request.")

    def _picture(self, file: bytes) -> Picture:
        picture, from_cache = self._pictures.read(file)
        self._metrics.pictures(from_cache=from_cache)
        return picture


def _prompt(options: SegmentOptions, width: int, height: int) -> Prompt:
    """Raises RegionError."""
    if options.point is not None:
        x, y = options.point
        if not (0 <= x < width and 0 <= y < height):
            raise RegionError(
                "outside-picture", f"The point lies outside the picture, which is {width} wide and {height} high."
            )
        return Point(int(x), int(y))
    if options.box is not None:
        left, top, right, bottom = bounds(decode_region({"box": options.box}, height=height, width=width))
        return Box(left, top, right, bottom)
    return None


@contextmanager
def _refusals() -> Iterator[None]:
    """Makes what the model's package refuses a Problem."""
    try:
        yield
    except (PictureError, RegionError) as error:
        raise from_input_error(error) from None
