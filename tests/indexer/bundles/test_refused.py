"""What a remote may do to whoever pulls from it: nothing but be refused."""

import json
import os
import random
import shutil
from collections import namedtuple
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from indexer.bundles.errors import NotThere, Refused, RemoteFailed
from indexer.bundles.signing import make_keys
from indexer.bundles.statement import object_name, sha256_of
from indexer.errors import NoIndex
from indexer.version import Version, read_version
from tests.indexer.bundles.conftest import TINY, made, pull, puller, push
from wikiclip.base.errors import WikiClipError


@pytest.fixture
def version(tmp_path: Path) -> Version:
    return made(tmp_path / "here", {"a.bin": b"content" * 100, "shards/00000/b.bin": bytes(range(256))})


@pytest.fixture
def remote(tmp_path: Path, version: Version, key: Path) -> Path:
    """Signed."""
    push(tmp_path / "remote", version, key=key)
    return tmp_path / "remote"


def files(remote: Path) -> list[Path]:
    return sorted(path for path in remote.rglob("*") if path.is_file() and path.stat().st_size)


def flip(path: Path, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[bit // 8 % len(content)] ^= 1 << bit % 8
    path.write_bytes(content)


def expect_nothing(home: Path) -> None:
    with pytest.raises(NoIndex):
        read_version(home)


@pytest.mark.parametrize("seed", range(4))
def test_a_bit_that_is_flipped_anywhere_is_refused(
    remote: Path, version: Version, key: Path, new_home: Callable[[], Path], seed: int
) -> None:
    chance = random.Random(seed)
    for path in files(remote):
        whole = path.read_bytes()
        # The last byte of a statement is the end of its line: without it, it says the same.
        flip(path, chance.randrange(8 * (len(whole) - 1)))
        home, name = new_home(), path.relative_to(remote).as_posix()
        pulling = puller(remote, home, key=key)
        take = partial(pulling.version, version.id if name.endswith("/statement") else None)
        with pytest.raises(Refused):
            (partial(pulling.checkpoint, TINY) if name.startswith("checkpoints/") else take)()
        expect_nothing(home)
        path.write_bytes(whole)
        shutil.rmtree(os.environ["WIKICLIP_HOME"], ignore_errors=True)  # with it the checkpoint
    pull(remote, new_home(), key=key)


def test_an_unsigned_pull_refuses_what_has_another_checksum(tmp_path: Path, version: Version, new_home) -> None:
    push(tmp_path / "plain", version)
    for path in files(tmp_path / "plain"):
        if path.parts[-4] == "objects" or path.name == "manifest.json":
            whole = path.read_bytes()
            flip(path, 3)
            with pytest.raises(Refused):
                pull(tmp_path / "plain", new_home())
            path.write_bytes(whole)
            shutil.rmtree(os.environ["WIKICLIP_HOME"], ignore_errors=True)


def test_a_damaged_object_is_mended_by_sending_again(remote: Path, version: Version, key: Path, new_home) -> None:
    damaged = remote / object_name(version.manifest.files["a.bin"].sha256)
    flip(damaged, 0)
    assert push(remote, version, key=key).files == 0, "only sizes are looked at"
    with pytest.raises(Refused, match="--again"):
        pull(remote, new_home(), key=key)
    push(remote, version, key=key, again=True)
    pull(remote, new_home(), key=key)
    damaged.write_bytes(b"cut")
    assert push(remote, version, key=key).files == 1


@pytest.mark.parametrize("signed_by", ["nobody", "another"])
def test_what_is_not_signed_as_it_should_be_is_refused_before_anything_is_fetched(
    tmp_path: Path, version: Version, key: Path, new_home, signed_by: str
) -> None:
    make_keys(tmp_path / "another")
    push(tmp_path / "remote", version, key=None if signed_by == "nobody" else tmp_path / "another")
    shutil.rmtree(tmp_path / "remote" / "objects")
    shutil.rmtree(tmp_path / "remote" / "versions")
    with pytest.raises(Refused, match="is not signed"):
        pull(tmp_path / "remote", new_home(), key=key)


def test_a_signed_pointer_gets_no_unsigned_one_in_its_place_by_mistake(
    tmp_path: Path, version: Version, key: Path
) -> None:
    remote, other = tmp_path / "remote", made(tmp_path / "here", {"a.bin": b"other"})
    push(remote, version, key=key)
    signed = (remote / "CURRENT").read_bytes()
    with pytest.raises(WikiClipError, match="--sign-key"):
        push(remote, other)
    push(remote, other, current=False)
    assert (remote / "CURRENT").read_bytes() == signed
    push(remote, other, unsigned=True)
    assert (remote / "CURRENT").read_bytes() != signed


def test_signing_what_was_pushed_unsigned_sends_no_file_again(
    tmp_path: Path, version: Version, key: Path, new_home
) -> None:
    push(tmp_path / "remote", version)
    sent = push(tmp_path / "remote", version, key=key)
    assert (sent.files, sent.names) == (0, 3)
    pull(tmp_path / "remote", new_home(), key=key)


def test_an_older_pointer_is_not_taken_after_a_newer_one(
    tmp_path: Path, remote: Path, version: Version, key: Path, new_home
) -> None:
    home, older = new_home(), (remote / "CURRENT").read_bytes()
    pull(remote, home, key=key)
    newer = made(tmp_path / "here", {"a.bin": b"new"})
    push(remote, newer, key=key)
    pull(remote, home, key=key)
    (remote / "CURRENT").write_bytes(older)
    with pytest.raises(Refused, match="somebody put it back"):
        pull(remote, home, key=key)
    assert read_version(home).id == newer.id
    assert pull(remote, new_home(), key=key).version is not None, "who has seen none cannot know"


def test_statements_stand_for_nothing_but_themselves(
    remote: Path, version: Version, key: Path, tmp_path, new_home
) -> None:
    """A signature of the same key over something else does not help."""
    other = made(tmp_path / "here", {"a.bin": b"other"})
    push(remote, other, key=key)
    of_version = remote / "versions" / version.id / "statement"
    of_version.write_bytes((remote / "versions" / other.id / "statement").read_bytes())
    with pytest.raises(Refused, match="another version"):
        pull(remote, new_home(), version.id, key=key)
    (remote / "CURRENT").write_bytes(of_version.read_bytes())
    with pytest.raises(Refused, match="statement of a version"):
        pull(remote, new_home(), key=key)
    shutil.copy(remote / "versions" / version.id / "manifest.json", remote / "versions" / other.id / "manifest.json")
    with pytest.raises(Refused, match="another content"):
        pull(remote, new_home(), other.id, key=key)


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"{}", b'{"kind":"pointer"}', b"\xff\xfe", b"[" * 10_000, b"x" * 20_000], ids=repr
)
def test_a_pointer_that_is_none_is_refused(remote: Path, new_home, content: bytes) -> None:
    (remote / "CURRENT").write_bytes(content)
    with pytest.raises((Refused, NotThere)):
        pull(remote, new_home())


