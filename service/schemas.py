"""What `POST /link` takes and what the service answers. Strict: unknown fields, booleans for numbers, NaN are errors.

A region is checked by `wikiclip.masks.decode_region`, once the picture's size is known; here it only has a JSON schema.
"""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

_NUMBER_LISTS = {"type": "array", "items": {"type": "array", "items": {"type": "number"}, "minItems": 6}, "minItems": 1}
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
        _one_field(
            "Box",
            "box",
            {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4},
            "[x, y, width, height]; clipped to the picture.",
        ),
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


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


# That `region` and `regions` are not given together, as the validator of LinkOptions has it.
ONE_OF_TWO: dict[str, Any] = {
    "not": {
        "properties": {name: {"not": {"type": "null"}} for name in ("region", "regions")},
        "required": ["region", "regions"],
    }
}


class LinkOptions(_Strict):
    """What is asked about a picture."""

    model_config = ConfigDict(json_schema_extra=ONE_OF_TWO)

    region: Annotated[Region, Field(description="One region; absent for the whole picture.")] = None
    regions: Annotated[list[Region] | None, Field(min_length=1, description="Several regions of one picture.")] = None
    top_k: Annotated[int, Field(ge=1, le=100, description="Candidates for each region.")] = 10
    min_score: Annotated[float | None, Field(ge=-1, le=1, description="Leaves out candidates that score less.")] = None

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if self.region is not None and self.regions is not None:
            raise PydanticCustomError("region_and_regions", "Give `region` or `regions`, not both")
        return self

    @property
    def asked(self) -> list[Any]:
        """The regions to link, in order."""
        return [self.region] if self.regions is None else self.regions


class LinkRequest(LinkOptions):
    """The JSON body of `POST /link`."""

    image: Annotated[
        str,
        Field(
            description="The picture's file in base64: JPEG, PNG, WebP or GIF (its first frame).",
            json_schema_extra={"contentEncoding": "base64"},
        ),
    ]


class LinkForm(LinkOptions):
    """The parts of a multipart `POST /link`, once those that are JSON have been parsed."""

    image: bytes


class CandidateOut(BaseModel):
    rank: int
    entity_id: str
    title: str
    text: Annotated[str, Field(description="The beginning of the entity's description.")]
    score: Annotated[float, Field(description="Cosine of mention and entity.")]
    url: str | None
    image: Annotated[str | None, Field(description="Where this server serves the entity's picture.")]
    attribution: str | None


class ResultOut(BaseModel):
    confidence: Annotated[
        float | None,
        Field(
            description="How likely the first candidate is right, 0 to 1, told from the scores of the best ten;"
            " `min_score` does not change it. Null where the checkpoint was not calibrated."
        ),
    ]
    candidates: Annotated[list[CandidateOut], Field(description="Best first.")]


class Timings(BaseModel):
    """Milliseconds. What was done for several requests at once counts in full for each."""

    decode: Annotated[float, Field(description="Body, picture and regions to encoder inputs.")]
    wait: Annotated[float, Field(description="Waiting for the decoder and the encoder.")]
    encode: Annotated[float, Field(description="Encoder inputs to mention vectors.")]
    search: Annotated[float, Field(description="Mention vectors to candidates.")]
    total: Annotated[float, Field(description="From the last byte of the request to the answer.")]


class LinkResponse(BaseModel):
    results: Annotated[list[ResultOut], Field(description="One for each region, in their order.")]
    model: str
    index_version: str
    timings_ms: Timings


class EntityOut(BaseModel):
    entity_id: str
    title: str
    text: str
    url: str | None
    images: Annotated[list[str], Field(description="Where this server serves the entity's pictures.")]
    attribution: str | None


class Health(BaseModel):
    status: str


class RefusedOut(BaseModel):
    """A version that is published and not served; the one before it goes on answering."""

    index_version: Annotated[str | None, Field(description="Its id; null where the index's folder cannot be read.")]


class RefusedWhyOut(RefusedOut):
    """The same for an admin: the reason may name files."""

    why: str


class Reloaded(BaseModel):
    index_version: Annotated[str, Field(description="The one that answers.")]
    refused: RefusedWhyOut | None


class Readiness(BaseModel):
    status: str
    model: str
    fingerprint: Annotated[str, Field(description="sha256 over the model's configuration and weights.")]
    index_version: str
    entities: int
    search: Annotated[str, Field(description="On what the index is searched, and why there.")]
    refused: RefusedOut | None


class FieldError(BaseModel):
    pointer: Annotated[str, Field(description="JSON pointer into the request's body.")]
    detail: str


class ProblemOut(BaseModel):
    """A problem document (RFC 9457)."""

    model_config = ConfigDict(title="Problem")

    type: Annotated[str, Field(description="Stable; tells the cause.")]
    title: str
    status: int
    detail: str
    errors: list[FieldError] | None = None
