"""A real cluster of two nodes on this machine, which loses one to `kill -9`; and every address where there is none."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from indexer.embedding.chunks import stored_numbers
from indexer.embedding.executors import ray_cluster
from indexer.embedding.executors.on_ray import Crew
from indexer.embedding.executors.ray_cluster import SETTINGS, Node, joined, prepare_ray
from indexer.embedding.executors.ray_worker import Task, lacking
from indexer.embedding.plan import make_plan, open_workshop
from indexer.kb.jsonl import JsonLines
from indexer.kb.record import Entity
from indexer.search import EntityIndex
from indexer.version import read_version
from tests.indexer.conftest import assert_same_versions
from tests.indexer.embedding.executors.conftest import CHUNKS, ENTITIES, PROBLEMS, expect_tags_and_words
from wikiclip.base.errors import WikiClipError
from wikiclip.model import WikiClip

Start = Callable[..., "subprocess.Popen[str]"]
# Ray brings psutil along; a node that dies loses its workers, too.
HEAD = """
import sys
from ray.cluster_utils import Cluster
import psutil
head = {"num_cpus": 1, "object_store_memory": STORE, "include_dashboard": False}
cluster = Cluster(initialize_head=True, head_node_args=head)
second = cluster.add_node(num_cpus=1, object_store_memory=STORE).all_processes["raylet"][0].process
print(cluster.address, flush=True)
if sys.stdin.readline() == "kill\\n":
    raylet = psutil.Process(second.pid)
    for one in [raylet, *raylet.children(recursive=True)]:
        one.kill()
    sys.stdin.read()
