"""A checkpoint on disk: what is written is read, whatever was damaged is refused, and a kill loses nothing."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from wikiclip.base.errors import WikiClipError
from wikiclip.checkpoint import (
    CONFIG,
    WEIGHTS,
    made_by,
    read_checkpoint,
    read_confidence,
    write_checkpoint,
    write_confidence,
)
from wikiclip.confidence import Confidence
from wikiclip.presets import PRESETS, AdaptorConfig

TINY = PRESETS["tiny"]
MADE_BY = {"command": "python -m training.train", "seed": 1}


def make_state(seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        "adaptor.weight": torch.randn(4, 3, generator=generator).half().float(),
        "space.centre_W": torch.randn(5, generator=generator).half().float(),
    }


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    write_checkpoint(tmp_path / "model", TINY, make_state(), MADE_BY)
    return tmp_path / "model"


def edit(checkpoint: Path, change: Callable[[dict[str, Any]], None]) -> None:
    config = json.loads((checkpoint / CONFIG).read_text())
    change(config)
    (checkpoint / CONFIG).write_text(json.dumps(config))


def replace_weights(checkpoint: Path, weights: bytes) -> None:
    """With a config that names them, so that what is wrong with them is found."""
    (checkpoint / WEIGHTS).write_bytes(weights)
    edit(checkpoint, lambda config: config.update(weights_sha256=hashlib.sha256(weights).hexdigest()))


def test_what_is_written_is_read(checkpoint: Path) -> None:
    preset, state, fingerprint = read_checkpoint(checkpoint)
    assert preset == TINY
    assert state.keys() == make_state().keys()
    for name, tensor in make_state().items():
        assert state[name].dtype == torch.float32
        assert torch.equal(state[name], tensor)
    assert len(fingerprint) == 64
    assert int(fingerprint, 16) > 0


def test_the_files_are_what_their_names_say(checkpoint: Path) -> None:
    assert sorted(path.name for path in checkpoint.iterdir()) == [CONFIG, WEIGHTS]
    assert {tensor.dtype for tensor in load_file(checkpoint / WEIGHTS).values()} == {torch.float16}
    config = json.loads((checkpoint / CONFIG).read_text())
    assert config["made_by"] == MADE_BY
    assert config["preset"]["vision"]["architecture"] == "wikiclip-tiny"
    assert config["weights_sha256"] == hashlib.sha256((checkpoint / WEIGHTS).read_bytes()).hexdigest()


def test_the_fingerprint_names_whatever_would_change_a_vector_and_nothing_else(tmp_path: Path) -> None:
    def fingerprint(name: str, **changes: Any) -> str:
        arguments = {"preset": TINY, "state": make_state(), "made_by": MADE_BY, **changes}
        write_checkpoint(tmp_path / name, **arguments)
        return read_checkpoint(tmp_path / name)[2]

    plain = fingerprint("plain")
    assert fingerprint("elsewhere") == plain
    assert fingerprint("note", made_by={"note": "another"}) == plain
    others = {
        fingerprint("weights", state=make_state(1)),
        fingerprint("preset", preset=replace(TINY, mention=replace(TINY.mention, margin=0.2))),
        fingerprint("backbone", preset=replace(TINY, text=replace(TINY.text, max_tokens=33))),
    }
    assert len(others) == 3
    assert plain not in others


@pytest.mark.parametrize("missing", [CONFIG, WEIGHTS])
def test_a_missing_file_is_named(checkpoint: Path, missing: str) -> None:
    (checkpoint / missing).unlink()
    with pytest.raises(WikiClipError, match=r"not a checkpoint: config.json and model.safetensors are expected"):
        read_checkpoint(checkpoint)


@pytest.mark.parametrize("where", ["nowhere", "file"])
def test_what_is_no_directory_is_no_checkpoint(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WikiClipError, match="is not a checkpoint"):
        read_checkpoint(tmp_path / where)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"nonsense"])
def test_a_config_that_is_not_json_is_refused(checkpoint: Path, content: bytes) -> None:
    (checkpoint / CONFIG).write_bytes(content)
    with pytest.raises(WikiClipError, match="is not JSON"):
        read_checkpoint(checkpoint)


@pytest.mark.parametrize("content", ["[]", "null", "1", "{}", '{"schema": 2}', '{"schema": "1"}'])
def test_a_config_of_another_schema_is_refused(checkpoint: Path, content: str) -> None:
    (checkpoint / CONFIG).write_text(content)
    with pytest.raises(WikiClipError, match="does not have schema 1: train the checkpoint again"):
        read_checkpoint(checkpoint)


@pytest.mark.parametrize("damage", ["cut", "flipped", "longer", "empty"])
def test_weights_that_the_config_does_not_name_are_refused(checkpoint: Path, damage: str) -> None:
    weights = (checkpoint / WEIGHTS).read_bytes()
    damaged = {
        "cut": weights[:-1],
        "flipped": weights[:-1] + bytes([weights[-1] ^ 1]),
        "longer": weights + b"\0",
        "empty": b"",
    }[damage]
    (checkpoint / WEIGHTS).write_bytes(damaged)
    with pytest.raises(WikiClipError, match=r"is not the file that config.json names: fetch or train it again"):
        read_checkpoint(checkpoint)


@pytest.mark.parametrize("keep", [0, 5, 40, -1])
def test_truncated_weights_are_refused_even_if_the_config_names_them(checkpoint: Path, keep: int) -> None:
    replace_weights(checkpoint, (checkpoint / WEIGHTS).read_bytes()[:keep])
    with pytest.raises(WikiClipError, match="cannot be read"):
        read_checkpoint(checkpoint)


@pytest.mark.parametrize(
    "change",
    [
        lambda config: config.pop("preset"),
        lambda config: config.update(preset=None),
        lambda config: config.update(preset=[1]),
        lambda config: config["preset"].update(vision="EVA"),
        lambda config: config["preset"]["adaptor"].update(depth=3),
        lambda config: config["preset"]["adaptor"].update(width="wide"),
    ],
)
def test_a_config_without_a_right_preset_is_refused(checkpoint: Path, change: Callable[[dict[str, Any]], None]) -> None:
    edit(checkpoint, change)
    with pytest.raises(WikiClipError, match="does not describe a preset"):
        read_checkpoint(checkpoint)


def test_a_preset_that_cannot_be_is_refused(checkpoint: Path) -> None:
    edit(checkpoint, lambda config: config["preset"]["adaptor"].update(heads=7))
    with pytest.raises(WikiClipError, match="multiple of its heads"):
        read_checkpoint(checkpoint)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e6])
def test_numbers_that_float16_does_not_hold_are_not_written(tmp_path: Path, value: float) -> None:
    state = make_state()
    state["adaptor.weight"][1, 2] = value
    with pytest.raises(WikiClipError, match=r"adaptor.weight is not finite in float16"):
        write_checkpoint(tmp_path / "model", TINY, state, MADE_BY)
    assert not (tmp_path / "model").exists()


def test_weights_that_are_no_numbers_are_refused(checkpoint: Path) -> None:
    state = load_file(checkpoint / WEIGHTS)
    name = min(state)
    state[name] = torch.full_like(state[name], float("nan"))
    save_file(state, checkpoint / WEIGHTS)
    config = json.loads((checkpoint / CONFIG).read_text())
    config["weights_sha256"] = hashlib.sha256((checkpoint / WEIGHTS).read_bytes()).hexdigest()
    (checkpoint / CONFIG).write_text(json.dumps(config))
    with pytest.raises(WikiClipError, match=f"{name} in .* is not finite"):
        read_checkpoint(checkpoint)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WikiClipError, match="No checkpoint can be written to"):
        write_checkpoint(tmp_path / "file", TINY, make_state(), MADE_BY)


def test_a_checkpoint_is_replaced_and_what_lies_beside_it_stays(checkpoint: Path) -> None:
    (checkpoint / "README.md").write_text("A model card.")
    (checkpoint / "notes").mkdir()
    other = replace(TINY, adaptor=AdaptorConfig(width=8, heads=2))
    write_checkpoint(checkpoint, other, make_state(5), MADE_BY)
    preset, state, _ = read_checkpoint(checkpoint)
    assert preset == other
    assert torch.equal(state["space.centre_W"], make_state(5)["space.centre_W"])
    assert sorted(path.name for path in checkpoint.iterdir()) == ["README.md", CONFIG, WEIGHTS, "notes"]


# Python loads torch once and forks for each kill, in a process of its own, where nothing else runs.
KILL_AT_EVERY_STEP = """
import json, os, signal, sys
from pathlib import Path
import torch
from wikiclip.checkpoint import read_checkpoint, write_checkpoint
from wikiclip.presets import PRESETS

