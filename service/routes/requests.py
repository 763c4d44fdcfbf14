"""What the POST routes take. Strict: unknown fields, booleans for numbers, NaN are errors.

A region is checked by `wikiclip.regions.decode`, once the picture's size is known; here it only has a JSON
schema.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Final, Generic, Self, TypeVar

from pydantic import ConfigDict, Field, PlainValidator, WithJsonSchema, model_validator
from pydantic.config import JsonDict, JsonValue
from pydantic_core import PydanticCustomError, PydanticKnownError

from service.routes.strict import Strict
from service.routes.wanted_tags import TagsField
from wikiclip.segmenters import MOST_PROPOSED

FIND: Final = "find"  # in place of regions: whatever stands out
_NUMBER_LISTS = {"type": "array", "items": {"type": "array", "items": {"type": "number"}, "minItems": 6}, "minItems": 1}
_BOX = {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4}
_RLE = {
    "title": "RLE",
    "description": "A COCO run-length encoding: columns first, runs of outside and inside in turn, outside first.",
    "type": "object",
    "properties": {
        "size": {
            "type": "array",
            "items": {"type": "integer", "minimum": 1},
            "minItems": 2,
            "maxItems": 2,
            "description": "[height, width] of the upright picture.",
        },
        "counts": {
            "oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "integer", "minimum": 0}}],
            "description": "Compressed (a string) or uncompressed (run lengths).",
        },
    },
    "required": ["size", "counts"],
    "additionalProperties": False,
}


def _one_field(title: str, name: str, value: dict[str, Any], description: str) -> dict[str, Any]:
    return {
        "title": title,
        "description": description,
        "type": "object",
        "properties": {name: value},
        "required": [name],
        "additionalProperties": False,
    }


REGION_SCHEMA: dict[str, Any] = {
    "description": "What names a part of the picture, in the frame of the upright picture (EXIF orientation applied).",
    "anyOf": [
        _RLE,
        {"title": "RLEs", "description": "RLEs that are OR-ed.", "type": "array", "items": _RLE, "minItems": 1},
        _one_field("Polygon", "polygon", _NUMBER_LISTS, "Outlines [x, y, x, y, ...] that are OR-ed."),
        _one_field("Box", "box", _BOX, "[x, y, width, height]; clipped to the picture."),
        _one_field(
            "PNG",
            "png",
            {"type": "string", "contentEncoding": "base64"},
            "A PNG of the picture's size; non-zero is inside.",
        ),
        {"type": "null", "description": "The whole picture."},
    ],
}

Region = Annotated[Any, WithJsonSchema(REGION_SCHEMA)]


def _regions(value: Any) -> Any:
    # A union of pydantic's would tell each of its members' errors, at pointers that no body has.
    if value is None or value == FIND:
        return value
    if not isinstance(value, list):
        raise PydanticCustomError("regions", 'Input should be a valid list, or "find"')
    if not value:
        raise PydanticKnownError("too_short", {"field_type": "List", "min_length": 1, "actual_length": 0})
    return value


_REGIONS_SCHEMA = {
    "anyOf": [
        {"type": "array", "items": REGION_SCHEMA, "minItems": 1},
        {"const": FIND, "description": "Whatever stands out in the picture, the largest first."},
        {"type": "null"},
    ]
}
Regions = Annotated[Any, PlainValidator(_regions), WithJsonSchema(_REGIONS_SCHEMA)]


def _not_both(first: str, second: str, **also: JsonValue) -> ConfigDict:
    """Says in the JSON schema what a validator checks: that two fields are not given together, and what else."""
    given: JsonDict = {name: {"not": {"type": "null"}} for name in (first, second)}
    return ConfigDict(json_schema_extra={"not": {"properties": given, "required": [first, second]}, **also})


_WHOLE_WITH_FIND: JsonDict = {
    "anyOf": [
        {"properties": {"whole": {"const": False}}},
        {"properties": {"regions": {"const": FIND}}, "required": ["regions"]},
    ]
}


class LinkOptions(Strict):
    """What is asked about a picture."""

    model_config = _not_both("region", "regions", **_WHOLE_WITH_FIND)

    region: Annotated[Region, Field(description="One region; absent for the whole picture.")] = None
    regions: Annotated[Regions, Field(description="Several regions of one picture; or what is found in it.")] = None
    most: Annotated[
        int, Field(ge=1, le=MOST_PROPOSED, description='How many regions `"regions": "find"` finds at most.')
    ] = MOST_PROPOSED
    whole: Annotated[
        bool, Field(description='Whether `"regions": "find"` links the whole picture, too: the last result.')
    ] = False
    top_k: Annotated[int, Field(ge=1, le=100, description="Candidates for each region.")] = 10
    min_score: Annotated[float | None, Field(ge=-1, le=1, description="Leaves out candidates that score less.")] = None
    tags: TagsField = None

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if self.region is not None and self.regions is not None:
            raise PydanticCustomError("region_and_regions", "Give `region` or `regions`, not both")
        if self.whole and not self.finds:
            raise PydanticCustomError(
                "whole_without_find",
                'Give `whole` with `"regions": "find"`; among named regions null is the whole picture',
            )
        return self

    @property
    def asked(self) -> list[Any]:
        """The regions to link, in order; those that are found are not known yet."""
        regions: list[Any] = [self.region] if self.regions is None else self.regions
        return regions

    @property
    def finds(self) -> bool:
        """Whether regions are to be found."""
        return isinstance(self.regions, str)


class SegmentOptions(Strict):
    """Where the thing is whose outline is asked for; without a point and a box outlines are proposed."""

    model_config = _not_both("point", "box")

    point: Annotated[
        list[float] | None,
        Field(min_length=2, max_length=2, description="[x, y] of a place on the thing, in pixels."),
    ] = None
    box: Annotated[
        Any,
        WithJsonSchema({"anyOf": [_BOX, {"type": "null"}]}),
        Field(description="[x, y, width, height] around the thing; clipped to the picture."),
    ] = None

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if self.point is not None and self.box is not None:
            raise PydanticCustomError("point_and_box", "Give `point` or `box`, not both")
        return self


class ExplainOptions(Strict):
    """A mention and the entity it is compared with."""

    region: Annotated[Region, Field(description="One region; absent for the whole picture.")] = None
    entity_id: Annotated[str, Field(description="Of the entity, as an answer of `/link` has it.")]


class Base64Picture(Strict):
    """The picture of a JSON body."""

    image: Annotated[
        str,
        Field(
            description="The picture's file in base64: JPEG, PNG, WebP or GIF (its first frame).",
            json_schema_extra={"contentEncoding": "base64"},
        ),
    ]


class PictureFile(Strict):
    """The picture of a multipart body, whose other parts have been parsed."""

    image: bytes


class LinkRequest(LinkOptions, Base64Picture):
    """The JSON body of `POST /link`."""


class LinkForm(LinkOptions, PictureFile):
    """The parts of a multipart `POST /link`."""


class SegmentRequest(SegmentOptions, Base64Picture):
    """The JSON body of `POST /segment`."""


class SegmentForm(SegmentOptions, PictureFile):
    """The parts of a multipart `POST /segment`."""


class ExplainRequest(ExplainOptions, Base64Picture):
    """The JSON body of `POST /explain`."""


class ExplainForm(ExplainOptions, PictureFile):
    """The parts of a multipart `POST /explain`."""


Options = TypeVar("Options", bound=Strict)


@dataclass(frozen=True, slots=True)
class Shape(Generic[Options]):
    """How a route's options come: beside a picture in base64, or beside its file.

    Attributes:
        options: what both have in common; its `model_json_schema` has all but the picture.
    """

    options: type[Options]
    request: type[Base64Picture]
    form: type[PictureFile]


LINK = Shape(LinkOptions, LinkRequest, LinkForm)
SEGMENT = Shape(SegmentOptions, SegmentRequest, SegmentForm)
EXPLAIN = Shape(ExplainOptions, ExplainRequest, ExplainForm)