cluster.shutdown()
"""


@dataclass(frozen=True)
class TwoNodes:
    """A cluster of two nodes of one core each."""

    address: str
    process: "subprocess.Popen[str]"

    def lose_one(self) -> None:
        """`kill -9` of all that is of the second node, as when its machine loses power."""
        assert self.process.stdin is not None
        self.process.stdin.write("kill\n")
        self.process.stdin.flush()


@pytest.fixture
def cluster() -> Iterator[TwoNodes]:
    environment = {**os.environ, **SETTINGS, "OMP_NUM_THREADS": "1"}
    code = HEAD.replace("STORE", str(80 * 2**20))
    for _ in range(4):  # Ray gives a node half a minute to start, and can be told of no other time
        with subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
        ) as head:
            assert head.stdout is not None
            if address := head.stdout.readline().strip():
                try:
                    yield TwoNodes(address, head)
                finally:
                    head.communicate(timeout=300)
                return
    pytest.fail("no cluster of Ray's started")


def chunks(home: Path, at_least: int, build: "subprocess.Popen[str]") -> Path:
    """Waits for so many chunks, and returns their workshop."""
    while True:
        for plan in home.glob("building/*/plan.json"):
            if len(stored_numbers(plan.parent)) >= at_least:
                return plan.parent
        assert build.poll() is None, build.communicate()
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.timeout(1800)  # a cluster and two drivers start, each of which loads the towers
def test_a_build_that_loses_its_driver_and_then_a_node_ends_with_every_entity_once(
    cluster: TwoNodes, start: Start, local: Path, records: Path, tmp_path: Path
):
    home, options = tmp_path / "index", ("--executor", "ray", "--address", cluster.address)
    driver = start(home, *options)
    workshop = chunks(home, 2, driver)
    os.killpg(driver.pid, signal.SIGKILL)
    driver.wait()
    before = len(stored_numbers(workshop))
    assert before < CHUNKS - 8, "it was killed half-way"

    driver = start(home, *options)
    chunks(home, before + 3, driver)
    cluster.lose_one()
    assert len(stored_numbers(workshop)) < CHUNKS - 2, "the node is lost half-way"
    said, errors = driver.communicate(timeout=900)
    assert driver.returncode == 0, errors
    assert f"{ENTITIES} entities" in said
    assert f"{PROBLEMS} records or pictures could not be read" in errors
    assert "2 workers of 2 nodes" in errors
    assert "Traceback" not in errors

    made, alone = EntityIndex.open(home), EntityIndex.open(local)
    ids = [record.entity_id for record in JsonLines(records).records() if isinstance(record, Entity)]
    assert len(ids) == len(set(ids)) == read_version(home).manifest.counts.entities
    assert [made.entity(entity_id) for entity_id in ids] == [alone.entity(entity_id) for entity_id in ids]
    assert_same_versions(read_version(home), read_version(local))
    expect_tags_and_words(made, alone)


@pytest.mark.slow
def test_where_no_cluster_is_it_is_said_in_one_line_and_soon(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ray_cluster, "JOIN_SECONDS", 8)
    with socket.socket() as silent:  # takes connections, and says nothing
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        begun = time.monotonic()
        for address, why in {
            "127.0.0.1:1": "Nothing answers at 127.0.0.1:1",
            "nowhere.invalid:6379": "Nothing answers at nowhere.invalid:6379",
            "ray://127.0.0.1:10001": "no ray://",
            "somewhere": "HOST:PORT",
            "127.0.0.1:99999": "HOST:PORT",
            f"127.0.0.1:{silent.getsockname()[1]}": "does not answer as a Ray cluster's head",
        }.items():
            with pytest.raises(WikiClipError, match=why) as refused, joined(address):
                pass
            assert "\n" not in str(refused.value)
        assert time.monotonic() - begun < 240


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ray_cluster, "find_spec", lambda name: None)
    with pytest.raises(WikiClipError, match=r"pip install .* '\.\[ray\]'"):
        prepare_ray()


def test_versions_that_differ_are_both_named():
    told = (
        "Version mismatch: The cluster was started with:\n    Ray: 2.60.0\n    Python: 3.12.1\nThis process on node was"
    )
    said = ray_cluster._why(RuntimeError(f"{told} started with:\n    Ray: 2.61.0\n    Python: 3.11.7\n"))
    assert "\n" not in said
    assert all(version in said for version in ("2.60.0", "2.61.0", "3.12.1", "3.11.7"))


GPUS, PLAIN = Node("a", "a", cpus=32, gpus=4), Node("b", "b", cpus=16, gpus=0)


@pytest.mark.parametrize(
    ("nodes", "device", "crew"),
    [
        ([GPUS, GPUS, PLAIN], "auto", Crew(actors=8, cpus=8, gpus=1, nodes=2)),
        ([GPUS, PLAIN], "cpu", Crew(actors=6, cpus=8, gpus=0, nodes=2)),
        ([PLAIN, Node("c", "c", cpus=4, gpus=0)], "auto", Crew(actors=5, cpus=4, gpus=0, nodes=2)),
        ([Node("d", "d", cpus=2, gpus=8)], "gpu", Crew(actors=8, cpus=0, gpus=1, nodes=1)),
        (
            [Node("e", "e", cpus=0, gpus=0), Node("f", "f", cpus=1, gpus=0)],
            "auto",
            Crew(actors=1, cpus=1, gpus=0, nodes=1),
        ),
    ],
)
def test_there_is_one_actor_a_gpu_else_one_for_so_many_cores_as_every_node_has(nodes, device, crew):
    assert Crew.of(nodes, device) == crew


@pytest.mark.parametrize(("nodes", "device"), [([PLAIN], "gpu"), ([Node("e", "e", cpus=0, gpus=0)], "auto")])
def test_a_cluster_with_nothing_to_give_is_refused(nodes, device):
    with pytest.raises(WikiClipError, match="No node of the Ray cluster has"):
        Crew.of(nodes, device)


def test_what_a_node_lacks_is_named(birds: Path, checkpoint: Path, model: WikiClip, tmp_path: Path):
    plan = make_plan(JsonLines(birds), model)
    workshop = open_workshop(plan, tmp_path)
    task = Task(plan=plan, checkpoint=checkpoint, workshop=workshop, device="cpu", threads=1)
    assert lacking(task) is None
    for change, why in (
        ({"workshop": tmp_path / "gone"}, "does not see"),
        ({"plan": replace(plan, image_root=str(tmp_path / "gone"))}, "another plan"),
        ({"checkpoint": tmp_path / "gone"}, "cannot read the checkpoint"),
        ({"plan": replace(plan, format=0)}, "another version of this program"),
    ):
        assert why in str(lacking(replace(task, **change)))
    other = replace(plan, image_root=str(tmp_path / "gone"), model_fingerprint="f" * 64)
    there = replace(task, plan=other, workshop=open_workshop(other, tmp_path))
    assert "does not see the pictures" in str(lacking(there))
    (tmp_path / "gone").mkdir()
    assert "has another checkpoint" in str(lacking(there))
