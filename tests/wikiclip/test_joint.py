"""Entities of a model that embeds picture and text together: made, told apart, explained, and asked for what it has
not."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner, Result

from benchmarks.hub.qwen import write_models
from wikiclip.base.errors import WikiClipError
from wikiclip.checkpoint import read_checkpoint
from wikiclip.entity import JointEncoder
from wikiclip.explanation import explain, pair
from wikiclip.make import app
from wikiclip.masks import whole
from wikiclip.model import PreparedEntity, WikiClip
from wikiclip.pictures import Picture
from wikiclip.presets import PRESETS, AdaptorConfig, FusionConfig, MentionConfig, Preset, TextBackbone
from wikiclip.segmenters import Box, open_segmenter

TEXT = "heron: a bird that wades"
LONG = "egret: white, of marshes rivers lakes and coasts; it feeds on fish frogs insects small mammals, mostly by day"


@pytest.fixture(scope="module")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hub")
    write_models(root)
    return root / "Qwen"


def make(repositories: Path, out: Path, *arguments: str, size: str = "2B") -> Result:
    weights = f"local-dir:{repositories}/Qwen3-VL-Embedding-{size}"
    return CliRunner().invoke(
        app, ["--entity-encoder", "embedding", "--weights", weights, "--out", str(out), *arguments]
    )


@pytest.fixture(scope="module")
def model(repositories: Path, tmp_path_factory: pytest.TempPathFactory) -> WikiClip:
    out = tmp_path_factory.mktemp("made") / "checkpoint"
    made = make(repositories, out)
    assert made.exit_code == 0, made.output
    return WikiClip.load(out)


def picture(seed: int = 1) -> Picture:
    noise = np.random.default_rng(seed).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    return Picture(rgb=Image.fromarray(noise), opaque=None)


def entity(model: WikiClip, text: str, shown: Picture | None) -> NDArray[np.float32]:
    return model.encode_entities([model.prepare_entity(text, shown)])[0]


def test_an_entity_depends_on_its_picture_and_on_its_description(model: WikiClip) -> None:
    both = entity(model, TEXT, picture())
    for other in (entity(model, TEXT, picture(2)), entity(model, "egret: white", picture())):
        assert float(both @ other) < 0.999
    # No sum of what it makes of each alone: the model read both as one.
    alone = np.stack([entity(model, "", picture()), entity(model, TEXT, None)])
    weights, *_ = np.linalg.lstsq(alone.T, both, rcond=None)
    assert np.linalg.norm(weights @ alone - both) > 0.01


def test_records_with_and_without_picture_and_text_have_the_vectors_they_have_alone(model: WikiClip) -> None:
    records = [(TEXT, picture()), ("egret", None), ("", picture(2)), ("", None), ("egret", picture())]
    together = model.encode_entities([model.prepare_entity(text, shown) for text, shown in records])
    for vector, (text, shown) in zip(together, records, strict=True):
        np.testing.assert_allclose(vector, entity(model, text, shown), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), [1, 1, 1, 0, 1], atol=1e-5)


def test_a_mention_is_what_its_mask_shows(model: WikiClip) -> None:
    mask = np.zeros((60, 90), np.bool_)
    mask[10:50, 20:40] = True
    crop, all_of_it = model.encode_mentions(
        [model.prepare_mention(picture().rgb, one) for one in (mask, whole(60, 90))]
    )
    assert float(crop @ all_of_it) < 0.999
    np.testing.assert_allclose(all_of_it, entity(model, "", picture()), atol=1e-4)


def test_a_fingerprint_is_of_weights_instruction_and_width(repositories: Path, tmp_path: Path, model: WikiClip) -> None:
    fingerprints = {model.fingerprint}
    wishes = [("2B", []), ("8B", []), ("2B", ["--instruction", "Name it."]), ("2B", ["--width", "16"])]
    for number, (size, arguments) in enumerate(wishes):
        out = tmp_path / str(number)
        assert make(repositories, out, *arguments, size=size).exit_code == 0
        preset, state, fingerprint = read_checkpoint(out)
        assert not state
        assert preset.vision.sha256 is not None
        fingerprints.add(fingerprint)
    assert len(fingerprints) == len(wishes)  # the first is the model's own, made again
    asked = WikiClip.load(tmp_path / "2").preset.vision.joint
    assert asked is not None
    assert asked.instruction == "Name it."
    assert WikiClip.load(tmp_path / "3").mention_width == 16


def test_a_checkpoint_that_is_made_stays(repositories: Path, tmp_path: Path) -> None:
    for said in ("Wrote", "made already", "made already"):
        assert said in make(repositories, tmp_path / "out", "--width", "16").output
    assert "Wrote" in make(repositories, tmp_path / "out", "--width", "8").output
    noted = json.loads((tmp_path / "out" / "config.json").read_text())
    assert noted["made_by"]["asked"] == [None, 8]


@pytest.mark.parametrize("text", [TEXT, LONG])
def test_words_have_the_share_that_a_score_loses_without_them_beside_the_picture(model: WikiClip, text: str) -> None:
    shown = Image.new("RGB", (90, 60), "white")  # beside which, at random weights, most words gain something
    told = explain(model, pair(model, shown, whole(60, 90), text, picture(2)))
    assert told.attention_GG is None
    np.testing.assert_allclose(told.similarity_GG, [[told.score]], atol=1e-5)
    words = text.split()
    mention = model.encode_mentions([model.prepare_mention(shown, whole(60, 90))])[0]
    without = [" ".join(words[:n] + words[n + 1 :]) for n in range(min(len(words), 16))]
    scores = np.array([mention @ entity(model, one, picture(2)) for one in (text, *without)])
    lost = np.maximum(scores[0] - scores[1:], 0)
    assert lost.sum() > 1e-3
    assert [word for word, _ in told.words] == words[:16]
    np.testing.assert_allclose([share for _, share in told.words], lost / lost.sum(), atol=0.02)


def test_things_are_outlined_without_maps(model: WikiClip) -> None:
    segmenter = open_segmenter("tower", tower=model.vision)
    assert segmenter.method == "grabcut"
    scene = Image.new("RGB", (90, 60), "white")
    scene.paste((200, 0, 0), (30, 20, 60, 40))
    (mask,) = segmenter.segment(scene, Box(20, 10, 70, 50))
    assert mask[30, 45]
    assert not mask[5, 5]


def test_another_preset_of_the_same_model_shares_it(model: WikiClip) -> None:
    full = model.varied(replace(model.preset, mention=MentionConfig(form="full")))
    assert full.vision is model.vision
    assert full.text is model.text
    assert isinstance(full.entity, JointEncoder)


def test_a_description_alone_is_a_sentence_to_who_asks_for_texts(model: WikiClip) -> None:
    read = model.text([TEXT, "egret"])
    features = model.entity_features([PreparedEntity(TEXT, None), PreparedEntity("egret", None)])
    torch.testing.assert_close(read.sentence_BT, features.sentence_BT, atol=1e-5, rtol=0)
    np.testing.assert_allclose(read.sentence_BT[0], entity(model, TEXT, None), atol=1e-5)


@pytest.mark.parametrize(
    "changes",
    [
        {"fusion": FusionConfig()},
        {"adaptor": AdaptorConfig(width=8)},
        {"text": TextBackbone(model="other")},
        {"mention": MentionConfig(form="pooled")},
        {"space": PRESETS["tiny"].space},
    ],
)
def test_presets_that_fit_together_in_no_way_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(WikiClipError):
        replace(PRESETS["embedding"], **changes)


def test_a_preset_is_the_same_after_json() -> None:
    assert Preset.from_json(PRESETS["embedding"].to_json()) == PRESETS["embedding"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--entity-encoder", "clip", "--width", "4"], "belong to --entity-encoder embedding"),
        (["--preset", "embedding", "--entity-encoder", "clip2clip"], "belong to --entity-encoder embedding"),
        (["--entity-encoder", "embedding", "--text-weight", "2"], "of a sum"),
        (["--entity-encoder", "embedding", "--weights", "Qwen/Qwen3-VL-Embedding-2B"], "hf-hub:"),
    ],
)
def test_options_that_fit_together_in_no_way_are_refused(arguments: list[str], said: str, tmp_path: Path) -> None:
    refused = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "out")])
    assert isinstance(refused.exception, WikiClipError)
    assert said in str(refused.exception)
