"""What a remote states of a version, of a checkpoint, or of which version is current: a line, and its signature."""

import hashlib
import time
from datetime import UTC, datetime
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from indexer.bundles.errors import Refused
from indexer.bundles.signing import SigningKey, VerifyKey
from indexer.manifest import FileStamp, Sha256, Strict
from wikiclip.base.errors import first_line

MOST_BYTES = 2**14  # of a statement with its signature
CURRENT = "CURRENT"

Kind = Literal["pointer", "version", "checkpoint"]
VersionId = Annotated[str, Field(pattern=r"^[0-9]{8}t[0-9]{12}-[0-9a-f]{16}$")]


class CheckpointManifest(Strict):
    """The files of a checkpoint, by name: an object of the remote as any other."""

    schema_version: Literal[1] = 1
    files: dict[Literal["config.json", "model.safetensors"], FileStamp]


class Statement(Strict):
    """What is signed.

    Attributes:
        kind: what it is about, so that none can be taken for another.
        version, manifest_sha256: the version's id, and the checksum of its whole manifest.
        checkpoint, checkpoint_sha256: the fingerprint of the checkpoint that belongs to it, and the checksum of that
            one's manifest; None where none was pushed along.
        serial: grows with every pointer that is signed; 0 of others.
        stated: when, for people.
    """

    schema_version: Literal[1] = 1
    kind: Kind
    version: VersionId | None = None
    manifest_sha256: Sha256 | None = None
    checkpoint: Sha256 | None = None
    checkpoint_sha256: Sha256 | None = None
    serial: Annotated[int, Field(ge=0, lt=2**63)] = 0
    stated: Annotated[str, Field(max_length=40)] = Field(
        default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds")
    )

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        pairs = ((self.version, self.manifest_sha256), (self.checkpoint, self.checkpoint_sha256))
        if any((one is None) != (other is None) for one, other in pairs):
            raise ValueError("what is named needs a checksum")
        if (self.checkpoint if self.kind == "checkpoint" else self.version) is None:
            raise ValueError("it names nothing")
        return self

    def says_the_same(self, other: "Statement") -> bool:
        """Whether the two differ in nothing but in when they were made."""
        return self.model_copy(update={"serial": other.serial, "stated": other.stated}) == other


def written(statement: Statement, key: SigningKey | None) -> bytes:
    """A statement as the remote keeps it."""
    line = statement.model_dump_json().encode()
    return line + b"\n" if key is None else b"%s\n%s\n" % (line, key.sign(line))


def read_statement(content: bytes, kind: Kind, *, key: VerifyKey | None, where: str) -> Statement:
    """Parses a statement and, where a key is given, looks at its signature first.

    Raises:
        Refused: it is not signed with that key, or is no statement of this kind.
    """
    line, _, rest = content.partition(b"\n")
    if key is not None:
        key.expect_signed(line, rest.strip(), where=where)
    try:
        statement = Statement.model_validate_json(line)
    except ValidationError as error:
        raise Refused(f"{where} is no statement of this program ({first_line(error)}); push it again.") from error
    if statement.kind != kind:
        raise Refused(f"{where} is the statement of a {statement.kind}, where that of a {kind} belongs; push it again.")
    return statement


def is_signed(content: bytes) -> bool:
    """Whether a statement bears a signature, whosesoever."""
    return bool(content.partition(b"\n")[2].strip())


def next_serial(before: int) -> int:
    """A serial above the one before. It follows the clock, so that it grows although the one before was removed."""
    return max(before + 1, time.time_ns() // 1_000)


def object_name(sha256: str) -> str:
    """Where the remote keeps a file of this checksum."""
    return f"objects/sha256/{sha256[:2]}/{sha256}"


def manifest_name(version: str) -> str:
    """Where the remote keeps the manifest of a version."""
    return f"versions/{version}/manifest.json"


def statement_name(version: str) -> str:
    """Where the remote keeps the statement of a version."""
    return f"versions/{version}/statement"


def checkpoint_name(fingerprint: str) -> str:
    """Where the remote keeps the statement of a checkpoint."""
    return f"checkpoints/{fingerprint}"


def sha256_of(content: bytes) -> str:
    """The checksum of what is in memory."""
    return hashlib.sha256(content).hexdigest()
