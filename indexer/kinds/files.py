"""FAISS's files to and from the disk."""

from pathlib import Path
from typing import Any

import faiss

from indexer.errors import CorruptIndex
from wikiclip.base.errors import WikiClipError


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
    """Reads an index of the same type, width and code as another.

    Raises:
        CorruptIndex: the file holds something else.
    """
    try:
        index: Any = faiss.read_index(str(path), flags)
    except (RuntimeError, MemoryError) as error:  # a length that was changed asks for any amount of memory
        reason = " ".join(str(error).split())[-200:]
        raise CorruptIndex(f"{path} cannot be read by the FAISS that is installed ({reason}).") from error
    if _form(index) != _form(like):
        raise CorruptIndex(f"{path} holds {type(index).__name__} of width {index.d}; build the index again.")
    return index


def _form(index: Any) -> tuple[type, int, int | None]:
    return type(index), index.d, getattr(index, "code_size", None)  # a graph has none
