"""What must hold of a folder of index versions, whatever was killed in it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.kills.records import Content
from indexer.manifest import Counts
from indexer.search import EntityIndex
from indexer.updating.notes import UPDATES, read_updates
from indexer.version import CURRENT, LOCK, PUBLISHED, VERSIONS, only_builder, read_version, version_ids
from wikiclip.base.errors import WikiClipError


@dataclass(frozen=True)
class Held:
    """What a version holds: two that were made alike are equal.

    Attributes:
        checksums: of every file, so of every id, text and vector; but not of the manifest and of the note of updates,
            which have the time.
        updates: how many there were, and what they removed.
    """

    kind: str
    counts: Counts
    checksums: Sequence[tuple[str, str]]
    updates: tuple[int, tuple[str, ...]]


@dataclass(frozen=True)
class State:
    """What a folder offers.

    Attributes:
        versions: the oldest first.
        current: the place of the current one; None before one was published.
    """

    versions: tuple[Held, ...]
    current: int | None


class Wrong(Exception):
    """Something does not hold; the message says what."""


def read_state(home: Path) -> State:
    """Lists the versions, each compared with its checksums.

    Raises:
        Wrong: one is listed that is not whole, or none is current.
    """
    try:
        ids = version_ids(home)[::-1]
        current = ids.index(read_version(home).id) if (home / CURRENT).exists() else None
        return State(tuple(_held(home, name) for name in ids), current)
    except (WikiClipError, ValueError, OSError) as error:
        raise Wrong(f"what is listed is not whole: {error}") from error


def _held(home: Path, name: str) -> Held:
    version = read_version(home, name)
    version.verify()
    manifest = version.manifest
    updates = read_updates(version)
    checksums = tuple(sorted((file, stamp.sha256) for file, stamp in manifest.files.items() if file != UPDATES))
    return Held(manifest.kind, manifest.counts, checksums, (updates.count, updates.gone))


def expect_one_of(state: State, before: State, after: State, *, removes: bool) -> None:
    """A command that was cut off has been done, or has not; one that removes versions may have removed some.

    Raises:
        Wrong: neither is so.
    """
    if state in (before, after):
        return
    if removes and _current(state) == _current(before):
        left = set(state.versions)
        if set(after.versions) <= left and list(state.versions) == [one for one in before.versions if one in left]:
            return
    raise Wrong(f"neither before nor after: {described(state)}, and not {described(before)} or {described(after)}")


def described(state: State) -> str:
    """Such as "60 [58] 61": how many entities the versions hold, the oldest first, the current one marked."""
    return " ".join(
        f"[{held.counts.entities}]" if place == state.current else str(held.counts.entities)
        for place, held in enumerate(state.versions)
    )


def _current(state: State) -> Held | None:
    return None if state.current is None else state.versions[state.current]


def expect_content(home: Path, content: Content) -> None:
    """The current version opens, with full checksums, and holds each entity once.

    Raises:
        Wrong: it does not.
    """
    try:
        index = EntityIndex.open(home)
    except WikiClipError as error:
        raise Wrong(f"the current version does not open: {error}") from error
    listed = [(entity.entity_id, entity.text) for entity in index.entities_titled("", 10 * len(content))]
    _expect_each_once("titles", listed, content)
    if len(index) != len(content):
        raise Wrong(f"the index counts {len(index)} entities instead of {len(content)}")
    by_id = [(entity_id, index.entity(entity_id).text) for entity_id, _ in listed]
    _expect_each_once("ids", by_id, content)
    rows_NM = index.rows.vectors(np.arange(0, len(index.rows), 4))
    found_by_any = set[str]()
    for candidates in index.search(rows_NM, len(content)):
        found = Counter(candidate.entity.entity_id for candidate in candidates)
        found_by_any |= found.keys()
        if max(found.values()) > 1:
            raise Wrong(f"a search finds {max(found, key=found.__getitem__)} twice")
    if found_by_any != content.keys():
        raise Wrong(f"searches find {len(found_by_any)} entities instead of {len(content)}")


def _expect_each_once(where: str, found: Iterable[tuple[str, str]], content: Content) -> None:
    counts = Counter(found)
    for held, times in counts.items():
        if content.get(held[0]) != held[1]:
            raise Wrong(f"{where}: {held[0]} is not as it should be: {held[1]!r}, and not {content.get(held[0])!r}")
        if times > 1:
            raise Wrong(f"{where}: {held[0]} is there {times} times")
    if missing := content.keys() - {entity_id for entity_id, _ in counts}:
        raise Wrong(f"{where}: {min(missing)} is missing")


def expect_let_go(home: Path) -> None:
    """Nobody holds the folder any more. Raises Wrong where somebody does."""
    try:
        with only_builder(home):
            pass
    except WikiClipError as error:
        raise Wrong(f"a process that was killed still holds the folder: {error}") from error


def expect_nothing_left(home: Path) -> None:
    """Everything that was begun is finished or removed. Raises Wrong where something is left."""
    ids = set(version_ids(home))
    left = [path for path in home.iterdir() if path.name not in (CURRENT, PUBLISHED, LOCK, VERSIONS, "building")]
    left += [path for path in (home / VERSIONS).iterdir() if path.name not in ids]
    if (home / "building").exists():
        left += (home / "building").iterdir()
    if left:
        raise Wrong(f"{left[0].relative_to(home)} is left behind")
