"""Rows of a long table, kept as they are made, so that a table goes on where it was cut off."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wikiclip.base.errors import WikiClipError
from wikiclip.base.files import write_text

Row = dict[str, float]


def kept_row(path: Path, key: object, make: Callable[[], Row]) -> Row:
    """Returns the row of that key from a file of JSON lines, or makes it and adds it there.

    Args:
        key: JSON values that settle the row.

    Raises:
        WikiClipError: a line of the file is not such a row.
    """
    wanted = json.dumps(key, sort_keys=True)
    rows = _read(path)
    if wanted not in rows:
        rows[wanted] = make()
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, "".join(json.dumps({"key": key, "row": row}) + "\n" for key, row in rows.items()))
    return rows[wanted]


def _read(path: Path) -> dict[str, Row]:
    if not path.exists():
        return {}
    rows = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            kept: dict[str, Any] = json.loads(line)
            rows[kept["key"]] = kept["row"]
        except (ValueError, KeyError, TypeError) as error:
            raise WikiClipError(f"Line {number} of {path} is not a row; remove it, and it is made again.") from error
    return rows
