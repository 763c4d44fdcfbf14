"""Vectors with the structure of real ones, in any number.

Every twelfth row is the real vector of a text; the others are mixtures of two or three such vectors, one of which
leads, with a little noise. So 6,063,945 rows stand on 505,329 texts, and fewer rows on fewer texts in proportion.

Axes: T text, N row, Q query, M vector width.
"""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.search.encoded import CHUNK_TEXTS, encode_texts, encoded_home, read_held_out, read_texts
from indexer.arrays import read_array
from wikiclip.base.files import sync, write_text
from wikiclip.model import WikiClip

ROWS_A_TEXT = 12
BLOCK_ROWS = 2**16  # 64 MB in float32 at a width of 256
SECOND, THIRD = (0.2, 0.6), (0.0, 0.4)  # weights beside the leading vector's 1; half of the mixtures have a third
NOISE = 0.1  # its length, where the mixture's is 1

# Names what is made of them, so that nothing made with other numbers is taken for it.
RECIPE = sha256(repr((ROWS_A_TEXT, BLOCK_ROWS, SECOND, THIRD, NOISE)).encode()).hexdigest()[:8]


@dataclass(frozen=True)
class VectorSet:
    """Rows and queries on the disk; `folder` also takes what is derived from them."""

    folder: Path

    @property
    def path(self) -> Path:
        """The rows' file."""
        return self.folder / "vectors.npy"

    def rows(self) -> NDArray[np.float16]:
        """Unit vectors [N, M], mapped."""
        return read_array(self.path, np.float16, axes=2)

    def queries(self) -> NDArray[np.float32]:
        """Unit vectors [Q, M] of texts that no row was made from."""
        return np.array(read_array(self.folder / "queries.npy", np.float32, axes=2))


def make_vector_set(model: WikiClip, rows: int, *, seed: int = 0, chunk: int = CHUNK_TEXTS) -> VectorSet:
    """Makes what is not there yet: the texts' vectors, the rows, the queries. A run that was stopped goes on."""
    texts = -(-rows // ROWS_A_TEXT)
    encoded = encoded_home(model, seed=seed, chunk=chunk)
    encode_texts(model, encoded, texts=texts, seed=seed, chunk=chunk)
    made = VectorSet(encoded / f"rows-{rows}-{RECIPE}")
    if not made.path.exists():
        made.folder.mkdir(exist_ok=True)
        np.save(made.folder / "queries.npy", _unit(read_held_out(encoded).astype(np.float32)))
        write_rows(read_texts(encoded, texts), made.path, rows=rows, seed=seed)
    return made


def write_rows(
    texts_TM: NDArray[np.float16], path: Path, *, rows: int, seed: int = 0, block_rows: int = BLOCK_ROWS
) -> None:
    """Writes the rows block by block; the file gets its name once it is whole, and a later call goes on."""
    real_TM = _unit(texts_TM.astype(np.float32))
    partial, note = path.with_suffix(".partial.npy"), path.with_suffix(".blocks")
    done = int(note.read_text()) if note.exists() and partial.exists() else 0
    shape = (rows, real_TM.shape[1])
    rows_NM = np.lib.format.open_memmap(partial, mode="r+" if done else "w+", dtype=np.float16, shape=shape)
    blocks = range(done, -(-rows // block_rows))
    for block in tqdm(blocks, unit=" blocks", desc="Mixing rows", initial=done, total=blocks.stop):
        first = block * block_rows
        numbers_N = np.arange(first, min(first + block_rows, rows))
        mixed_NM = mixtures(real_TM, numbers_N, np.random.default_rng([seed, block]))
        rows_NM[numbers_N[0] : numbers_N[-1] + 1] = torch.from_numpy(mixed_NM).half().numpy()  # NumPy casts slowly
        rows_NM.flush()
        write_text(note, str(block + 1))
    del rows_NM
    sync(partial)  # what is dirty cannot be dropped from the page cache, either
    partial.replace(path)
    note.unlink(missing_ok=True)


def mixtures(
    real_TM: NDArray[np.float32], numbers_N: NDArray[np.int64], random: np.random.Generator
) -> NDArray[np.float32]:
    """Unit vectors [N, M] for rows of these numbers."""
    texts, width = real_TM.shape
    count = len(numbers_N)
    parents_3N = random.integers(0, texts, size=(3, count))
    second_N1 = random.uniform(*SECOND, size=(count, 1)).astype(np.float32)
    third_N1 = (random.uniform(*THIRD, size=(count, 1)) * random.integers(0, 2, size=(count, 1))).astype(np.float32)
    mixed_NM = _unit(real_TM[parents_3N[0]] + second_N1 * real_TM[parents_3N[1]] + third_N1 * real_TM[parents_3N[2]])
    mixed_NM += random.standard_normal((count, width), dtype=np.float32) * np.float32(NOISE / width**0.5)
    is_real_N = numbers_N % ROWS_A_TEXT == 0
    mixed_NM[is_real_N] = real_TM[numbers_N[is_real_N] // ROWS_A_TEXT]
    return _unit(mixed_NM)


def _unit(vectors_NM: NDArray[np.float32]) -> NDArray[np.float32]:
    unit_NM: NDArray[np.float32] = vectors_NM / np.linalg.norm(vectors_NM, axis=1, keepdims=True)
    return unit_NM
