"""The guard lets a mismatched torchvision be imported, and touches nothing else."""

import subprocess
import sys
from pathlib import Path

import pytest

from wikiclip.towers import torchvision_guard

AS_IN_A_NEW_PROCESS = """
import wikiclip.towers.torchvision_guard as guard
declared = list(guard._declared)
guard.import_torchvision()
assert guard._declared == declared, "declared once"
import open_clip, timm, torchvision
from torchvision.transforms import Compose
print(torchvision.__version__)
"""


def test_whatever_imports_torchvision_can_after_it() -> None:
    done = subprocess.run([sys.executable, "-c", AS_IN_A_NEW_PROCESS], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.fixture
def other_torchvision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The source of another torchvision, which is the one that an import finds."""
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path / "torchvision.py"


def test_one_that_works_is_left_alone(other_torchvision: Path) -> None:
    other_torchvision.write_text("loaded = True")
    declared = list(torchvision_guard._declared)
    torchvision_guard.import_torchvision()
    assert sys.modules["torchvision"].loaded
    assert torchvision_guard._declared == declared


@pytest.mark.parametrize("error", ["RuntimeError('CUDA versions differ')", "ImportError('libcudart.so')"])
def test_one_that_fails_otherwise_fails(other_torchvision: Path, error: str) -> None:
    other_torchvision.write_text(f"raise {error}")
    declared = list(torchvision_guard._declared)
    with pytest.raises((RuntimeError, ImportError), match=r"CUDA versions differ|libcudart"):
        torchvision_guard.import_torchvision()
    assert torchvision_guard._declared == declared
