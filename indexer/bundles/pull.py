"""Pulls index versions and checkpoints from a remote, checks all that it says, and publishes them as they are built.

`HOME/pulling` holds what was fetched so far, so that a pull that was cut off at any moment goes on; `HOME/PULLED` keeps
the serial of the newest pointer that was seen of each remote, so that no older one is taken after it.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from indexer.bundles.errors import PullBusy, Refused
from indexer.bundles.fetching import Fetching
from indexer.bundles.remote import Remote
from indexer.bundles.signing import VerifyKey
from indexer.bundles.statement import (
    CURRENT,
    MOST_BYTES,
    CheckpointManifest,
    Statement,
    checkpoint_name,
    manifest_name,
    object_name,
    read_statement,
    sha256_of,
    statement_name,
)
from indexer.bundles.traffic import Traffic
from indexer.errors import CorruptIndex, NoIndex
from indexer.kinds import kind_of
from indexer.manifest import MANIFEST, FileStamp, Manifest, read_manifest
from indexer.version import MOST_BYTES as MOST_OF_MANIFEST
from indexer.version import (
    VERSION_ID,
    VERSIONS,
    Version,
    adopt,
    make_current,
    needed_files,
    note_pictures,
    only_builder,
    read_version,
    version_ids,
    was_pulled,
)
from wikiclip.base.errors import WikiClipError
from wikiclip.base.files import link, publish_folder, remove_folder, sha256, write_text
from wikiclip.base.locks import Held, locked
from wikiclip.base.paths import checkpoints_home
from wikiclip.checkpoint import CONFIG, WEIGHTS, fingerprint_of

PULLING, SEEN = "pulling", "PULLED"
VERSION, CHECKPOINT = "version/", "checkpoint/"  # before the names of their files, where both are fetched


@dataclass(frozen=True)
class Pulled:
    """What a pull ended with.

    Attributes:
        version: the version that is current now; None of a checkpoint alone.
        checkpoint: the folder of the checkpoint that belongs to it; None where none was pushed along.
        bytes: how many went over the line.
        changed: whether the version was another before.
    """

    version: Version | None
    checkpoint: Path | None
    bytes: int
    changed: bool = False


class Pull:
    """Pulls into one folder of index versions.

    Args:
        key: refuses what is not signed with it, before anything but the statement is fetched.
        check: is asked whether a version that is whole may become current; raises where it may not.
        pictures: the folder that pictures are named from here. The one in a manifest is another machine's, and is not
            believed: without this one, entities have no pictures.
    """

    def __init__(
        self,
        remote: Remote,
        home: Path,
        traffic: Traffic,
        *,
        key: VerifyKey | None,
        check: Callable[[Version], object] = lambda _: None,
        pictures: Path | None = None,
    ) -> None:
        self._remote = remote
        self._home = home
        self._traffic = traffic
        self._key = key
        self._check = check
        self._pictures = pictures

    def pointed_at(self) -> Statement:
        """What the remote's pointer says, if it is to be believed.

        Raises:
            Refused: it is not signed as it should be, or older than one that was seen.
            WikiClipError: there is none, or the remote fails.
        """
        content = self._remote.read(CURRENT, most=MOST_BYTES)
        statement = read_statement(content, "pointer", key=self._key, where=f"{CURRENT} of {self._remote.uri}")
        if self._key is not None and statement.serial < (newest := self._seen().get(self._remote.uri, 0)):
            raise Refused(
                f"{CURRENT} of {self._remote.uri} is older (serial {statement.serial}) than one that was seen"
                f" ({newest}): somebody put it back. To go back to an older version, push that version."
            )
        return statement

    def version(self, name: str | None = None, *, with_checkpoint: bool = True) -> Pulled:
        """Pulls a version, that of the pointer if none is named, and makes it current.

        Raises:
            Refused: what the remote holds is not what was promised or signed.
            PullBusy: another process pulls into this folder.
            IndexBusy: another process builds into it.
            WikiClipError: the remote or the disk fails.
        """
        with self._alone():
            if name is None:
                statement = self.pointed_at()
                self._note(statement)
            else:
                statement = self._stated(name)
            text, manifest = self._manifest(statement)
            model = self._checkpoint_manifest(statement) if with_checkpoint else None
            folder = None if model is None else _checkpoint_folder(statement.checkpoint)
            wanted: dict[str, FileStamp] = {}
            if model is not None and folder is not None and not _holds(folder, model):
                wanted |= {f"{CHECKPOINT}{each}": stamp for each, stamp in model.files.items()}
            is_here = self._is_here(_id(statement), text)
            if not is_here:
                wanted |= {f"{VERSION}{each}": stamp for each, stamp in manifest.files.items()}
            fetching = Fetching(self._remote, self._objects, self._near(), self._traffic)
            found = fetching.fetch(wanted)
            if folder is not None and (files := _below(CHECKPOINT, found)):
                place_checkpoint(files, folder)
            changed = self._publish(_id(statement), text, manifest, None if is_here else _below(VERSION, found))
            remove_folder(self._objects)
            return Pulled(read_version(self._home, _id(statement)), folder, fetching.bytes, changed)

    def checkpoint(self, fingerprint: str) -> Pulled:
        """Pulls a checkpoint alone. Raises as `version` does."""
        with self._alone():
            name = checkpoint_name(fingerprint)
            where = f"{name} of {self._remote.uri}"
            content = self._remote.read(name, most=MOST_BYTES)
            statement = read_statement(content, "checkpoint", key=self._key, where=where)
            model, folder = self._checkpoint_manifest(statement), _checkpoint_folder(statement.checkpoint)
            if statement.checkpoint != fingerprint or model is None or folder is None:
                raise Refused(f"{where} is the statement of another checkpoint; push it again.")
            fetching = Fetching(self._remote, self._objects, {}, self._traffic)
            if not _holds(folder, model):
                place_checkpoint(fetching.fetch({str(name): stamp for name, stamp in model.files.items()}), folder)
            remove_folder(self._objects)
            return Pulled(None, folder, fetching.bytes)

    @property
    def _objects(self) -> Path:
        return self._home / PULLING / "objects"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        (self._home / PULLING).mkdir(parents=True, exist_ok=True)
        try:
            with locked(self._home / PULLING / "LOCK", wait=False):
                yield
        except Held as error:
            raise PullBusy(f"Another process pulls into {self._home}; wait for it, or name another --out.") from error

    def _stated(self, version: str) -> Statement:
        if not VERSION_ID.fullmatch(version):
            raise NoIndex(f"{version[:60]!r} is no version's id.")
        name = statement_name(version)
        where = f"{name} of {self._remote.uri}"
        statement = read_statement(self._remote.read(name, most=MOST_BYTES), "version", key=self._key, where=where)
        if statement.version != version:
            raise Refused(f"{where} is the statement of another version; push it again.")
        return statement

    def _manifest(self, statement: Statement) -> tuple[bytes, Manifest]:
        """The version's manifest, which is no other than was stated and names nothing but files of a version."""
        version = _id(statement)
        name = manifest_name(version)
        where = Path(f"{name} of {self._remote.uri}")
        text = self._remote.read(name, most=MOST_OF_MANIFEST)
        digest = sha256_of(text)
        if digest != statement.manifest_sha256 or digest[:16] != version.partition("-")[2]:
            raise Refused(f"{where} has another content than was stated; push --again.")
        manifest = read_manifest(text, where=where)
        kind_of(manifest.kind)
        if MANIFEST in manifest.files:
            raise Refused(f"{where} lists itself; build the version again.")
        if missing := [each for each in needed_files(manifest) if each not in manifest.files]:
            raise Refused(f"{where} lists no {missing[0]}; build the version again.")
        if statement.checkpoint not in (None, manifest.model.fingerprint):
            raise Refused(f"{where} was made with another checkpoint than was stated; push it again.")
        return text, manifest

    def _checkpoint_manifest(self, statement: Statement) -> CheckpointManifest | None:
        if statement.checkpoint_sha256 is None:
            return None
        name = object_name(statement.checkpoint_sha256)
        text = self._remote.read(name, most=MOST_BYTES)
        if sha256_of(text) != statement.checkpoint_sha256:
            raise Refused(f"{name} of {self._remote.uri} has another content than its name promises; push --again.")
        try:
            manifest = CheckpointManifest.model_validate_json(text)
        except ValidationError as error:
            raise Refused(f"{name} of {self._remote.uri} is no manifest of a checkpoint; push it again.") from error
        if manifest.files.keys() != {CONFIG, WEIGHTS}:
            raise Refused(f"{name} of {self._remote.uri} does not list the files of a checkpoint; push it again.")
        return manifest

    def _is_here(self, name: str, text: bytes) -> bool:
        """Whether the version lies here, whole and with this manifest."""
        with suppress(NoIndex, CorruptIndex):
            version = read_version(self._home, name)
            version.verify()
            return (version.folder / MANIFEST).read_bytes() == text
        return False

    def _current(self) -> Version | None:
        with suppress(NoIndex, CorruptIndex):
            return read_version(self._home)
        return None

    def _near(self) -> Mapping[str, Path]:
        """Files of versions that lie here, by their checksums: an update shares most of its files with its base."""
        near: dict[str, Path] = {}
        for name in version_ids(self._home):
            with suppress(CorruptIndex, NoIndex):
                version = read_version(self._home, name)
                near |= {stamp.sha256: version.folder / file for file, stamp in version.manifest.files.items()}
        return near

    def _publish(self, name: str, text: bytes, manifest: Manifest, files: Mapping[str, Path] | None) -> bool:
        """Makes a version current, out of these files or one that is here; returns whether another was before."""
        before = self._current()
        with only_builder(self._home):
            if files is None:
                here = read_version(self._home, name)
                self._check(here)
                note_pictures(here.folder, self._pictures, anew=False)
                make_current(here, self._home)
            else:
                filled = self._home / PULLING / "version"
                remove_folder(filled)
                for each, path in files.items():
                    link(path, filled / each)
                self._check(Version(name, filled, manifest))
                note_pictures(filled, self._pictures)
                remove_folder(self._home / VERSIONS / name)  # one that is damaged
                adopt(filled, name, text, self._home)
        return before is None or before.id != name

    def _seen(self) -> dict[str, int]:
        try:
            seen = json.loads((self._home / SEEN).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise WikiClipError(f"{self._home / SEEN} cannot be read ({error}); remove it to start anew.") from error
        return {uri: serial for uri, serial in seen.items() if isinstance(serial, int)}

    def _note(self, statement: Statement) -> None:
        seen = self._seen() if self._key is not None else {}
        if self._key is not None and seen.get(self._remote.uri) != statement.serial:
            write_text(self._home / SEEN, json.dumps({**seen, self._remote.uri: statement.serial}, indent=2) + "\n")


def prune_pulled(home: Path, *, keep: int, answering: str | None = None) -> None:
    """Removes versions that were pulled, but the current one, the newest `keep` others, and one that answers: the
    process that opens it anew shall find it. What was made here stays.

    Raises:
        IndexBusy: another process builds into the folder.
    """
    with only_builder(home):
        current = read_version(home).id
        pulled = [name for name in version_ids(home) if name != current and was_pulled(home / VERSIONS / name)]
        for name in pulled[keep:]:
            if name != answering:
                remove_folder(home / VERSIONS / name)


def place_checkpoint(files: Mapping[str, Path], folder: Path) -> None:
    """Publishes a checkpoint that was fetched, in the folder of its fingerprint. One that is there gets the new note on
    how it was made and what its scores mean, beside the same weights.

    Raises:
        Refused: the files are those of another checkpoint.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.with_name(f"{folder.name}.lock")), _filled(files, folder) as fresh:
        if _is_whole(folder):
            write_text(folder / CONFIG, (fresh / CONFIG).read_text(encoding="utf-8"))
            return
        remove_folder(folder)
        publish_folder(fresh, folder)


@contextmanager
def _filled(files: Mapping[str, Path], folder: Path) -> Iterator[Path]:
    """A folder beside `folder` with the files of the checkpoint that it is named after."""
    fresh = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        for name, path in files.items():
            link(path, fresh / name)
        if fingerprint_of(fresh) != folder.name:
            raise Refused(f"The checkpoint {folder.name} is another than its name says; push it again.")
        yield fresh
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _id(statement: Statement) -> str:
    """The version that a pointer or a version's statement names: none is read that names none."""
    assert statement.version is not None
    return statement.version


def _checkpoint_folder(fingerprint: str | None) -> Path | None:
    return None if fingerprint is None else checkpoints_home() / fingerprint


def _is_whole(folder: Path) -> bool:
    with suppress(WikiClipError):
        return fingerprint_of(folder) == folder.name
    return False


def _holds(folder: Path, manifest: CheckpointManifest) -> bool:
    """Whether the checkpoint lies here as the manifest has it."""
    return _is_whole(folder) and sha256(folder / CONFIG) == manifest.files["config.json"].sha256


def _below(prefix: str, found: Mapping[str, Path]) -> dict[str, Path]:
    return {name.removeprefix(prefix): path for name, path in found.items() if name.startswith(prefix)}
