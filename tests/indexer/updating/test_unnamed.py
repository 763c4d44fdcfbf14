"""Pictures that came with changes go once nothing names them, and none before."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from indexer.assemble import with_rows
from indexer.embedding.plan import Plan, open_workshop
from indexer.errors import CorruptIndex
from indexer.kb.record import Entity
from indexer.kinds import kind_of
from indexer.update import Changes, changed
from indexer.updating.sent import pictures_of
from indexer.updating.unnamed import Removed, remove_unnamed
from indexer.version import Version, note_pictures, only_builder, publish, read_version, version_ids
from indexer.versions import app
from tests.indexer.conftest import spoil, write_chunks

WIDTH, PICTURES, IDS = 8, 6, 5


def sent(home: Path, number: int) -> str:
    """Keeps a picture, and returns its name."""
    content = f"picture {number}".encode()
    digest = hashlib.sha256(content).hexdigest()
    path = pictures_of(home) / digest[:2] / f"{digest}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return f"{digest[:2]}/{digest}.png"


def there(home: Path) -> set[str]:
    folder = pictures_of(home)
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def update(home: Path, entities: Sequence[Entity], gone: Sequence[str] = (), *, root: Path | None = None) -> Version:
    """A version with these records, which name their pictures from the folder of those that were sent."""
    base = read_version(home)
    plan = Plan(
        knowledge_base="test",
        records="changes",
        image_root=str(pictures_of(home) if root is None else root),
        model_name="tiny",
        model_fingerprint="f" * 64,
        dimension=WIDTH,
    )
    workshop = open_workshop(plan, home, fresh=True)
    rows_NM = np.eye(max(1, len(entities)), WIDTH, dtype=np.float32)
    chunks = write_chunks(workshop, rows_NM, np.arange(len(entities)), entities) if entities else 0
    changes = Changes(workshop, plan, with_rows(workshop, chunks), [])
    return publish(*changed(base, changes, gone, kind_of(base.manifest.kind), strict=False), home)


def entity(number: int, images: Sequence[str]) -> Entity:
    return Entity(f"new-{number}", "T", "", tuple(images))


def wait(home: Path, number: int, content: bytes) -> None:
    folder = home / "changes" / "waiting"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{number:012d}.jsonl").write_bytes(content)


def swept(home: Path) -> Removed:
    with only_builder(home):
        return remove_unnamed(home)


UPDATES = st.lists(
    st.tuples(
        st.dictionaries(st.integers(0, IDS - 1), st.sets(st.integers(0, PICTURES - 1), max_size=3), max_size=3),
        st.sets(st.integers(0, IDS - 1), max_size=2),
    ),
    max_size=14,  # more than are kept apart as shards of their own
)


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(updates=UPDATES, keep=st.integers(0, 4), waits=st.sets(st.integers(0, PICTURES - 1), max_size=2))
def test_what_a_kept_version_or_a_waiting_change_names_stays_and_nothing_else(
    tmp_path_factory, make_version, updates, keep, waits
):
    home = tmp_path_factory.mktemp("home")
    make_version(home, np.eye(3, WIDTH, dtype=np.float32))
    names = [sent(home, number) for number in range(PICTURES)]
    living: dict[int, set[int]] = {}
    states: list[tuple[str, dict[int, set[int]]]] = [(read_version(home).id, {})]
    for puts, removes in updates:
        gone = (removes & living.keys()) - puts.keys()
        if puts or gone:
            living = {n: pictures for n, pictures in living.items() if n not in gone} | puts
            entities = [entity(n, [names[each] for each in sorted(own)]) for n, own in puts.items()]
            states.append((update(home, entities, [f"new-{n}" for n in gone]).id, living))
    for number, picture in enumerate(waits):
        wait(home, number, b'{"head": 1}\n{"pictures": ["%s", 0]}\n' % names[picture].encode())
    said = CliRunner().invoke(app, ["prune", "--keep", str(keep), "--out", str(home)])
    assert said.exit_code == 0, said.output
    kept = {*version_ids(home)}
    assert kept == {name for name, _ in states[-1 - keep :]}
    wanted = {names[each] for each in waits}
    for name, state in states:
        if name in kept:
            wanted |= {names[each] for pictures in state.values() for each in pictures}
    assert there(home) == wanted
    assert ("that nothing names any more" in said.output) == (len(wanted) < PICTURES)
    assert swept(home) == Removed()


@pytest.fixture
def home(tmp_path: Path, make_version) -> Path:
    make_version(tmp_path, np.eye(3, WIDTH, dtype=np.float32))
    return tmp_path


def test_killed_at_any_picture_it_is_finished_by_the_next(home: Path, monkeypatch: pytest.MonkeyPatch):
    names = [sent(home, number) for number in range(8)]
    (pictures_of(home) / names[0][:2] / f".{'0' * 32}.partial").write_bytes(b"half a picture")
    (pictures_of(home) / "README").write_text("of a person's own")
    update(home, [entity(0, names[:2])])
    remove = Path.unlink
    for kill_at in range(3):
        with monkeypatch.context() as patch:
            steps = iter(range(kill_at))

            def unlink(path: Path, missing_ok: bool = False, steps=steps) -> None:
                if path.is_relative_to(pictures_of(home)) and next(steps, None) is None:
                    raise KeyboardInterrupt
                remove(path, missing_ok=missing_ok)

            patch.setattr(Path, "unlink", unlink)
            with pytest.raises(KeyboardInterrupt):
                swept(home)
        assert there(home) >= {*names[:2], "README"}
    swept(home)
    assert there(home) == {*names[:2], "README"}


def test_while_a_version_cannot_be_read_all_stay(home: Path):
    names = [sent(home, number) for number in range(3)]
    update(home, [entity(0, names[:1])])
    version = update(home, [entity(1, names[1:2])])
    after = update(home, [entity(1, [])])
    tables = [each.folder / version.manifest.shards[-1].folder / "entities.arrow" for each in (version, after)]
    content = tables[0].read_bytes()
    damaged = bytearray(content)
    damaged[content.index(names[1].encode()) + 5] ^= 1  # a name that is none of ours any more
    for table in tables:
        spoil(table, bytes(damaged))
    with pytest.raises(CorruptIndex, match="another content"):
        swept(home)
    said = CliRunner().invoke(app, ["prune", "--keep", "3", "--out", str(home)])
    assert (said.exit_code, "Pictures that came with changes stay: " in said.output) == (0, True)
    assert there(home) == {*names}
    for table in tables:
        spoil(table, content)
    assert swept(home).pictures == 1
    assert there(home) == {*names[:2]}


def test_names_count_wherever_they_are_named_from(home: Path):
    """Of an index that was moved, by a command that names the folder itself, or one above it."""
    names = [sent(home, number) for number in range(5)]
    (home / "link").symlink_to(pictures_of(home))
    update(home, [entity(0, names[:1])], root=Path("/elsewhere/index/changes/pictures"))
    update(home, [entity(1, [f"changes\\pictures\\{names[1]}"])], root=home)
    update(home, [entity(2, [f"./{names[2]}"])], root=home / "link")
    update(home, [entity(3, [names[3]])], root=home / "versions")  # which has no such picture
    assert swept(home).pictures == 2
    assert there(home) == {*names[:3]}


def test_what_lies_beside_an_index_that_is_pulled_stays(home: Path):
    sent(home, 0)
    note_pictures(read_version(home).folder, pictures_of(home))
    assert swept(home) == Removed()
    assert len(there(home)) == 1


def test_a_version_that_was_placed_and_not_published_counts(home: Path):
    name = sent(home, 0)
    base = read_version(home).id
    update(home, [entity(0, [name])])
    (home / "CURRENT").write_text(f"{base}\n")
    (home / "PUBLISHED").write_text(f"{base}\n")
    assert version_ids(home) == [base]
    assert swept(home) == Removed()
    assert there(home) == {name}


def test_what_is_no_file_among_those_that_wait_keeps_no_picture_from_going(home: Path):
    names = [sent(home, number) for number in range(3)]
    wait(home, 1, f'{{"pictures": ["{names[0]}"]}}'.encode())
    waiting = home / "changes" / "waiting"
    (waiting / f"{2:012d}.bak.jsonl").write_text(names[1])  # a copy that somebody may put back
    (waiting / f"{3:012d}.jsonl").mkdir()
    os.mkfifo(waiting / f"{4:012d}.jsonl")
    (waiting / f"{5:012d}.jsonl").symlink_to("nothing")
    assert swept(home).pictures == 1
    assert there(home) == {*names[:2]}
