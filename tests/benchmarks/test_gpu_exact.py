import json
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.gpu_exact import copy_bandwidth, find_device, gpu_exact, median_seconds, unit_blocks
from wikiclip.base.errors import WikiClipError

CPU = torch.device("cpu")


def test_the_command_measures_each_batch_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    gpu_exact(rows=3000, width=64, batch=[1, 5], device="cpu", repeats=2, json_file=tmp_path / "rows.json")
    rows = [json.loads(line) for line in (tmp_path / "rows.json").read_text().splitlines()]
    assert [(row["rows"], row["dim"], row["batch"]) for row in rows] == [(3000, 64, 1), (3000, 64, 5)]
    for row in rows:
        assert row["ratio"] == pytest.approx(row["ms"] / row["read_ms"])
        assert row["read_ms"] == pytest.approx(1e3 * 3000 * 64 * 2 / (row["copy_gb_s"] * 1e9))
    said = capsys.readouterr().out
    assert "3,000 x 64, batch 1:" in said
    assert "the goal of 1.25" in said


def test_vectors_are_of_length_one_and_the_same_from_the_same_seed():
    (first_NM,), (again_NM,), (other_NM,) = (unit_blocks(CPU, 50, 30, seed) for seed in (3, 3, 4))
    assert first_NM.dtype == torch.float16
    np.testing.assert_allclose(first_NM.float().norm(dim=1), 1, atol=1e-3)
    assert torch.equal(first_NM, again_NM)
    assert not torch.equal(first_NM, other_NM)


def test_a_copy_counts_what_is_read_and_what_is_written(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("benchmarks.gpu_exact.median_seconds", lambda work, device, repeats: 0.5)
    assert copy_bandwidth(CPU, 1000) == 4000


def test_runs_that_warm_up_are_not_counted():
    calls = []
    assert median_seconds(lambda: calls.append(None), CPU, 4) < 0.1
    assert len(calls) == 3 + 4


def test_a_device_that_is_not_there_is_refused():
    for name in ("cuda:77", "no such"):
        with pytest.raises(WikiClipError, match=f"no device '{name}' here"):
            find_device(name)
    assert find_device("cpu") == CPU


@pytest.mark.skipif(torch.cuda.is_available() or torch.backends.mps.is_available(), reason="a GPU is here")
def test_without_a_gpu_the_full_size_is_not_tried():
    with pytest.raises(WikiClipError, match="sees no GPU here"):
        find_device("auto")
