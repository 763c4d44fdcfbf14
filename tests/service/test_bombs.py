"""What `benchmarks.hostile.bombs` throws arrives, and what it reads off a process is what the process took."""

import os
import threading
import time

import pytest

from benchmarks.hostile.bombs import crowds
from benchmarks.hostile.bombs.bodies import BODY_BOMBS
from benchmarks.hostile.bombs.crowds import asking_for, idling
from benchmarks.hostile.bombs.meter import Process
from benchmarks.hostile.bombs.pictures import PICTURE_BOMBS
from benchmarks.hostile.bombs.regions import REGION_BOMBS
from tests.service.conftest import Service

TOLD = {
    "an ordinary request": "422 outside-picture",
    "a body in pieces of a byte": "400 malformed-http",
    "JPEG, 10,774 empty scans": "422 malformed-image",
    "PNG, EXIF that leads back to itself": "422 outside-picture",
    "63 empty regions": "422 too-many-regions",
}


@pytest.mark.parametrize("name", TOLD)
def test_a_bomb_is_told_what_the_service_says(service: Service, name: str) -> None:
    thrown = (PICTURE_BOMBS | REGION_BOMBS | BODY_BOMBS)[name](service.port)
    assert thrown.told == TOLD[name]
    assert 0 < thrown.answered < 2000
    assert thrown.sent > 300


def test_a_crowd_that_asks_for_a_document_gets_it_unless_it_has_it(service: Service) -> None:
    whole, head, again = (
        asking_for("/openapi.json", callers=20, **how)(service.port)
        for how in ({}, {"method": "HEAD"}, {"again": True})
    )
    assert (whole.told, head.told, again.told) == ("20 x 200", "20 x 200", "20 x 304")
    assert whole.answered > 100 * head.answered
    assert again.answered < 20_000


def test_a_crowd_that_asks_nothing_leaves_room_for_who_asks(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowds, "SECONDS", 0.1)
    thrown = idling(40, drip=b"GET /")(service.port)
    assert thrown.sent == 40
    assert thrown.told.startswith("/healthz 200, ")
    assert "; /link 200, " in thrown.told
    assert thrown.told.endswith("; 40 stay")


def test_seconds_of_a_core_are_those_of_all_threads() -> None:
    def work() -> None:
        begin = time.thread_time()
        while time.thread_time() - begin < 0.3:
            pass

    process = Process(os.getpid())
    before, (loop_before, _) = process.cpu_s(), process.loop_s()
    other = threading.Thread(target=work)
    other.start()
    other.join()
    assert process.cpu_s() - before >= 0.28
    assert process.loop_s()[0] - loop_before < 0.2
