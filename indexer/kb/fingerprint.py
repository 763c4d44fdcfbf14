"""Whether a knowledge base changed since it was last read: its records one by one, or only its files' dates."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from indexer.kb.record import BadRecord, Entity, KnowledgeBase, filled


def of_records(kb: KnowledgeBase, records: Iterable[Entity | BadRecord] | None = None) -> str:
    """Reads every record, and the size and date of every picture. Misses nothing; takes one pass over the records.

    Args:
        records: the knowledge base's; `kb.records()` if None.
    """
    digest = hashlib.sha256(f"{kb.name}\n{_absolute(kb.image_root)}\n".encode())
    for record in kb.records() if records is None else records:
        digest.update(_told(record).encode("utf-8", "backslashreplace"))
        if not isinstance(record, BadRecord) and kb.image_root is not None:
            for image in record.images:
                digest.update(_stamp(kb.image_root / image))
    return digest.hexdigest()


def of_files(name: str, paths: Iterable[Path]) -> str:
    """Reads names, sizes and dates only, for what is too large to be read twice. A file rewritten in place with its
    size and date kept goes unnoticed."""
    digest = hashlib.sha256(f"{name}\n".encode())
    for path in paths:
        digest.update(f"{_absolute(path)}\n".encode("utf-8", "backslashreplace") + _stamp(path))
    return digest.hexdigest()


def _told(record: Entity | BadRecord) -> str:
    """As Python shows it, without the later fields that say nothing."""
    if isinstance(record, BadRecord):
        return repr(record)
    held = list(zip(Entity._fields, record, strict=True))[: filled(record)]
    return f"Entity({', '.join(f'{name}={value!r}' for name, value in held)})"


def _absolute(path: Path | None) -> str:
    return "" if path is None else str(path.absolute())


def _stamp(path: Path) -> bytes:
    try:
        status = path.stat()
    except OSError:
        return b"missing\n"
    return f"{status.st_size} {status.st_mtime_ns}\n".encode()