directory = Path(sys.argv[1])

def write(value):
    write_checkpoint(directory, PRESETS["tiny"], {"weight": torch.full((4, 3), value)}, {})

def die_before(steps):
    def hook(event, arguments):
        nonlocal steps
        if event in ("open", "os.rename", "os.mkdir", "os.remove") and str(directory) in str(arguments[0]):
            steps -= 1
            if steps < 0:
                os.kill(os.getpid(), signal.SIGKILL)
    return hook

for steps in range(50):
    write(1.0)
    child = os.fork()
    if child == 0:
        sys.addaudithook(die_before(steps))
        write(2.0)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    print(json.dumps([status, read_checkpoint(directory)[1]["weight"].unique().tolist()]))
    if status == 0:
        break
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_kill_at_any_step_leaves_the_old_checkpoint_or_the_new_one(tmp_path: Path) -> None:
    directory = tmp_path / "model"
    command = [sys.executable, "-c", KILL_AT_EVERY_STEP, str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    ends = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(ends) > 5, "there are many steps to be killed at"
    assert [status for status, _ in ends] == [signal.SIGKILL] * (len(ends) - 1) + [0]
    found = [value for _, value in ends]
    assert found[0] == [1.0]
    assert found[-1] == [2.0]
    assert found == sorted(found), "the old one up to some step, the new one from there on"
    assert sorted(path.name for path in directory.iterdir()) == [CONFIG, WEIGHTS], "and nothing is left behind"


def test_a_confidence_is_kept_beside_the_weights_and_changes_no_vector(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, TINY, make_state(), MADE_BY)
    fingerprint = read_checkpoint(tmp_path)[2]
    assert read_confidence(tmp_path) is None
    confidence = Confidence(weights=(1.0, 2.5, -3.0), bias=0.25, candidates=10)
    write_confidence(tmp_path, confidence)
    assert read_confidence(tmp_path) == confidence
    assert read_checkpoint(tmp_path)[2] == fingerprint
    assert made_by(tmp_path) == MADE_BY
    write_confidence(tmp_path, replace(confidence, bias=1.0))
    assert read_confidence(tmp_path) == replace(confidence, bias=1.0)


def test_no_confidence_is_written_where_there_is_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(WikiClipError, match="not a checkpoint"):
        write_confidence(tmp_path, Confidence(weights=(1.0, 2.0, 3.0), bias=0.0, candidates=2))
