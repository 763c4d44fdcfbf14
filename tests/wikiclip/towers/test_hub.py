"""Towers out of a model hub, from the stand-in for one: what is fetched, what is kept, and what is said of faults."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub.constants
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import save_file
from typer.testing import CliRunner, Result

from benchmarks.hub.repositories import write_repositories
from benchmarks.hub.server import Fault, StandInHub
from wikiclip.base.errors import WikiClipError
from wikiclip.checkpoint import read_checkpoint
from wikiclip.make import app
from wikiclip.model import WikiClip
from wikiclip.pictures import Picture
from wikiclip.presets.choice import chosen_preset
from wikiclip.towers.__main__ import app as towers
from wikiclip.towers.hub import CONFIG, WEIGHTS, is_here, repository
from wikiclip.towers.sentence.files import digest
from wikiclip.towers.text import TextEncoder
from wikiclip.towers.weights import check_sha256

import open_clip  # isort: skip

NAME = "hf-hub:timm/ViT-B-16-SigLIP2-256"


@pytest.fixture(scope="module")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hub")
    write_repositories(root)
    return root


@pytest.fixture
def hub(repositories: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandInHub]:
    """A hub that can be reached, and nothing fetched from it yet."""
    monkeypatch.setenv("WIKICLIP_HOME", str(tmp_path))
    monkeypatch.delenv("HF_HOME", raising=False)
    with StandInHub(repositories) as stand_in:
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", stand_in.endpoint)
        files = stand_in.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", files)
        yield stand_in


def make(*arguments: object) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments)])


def a_picture() -> Picture:
    return Picture(rgb=Image.new("RGB", (40, 30), (200, 40, 40)), opaque=None)


@pytest.mark.parametrize("preset", ["clip-small", "clip", "embedding"])
def test_a_checkpoint_is_made_from_nothing_and_pins_what_it_was_made_of(
    preset: str, hub: StandInHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make("--preset", preset)
    assert made.exit_code == 0, made.output
    pinned, state, fingerprint = read_checkpoint(tmp_path / "checkpoints" / preset)
    assert not state
    assert pinned.vision.revision is not None
    assert pinned.vision.sha256 is not None
    assert (tmp_path / "models").is_dir()  # a container that is made anew finds the tower there

    asked = len(hub.asked)
    again = make("--preset", preset)
    assert "is made already" in again.output
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    model = WikiClip.load(preset)
    assert len(hub.asked) == asked
    assert model.fingerprint == fingerprint
    vectors = model.encode_entities([model.prepare_entity(text, a_picture()) for text in ("a heron", "an egret", "")])
    assert vectors.shape == (3, model.mention_width)
    assert not (vectors[0] == vectors[1]).all()


def test_the_command_runs_unchanged_against_an_endpoint(hub: StandInHub, tmp_path: Path) -> None:
    environment = {"HF_ENDPOINT": hub.endpoint, "WIKICLIP_HOME": str(tmp_path), "PATH": ""}
    command = [sys.executable, "-m", "wikiclip.make", "--preset", "clip", "--entity-encoder", "clip2clip"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    preset = read_checkpoint(tmp_path / "checkpoints" / "clip")[0]
    assert preset.fusion is not None
    assert preset.fusion.text_only_without_picture


@pytest.mark.parametrize(
    ("fault", "said"),
    [("unauthorized", "401"), ("missing", "404"), ("cut", "cannot be fetched")],
)
def test_a_fault_of_the_hub_is_one_line(fault: Fault, said: str, hub: StandInHub, tmp_path: Path) -> None:
    hub.fault = fault
    refused = make("--preset", "clip")
    assert isinstance(refused.exception, WikiClipError)
    assert said in str(refused.exception)
    assert "\n" not in str(refused.exception)
    assert not (tmp_path / "checkpoints").exists()
    hub.fault = "none"  # a download that was cut off is taken up
    assert make("--preset", "clip").exit_code == 0


def test_without_a_hub_it_is_said_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WIKICLIP_HOME", str(tmp_path))
    with pytest.raises(WikiClipError, match=r"cannot be reached.*HF_ENDPOINT.*local-dir"):
        repository(NAME, None)
    assert not is_here(NAME, None)


def test_altered_weights_are_refused_where_their_sha256_is_known(hub: StandInHub, tmp_path: Path) -> None:
    make("--preset", "clip")
    known = read_checkpoint(tmp_path / "checkpoints" / "clip")[0].vision.sha256
    hub.fault = "altered"
    again = ("--preset", "clip", "--sha256", known, "--out", tmp_path / "again")
    (weights,) = (tmp_path / "models").rglob(WEIGHTS)
    weights.resolve().unlink()
    weights.unlink()
    refused = make(*again)
    assert isinstance(refused.exception, WikiClipError)
    assert "sha256" in str(refused.exception)
    assert not (tmp_path / "again").exists()


def test_a_checkpoint_stays_at_its_commit_when_the_repository_moves(
    hub: StandInHub, repositories: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make("--preset", "clip")
    pinned = read_checkpoint(tmp_path / "checkpoints" / "clip")[0].vision
    (repositories / "timm" / "ViT-B-16-SigLIP2-256" / "README.md").write_text("moved on\n")
    assert repository(pinned.weights, pinned.revision).name == pinned.revision
    assert repository(pinned.weights, None).name != pinned.revision
    monkeypatch.setenv("WIKICLIP_HOME", str(tmp_path / "elsewhere"))
    with pytest.raises(WikiClipError, match="cannot be fetched"):
        repository(pinned.weights, pinned.revision)


def test_a_folder_of_one_s_own_is_a_tower(repositories: Path, tmp_path: Path) -> None:
    folder = repositories / "timm" / "MobileCLIP2-S0-OpenCLIP"
    made = make("--weights", f"local-dir:{folder}", "--out", tmp_path / "own", "--entity-encoder", "clip")
    assert made.exit_code == 0, made.output
    preset = read_checkpoint(tmp_path / "own")[0]
    assert (preset.vision.image_size, preset.vision.mean, preset.vision.revision) == (256, (0.0, 0.0, 0.0), None)
    assert WikiClip.load(tmp_path / "own").mention_width == 64


def test_the_weights_are_checked_and_read_once_for_pictures_and_texts(
    repositories: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, checked = tmp_path / "out", list[Path]()
    assert not make("--weights", f"local-dir:{repositories / 'timm/MobileCLIP2-S0-OpenCLIP'}", "--out", out).exit_code

    def check(path: Path, expected: str) -> None:
        checked.append(path)
        check_sha256(path, expected)

    monkeypatch.setattr("wikiclip.towers.loading.check_sha256", check)
    WikiClip.load(out)
    assert [path.name for path in checked] == [WEIGHTS]


@pytest.mark.parametrize("wrong", [b"{}", b"[1]", b'{"model_cfg": {"vision_cfg": {"image_size": "x"}}}', b"\xff"])
def test_a_folder_that_describes_no_tower_is_refused(wrong: bytes, tmp_path: Path) -> None:
    (tmp_path / CONFIG).write_bytes(wrong)
    (tmp_path / WEIGHTS).write_bytes(b"")
    refused = make("--weights", f"local-dir:{tmp_path}", "--out", tmp_path / "out")
    assert isinstance(refused.exception, WikiClipError)
    assert "does not describe a tower" in str(refused.exception)


def test_weights_that_are_a_pickle_are_no_tower(tmp_path: Path) -> None:
    (tmp_path / CONFIG).write_text(json.dumps({}))
    (tmp_path / "open_clip_pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(WikiClipError, match="safetensors only"):
        repository(f"local-dir:{tmp_path}", None)


def test_broken_weights_are_refused(repositories: Path, tmp_path: Path) -> None:
    config = (repositories / "timm" / "MobileCLIP2-S0-OpenCLIP" / CONFIG).read_bytes()
    (tmp_path / CONFIG).write_bytes(config)
    (tmp_path / WEIGHTS).write_bytes(b"<html>not found</html>")
    refused = make("--weights", f"local-dir:{tmp_path}", "--out", tmp_path / "out")
    assert isinstance(refused.exception, WikiClipError)
    assert "cannot be loaded" in str(refused.exception)


@pytest.mark.parametrize(("preset", "command"), [("clip-large", "wikiclip.make"), ("base", "training.train")])
def test_a_preset_that_is_not_made_yet_says_how(
    preset: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WIKICLIP_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WikiClipError, match=f"{command} --preset {preset}"):
        WikiClip.load(preset)


def test_a_preset_that_has_to_be_trained_says_so() -> None:
    refused = make("--preset", "tiny", "--out", "nowhere")
    assert isinstance(refused.exception, WikiClipError)
    assert "has to be trained" in str(refused.exception)


@pytest.mark.slow
def test_what_is_here_is_listed_without_asking_the_hub(hub: StandInHub) -> None:
    make("--preset", "embedding")
    asked = len(hub.asked)
    listed = CliRunner().invoke(towers, env={"COLUMNS": "200"})
    assert listed.exit_code == 0, listed.output
    rows = {cells[1].strip(): cells for line in listed.output.splitlines() if len(cells := line.split("│")) > 8}
    assert [rows[name][8].strip() for name in ("embedding", "clip")] == ["yes", "no"]
    assert rows["embedding"][4].strip() == "0 M"  # some two hundred thousand
    assert rows["clip-large"][4].strip() == "1,136 M"
    assert len(hub.asked) == asked


def test_an_architecture_by_name_takes_a_file_of_weights_or_the_repository_of_a_tag(
    repositories: Path, hub: StandInHub, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    network = open_clip.create_model("ViT-S-32-alt")
    file = tmp_path / "small.safetensors"
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, file)
    made = make("--vision", "ViT-S-32-alt", "--weights", file, "--out", tmp_path / "out", "--entity-encoder", "clip")
    assert made.exit_code == 0, (made.output, made.exception)
    pinned = read_checkpoint(tmp_path / "out")[0].vision
    assert (pinned.sha256, pinned.image_size) == (hashlib.sha256(file.read_bytes()).hexdigest(), 224)
    model = WikiClip.load(tmp_path / "out")
    with torch.inference_mode():
        words = F.normalize(network.eval().encode_text(open_clip.get_tokenizer("ViT-S-32-alt")(["a heron"])), dim=-1)
    found = model.encode_entities([model.prepare_entity("a heron", None)])
    np.testing.assert_allclose(found, words, atol=1e-2)
    file.write_bytes(file.read_bytes()[:-8] + bytes(8))
    with pytest.raises(WikiClipError, match="sha256"):
        WikiClip.load(tmp_path / "out")

    made = make("--vision", "ViT-B-16-SigLIP2-256", "--weights", "webli", "--out", tmp_path / "tagged")
    assert made.exit_code == 0, (made.output, made.exception)
    assert read_checkpoint(tmp_path / "tagged")[0].vision.weights == NAME


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--vision", "ViT-B-16"), "--weights, too"),
        (("--vision", "ViT-B-61", "--weights", "openai"), "perhaps|it has ViT-B-16"),
        (("--vision", "ViT-B-16", "--weights", "nobody"), "no tag of ViT-B-16"),
        (("--vision", "ViT-B-16", "--weights", "nowhere.safetensors"), "no file of weights"),
        (("--vision", "ViTamin-S", "--weights", "datacomp1b"), "no repository of safetensors"),
        (("--text", "local-dir:nowhere"), "goes with --entity-encoder vgka"),
        (("--preset", "nothing"), "no preset 'nothing'"),
    ],
)
def test_what_no_tower_can_be_made_of_is_one_line(options: tuple[str, ...], said: str, tmp_path: Path) -> None:
    refused = make(*options, "--out", tmp_path / "out")
    assert isinstance(refused.exception, WikiClipError), refused.output
    assert re.search(said, str(refused.exception)), refused.exception


def test_an_adaptor_reads_another_text_encoder(repositories: Path, bert_folder: Path, tmp_path: Path) -> None:
    tower = f"local-dir:{repositories / 'timm/MobileCLIP2-S0-OpenCLIP'}"
    folder = tmp_path / "bert"
    shutil.copytree(bert_folder, folder)
    options = ("--weights", tower, "--entity-encoder", "vgka", "--text", f"local-dir:{folder}")
    made = make(*options, "--out", tmp_path / "out")
    assert made.exit_code == 0, (made.output, made.exception)
    preset = read_checkpoint(tmp_path / "out")[0]
    assert preset.fusion is None
    assert preset.text.sha256 == digest(folder)
    model = WikiClip.load(tmp_path / "out")
    assert isinstance(model.text, TextEncoder)
    assert model.encode_entities([model.prepare_entity("a heron", a_picture())]).shape == (1, model.mention_width)

    own = tmp_path / "own.json"
    own.write_text(
        json.dumps({**preset.to_json(), "name": "own", "mention": {**preset.to_json()["mention"], "margin": 0.5}})
    )
    assert chosen_preset(str(own)).mention.margin == 0.5
    assert chosen_preset(str(tmp_path / "out" / "config.json")) == preset
    (folder / "tokenizer_config.json").write_text((folder / "tokenizer_config.json").read_text() + " ")
    with pytest.raises(WikiClipError, match="have sha256"):
        WikiClip.load(tmp_path / "out")


@pytest.mark.parametrize("text", ["[]", "{}", "{", '{"preset": 5}', "\x00"])
def test_a_file_that_holds_no_preset_is_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "own.json").write_text(text)
    with pytest.raises(WikiClipError, match=r"own\.json"):
        chosen_preset(str(tmp_path / "own.json"))
