"""FAISS's files to and from the disk."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import faiss

from indexer.errors import CorruptIndex
from wikiclip.base.errors import WikiClipError

# That a file has and a search goes by, of any of FAISS's types: with others it raises, or takes any amount of memory.
SETTINGS = ("metric_type", "code_size", "by_residual", "implem", "bbs", "qbs", "qbs2", "M", "M2", "nbits", "ksub")
TABLE_BYTES = 2**31  # of a table that FAISS computes beside what it reads, at the most
_limit = threading.Lock()


def write_faiss(index: Any, path: Path) -> None:
    """Writes an index through a Python file: FAISS's own raises nothing when the last bytes find no room.

    Raises:
        WikiClipError: the disk is full or cannot be written.
    """
    try:
        with path.open("wb") as file:
            faiss.write_index(index, faiss.PyCallbackIOWriter(file.write))  # type: ignore[attr-defined]
    except OSError as error:
        raise unwritten(path, error) from error


def unwritten(path: Path, error: OSError) -> WikiClipError:
    """The error to raise where a file could not be written."""
    return WikiClipError(f"{path} could not be written; is the disk full? ({error.strerror or error})")


def read_faiss(path: Path, *, like: Any, flags: int = 0) -> Any:
    """Reads an index of the same type, width, code and settings as another.

    Raises:
        CorruptIndex: the file holds something else.
    """
    try:
        with _no_vector_over(path.stat().st_size + TABLE_BYTES):
            index: Any = faiss.read_index(str(path), flags)
    except (OSError, RuntimeError, MemoryError) as error:
        reason = " ".join(str(error).split())[-200:]
        raise CorruptIndex(f"{path} cannot be read by the FAISS that is installed ({reason}).") from error
    if _form(index) != _form(like) or not index.is_trained:
        found = f"{type(index).__name__} of width {index.d}"
        raise CorruptIndex(f"{path} holds another index than belongs there, {found}; build the index again.")
    return index


@contextmanager
def _no_vector_over(size: int) -> Iterator[None]:
    """A length that was changed asks for any amount of memory, and nothing in a file is longer than the file.

    The limit is FAISS's own, in bytes, for the whole process; older versions have none.
    """
    if not hasattr(faiss, "set_deserialization_vector_byte_limit"):
        yield
        return
    with _limit:
        before = faiss.get_deserialization_vector_byte_limit()
        faiss.set_deserialization_vector_byte_limit(size)
        try:
            yield
        finally:
            faiss.set_deserialization_vector_byte_limit(before)


def _form(index: Any) -> tuple[object, ...]:
    settings = tuple(getattr(index, name, None) for name in SETTINGS)
    return type(index), index.d, *settings, getattr(getattr(index, "sq", None), "qtype", None)
