"""What a data set hands over for training, whichever it is."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from training.data.records import Records
from wikiclip.mentions.mention import VIEWS_VERSION


@dataclass(frozen=True, kw_only=True)
class TrainingSet:
    """Annotated mentions and records.

    Attributes:
        pooled: numbers of mentions -> the tower's pooled vectors [len, W].
        record_Q: the row of the record that each mention shows.
        own: rows of records whose own picture is a query too.
        text_only: rows of records without a picture.
        class_rows: for each class of the tower's classifier the row of its record, -1 where it has none or must not be
            known; empty for a knowledge base that knows nothing of such classes.
    """

    records: Records
    pooled: Callable[[NDArray[np.int64]], Tensor]
    record_Q: NDArray[np.int64]
    own: NDArray[np.int64]
    text_only: NDArray[np.int64]
    class_rows: NDArray[np.int64]

    def fingerprint(self) -> str:
        """Hashes which records are shown and known; what they look like is the preset's and the views' version."""
        digest = hashlib.sha256(f"{VIEWS_VERSION} {self.records.fingerprint}".encode())
        for rows in (self.record_Q, self.own, self.text_only, self.class_rows):
            digest.update(f" {len(rows)} ".encode() + np.ascontiguousarray(rows, np.int64).tobytes())
        return digest.hexdigest()
