"""Callers who ask a service without a pause, and what they are answered."""

import base64
import threading
from collections import Counter

import httpx

from service import examples
from tests.service.processes.family import wait_until

IMAGE = base64.b64encode(examples.picture()).decode()
BOX = {"box": [6, 4, 24, 24]}


class Load:
    """Callers who ask again and again, each on a connection that it keeps, while the block runs.

    Attributes:
        seen: statuses; "again" where a connection broke and the second try was answered.
        versions: index versions of the answers.
    """

    def __init__(self, url: str, callers: int = 4) -> None:
        self._url, self._callers = url, callers
        self._ends = threading.Event()
        self.seen: Counter[str] = Counter()
        self.versions: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __enter__(self) -> "Load":
        self._threads = [threading.Thread(target=self._ask) for _ in range(self._callers)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, answers: int) -> None:
        """Until there were so many more."""
        before = self.seen.total()
        wait_until(lambda: self.seen.total() >= before + answers)

    def _ask(self) -> None:
        with httpx.Client(base_url=self._url, timeout=60) as client:
            while not self._ends.is_set():
                again = False
                try:
                    answer = client.post("/link", json={"image": IMAGE, "regions": [BOX, None]})
                except httpx.TransportError:
                    again = True
                    try:
                        answer = client.post("/link", json={"image": IMAGE, "regions": [BOX, None]})
                    except httpx.TransportError as error:
                        with self._lock:
                            self.seen[repr(error)] += 1
                        continue
                with self._lock:
                    self.seen["again" if again and answer.status_code == 200 else str(answer.status_code)] += 1
                    if answer.status_code == 200:
                        assert len(answer.json()["results"]) == 2
                        self.versions[answer.json()["index_version"]] += 1
