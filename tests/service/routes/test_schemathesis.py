"""What the OpenAPI document says of every operation, held against the running service by schemathesis."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from service.keys import app as keys
from service.settings import Settings
from tests.service.conftest import Service, ready

pytest.importorskip("schemathesis", reason="needs the extra dev")

# As a process of its own: its plugin follows pytest's insides, and not every version of them.
COMMAND = [
    str(Path(sys.executable).with_name("schemathesis")),
    "run",
    "--no-color",
    "--generation-deterministic",
    "--phases=examples,coverage,fuzzing",  # that of states takes a form it made for one that breaks the document
    "--max-examples=15",
    "--max-time=20",
    "--request-timeout=120",
    "--continue-on-failure",
]
# POST /entities takes JSON lines, which it cannot write.
# No schema can say that a string is a picture's file, or a place in a list that an answer told, so what fits the schema
# may be refused.
REFUSES_WHAT_FITS = """
[[operations]]
include-name = "{name}"

[operations.checks.positive_data_acceptance]
enabled = false
"""


@pytest.mark.slow
def test_the_service_keeps_to_its_document(
    start: Callable[[Settings], Service], settings: Settings, index_home: Path, tmp_path: Path
) -> None:
    """With an admin's key, so that every operation can be asked."""
    file = tmp_path / "keys"
    said = CliRunner().invoke(keys, ["add", "admin", "--admin", "--file", str(file)]).stdout
    (key,) = re.findall(r"wk_\S+", said)
    shutil.copytree(index_home, tmp_path / "index")  # which is changed
    own = {"keys": file, "index": tmp_path / "index", "feedback": tmp_path / "feedback"}
    service = ready(start(settings.model_copy(update=own)))
    url = f"{service.url}/openapi.json"
    (tmp_path / "schemathesis.toml").write_text(
        "".join(
            REFUSES_WHAT_FITS.format(name=f"{method.upper()} {path}")
            for path, operations in httpx.get(url).json()["paths"].items()
            for method, operation in operations.items()
            if "requestBody" in operation or path in ("/entities", "/tags")
        )
    )
    ended = subprocess.run(
        [*COMMAND, "--exclude-name=POST /entities", "--header", f"Authorization: Bearer {key}", url],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout[-20_000:] + ended.stderr
