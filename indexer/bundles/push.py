"""Pushes index versions and checkpoints: the files that the remote lacks, then what names them, the pointer last."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from indexer.bundles.errors import NotThere, Refused
from indexer.bundles.remote import Remote
from indexer.bundles.signing import SigningKey
from indexer.bundles.statement import (
    CURRENT,
    MOST_BYTES,
    CheckpointManifest,
    Kind,
    Statement,
    checkpoint_name,
    is_signed,
    manifest_name,
    next_serial,
    object_name,
    read_statement,
    sha256_of,
    statement_name,
    written,
)
from indexer.bundles.traffic import Traffic
from indexer.manifest import MANIFEST, FileStamp
from indexer.records.table import EntityTable
from indexer.version import Version
from wikiclip.base.errors import WikiClipError
from wikiclip.base.files import sha256
from wikiclip.checkpoint import CONFIG, WEIGHTS, checkpoint_folder, fingerprint_of


@dataclass
class Pushed:
    """What went over the line: files and their bytes, and small files that name them."""

    files: int = 0
    bytes: int = 0
    names: int = 0


class Push:
    """One push.

    Args:
        key: signs what names files; nothing is signed without one.
        again: sends also files that the remote has, in place of damaged ones.
        unsigned: puts a pointer without a signature in the place of one with, too.
    """

    def __init__(
        self,
        remote: Remote,
        traffic: Traffic,
        *,
        key: SigningKey | None,
        again: bool = False,
        unsigned: bool = False,
    ) -> None:
        self._remote = remote
        self._traffic = traffic
        self._key = key
        self._again = again
        self._unsigned = unsigned
        self.pushed = Pushed()

    def version(self, version: Version, checkpoint: Path | None, *, current: bool) -> None:
        """Pushes a version, which is compared with its checksums first, and the checkpoint that made it.

        Args:
            checkpoint: its folder; None pushes the version alone.
            current: whether the pointer shall name it.

        Raises:
            CorruptIndex: a file is not what the manifest says.
            WrongModel: the checkpoint is another than made the version.
            WikiClipError: the remote fails, or its pointer is signed and this one would not be.
        """
        if current:
            self._expect_no_signed_pointer()
        version.verify()
        files = {stamp.sha256: (version.folder / name, stamp) for name, stamp in version.manifest.files.items()}
        belongs: dict[str, object] = {}
        if checkpoint is not None:
            version.expect_model(fingerprint_of(checkpoint))
            belongs = self._checkpoint(checkpoint, files)
        manifest = (version.folder / MANIFEST).read_bytes()
        self._send(files)
        self._name(manifest_name(version.id), manifest)
        said = {"version": version.id, "manifest_sha256": sha256_of(manifest), **belongs}
        if belongs:
            self._state(checkpoint_name(version.manifest.model.fingerprint), "checkpoint", belongs)
        self._state(statement_name(version.id), "version", said)
        if current:
            self._state(CURRENT, "pointer", said)

    def checkpoint(self, folder: Path) -> str:
        """Pushes a checkpoint alone; returns its fingerprint. Raises WikiClipError."""
        files: dict[str, tuple[Path, FileStamp]] = {}
        belongs = self._checkpoint(folder, files)
        self._send(files)
        fingerprint = str(belongs["checkpoint"])
        self._state(checkpoint_name(fingerprint), "checkpoint", belongs)
        return fingerprint

    def _expect_no_signed_pointer(self) -> None:
        """Whoever checks signatures takes no pointer without, and would stay where it is with no word here."""
        if self._key is not None or self._unsigned:
            return
        with suppress(NotThere):
            if is_signed(self._remote.read(CURRENT, most=MOST_BYTES)):
                raise WikiClipError(
                    f"{CURRENT} of {self._remote.uri} is signed: sign this push, too (--sign-key), or services that"
                    " check signatures will not follow it; --unsigned pushes all the same."
                )

    def _checkpoint(self, folder: Path, files: dict[str, tuple[Path, FileStamp]]) -> dict[str, object]:
        """Adds a checkpoint's files to those that are to be sent, and sends its manifest; returns what a statement
        says of it."""
        fingerprint = fingerprint_of(folder)
        stamps = {name: _stamp(folder / name) for name in (CONFIG, WEIGHTS)}
        files |= {stamp.sha256: (folder / name, stamp) for name, stamp in stamps.items()}
        manifest = CheckpointManifest.model_validate({"files": stamps}).model_dump_json().encode()
        digest = sha256_of(manifest)
        self._name(object_name(digest), manifest)
        return {"checkpoint": fingerprint, "checkpoint_sha256": digest}

    def _send(self, files: Mapping[str, tuple[Path, FileStamp]]) -> None:
        self._traffic.expect(sum(stamp.size for _, stamp in files.values()))
        sent = self._traffic.all(lambda one: self._one(*one), files.values())
        self.pushed.files += sum(each is not None for each in sent)
        self.pushed.bytes += sum(each or 0 for each in sent)

    def _one(self, path: Path, stamp: FileStamp) -> int | None:
        """Sends a file where the remote lacks it; returns its bytes if it was sent."""
        name = object_name(stamp.sha256)
        if not self._again and self._remote.size(name) == stamp.size:
            self._traffic.watch(stamp.size)
            self._traffic.pause(0)
            return None
        self._remote.put_file(name, path, self._traffic.moved)
        return stamp.size

    def _name(self, name: str, content: bytes) -> None:
        """Writes a small file, unless it is there."""
        with suppress(NotThere):
            if self._remote.read(name, most=len(content)) == content:
                return
        self._remote.put(name, content)
        self.pushed.names += 1

    def _state(self, name: str, kind: Kind, said: Mapping[str, object]) -> None:
        """Writes a statement, unless the remote says the same, with a signature of the same key."""
        before = self._stated(name, kind)
        serial = next_serial(0 if before is None else before.serial) if kind == "pointer" else 0
        statement = Statement.model_validate({"kind": kind, "serial": serial, **said})
        if before is None or not statement.says_the_same(before):
            self._remote.put(name, written(statement, self._key))
            self.pushed.names += 1

    def _stated(self, name: str, kind: Kind) -> Statement | None:
        """What the remote says, if it can be believed: a serial of somebody else's would be the last one."""
        public = None if self._key is None else self._key.public
        with suppress(NotThere, Refused):
            return read_statement(self._remote.read(name, most=MOST_BYTES), kind, key=public, where=name)
        return None


