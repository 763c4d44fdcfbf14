"""What a Milvus server has to follow when index versions are published, taken back or removed.

The files are published first and are the truth: `CURRENT` names the version that answers. The alias is for other
programs, and follows; killed in between, it names the version before until the same command is run again. A collection
is removed last, when no version names it.
"""

import shutil
from collections.abc import Iterable
from pathlib import Path

from indexer.errors import CorruptIndex
from indexer.kinds import MILVUS
from indexer.kinds.kind import IndexKind
from indexer.kinds.milvus import collection
from indexer.kinds.milvus.connection import Connection, connected
from indexer.kinds.milvus.kind import Milvus
from indexer.kinds.milvus.server import MilvusServer, alias_of_environment, milvus_server
from indexer.kinds.milvus.stamp import FILE, read_collection, read_rows
from indexer.version import SHARDS, SHARED, VERSIONS, Version


def expect_server(kind: IndexKind, version: Version | None = None) -> None:
    """Looks, before work that takes long, whether the kind's server is there, and has what a version needs of it.

    Raises:
        IndexUnreachable: it does not answer.
        CorruptIndex: it does not have the version's rows.
    """
    if isinstance(kind, Milvus):
        kind.connection()
        if version is not None:
            kind.open(version.shards, version.shared, width=version.manifest.dimension)


def forget_what_is_lost(folder: Path, kind: IndexKind, *, width: int) -> None:
    """Removes shards of an unfinished version that the server does not have: it was killed too, or is another one.

    Raises:
        IndexUnreachable: it does not answer.
    """
    if not isinstance(kind, Milvus) or not (folder / SHARED / FILE).exists():
        return
    connection, name = kind.connection(), read_collection(folder / SHARED).collection
    if not collection.exists(connection, name):
        shutil.rmtree(folder)
        return
    collection.load(connection, name)
    lost = False
    for shard in sorted((folder / SHARDS).glob("[0-9]" * 5)):
        try:
            # A shard's key depends on those before it.
            lost = lost or not collection.is_whole(connection, read_rows(shard, width=width))
        except CorruptIndex:
            lost = True
        if lost:
            shutil.rmtree(shard)


def follow_with_alias(version: Version, milvus: MilvusServer | None = None) -> None:
    """Makes the alias name the collection of the current version; nothing where its vectors are in its files.

    Raises:
        IndexUnreachable: the server does not answer; the version is published nevertheless.
    """
    if version.manifest.kind not in MILVUS:
        return
    collection.point_alias(_connection(milvus), alias_of_environment(), read_collection(version.shared).collection)


def drop_stopped(workshop: Path, home: Path, milvus: MilvusServer | None = None) -> list[str]:
    """Removes the collections of builds that were stopped in a workshop which is about to go. One stays that a version
    of `home` names, finished or not, or an alias: somebody has published it elsewhere.

    Returns, raises:
        as `drop_unnamed` does.
    """
    stopped = list(workshop.glob("version-milvus-*"))
    return drop_unnamed(stopped, (home / VERSIONS).glob("*"), milvus, aliased=False)


def drop_unnamed(
    gone: Iterable[Path], kept: Iterable[Path], milvus: MilvusServer | None = None, *, aliased: bool = True
) -> list[str]:
    """Removes what the folders of versions name in the server that are about to go, and no folder that is kept.

    Args:
        aliased: also collections that an alias names, with it.

    Returns:
        The names of the collections that were removed.

    Raises:
        CorruptIndex: a file of a folder cannot be read, so that what it names is not known.
        IndexUnreachable: the server does not answer; nothing need go then.
    """
    doomed = _named(gone)
    if not doomed:
        return []
    named = _named(kept)
    connection = _connection(milvus)
    dropped = []
    for name, partitions in doomed.items():
        if not collection.exists(connection, name):
            continue
        if name in named:
            for partition in sorted(partitions - named[name]):
                collection.drop_partition(connection, name, partition)
        elif aliased or not collection.aliases(connection, name):
            collection.drop(connection, name)
            dropped.append(name)
    return dropped


def _named(folders: Iterable[Path]) -> dict[str, set[str]]:
    """The partitions that versions name, by collection: also of one that was not finished, or whose manifest is not
    what it was."""
    found: dict[str, set[str]] = {}
    for folder in folders:
        if (folder / SHARED / FILE).exists():
            found.setdefault(read_collection(folder / SHARED).collection, set())
        for path in sorted((folder / SHARDS).glob(f"[0-9]*/{FILE}")):
            stamp = read_rows(path.parent)
            found.setdefault(stamp.collection, set()).add(stamp.partition)
    return found


def _connection(milvus: MilvusServer | None) -> Connection:
    return connected(milvus or milvus_server())
