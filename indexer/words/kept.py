"""Which words the shards of a version keep."""

from indexer.manifest import Manifest
from indexer.version import Version
from indexer.words.file import FILES, Words
from indexer.words.opened import kept_words


def word_files(manifest: Manifest) -> list[str]:
    """The files of words, by shard; none where a shard has none, as those do that were made before there were any."""
    names = [f"{stamp.folder}/{name}" for stamp in manifest.shards for name in FILES]
    return names if manifest.files.keys() >= set(names) else []


def words_of_version(version: Version) -> Words:
    """Which words a version keeps. Raises CorruptIndex where a file of words is none."""
    return kept_words(version.shards[0]) if word_files(version.manifest) else Words.NONE
