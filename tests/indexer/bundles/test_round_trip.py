"""What is pushed is what is pulled, and nothing is sent or fetched twice."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from indexer.bundles.errors import NotThere, PullBusy
from indexer.bundles.push import checkpoint_of
from indexer.errors import CorruptIndex, IndexBusy, NoIndex, WrongModel
from indexer.search import EntityIndex
from indexer.version import only_builder, read_version, unpublished_ids, version_ids
from indexer.versions import app
from tests.indexer.bundles.conftest import TINY, held, made, pull, puller, push
from tests.indexer.conftest import spoil
from wikiclip.base.errors import WikiClipError
from wikiclip.base.locks import locked
from wikiclip.checkpoint import checkpoint_folder, fingerprint_of

NAMES = st.from_regex(r"([a-z0-9_]{1,6}/){0,2}[a-z0-9_]{1,6}(\.[a-z0-9]{1,4}){1,2}", fullmatch=True)
FILES = st.dictionaries(NAMES.filter(lambda name: name != "manifest.json"), st.binary(max_size=300), max_size=6)


@settings(max_examples=25, deadline=None)
@given(files=FILES)
def test_any_files_come_back_and_are_sent_once(files: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        version = made(root / "here", files)
        sent = push(root / "remote", version)
        assert sent.files == len({stamp.sha256 for stamp in version.manifest.files.values()}) + 2
        again = push(root / "remote", version)
        assert (again.files, again.bytes, again.names) == (0, 0, 0)
        pulled = pull(root / "remote", root / "there")
        assert pulled.changed
        assert pulled.version is not None
        assert pulled.version.id == version.id == read_version(root / "there").id
        assert held(pulled.version) == held(version)
        pulled.version.verify()
        once_more = pull(root / "remote", root / "there")
        assert (once_more.bytes, once_more.changed) == (0, False)


def test_a_new_version_moves_only_what_is_new(tmp_path: Path, new_home: Callable[[], Path]) -> None:
    shared, home = {"shards/00000/big.bin": bytes(range(256)) * 4000}, new_home()
    first = made(tmp_path / "here", {**shared, "a.bin": b"1"})
    push(tmp_path / "remote", first)
    assert pull(tmp_path / "remote", home).bytes > 1_000_000
    second = made(tmp_path / "here", {**shared, "a.bin": b"22"})
    sent = push(tmp_path / "remote", second)
    assert (sent.files, sent.bytes) == (1, 2)
    pulled = pull(tmp_path / "remote", home)
    assert (pulled.bytes, pulled.changed) == (2, True)
    assert version_ids(home) == [second.id, first.id]
    assert pulled.version is not None
    big = [home / "versions" / name / "shards/00000/big.bin" for name in (first.id, second.id)]
    assert len({path.stat().st_ino for path in big}) == 1


def test_a_file_that_is_damaged_here_is_fetched_and_not_linked(tmp_path: Path, new_home: Callable[[], Path]) -> None:
    shared, home = {"big.bin": b"x" * 5000}, new_home()
    first = made(tmp_path / "here", shared)
    push(tmp_path / "remote", first)
    pull(tmp_path / "remote", home)
    spoil(home / "versions" / first.id / "big.bin", b"y" * 5000)
    push(tmp_path / "remote", made(tmp_path / "here", {**shared, "a.bin": b"1"}))
    pulled = pull(tmp_path / "remote", home)
    assert pulled.version is not None
    assert held(pulled.version)["big.bin"] == b"x" * 5000


def test_going_back_is_pushing_the_older_version(tmp_path: Path, new_home: Callable[[], Path], key: Path) -> None:
    home = new_home()
    versions = [made(tmp_path / "here", {"a.bin": content}) for content in (b"1", b"2")]
    for version in versions:
        push(tmp_path / "remote", version, key=key)
        pull(tmp_path / "remote", home, key=key)
    push(tmp_path / "remote", versions[0], key=key)
    pulled = pull(tmp_path / "remote", home, key=key)
    assert (pulled.bytes, pulled.changed) == (0, True)
    assert read_version(home).id == versions[0].id


def test_a_version_that_is_not_pointed_at_is_pulled_by_its_id(tmp_path: Path, new_home: Callable[[], Path]) -> None:
    version = made(tmp_path / "here", {})
    push(tmp_path / "remote", version, current=False)
    with pytest.raises(NotThere, match=r"CURRENT"):
        pull(tmp_path / "remote", new_home())
    pulled = pull(tmp_path / "remote", new_home(), version.id)
    assert pulled.version is not None
    assert pulled.version.id == version.id
    with pytest.raises(NotThere):
        pull(tmp_path / "remote", new_home(), f"20250101t000000000000-{'0' * 16}")
    with pytest.raises(NoIndex, match="no version's id"):
        pull(tmp_path / "remote", new_home(), "../../etc")


def test_a_damaged_version_is_not_pushed_and_is_mended_by_a_pull(tmp_path: Path, new_home: Callable[[], Path]) -> None:
    version, home = made(tmp_path / "here", {"a.bin": b"abc", "big.bin": b"x" * 9000}), new_home()
    push(tmp_path / "remote", version)
    pull(tmp_path / "remote", home)
    spoil(home / "versions" / version.id / "a.bin", b"xyz")
    with pytest.raises(CorruptIndex):
        push(tmp_path / "other", read_version(home))
    assert pull(tmp_path / "remote", home).bytes == 3, "only what is damaged is fetched"
    read_version(home).verify()


def test_what_was_placed_and_not_yet_named_is_named(tmp_path: Path, new_home: Callable[[], Path]) -> None:
    home = new_home()
    push(tmp_path / "remote", made(tmp_path / "here", {"a.bin": b"1"}))
    version = pull(tmp_path / "remote", home).version
    (home / "CURRENT").unlink()
    (home / "PUBLISHED").unlink()
    assert version is not None
    assert pull(tmp_path / "remote", home).bytes == 0
    assert read_version(home).id == version.id
    assert unpublished_ids(home) == []


def test_the_checkpoint_comes_along_and_is_found_by_its_fingerprint(
    tmp_path: Path, new_home: Callable[[], Path]
) -> None:
    version, home = made(tmp_path / "here", {}), new_home()
    push(tmp_path / "remote", version)
    folder = pull(tmp_path / "remote", home).checkpoint
    assert folder == checkpoint_folder(TINY) == tmp_path / "var" / "checkpoints" / TINY
    assert fingerprint_of(folder) == TINY
    assert checkpoint_of(version, None) == folder
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").write_bytes(b"damaged")
    assert pull(tmp_path / "remote", home).bytes > 100_000, "a damaged one is fetched again"
    assert fingerprint_of(folder) == TINY
    shutil.rmtree(folder)
    assert puller(tmp_path / "remote", new_home()).checkpoint(TINY).checkpoint == folder
    assert pull(tmp_path / "remote", new_home()).checkpoint == folder


def test_a_version_goes_without_its_checkpoint_and_not_with_another(
    tmp_path: Path, new_home: Callable[[], Path]
) -> None:
    version = made(tmp_path / "here", {})
    push(tmp_path / "remote", version, model=False)
    assert pull(tmp_path / "remote", new_home()).checkpoint is None
    other = version.manifest.model.model_copy(update={"fingerprint": "0" * 64, "name": "none"})
    changed = type(version)(version.id, version.folder, version.manifest.model_copy(update={"model": other}))
    with pytest.raises(WikiClipError, match="--no-model"):
        checkpoint_of(changed, None)
    with pytest.raises(WrongModel):
        push(tmp_path / "remote", changed)


def test_two_pulls_and_a_build_keep_out_of_each_others_way(tmp_path: Path, new_home: Callable[[], Path]) -> None:
    home = new_home()
    push(tmp_path / "remote", made(tmp_path / "here", {}))
    with only_builder(home), pytest.raises(IndexBusy):
        pull(tmp_path / "remote", home)
    with locked(home / "pulling" / "LOCK"), pytest.raises(PullBusy):
        pull(tmp_path / "remote", home)
    pull(tmp_path / "remote", home)


def test_pictures_of_the_other_machine_are_not_believed(tmp_path: Path, new_home: Callable[[], Path]) -> None:
    """What a manifest says of them would show files of this machine."""
    version, home = made(tmp_path / "here", {}, image_root="/etc", follow_links=True), new_home()
    push(tmp_path / "remote", version)
    pulled = pull(tmp_path / "remote", home).version
    assert pulled is not None
    assert [(shard.image_root, shard.follow_links) for shard in pulled.manifest.shards] == [(None, False)]
    assert not pulled.manifest.follows_links
    (tmp_path / "pictures").mkdir()
    again = pull(tmp_path / "remote", home, pictures=tmp_path / "pictures").version
    assert again is not None
    assert [shard.image_root for shard in again.manifest.shards] == [str(tmp_path / "pictures")]
    assert held(again) == held(version), "the version itself stays as it was"
    push(tmp_path / "third", again)
    assert pull(tmp_path / "third", new_home()).version is not None, "and can be handed on"
    mine = pull(tmp_path / "remote", tmp_path / "here").version
    assert mine is not None
    assert mine.manifest.shards[0].image_root == "/etc", "who made it keeps its pictures"


def command(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(each) for each in arguments])
    if result.exception is not None:
        raise result.exception
    return result.output


@pytest.fixture
def real(tmp_path: Path, make_version) -> Path:
    """A folder with a version that can be searched."""
    make_version(tmp_path / "real", np.eye(12, 16, dtype=np.float32), fingerprint=TINY)
    return tmp_path / "real"


def test_the_commands(tmp_path: Path, real: Path, new_home: Callable[[], Path]) -> None:
    keys, uri, home = tmp_path / "signing", f"file://{tmp_path / 'remote'}", new_home()
    assert "signing.pub" in command("keygen", keys)
    assert "were sent" in command("push", uri, "--out", real, "--sign-key", keys)
    assert "nothing was sent" in command("push", uri, "--out", real, "--sign-key", keys)
    said = command("pull", uri, "--out", home, "--verify-key", f"{keys}.pub")
    assert read_version(real).id in said
    assert f"WIKICLIP_MODEL={TINY}" in said
    assert len(EntityIndex.open(home, fingerprint=TINY)) == 12
    assert "holds " + TINY in command("push", tmp_path / "alone", "--checkpoint", "tiny")
    assert TINY in command("pull", tmp_path / "alone", "--checkpoint", TINY, "--out", home)
    for wrong in ("s3://", "s3://key:secret@bucket/folder", "nostore://bucket/folder"):
        with pytest.raises(WikiClipError):
            command("pull", wrong, "--out", home)
    with pytest.raises(WikiClipError, match="no folder of pictures"):
        command("pull", uri, "--out", home, "--pictures", tmp_path / "none")


def test_a_version_that_does_not_find_what_it_holds_does_not_become_current(
    tmp_path: Path, real: Path, new_home: Callable[[], Path]
) -> None:
    home = new_home()
    command("push", tmp_path / "remote", "--out", real)
    command("pull", tmp_path / "remote", "--out", home)
    before = read_version(home).id
    made(tmp_path / "bad", {})
    command("push", tmp_path / "remote", "--out", tmp_path / "bad")
    with pytest.raises(CorruptIndex):
        command("pull", tmp_path / "remote", "--out", home)
    assert read_version(home).id == before
    assert version_ids(home) == [before]
