"""What an index version says about itself, and the check that it is so."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)

from indexer.compared import checksum
from indexer.errors import CorruptIndex
from wikiclip.base.files import sha256

MANIFEST_VERSION: Final = 3  # counts up when the files change so that an older program could not read them
MANIFEST = "manifest.json"

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0)]
# Lower-case names of one to three parts: nothing that leads out of the version's folder.
FileName = Annotated[str, Field(pattern=r"^([a-z0-9_]+/){0,2}[a-z0-9_]+(\.[a-z0-9]+)+$")]


class Strict(BaseModel):
    """Nothing is converted, nothing unknown let through, nothing changed afterwards."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class FileStamp(Strict):
    """Size in bytes and checksum of a file."""

    size: Count
    sha256: Sha256


class ModelStamp(Strict):
    """The checkpoint that made the vectors."""

    name: str
    fingerprint: str


class Counts(Strict):
    """How many entities, how many of the shards' that are no more, how many vectors for both, and how many records or
    pictures could not be read."""

    entities: Annotated[int, Field(ge=1)]
    deleted: Count
    rows: Annotated[int, Field(ge=1)]
    problems: Count


class ShardStamp(Strict):
    """One shard.

    Attributes:
        entities, rows: how many it holds, those that are no more with them.
        image_root: the folder that its entities' pictures are named from.
        follow_links: whether links are followed out of that folder.
    """

    folder: Annotated[str, Field(pattern=r"^shards/[0-9]{5}$")]
    entities: Annotated[int, Field(ge=1)]
    rows: Annotated[int, Field(ge=1)]
    image_root: str | None
    follow_links: bool = False

    @model_serializer(mode="wrap")
    def _as_before_there_was_a_choice(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A program that knows of no links to follow reads a shard without any, and refuses one that has them."""
        told: dict[str, Any] = write(self)
        if not self.follow_links:
            del told["follow_links"]
        return told


class Manifest(Strict):
    """The first file of an index version.

    Attributes:
        plan: the identity of the build plan, so that the same build need not be done twice.
        parent: the version that this one was updated from.
        kind: the name of the index kind, which says how the vectors are kept and searched.
        dimension: the width of the vectors.
        shards: in the order of their rows.
        files: every file of the version but the manifest itself.
    """

    schema_version: Literal[3] = MANIFEST_VERSION
    created: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="microseconds"))
    plan: str
    parent: str | None = None
    knowledge_base: str
    model: ModelStamp
    kind: str
    metric: Literal["inner_product"] = "inner_product"
    dimension: Annotated[int, Field(ge=1)]
    counts: Counts
    shards: Annotated[tuple[ShardStamp, ...], Field(min_length=1)]
    files: dict[FileName, FileStamp]

    @property
    def follows_links(self) -> bool:
        """Whether any of its pictures may be a link out of its folder."""
        return any(shard.follow_links for shard in self.shards)


def stamp_files(folder: Path, *, known: Mapping[str, FileStamp] = MappingProxyType({})) -> dict[str, FileStamp]:
    """Size and checksum of all that a folder holds, by name.

    Args:
        known: stamps of files that were linked from another version and need not be read.
    """
    paths = {p.relative_to(folder).as_posix(): p for p in sorted(folder.rglob("*")) if p.is_file()}
    return {
        name: known.get(name) or FileStamp(size=path.stat().st_size, sha256=sha256(path))
        for name, path in paths.items()
    }


def read_manifest(text: bytes, *, where: Path) -> Manifest:
    """Parses a manifest.

    Raises:
        CorruptIndex: it is not one, or one of another schema.
    """
    try:
        found = json.loads(text)
        if isinstance(found, dict) and found.get("schema_version") != MANIFEST_VERSION:
            version = found.get("schema_version")
            raise CorruptIndex(
                f"{where} has schema {version!r} and this program reads {MANIFEST_VERSION}; build the index again."
            )
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, fault["loc"]))
        raise CorruptIndex(f"{where} is not a manifest ({place}: {fault['msg']}); build the index again.") from error
    except ValueError as error:
        raise CorruptIndex(f"{where} is not a manifest ({error}); build the index again.") from error


def verify_files(folder: Path, manifest: Manifest, *, needed: Sequence[str]) -> None:
    """Compares every file with its size and checksum; one that this process compared before is not read again unless
    somebody wrote to it.

    Raises:
        CorruptIndex: a file is missing, was changed or cut off; names it.
    """
    for name in needed:
        if name not in manifest.files:
            raise CorruptIndex(f"{folder / MANIFEST} does not list {name}; build the index again.")
    for name, stamp in manifest.files.items():
        path = folder / name
        try:
            if path.stat().st_size != stamp.size:
                raise CorruptIndex(f"{path} is not of the size that was written; build the index again.")
            if checksum(path) != stamp.sha256:
                raise CorruptIndex(f"{path} has another content than was written; build the index again.")
        except OSError as error:
            raise CorruptIndex(f"{path} cannot be read ({error.strerror}); build the index again.") from error
