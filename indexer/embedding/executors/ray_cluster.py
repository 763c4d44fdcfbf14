"""Joining a Ray cluster, with every way in which that fails said in one line and soon."""

import logging
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from wikiclip.base.errors import WikiClipError, first_line, how_to_install

AUTO = "auto"
REACH_SECONDS = 5.0  # until a head that does not take a connection counts as not there
JOIN_SECONDS = 30  # until one that does, and answers nothing of Ray's, does
OBJECT_STORE = 512 * 2**20  # bytes, of a cluster that is started here: stretches of records on their way
# No figures go to Ray's makers, how Python was started counts for nothing, GPUs are as they are, and stderr is for what
# ends it.
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
}
HANDED_ON = ("HF_HUB_OFFLINE", "HF_HOME")  # what workers need of this process's environment


@dataclass(frozen=True)
class Node:
    """A machine of the cluster that is alive."""

    id: str
    name: str
    cpus: int
    gpus: int


def prepare_ray() -> None:
    """Settles what Ray looks at when it is imported; settings of the caller's own stay.

    Raises:
        WikiClipError: Ray is not installed.
    """
    if find_spec("ray") is None:
        raise WikiClipError(f"--executor ray needs Ray: {how_to_install('ray')}, on every machine.")
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)


@contextmanager
def joined(address: str | None) -> Iterator[list[Node]]:
    """Yields the nodes of a cluster, which this process is part of while the block runs.

    Args:
        address: of its head, `auto` for the one that this machine is part of; None for RAY_ADDRESS or, where that is
            not set either, a cluster of this machine alone, which ends with the block.

    Raises:
        WikiClipError: no such cluster can be joined.
    """
    import ray

    address = address or os.environ.get("RAY_ADDRESS")
    if address not in (None, AUTO, "local"):
        _expect_somebody(address)
    environment = {name: os.environ[name] for name in HANDED_ON if name in os.environ}
    started_here: dict[str, Any] = {}
    if address in (None, "local"):
        started_here = {"include_dashboard": False, "object_store_memory": OBJECT_STORE}
    try:
        ray.init(
            address=address or "local",
            runtime_env={"env_vars": environment},
            log_to_driver=False,
            logging_level=logging.ERROR,
            **started_here,
        )
    except (ConnectionError, RuntimeError, ValueError, TimeoutError, OSError, ray.exceptions.RayError) as error:
        raise WikiClipError(
            f"The Ray cluster {address or 'of this machine'} cannot be joined: {_why(error)}"
        ) from error
    try:
        yield [
            Node(
                id=node["NodeID"],
                name=node["NodeManagerHostname"],
                cpus=int(node["Resources"].get("CPU", 0)),
                gpus=int(node["Resources"].get("GPU", 0)),
            )
            for node in ray.nodes()  # type: ignore[no-untyped-call]
            if node["Alive"]
        ]
    finally:
        with suppress(Exception):
            ray.shutdown()


def _expect_somebody(address: str) -> None:
    """Raises WikiClipError where nobody takes a connection: Ray itself would try for a minute."""
    if address.startswith("ray://"):
        raise WikiClipError(
            "--address takes HOST:PORT of a cluster's head, and no ray://: run the command on a machine of the cluster,"
            " which reads the records and publishes."
        )
    form = re.fullmatch(r"\[?([^\]]+?)\]?:([0-9]{1,5})", address)
    if form is None or int(form[2]) > 65_535:
        raise WikiClipError(f"--address takes HOST:PORT of a cluster's head, or auto, and not {address[:60]!r}.")
    try:
        socket.create_connection((form[1], int(form[2])), REACH_SECONDS).close()
    except OSError as error:
        raise WikiClipError(
            f"Nothing answers at {address} ({error.strerror or error}): start the cluster's head there (`ray start"
            f" --head --port {form[2]}`), or mend --address."
        ) from error
    asked = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--skip-version-check", "--address", address]
    try:  # in a process of its own, since Ray's client cannot be told to stop; whatever else is wrong `init` says
        subprocess.run(asked, timeout=JOIN_SECONDS, capture_output=True, check=False)
    except subprocess.TimeoutExpired as error:
        raise WikiClipError(
            f"What listens at {address} does not answer as a Ray cluster's head within {JOIN_SECONDS} s; mend"
            " --address."
        ) from error


def _why(error: Exception) -> str:
    """What Ray says, in one line: of versions that differ both, which it puts on lines of their own."""
    told = " ".join(str(error).split())
    if "ersion mismatch" in told:
        return f"{told[:400]} Install the same versions on every machine."
    return f"{first_line(error)} This machine must be part of it: `ray start --address HOST:PORT`."
