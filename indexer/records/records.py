"""The records of an index version that is open: entities by number, id or title, and where their pictures are.

What the vectors are searched with stays closed, so that a process which only shows what another one found maps the
records alone, whose pages all processes share.

Axes: E entity number, K entity asked for.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from indexer.errors import CorruptIndex
from indexer.kb.record import Entity
from indexer.manifest import MANIFEST, ShardStamp
from indexer.open_files import OpenFiles
from indexer.picture_paths import picture_file
from indexer.records.catalogue import Catalogue, Place
from indexer.records.table import TABLE
from indexer.records.tag_filter import TagFilter
from indexer.records.tag_table import TAGS, TagTable
from indexer.shard import MAPPED
from indexer.version import DELETED, Version
from indexer.words.finding import START, FoundEntity, Page, WordsPlace
from indexer.words.kept import word_files


class Candidate(NamedTuple):
    """An entity and how well it fits a mention: the inner product of unit vectors, -1 to 1."""

    entity: Entity
    score: float


class Nearest(NamedTuple):
    """Entities by their numbers in a version, best first, and the score of each."""

    numbers: list[int]
    scores: list[float]

    def first(self, k: int) -> "Nearest":
        """The k best."""
        return Nearest(self.numbers[:k], self.scores[:k])


class Records:
    """See the head of the file. Safe on any thread.

    Attributes:
        version: the version's id.
        manifest: what the version says about itself.
        files: those that are mapped. Every method looks at them first, and raises CorruptIndex where one was cut off.
        tags: of the entities. Look at the files before, as `passing` and every other method here does.
    """

    def __init__(self, version: Version, *, mapped: Sequence[str] = ()) -> None:
        """Opens the files of a version that was verified.

        Args:
            mapped: names of further files of each shard that will be mapped.

        Raises:
            CorruptIndex: a file is missing, or does not hold what the manifest says.
        """
        self.version, self.manifest = version.id, version.manifest
        folders, words = [stamp.folder for stamp in self.manifest.shards], word_files(self.manifest)
        each = [f"{folder}/{name}" for folder in folders for name in (*MAPPED, *mapped)]
        tagged = [f"{folder}/{TAGS}" for folder in folders]
        self.files = OpenFiles(version, [*each, *(name for name in tagged if name in self.manifest.files), *words])
        here = [_has_pictures(stamp) for stamp in self.manifest.shards]
        self._entities = Catalogue(version.shards, version.deleted(), words=bool(words), with_pictures=here)
        expect_counts(version, {TABLE: self._entities.counts})
        self.tags = self._entities.tags(partial(_tag_tables, version, self._entities.counts, self.files))

    def candidates(self, nearest: Nearest) -> list[Candidate]:
        """The entities of these numbers with their scores.

        Raises:
            IndexError: there is no such number.
        """
        self.files.expect_whole()
        each = zip(nearest.numbers, nearest.scores, strict=True)
        return [Candidate(self._entities[number], score) for number, score in each]

    def entity(self, entity_id: str) -> Entity:
        """Raises UnknownEntity where no entity has the id."""
        self.files.expect_whole()
        return self._entities[self._entities.number_of(entity_id)]

    def picture_path(self, entity_id: str, number: int = 0) -> Path | None:
        """Where an entity's picture is; None where it has none of that number, or the file is gone.

        Raises:
            UnknownEntity: no entity has the id.
        """
        self.files.expect_whole()
        found = self._entities.number_of(entity_id)
        images = self._entities[found].images
        shard = self.manifest.shards[self._entities.shard_of(found)]
        if shard.image_root is None or not 0 <= number < len(images):
            return None
        return picture_file(Path(shard.image_root), images[number], follow_links=shard.follow_links)

    def passing(self, tags: TagFilter) -> NDArray[np.bool_]:
        """[E], whether the entity of each number lives and passes a filter; shared, and not to be changed."""
        self.files.expect_whole()
        return self.tags.passing(tags)

    def entities_titled(
        self,
        prefix: str,
        limit: int = 20,
        *,
        after: Place | None = None,
        pictured: bool | None = None,
        tags: TagFilter | None = None,
    ) -> list[Entity]:
        """The first entities in the order of titles whose title starts so; neither case nor accents count.

        Args:
            after: only what follows this place in the order.
            pictured: only those that have a picture, as `pictured` counts them, or only the others.
            tags: only those that pass.
        """
        self.files.expect_whole()
        passing_E = None if tags is None else self.passing(tags)
        return self._entities.starting_with(prefix, limit, after=after, pictured=pictured, passing_E=passing_E)

    def count_titled(self, prefix: str, *, pictured: bool | None = None, tags: TagFilter | None = None) -> int:
        """How many entities `entities_titled` gives without a limit."""
        self.files.expect_whole()
        return self._entities.count(prefix, pictured=pictured, passing_E=None if tags is None else self.passing(tags))

    @property
    def keeps_words(self) -> bool:
        """Whether entities are found by words; in versions from before that, and where a build left words out, not."""
        return self._entities.keeps_words

    def entities_holding(
        self,
        question: str,
        limit: int = 20,
        *,
        after: WordsPlace | None = None,
        pictured: bool | None = None,
        tags: TagFilter | None = None,
    ) -> Page:
        """The entities that hold the words of a question in title, other names or text, best first.

        The last word may go on. Neither case nor accents count. Whatever a question is, it is words; but an entity
        whose id it is comes before all others.

        Args:
            after: only what follows this place in the ranks.
            pictured: only those that have a picture, as `pictured` counts them, or only the others.
            tags: only those that pass.

        Raises:
            TookTooLong: a disk or a file is at fault.
        """
        self.files.expect_whole()
        passing_E = None if tags is None else self.passing(tags)
        holding = partial(self._entities.holding, question, after=after, pictured=pictured, passing_E=passing_E)
        named = self._entities.named(question, pictured=pictured, passing_E=passing_E) if self.keeps_words else None
        if named is None:
            return holding(limit)
        first = [FoundEntity(named, None)] if after is None else []
        room = limit - len(first)
        page = holding(room) if room else Page([], START)
        others = [each for each in page.found if each.entity.entity_id != named.entity_id]
        return Page([*first, *others], page.next)

    @property
    def pictured(self) -> int:
        """How many entities name a picture, of those whose folder of pictures is on this machine."""
        return self._entities.pictured

    def __len__(self) -> int:
        """How many entities there are."""
        return len(self._entities)


def _has_pictures(stamp: ShardStamp) -> bool:
    """Whether the folder of a shard's pictures is here: of a version that was pulled, it often is not."""
    try:
        return stamp.image_root is not None and Path(stamp.image_root).is_dir()
    except OSError:  # a folder above it may not be read
        return False


