"""Text encoders at random weights, held against transformers itself."""

import hashlib
import json
import pickle
import shutil
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.wikiclip.small_models import word_tokenizer
from wikiclip.base.errors import WikiClipError
from wikiclip.presets import TextBackbone
from wikiclip.towers.text import TextEncoder, TextFeatures

from transformers import BertModel, LlamaConfig, LlamaModel, PreTrainedTokenizerFast  # isort: skip


@pytest.fixture(scope="module", params=["transformers", "sentence-transformers"])
def bert(request: pytest.FixtureRequest, bert_folder: Path, text_folder: Path) -> TextEncoder:
    folder = bert_folder if request.param == "transformers" else text_folder
    return TextEncoder(TextBackbone(model=str(folder), max_tokens=12))


def row(features: TextFeatures, number: int) -> Tensor:
    """Token embeddings of one text, [L, T], without padding."""
    return features.tokens_BLT[number][~features.padding_BL[number]]


@pytest.mark.usefixtures("float32")
def test_tokens_are_the_last_layer_of_the_encoder(bert: TextEncoder, bert_folder: Path) -> None:
    features = bert(["a white egret", "the heron"])
    ids = bert.model.tokenizer(["a white egret", "the heron"], padding=True, return_tensors="pt")
    with torch.inference_mode():
        theirs = BertModel.from_pretrained(bert_folder).eval()(**ids).last_hidden_state
    assert bert.width == 32
    assert features.padding_BL.tolist() == [[False] * 5, [False] * 4 + [True]]
    for number in (0, 1):
        torch.testing.assert_close(row(features, number), theirs[number][~features.padding_BL[number]])
        mean_T = row(features, number).mean(0)
        torch.testing.assert_close(features.sentence_BT[number], mean_T / mean_T.norm())


@pytest.mark.usefixtures("float32")
def test_padding_changes_no_token(bert: TextEncoder) -> None:
    texts = ["heron", "the white bird that wades in shallow water", ""]
    together = bert(texts)
    for number, text in enumerate(texts):
        alone = bert([text])
        torch.testing.assert_close(row(alone, 0), row(together, number), rtol=0, atol=1e-5)
        torch.testing.assert_close(alone.sentence_BT[0], together.sentence_BT[number], rtol=0, atol=1e-5)


@pytest.mark.usefixtures("float32")
def test_descriptions_are_cut_at_the_bound(bert: TextEncoder) -> None:
    features = bert(["heron " * 500])
    assert features.tokens_BLT.shape == (1, 12, 32)
    torch.testing.assert_close(features.tokens_BLT, bert(["heron " * 10]).tokens_BLT)


def test_the_bound_is_never_past_what_the_model_can_place(bert_folder: Path) -> None:
    assert TextEncoder(TextBackbone(model=str(bert_folder), max_tokens=256))(["a " * 300]).tokens_BLT.shape[1] == 40


@pytest.fixture(params=["no padding token", "no special tokens"])
def llama_folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A small LLaMA at random weights. Its tokenizer has no padding token, and adds nothing to a text."""
    words = ["<s>", "</s>", "<unk>", "a", "bird", "wades", "in", "water", "long", "legs"]
    special = {"bos_token": "<s>", "eos_token": "</s>"} if request.param == "no padding token" else {}
    PreTrainedTokenizerFast(
        tokenizer_object=word_tokenizer(words, unknown="<unk>"), unk_token="<unk>", **special
    ).save_pretrained(tmp_path)
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=64,
    )
    torch.manual_seed(0)
    LlamaModel(config).save_pretrained(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("float32")
def test_a_language_model_whose_tokenizer_never_pads_reads_batches(llama_folder: Path) -> None:
    encoder = TextEncoder(TextBackbone(model=str(llama_folder), max_tokens=6))
    together = encoder(["a bird", "a bird wades in water long legs", ""])
    assert together.padding_BL.tolist() == [[False] * 2 + [True] * 4, [False] * 6, [True] * 6]
    torch.testing.assert_close(row(encoder(["a bird"]), 0), row(together, 0), rtol=0, atol=1e-5)
    assert torch.isfinite(together.tokens_BLT).all()
    assert not together.sentence_BT[2].any()


def test_a_batch_of_which_no_token_is_left_is_all_padding(llama_folder: Path) -> None:
    features = TextEncoder(TextBackbone(model=str(llama_folder)))(["", ""])
    assert features.padding_BL.tolist() == [[True], [True]]
    assert torch.isfinite(features.tokens_BLT).all()
    assert not features.sentence_BT.any()


def test_a_local_folder_is_held_to_its_sha256(text_folder: Path) -> None:
    found = hashlib.sha256((text_folder / "model.safetensors").read_bytes()).hexdigest()
    TextEncoder(TextBackbone(model=str(text_folder), sha256=found))
    with pytest.raises(WikiClipError, match=f"sha256 {found}, not {'0' * 64}"):
        TextEncoder(TextBackbone(model=str(text_folder), sha256="0" * 64))


@pytest.mark.parametrize("damage", ["nowhere", "empty", "cut", "not-json", "another-shape"])
def test_a_folder_that_holds_no_text_encoder_is_refused(text_folder: Path, tmp_path: Path, damage: str) -> None:
    folder = tmp_path / damage
    if damage != "nowhere":
        folder.mkdir()
    if damage in ("cut", "not-json", "another-shape"):
        for file in text_folder.rglob("*"):
            if file.is_file():
                (folder / file.relative_to(text_folder)).parent.mkdir(exist_ok=True)
                (folder / file.relative_to(text_folder)).write_bytes(file.read_bytes())
    weights, config = folder / "model.safetensors", folder / "config.json"
    if damage == "cut":
        weights.write_bytes(weights.read_bytes()[:1000])
    elif damage == "not-json":
        config.write_text("{")
    elif damage == "another-shape":
        config.write_text(config.read_text().replace('"hidden_size": 32', '"hidden_size": 16'))
    with pytest.raises(WikiClipError, match="cannot be loaded: give the path of a local folder"):
        TextEncoder(TextBackbone(model=str(folder)))


@pytest.mark.parametrize("named_in", ["modules.json", "config.json", "pytorch_model.bin"])
def test_the_code_of_a_folder_is_never_run(text_folder: Path, tmp_path: Path, named_in: str) -> None:
    folder, ran = tmp_path / "model", tmp_path / "ran"
    shutil.copytree(text_folder, folder)
    (folder / "modeling_own.py").write_text(f"open({str(ran)!r}, 'w').close()\nimport torch\nOwn = torch.nn.Identity\n")
    if named_in == "modules.json":
        modules = json.loads((folder / named_in).read_text())
        own = {"idx": len(modules), "name": "own", "path": "", "type": "modeling_own.Own"}
        (folder / named_in).write_text(json.dumps([*modules, own]))
    elif named_in == "config.json":
        config = json.loads((folder / named_in).read_text())
        own = {"model_type": "own", "auto_map": dict.fromkeys(["AutoConfig", "AutoModel"], "modeling_own.Own")}
        (folder / named_in).write_text(json.dumps(config | own))
    else:
        (folder / "model.safetensors").unlink()
        (folder / named_in).write_bytes(pickle.dumps(_Opens(ran)))
    with pytest.raises(WikiClipError, match="cannot be loaded"):
        TextEncoder(TextBackbone(model=str(folder)))
    assert not ran.exists()


class _Opens:
    """A pickle that makes a file where it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.path), "w")
