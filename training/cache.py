"""Arrays that are slow to make, kept in a folder named after everything they depend on.

A change in any of it is another folder: nothing stale is ever read. Files are memory-mapped.
"""

import hashlib
import json
import logging
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.paths import features_home

log = logging.getLogger(__name__)

Arrays = dict[str, NDArray[Any]]


def cached(name: str, key: object, make: Callable[[], Arrays]) -> Arrays:
    """The arrays that `make` returns, made once for each key and published by one rename.

    Args:
        name: what they are, for whoever looks into the folder.
        key: JSON values that settle the arrays' content, versions of data and code included.
    """
    text = json.dumps(key, sort_keys=True)
    folder = features_home() / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    if not folder.is_dir():
        log.info("Making %s", folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=folder.parent))
        try:
            for array_name, array in make().items():
                np.save(temporary / f"{array_name}.npy", array)
            (temporary / "key.json").write_text(text + "\n", encoding="utf-8")
            temporary.replace(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return {path.stem: np.load(path, mmap_mode="r", allow_pickle=False) for path in sorted(folder.glob("*.npy"))}
