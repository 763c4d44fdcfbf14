"""A knowledge base's records by number, mapped into memory: six million do not fit into objects."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from tqdm import tqdm

from indexer.arrays import read_array
from indexer.errors import CorruptIndex
from indexer.kb.record import Entity, KnowledgeBase, describe
from indexer.records.table import EntityTable, to_batch, write_table
from wikiclip.base.files import appearing_folder
from wikiclip.base.locks import locked
from wikiclip.base.paths import features_home

BLOCK = 4096
PICTURED, CHARACTERS = "pictured.npy", "characters.npy"


@dataclass(frozen=True, kw_only=True)
class RecordTable:
    """Records by number, whether each has a picture, and how many characters describe it."""

    entities: EntityTable
    pictured_N: NDArray[np.bool_]
    characters_N: NDArray[np.int32]


def open_table(kb: KnowledgeBase, fingerprint: str) -> RecordTable:
    """The records; read from the knowledge base once, and kept. A second process waits for the first.

    What is kept and cannot be used is read anew.

    Records that cannot be read are left out, as an index leaves them out; `indexer.build` lists them.

    Args:
        fingerprint: the knowledge base's; to ask for it may take a pass over all records.
    """
    folder = features_home() / f"table-{kb.name}-{fingerprint[:16]}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.with_name(f".{folder.name}.lock")):
        if folder.is_dir():
            try:
                return _opened(folder)
            except CorruptIndex:  # damaged, or kept by a program that wrote tables otherwise
                shutil.rmtree(folder)
        _read(kb, folder)
        return _opened(folder)


def _opened(folder: Path) -> RecordTable:
    return RecordTable(
        entities=EntityTable(folder),
        pictured_N=read_array(folder / PICTURED, np.bool_),
        characters_N=read_array(folder / CHARACTERS, np.int32),
    )


def _read(kb: KnowledgeBase, folder: Path) -> None:
    pictured: list[bool] = []
    characters: list[int] = []
    with appearing_folder(folder) as partial:
        write_table(_batches(kb, pictured, characters), partial)
        np.save(partial / PICTURED, np.array(pictured, np.bool_))
        np.save(partial / CHARACTERS, np.array(characters, np.int32))


def _batches(kb: KnowledgeBase, pictured: list[bool], characters: list[int]) -> Iterator[pa.RecordBatch]:
    records = (record for record in tqdm(kb.records(), total=len(kb), desc=f"Reading {kb.name}", unit=" records"))
    entities = (record for record in records if isinstance(record, Entity))
    while block := list(islice(entities, BLOCK)):
        pictured += (bool(entity.images) for entity in block)
        characters += (len(describe(entity)) for entity in block)
        yield to_batch(block)