def forged(remote: Path, version: Version, change: Callable[[dict], None]) -> None:
    """Points at the version with another manifest, and says so everywhere: an unsigned remote of somebody hostile."""
    manifest = json.loads((version.folder / "manifest.json").read_text())
    change(manifest)
    text = json.dumps(manifest).encode()
    digest = sha256_of(text)
    name = f"20260101t000000000000-{digest[:16]}"
    (remote / "versions" / name).mkdir(parents=True)
    (remote / "versions" / name / "manifest.json").write_bytes(text)
    said = {"kind": "pointer", "version": name, "manifest_sha256": digest}
    (remote / "CURRENT").write_text(json.dumps(said))


@pytest.mark.parametrize("name", ["../../x.bin", "/etc/x.bin", "a/b/c/d.bin", "A.bin", "manifest.json", "PICTURES", ""])
def test_names_that_lead_elsewhere_are_refused(remote: Path, version: Version, new_home, name: str) -> None:
    forged(remote, version, lambda one: one["files"].update({name: {"size": 1, "sha256": "0" * 64}}))
    home = new_home()
    with pytest.raises(WikiClipError):
        pull(remote, home)
    expect_nothing(home)


def test_more_than_the_disk_holds_is_refused_before_anything_is_fetched(
    remote: Path, version: Version, new_home
) -> None:
    forged(remote, version, lambda one: one["files"].update({"a.bin": {"size": 2**60, "sha256": "0" * 64}}))
    with pytest.raises(WikiClipError, match="has room for"):
        pull(remote, new_home())


def test_what_lies_there_partly_needs_no_room_again(remote: Path, new_home, monkeypatch: pytest.MonkeyPatch) -> None:
    home, usage = new_home(), namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(64 * 2**20 + 1000))
    with pytest.raises(WikiClipError, match="has room for"):
        pull(remote, home)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(64 * 2**20 + 10_000_000))
    pull(remote, home)


def test_one_checksum_has_one_size(remote: Path, version: Version, new_home) -> None:
    forged(remote, version, lambda one: one["files"].update({"c.bin": {**one["files"]["a.bin"], "size": 1}}))
    with pytest.raises(Refused, match="two sizes"):
        pull(remote, new_home())


@pytest.mark.parametrize("what", ["gone", "pipe", "folder", "endless", "longer"])
def test_an_object_that_is_no_such_file_is_refused(
    remote: Path, version: Version, key: Path, new_home, what: str
) -> None:
    path = remote / object_name(version.manifest.files["a.bin"].sha256)
    content = path.read_bytes()
    path.unlink()
    if what == "pipe":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    elif what == "endless":
        path.symlink_to("/dev/zero")
    elif what == "longer":
        path.write_bytes(content + b"more")
    with pytest.raises(Refused):
        pull(remote, new_home(), key=key)


def test_a_checkpoint_of_another_name_is_refused(remote: Path, version: Version, new_home) -> None:
    shutil.copytree(remote / "checkpoints", remote / "old")
    said = json.loads((remote / "checkpoints" / TINY).read_bytes().split(b"\n")[0]) | {"checkpoint": "0" * 64}
    (remote / "checkpoints" / ("0" * 64)).write_text(json.dumps(said))
    with pytest.raises(Refused, match="another than its name says"):
        puller(remote, new_home()).checkpoint("0" * 64)
    with pytest.raises(NotThere):
        puller(remote, new_home()).checkpoint("1" * 64)


def test_a_remote_that_cannot_be_read_is_said(remote: Path, new_home, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = []

    def fail(*_: object, **__: object) -> None:
        tries.append(1)
        raise OSError("the line is cut")

    monkeypatch.setattr("fsspec.implementations.local.LocalFileSystem.info", fail)
    with pytest.raises(RemoteFailed, match=r"the line is cut\); the same again goes on"):
        pull(remote, new_home())
    assert len(tries) == 6
