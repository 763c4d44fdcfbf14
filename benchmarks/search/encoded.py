"""The texts' real vectors: the text side of the packaged checkpoint, encoded once and kept, chunk by chunk.

The stream's first chunk is held out: no index holds its texts, and they are what is searched for.

Axes: T text, Q query, M vector width.
"""

from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks import benchmarks_home
from benchmarks.search.texts import stream
from indexer.arrays import read_array
from indexer.embedding.pending import workers
from indexer.kb.wordnet.nouns import WORDNET, read_nouns
from wikiclip.base.paths import debian_root
from wikiclip.model import PreparedEntity, WikiClip

CHUNK_TEXTS = 1024  # some seconds' work, which is what a crash may lose
BATCH_TEXTS = 64


def encoded_home(model: WikiClip, *, seed: int = 0, chunk: int = CHUNK_TEXTS) -> Path:
    """Where a checkpoint's vectors of a seed's texts are kept."""
    return benchmarks_home() / f"texts-{model.fingerprint[:12]}-{seed}-{chunk}"


def encode_texts(model: WikiClip, folder: Path, *, texts: int, seed: int = 0, chunk: int = CHUNK_TEXTS) -> None:
    """Encodes what is not yet there of the held-out texts and of the first `texts` that are indexed.

    Args:
        folder: keeps one file a chunk, which is whole if it is there; all of one seed and one length of chunk.
    """
    paths = [_chunk(folder, number) for number in range(1 + -(-texts // chunk))]
    if all(path.exists() for path in paths):
        return
    folder.mkdir(parents=True, exist_ok=True)
    source = stream(read_nouns(debian_root() / WORDNET), seed=seed)
    with workers() as pool, tqdm(total=len(paths) * chunk, unit=" texts", desc="Encoding texts") as bar:
        for path in paths:
            ready = list(islice(source, chunk))
            if path.exists():
                bar.initial += chunk  # so that the rate counts only what this run did
            else:
                _save(_encode(model, ready, pool), path)
            bar.update(chunk)


def read_held_out(folder: Path) -> NDArray[np.float16]:
    """Vectors of the texts that no index holds, [Q, M]."""
    return read_array(_chunk(folder, 0), np.float16, axes=2)


def read_texts(folder: Path, texts: int) -> NDArray[np.float16]:
    """Vectors of the first `texts` that are indexed, [T, M]."""
    parts: list[NDArray[np.float16]] = []
    while sum(map(len, parts)) < texts:
        parts.append(read_array(_chunk(folder, 1 + len(parts)), np.float16, axes=2))
    return np.concatenate(parts)[:texts]


def _chunk(folder: Path, number: int) -> Path:
    return folder / f"{number:06d}.npy"


def _encode(model: WikiClip, texts: list[str], pool: ThreadPoolExecutor) -> NDArray[np.float16]:
    order = sorted(range(len(texts)), key=lambda place: -len(texts[place]))  # batches of like length
    batches = [order[start : start + BATCH_TEXTS] for start in range(0, len(order), BATCH_TEXTS)]
    vectors_TM = np.empty((len(texts), model.mention_width), dtype=np.float16)

    def encode_batch(batch: list[int]) -> None:
        vectors_TM[batch] = model.encode_entities([PreparedEntity(texts[place], None) for place in batch])

    list(pool.map(encode_batch, batches))
    return vectors_TM


def _save(vectors_TM: NDArray[np.float16], path: Path) -> None:
    partial = path.with_suffix(".partial.npy")
    np.save(partial, vectors_TM)
    partial.replace(path)
