"""Which kind of index is made: one by name, or what suits the size, and where its vectors are."""

from collections.abc import Mapping
from enum import StrEnum

import typer

from indexer.kinds import KINDS, MILVUS, kind_of
from indexer.kinds.choose import choose, choose_in_milvus
from indexer.kinds.kind import IndexKind
from indexer.kinds.milvus.kind import Milvus
from indexer.kinds.milvus.server import MilvusServer
from indexer.kinds.milvus.upkeep import expect_server
from indexer.version import Version
from indexer.words.file import Words
from indexer.words.kept import words_of_version
from wikiclip.base.errors import WikiClipError

AUTO = "auto"


class Backend(StrEnum):
    """Where an index has its vectors."""

    FAISS = "faiss"
    MILVUS = "milvus"


class Choice:
    """Which kind of index is wanted: one by name, or what suits the size and the memory (bytes) of an open index.

    Args:
        milvus: the server, if one is named.
        words: which words of the records are to be kept.

    Raises:
        WikiClipError: there is no such kind.
    """

    def __init__(
        self,
        name: str,
        memory: int,
        *,
        backend: Backend = Backend.FAISS,
        milvus: MilvusServer | None = None,
        words: Words = Words.TEXTS,
    ) -> None:
        in_milvus = f"milvus-{name}"
        if backend is Backend.MILVUS and in_milvus in MILVUS:
            name = in_milvus
        self._named = None if name == AUTO else kind_of(name, milvus=milvus)
        self._among: Mapping[str, IndexKind] = MILVUS if backend is Backend.MILVUS else KINDS
        if backend is Backend.MILVUS and self._named is not None and self._named.name not in MILVUS:
            short = ", ".join(kind.removeprefix("milvus-") for kind in MILVUS)
            raise WikiClipError(f"With --backend milvus, --index is one of auto, {short}; {name} is a kind of FAISS's.")
        self._memory, self.milvus, self.words = memory, milvus, words

    def allows(self, version: Version) -> bool:
        """Whether an index of this kind will do: none of a kind that is gone, none that keeps other words.

        Raises:
            CorruptIndex: its words are none.
        """
        kind = version.manifest.kind
        fits = kind in self._among if self._named is None else self._named.name == kind
        return fits and words_of_version(version) is self.words

    def kind(self, rows: int, width: int) -> IndexKind:
        """The kind, and why it was chosen, printed."""
        if self._named is not None:
            return self._named
        name, why = (choose_in_milvus if self._among is MILVUS else choose)(rows, width, self._memory)
        typer.echo(why)
        return kind_of(name, milvus=self.milvus)

    def expect_server(self, version: Version | None = None) -> None:
        """Raises IndexUnreachable where the vectors belong into a server that does not answer, and CorruptIndex where
        it does not have those of a version."""
        if self._among is MILVUS or isinstance(self._named, Milvus):
            expect_server(self._named or kind_of("milvus-flat", milvus=self.milvus), version)
