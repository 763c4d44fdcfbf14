"""Versions of made-up files: a bundle carries files, whatever they hold."""

from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path

import pytest

from indexer.bundles.pull import Pull, Pulled
from indexer.bundles.push import Push, Pushed
from indexer.bundles.remote import Remote
from indexer.bundles.signing import SigningKey, VerifyKey, make_keys
from indexer.bundles.traffic import Traffic
from indexer.manifest import Counts, Manifest, ModelStamp, ShardStamp, stamp_files
from indexer.version import Version, needed_files, publish
from wikiclip.checkpoint import checkpoint_folder, fingerprint_of

TINY = fingerprint_of(checkpoint_folder("tiny"))


def made(
    home: Path, files: Mapping[str, bytes], *, image_root: str | None = None, follow_links: bool = False
) -> Version:
    """Publishes a version with these files, and those that every version has."""
    shard = ShardStamp(folder="shards/00000", entities=1, rows=1, image_root=image_root, follow_links=follow_links)
    manifest = Manifest(
        plan="p",
        knowledge_base="test",
        model=ModelStamp(name="tiny", fingerprint=TINY),
        kind="exact-fp16",
        dimension=1,
        counts=Counts(entities=1, deleted=0, rows=1, problems=0),
        shards=(shard,),
        files={},
    )
    filled = home / "filled"
    for name, content in {**dict.fromkeys(needed_files(manifest), b""), **files}.items():
        (filled / name).parent.mkdir(parents=True, exist_ok=True)
        (filled / name).write_bytes(content)
    return publish(filled, manifest.model_copy(update={"files": stamp_files(filled)}), home)


def held(version: Version) -> dict[str, bytes]:
    """What a version's folder holds, beside the note of its pictures."""
    paths = (path for path in version.folder.rglob("*") if path.is_file() and path.name != "PICTURES")
    return {path.relative_to(version.folder).as_posix(): path.read_bytes() for path in paths}


def push(
    uri: object,
    version: Version,
    *,
    key: Path | None = None,
    again: bool = False,
    current: bool = True,
    model: bool = True,
    unsigned: bool = False,
) -> Pushed:
    signing, remote = None if key is None else SigningKey(key), Remote(str(uri), pause_s=0.01)
    pushing = Push(remote, Traffic(), key=signing, again=again, unsigned=unsigned)
    pushing.version(version, checkpoint_folder("tiny") if model else None, current=current)
    return pushing.pushed


def puller(uri: object, home: Path, *, key: Path | None = None, traffic: Traffic | None = None, **more: object) -> Pull:
    """With the public key that belongs to a private one."""
    public = None if key is None else VerifyKey.read(key.with_name(f"{key.name}.pub"))
    return Pull(Remote(str(uri), pause_s=0.01), home, traffic or Traffic(), key=public, **more)  # type: ignore[arg-type]


def pull(uri: object, home: Path, version: str | None = None, **more: object) -> Pulled:
    return puller(uri, home, **more).version(version)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where pulled checkpoints go."""
    monkeypatch.setenv("WIKICLIP_HOME", str(tmp_path / "var"))


@pytest.fixture
def new_home(tmp_path: Path) -> Callable[[], Path]:
    """Gives a folder for versions that holds none yet, each time another."""
    numbers = count()
    return lambda: tmp_path / f"home-{next(numbers)}"


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A private key; the public one lies beside it."""
    path = tmp_path_factory.mktemp("keys") / "key"
    make_keys(path)
    return path
