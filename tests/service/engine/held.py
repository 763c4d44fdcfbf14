"""Work for stages that a test holds up."""

import threading
from collections.abc import Sequence

WAIT_S = 30


class Held:
    """Work that stops at a gate and notes its batches."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.entered = threading.Semaphore(0)
        self.gate = threading.Event()

    def __call__(self, batch: Sequence[int]) -> list[int]:
        self.batches.append(list(batch))
        self.entered.release()
        assert self.gate.wait(WAIT_S)
        return [item * 10 for item in batch]
