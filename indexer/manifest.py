"""What an index version says about itself, and the check that it is so."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from indexer.errors import CorruptIndex
from indexer.files import sha256

SCHEMA = 1  # counts up when the files change so that an older program could not read them
MANIFEST = "manifest.json"

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0)]
# Lower-case names of one or two parts: nothing that leads out of the version's folder.
FileName = Annotated[str, Field(pattern=r"^([a-z0-9_]+/)?[a-z0-9_]+(\.[a-z0-9]+)+$")]


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
    """How many entities, how many vectors for them, and how many records or pictures could not be read."""

    entities: Annotated[int, Field(ge=1)]
    rows: Annotated[int, Field(ge=1)]
    problems: Count


class Manifest(Strict):
    """The first file of an index version.

    Attributes:
        plan: the identity of the build plan, so that the same build need not be done twice.
        kind: how the shards search.
        dimension: the width of the vectors.
        image_root: the folder that the entities' pictures are named from.
        shards: the shard files, in the order of their rows.
        files: every file of the version but the manifest itself.
    """

    schema_version: Literal[1] = 1
    created: str = Field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="microseconds"))
    plan: str
    knowledge_base: str
    model: ModelStamp
    kind: Literal["exact"] = "exact"
    metric: Literal["inner_product"] = "inner_product"
    dimension: Annotated[int, Field(ge=1)]
    counts: Counts
    image_root: str | None
    shards: Annotated[tuple[FileName, ...], Field(min_length=1)]
    files: dict[FileName, FileStamp]


def stamp_files(folder: Path) -> dict[str, FileStamp]:
    """Size and checksum of all that a folder holds, by name."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {p.relative_to(folder).as_posix(): FileStamp(size=p.stat().st_size, sha256=sha256(p)) for p in paths}


def read_manifest(text: bytes, *, where: Path) -> Manifest:
    """Parses a manifest.

    Raises:
        CorruptIndex: it is not one, or one of another schema.
    """
    try:
        found = json.loads(text)
        if isinstance(found, dict) and found.get("schema_version") != SCHEMA:
            version = found.get("schema_version")
            raise CorruptIndex(
                f"{where} has schema {version!r} and this program reads {SCHEMA}; build the index again."
            )
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, fault["loc"]))
        raise CorruptIndex(f"{where} is not a manifest ({place}: {fault['msg']}); build the index again.") from error
    except ValueError as error:
        raise CorruptIndex(f"{where} is not a manifest ({error}); build the index again.") from error


def verify_files(folder: Path, manifest: Manifest, *, needed: Sequence[str]) -> None:
    """Compares every file with its size and checksum.

    Raises:
        CorruptIndex: a file is missing, was changed or cut off; names it.
    """
    for name in (*needed, *manifest.shards):
        if name not in manifest.files:
            raise CorruptIndex(f"{folder / MANIFEST} does not list {name}; build the index again.")
    for name, stamp in manifest.files.items():
        path = folder / name
        try:
            if path.stat().st_size != stamp.size:
                raise CorruptIndex(f"{path} is not of the size that was written; build the index again.")
            if sha256(path) != stamp.sha256:
                raise CorruptIndex(f"{path} has another content than was written; build the index again.")
        except OSError as error:
            raise CorruptIndex(f"{path} cannot be read ({error.strerror}); build the index again.") from error
