"""Divides the cores among batches at work."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch


class Cores:
    """Divides cores among encoders at work: a lone batch gets them all, and several get a share each.

    More threads than cores would wait for one another at every layer's end.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._at_work = 0
        self._lock = threading.Lock()

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Bounds torch's threads on the calling thread."""
        with self._lock:
            self._at_work += 1
            share = max(1, self._count // self._at_work)
        try:
            torch.set_num_threads(share)
            yield
        finally:
            with self._lock:
                self._at_work -= 1
