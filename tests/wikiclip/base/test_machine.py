import os
from pathlib import Path

import pytest

from wikiclip.base.machine import cores

HERE = len(os.sched_getaffinity(0))


def test_without_a_limit_every_core_counts(tmp_path: Path):
    assert cores(root=tmp_path) == HERE
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert cores(root=tmp_path) == HERE


@pytest.mark.parametrize(("quota", "expected"), [(50_000, 1), (100_000, 1), (199_999, 1), (100_000 * (HERE + 3), HERE)])
def test_a_container_s_share_counts_in_whole_cores(tmp_path: Path, quota: int, expected: int):
    (tmp_path / "cpu.max").write_text(f"{quota} 100000\n")
    assert cores(root=tmp_path) == expected


def test_the_older_kind_of_control_groups_is_read(tmp_path: Path):
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("-1\n")
    assert cores(root=tmp_path) == HERE
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("100000\n")
    assert cores(root=tmp_path) == 1