def checkpoint_of(version: Version, named: str | None) -> Path:
    """The folder of the checkpoint that made a version: the named one, or the one of its name or fingerprint here.

    Raises:
        WikiClipError: none of these is here.
    """
    if named is not None:
        return checkpoint_folder(named)
    model = version.manifest.model
    for source in (model.fingerprint, model.name):
        with suppress(WikiClipError):
            folder = checkpoint_folder(source)
            if fingerprint_of(folder) == model.fingerprint:
                return folder
    raise WikiClipError(
        f"The checkpoint {model.name} ({model.fingerprint}) that made {version.id} is not here: name its folder with"
        " --model, or push the version alone with --no-model."
    )


def pictures_left(version: Version) -> dict[str, int]:
    """How many entities of a version name pictures, by the folder that these stay in. Raises CorruptIndex."""
    found: dict[str, int] = {}
    deleted, first = version.deleted(), 0
    for stamp, shard in zip(version.manifest.shards, version.shards, strict=True):
        if stamp.image_root is not None:
            pictured_E = EntityTable(shard).pictured()
            pictured_E[deleted[(deleted >= first) & (deleted < first + stamp.entities)] - np.uint32(first)] = False
            if count := int(pictured_E.sum()):
                found[stamp.image_root] = found.get(stamp.image_root, 0) + count
        first += stamp.entities
    return found


def _stamp(path: Path) -> FileStamp:
    try:
        return FileStamp(size=path.stat().st_size, sha256=sha256(path))
    except OSError as error:
        raise WikiClipError(f"{path} cannot be read: {error.strerror}.") from error