def _tag_tables(version: Version, counts: Sequence[int], files: OpenFiles) -> list[TagTable]:
    """Opened late, when the version may have been removed: from what is held open."""
    each = zip(version.manifest.shards, version.shards, counts, strict=True)
    tables = []
    for stamp, folder, count in each:
        name = f"{stamp.folder}/{TAGS}"
        is_kept = name in version.manifest.files
        tables.append(TagTable(folder, entities=count, is_kept=is_kept, mapped=partial(files.mapped, name)))
    return tables


def expect_counts(version: Version, held: Mapping[str, Sequence[int]]) -> None:
    """Raises CorruptIndex where shards hold more or less than the manifest says, or it contradicts itself.

    Args:
        held: by the name of a file, how many entities or rows it holds in each shard.
    """
    counts, stamps = version.manifest.counts, version.manifest.shards
    for name, of_shards in held.items():
        for stamp, found in zip(stamps, of_shards, strict=True):
            said = stamp.entities if name == TABLE else stamp.rows
            if found != said:
                path = version.folder / stamp.folder / name
                raise CorruptIndex(f"{path} holds {found:,}, and its manifest says {said:,}; build the index again.")
    if len(version.deleted()) != counts.deleted:
        raise CorruptIndex(f"{version.folder / DELETED} is not of {counts.deleted:,}; build the index again.")
    in_all = sum(stamp.entities for stamp in stamps), sum(stamp.rows for stamp in stamps)
    if in_all != (counts.entities + counts.deleted, counts.rows):
        raise CorruptIndex(f"{version.folder / MANIFEST} has counts that do not add up; build the index again.")
