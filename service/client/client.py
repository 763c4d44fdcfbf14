"""What a client can ask of the service, a method for each route."""

from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import quote

from service.client.connection import Connection
from service.client.values import Picture, TagLists, file_of, json_of, region_of, tag_lists
from service.schemas import (
    EntitiesResponse,
    EntityOut,
    ExplainResponse,
    FeedbackResponse,
    FoundResponse,
    JobOut,
    JobsResponse,
    LinkResponse,
    NeighboursResponse,
    SegmentResponse,
    TagsResponse,
)

URL = "http://127.0.0.1:8000"
ATTEMPTS = 6


class LinkClient:
    """Asks a service, over connections that are kept. Safe on any thread; close it, or use it in a `with`.

    A service that is busy is asked again, after as long as it says, a few times. A picture is a path, a file's bytes,
    an open file or a picture of Pillow. A region is an RLE, `{"polygon": ...}`, `{"box": [x, y, width, height]}`,
    `{"png": ...}` or a mask [height, width] of NumPy, and None for the whole. Numbers may be NumPy's, and counts bytes.

    Args:
        url: where the service is.
        key: an API key, where it asks for one; the environment's WIKICLIP_KEY if left out.
        timeout_s: how long one answer may take.
        attempts: how often a busy service is asked.

    Every method raises:
        LinkError: the service refused, failed or cannot be reached, or what was handed over cannot be sent.
        OSError: the picture's file cannot be read.
    """

    def __init__(
        self, url: str = URL, *, key: str | None = None, timeout_s: float = 60.0, attempts: int = ATTEMPTS
    ) -> None:
        self._service = Connection(url, key=key, timeout_s=timeout_s, attempts=attempts)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes its connections."""
        self._service.close()

    def link(
        self,
        image: Picture,
        region: object = None,
        *,
        regions: Sequence[object] | Literal["find"] | None = None,
        most: int | None = None,
        whole: bool | None = None,
        top_k: int = 10,
        min_score: float | None = None,
        tags: TagLists | None = None,
    ) -> LinkResponse:
        """Asks which entities regions of a picture show.

        Args:
            regions: several of them, in place of `region`; one result each, in order. "find" for whatever stands out:
                each result has its region.
            most: how many to find.
            whole: whether the whole picture is linked beside what is found: the last result, without a region.
            top_k: candidates for each region.
            min_score: leaves out candidates that score less.
            tags: which entities are compared at all: `{"any": [...], "all": [...], "none": [...]}`, or some of these.
        """
        several = regions if regions is None or isinstance(regions, str) else [region_of(one) for one in regions]
        parts = _parts(
            image,
            region=region_of(region),
            regions=several,
            most=most,
            whole=whole,
            top_k=top_k,
            min_score=min_score,
            tags=tag_lists(tags),
        )
        return self._service.ask(LinkResponse, "POST", "/link", files=parts)

    def segment(
        self,
        image: Picture,
        *,
        point: Sequence[float] | None = None,
        box: Sequence[float] | None = None,
    ) -> SegmentResponse:
        """Asks for the outline of a thing, as an RLE that `link` takes; for proposals without a point and a box.

        Args:
            point: [x, y] of a place on the thing.
            box: [x, y, width, height] around it.
        """
        parts = _parts(image, point=None if point is None else list(point), box=None if box is None else list(box))
        return self._service.ask(SegmentResponse, "POST", "/segment", files=parts)

    def explain(self, image: Picture, entity_id: str, region: object = None) -> ExplainResponse:
        """Asks what made the score of a region with an entity."""
        parts = _parts(image, entity_id=entity_id, region=region_of(region))
        return self._service.ask(ExplainResponse, "POST", "/explain", files=parts)

    def entity(self, entity_id: str) -> EntityOut:
        """An entity's whole record."""
        return self._service.ask(EntityOut, "GET", _path(entity_id))

    def entities(
        self,
        title: str = "",
        *,
        limit: int = 20,
        after: str | None = None,
        pictured: bool | None = None,
        tags: TagLists | None = None,
    ) -> EntitiesResponse:
        """The first entities, in the order of titles, whose title begins so; case and accents do not count.

        Args:
            after: what an answer told as `next`, for those that follow.
            pictured: only those with a picture, or only those without.
            tags: only those whose tags are such, as `link` has it.
        """
        given = {"title": title, "limit": limit, "after": after, "pictured": pictured}
        params: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        params |= {f"tags_{name}": several for name, several in (tag_lists(tags) or {}).items()}
        return self._service.ask(EntitiesResponse, "GET", "/entities", params=params)

    def find(
        self, words: str, *, limit: int = 20, after: str | None = None, pictured: bool | None = None
    ) -> FoundResponse:
        """The entities that hold these words in title, other names or text, best first. The last word may go on.

        Args:
            after: what an answer told as `next`, for those that follow.
            pictured: only those with a picture, or only those without.
        """
        given = {"q": words, "limit": limit, "after": after, "pictured": pictured}
        params = {name: value for name, value in given.items() if value is not None}
        return self._service.ask(FoundResponse, "GET", "/entities", params=params)

    def tags(self, *, order: str = "count", limit: int = 100, after: str | None = None) -> TagsResponse:
        """The tags that entities have, with how many have each.

        Args:
            order: "count" for the most frequent first, or "tag".
            after: what an answer told as `next`, for those that follow.
        """
        params = {"order": order, "limit": limit} | ({} if after is None else {"after": after})
        return self._service.ask(TagsResponse, "GET", "/tags", params=params)

    def put_entity(
        self, entity_id: str, record: Mapping[str, Any], *, images: Sequence[Picture] | None = None
    ) -> JobOut:
        """Puts a record, with an admin's key; `job` tells what became of it.

        Args:
            record: `title`, `text` and the other fields of a record. Its pictures stay where it has no `images` and
                none are sent.
            images: pictures to send; those that `images` of the record names come before them.
        """
        parts: list[tuple[str, Any]] = [("record", (None, json_of(dict(record), "record"), "application/json"))]
        parts += [("image", ("image", file_of(image), "application/octet-stream")) for image in images or ()]
        return self._service.ask(JobOut, "PUT", _path(entity_id), files=parts)

    def put_entities(self, records: Iterable[Mapping[str, Any]]) -> JobOut:
        """Puts up to 10,000 records, each with its `entity_id`, with an admin's key."""
        lines = "".join(f"{json_of(dict(record), 'a record')}\n" for record in records)
        head = {"Content-Type": "application/x-ndjson"}
        return self._service.ask(JobOut, "POST", "/entities", content=lines.encode(), headers=head)

    def delete_entity(self, entity_id: str) -> JobOut:
        """Removes a record, with an admin's key."""
        return self._service.ask(JobOut, "DELETE", _path(entity_id))

    def job(self, job_id: str) -> JobOut:
        """What became of a change, with an admin's key."""
        return self._service.ask(JobOut, "GET", f"/jobs/{quote(job_id, safe='')}")

    def jobs(self, *, limit: int = 20, before: str | None = None) -> JobsResponse:
        """The last changes, with an admin's key.

        Args:
            before: what an answer told as `next`, for older ones.
        """
        params = {"limit": limit, **({} if before is None else {"before": before})}
        return self._service.ask(JobsResponse, "GET", "/jobs", params=params)

    def feedback(
        self, image: Picture, entity_id: str, region: object = None, *, answered: str | None = None
    ) -> FeedbackResponse:
        """Says which entity a region shows, where the service keeps that.

        Args:
            answered: the id that came first in the service's answer.
        """
        parts = _parts(image, entity_id=entity_id, region=region_of(region), answered=answered)
        return self._service.ask(FeedbackResponse, "POST", "/feedback", files=parts)

    def neighbours(self, entity_id: str, *, top_k: int = 10) -> NeighboursResponse:
        """The entities nearest to one in the index, itself left out."""
        return self._service.ask(NeighboursResponse, "GET", f"{_path(entity_id)}/neighbours", params={"top_k": top_k})


def _parts(image: Picture, **fields: object) -> dict[str, Any]:
    """A picture and what is asked about it, less what is None, as parts of a form: words plain, all else as JSON."""
    given = {name: value for name, value in fields.items() if value is not None}
    parts: dict[str, Any] = {
        name: (None, value) if isinstance(value, str) else (None, json_of(value, name), "application/json")
        for name, value in given.items()
    }
    return parts | {"image": ("image", file_of(image), "application/octet-stream")}


def _path(entity_id: str) -> str:
    return f"/entities/{quote(entity_id, safe='')}"
