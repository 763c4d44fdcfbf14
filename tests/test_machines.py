"""The files that start work on several machines; tests/training/test_nodes.py runs the one for Slurm."""

import os
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from indexer.embedding.executors.part import Part

DEPLOY = Path(__file__).parent.parent / "deploy"
FILES = [DEPLOY / "training/kubernetes.yaml", DEPLOY / "indexing/kubernetes.yaml"]


def documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text()))


def job(path: Path) -> dict[str, Any]:
    (found,) = (one for one in documents(path) if one["kind"] == "Job")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_kubernetes_would_take_them(path: Path) -> None:
    for document in documents(path):
        kubernetes_validate.validate(document, "1.31", strict=True)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_as_many_pods_run_as_the_command_counts_on(path: Path) -> None:
    spec = job(path)["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    told = {one["name"]: one.get("value") for one in container["env"]}
    assert spec["completionMode"] == "Indexed"
    assert spec["completions"] == spec["parallelism"] == int(told.get("NODES") or told["PARTS"])


def test_pods_find_the_first_by_its_name() -> None:
    service, training = documents(FILES[0])
    name = training["metadata"]["name"]
    spec = training["spec"]["template"]["spec"]
    assert spec["subdomain"] == service["metadata"]["name"]
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["selector"] == {"batch.kubernetes.io/job-name": name}
    (port,) = service["spec"]["ports"]
    command = spec["containers"][0]["command"]
    assert f"--master-addr={name}-0.{spec['subdomain']}" in command
    assert f"--master-port={port['port']}" in command


def test_each_pod_makes_a_part_of_its_own() -> None:
    spec = job(FILES[1])["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    shell, flag, line = container["command"]
    parts = []
    for index in range(spec["completions"]):
        environment = {**os.environ, "JOB_COMPLETION_INDEX": str(index), "PARTS": str(spec["completions"])}
        echo = line.replace("exec python", "echo")
        said = subprocess.run([shell, flag, echo], env=environment, capture_output=True, text=True, check=True).stdout
        parts.append(Part.parse(said.split()[said.split().index("--part") + 1]))
    assert [part.number for part in parts] == list(range(1, spec["completions"] + 1))
    assert {part.of for part in parts} == {spec["completions"]}
