"""How callers name the entities that they ask about, by tags."""

from typing import Annotated, Any

from fastapi import Query
from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from indexer.records.tag_filter import LONGEST_TAG, MOST_TAGS, TagFilter
from service.routes.strict import Strict

NAMES = ("any", "all", "none")

Tag = Annotated[str, Field(min_length=1, max_length=LONGEST_TAG)]
TagList = Annotated[list[Tag], Field(max_length=MOST_TAGS)]


class WantedTags(Strict):
    """Tags of the entities that are compared."""

    any: TagList = Field(default_factory=list)
    all: TagList = Field(default_factory=list)
    none: TagList = Field(default_factory=list)

    def filter(self) -> TagFilter | None:
        """What they come to; None where they ask nothing."""
        return TagFilter.of(self.any, self.all, self.none)


def _known_alone(value: Any) -> Any:
    """The names of other keys are the caller's, which no answer repeats."""
    if isinstance(value, dict) and not value.keys() <= set(NAMES):
        raise PydanticCustomError("unknown_tag_list", "Tags are listed under `any`, `all` and `none` alone")
    return value


def _list_schema(description: str) -> dict[str, Any]:
    tag = {"type": "string", "minLength": 1, "maxLength": LONGEST_TAG}
    return {"type": "array", "items": tag, "maxItems": MOST_TAGS, "description": description}


TagsField = Annotated[
    WantedTags | None,
    BeforeValidator(_known_alone),
    WithJsonSchema(
        {
            "anyOf": [
                {
                    "title": "Tags",
                    "type": "object",
                    "properties": {
                        "any": _list_schema("An entity has one of these, or more."),
                        "all": _list_schema("It has each of these."),
                        "none": _list_schema("It has none of these."),
                    },
                    "additionalProperties": False,
                },
                {"type": "null"},
            ]
        }
    ),
    Field(
        description="Leaves out entities whose tags are others, before anything is compared. A list that is absent or"
        " empty asks nothing; a tag that no entity has matches none."
    ),
]


async def tags_of(
    tags_any: Annotated[TagList, Query(description="Only entities that have one of these tags; may come often.")] = [],  # noqa: B006 - never changed
    tags_all: Annotated[TagList, Query(description="Only those that have each of these; may come often.")] = [],  # noqa: B006
    tags_none: Annotated[TagList, Query(description="Only those that have none of these; may come often.")] = [],  # noqa: B006
) -> TagFilter | None:
    """What the query of a GET asks, for FastAPI. A coroutine, as `dependencies` says why."""
    return TagFilter.of(tags_any, tags_all, tags_none)
