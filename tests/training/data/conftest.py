"""A small model at random weights, and small releases in the form of OVEN's and MaskOVEN-Wiki's."""

from pathlib import Path

import pytest
import torch

from tests.training.data.small_release import write_release
from tests.wikiclip.conftest import bert_folder, clip_file, plain_preset, text_folder, vision_backbone
from wikiclip.model import WikiClip
from wikiclip.presets import Preset

__all__ = ["bert_folder", "clip_file", "plain_preset", "text_folder", "vision_backbone"]


@pytest.fixture(scope="session")
def small_model(plain_preset: Preset) -> WikiClip:
    """The paper's plain form with small backbones."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    return WikiClip(plain_preset)


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where the releases are expected, and where they are."""
    monkeypatch.setenv("WIKICLIP_HOME", str(tmp_path))
    write_release(tmp_path / "oven")
    return tmp_path / "oven"
