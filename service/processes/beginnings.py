"""Where processes of the family begin: light, since the supervisor imports it.

What a process does is imported by itself, and that is done already where it comes from: in the process that all others
are forked from.
"""

import multiprocessing.connection

from service.processes.seats import EngineSeat, FrontSeat
from service.settings import read_settings
from service.telemetry.metrics import Metrics
from wikiclip.base.errors import WikiClipError


def run_front(seat: FrontSeat) -> None:
    """The process of a front."""
    from service.processes import front

    front.run(seat)


def run_engine(seat: EngineSeat) -> None:
    """The process of an engine."""
    from service.processes import engine

    engine.run(seat)


def run_planner(answer: multiprocessing.connection.Connection) -> None:
    """A process that reads the settings and looks at the machine, which takes torch, and answers both or an error."""
    from service.engine.puller import Puller
    from service.processes.plan import plan

    try:
        settings = read_settings()
        if settings.pull_from:
            Puller(settings, Metrics())  # so that a fault in it is said once, and before anything starts
        answer.send((settings, plan(settings)))
    except WikiClipError as error:
        answer.send(error)
