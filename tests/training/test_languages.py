"""Records in German, Chinese and Arabic, read by a text encoder of many languages from the stand-in hub."""

import json
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub.constants
import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from benchmarks.hub.multilingual import MULTILINGUAL, write_multilingual
from benchmarks.hub.server import StandInHub
from indexer.build import build
from indexer.kb import KnowledgeBaseName
from indexer.linker import Linker
from training import train as training_run
from wikiclip.base.errors import WikiClipError
from wikiclip.model import WikiClip
from wikiclip.presets import PRESETS, TextBackbone
from wikiclip.towers.text import TextEncoder

ENCODER = f"hf-hub:{MULTILINGUAL[0]}"
SHOWN = 12
TOLD = {
    "de": ("Silberreiher", "Großer weißer Vogel, der im flachen Wasser watet."),
    "zh": ("大白鹭", "一种在浅水中涉水的大型白色鸟类。"),
    "ar": ("بلشون أبيض كبير", "طائر أبيض كبير يخوض في المياه الضحلة."),
}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandInHub]:
    """A hub that can be reached, and nothing fetched from it yet."""
    monkeypatch.setenv("WIKICLIP_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("HF_HOME", raising=False)
    write_multilingual(tmp_path / "hub")
    with StandInHub(tmp_path / "hub") as stand_in:
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", stand_in.endpoint)
        files = stand_in.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", files)
        yield stand_in


def pattern(number: int) -> Image.Image:
    """Blocks of random colours, of 2 x 2 to 7 x 7."""
    side = 2 + number % 6
    blocks = np.random.default_rng(number).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return Image.fromarray(blocks).resize((192, 192), Image.Resampling.NEAREST)


@pytest.mark.usefixtures("hub")
def test_the_three_scripts_are_read_and_told_apart() -> None:
    encoder = TextEncoder(TextBackbone(model=ENCODER, max_tokens=32))
    tokenizer = encoder.model.tokenizer
    for _, text in TOLD.values():
        numbers = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert np.mean([number == tokenizer.unk_token_id for number in numbers]) < 0.1
    vectors = encoder([text for _, text in TOLD.values()]).sentence_BT
    for one in range(3):
        for other in range(one):
            assert not torch.allclose(vectors[one], vectors[other], atol=1e-3)


@pytest.mark.slow
@pytest.mark.usefixtures("hub")
def test_a_record_in_each_language_is_found_by_its_picture(tmp_path: Path) -> None:
    records, labels = [], []
    for number in range(SHOWN):
        lang, (title, text) = list(TOLD.items())[number % 3]
        picture = pattern(number)
        picture.save(tmp_path / f"own-{number}.png")
        picture.rotate(8).save(tmp_path / f"other-{number}.png")
        line = {"entity_id": str(number), "title": f"{title} {number}", "text": text, "lang": lang}
        records.append({**line, "images": [f"own-{number}.png"]})
        labels.append({"picture": f"other-{number}.png", "entity_id": str(number)})
    for name, lines in (("records.jsonl", records), ("labels.jsonl", labels)):
        (tmp_path / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    files = ["--records", str(tmp_path / "records.jsonl"), "--labels", str(tmp_path / "labels.jsonl")]
    small = ["--steps", "2", "--annotated", "8", "--own", "8", "--classes", "0", "--no-report"]
    out = tmp_path / "run"
    asked = ["--data", "jsonl", *files, "--preset", "tiny", "--text", ENCODER, "--out", str(out), *small]
    CliRunner().invoke(training_run.app, asked, catch_exceptions=False)
    model = WikiClip.load(out / "checkpoint")
    assert model.preset.text.model == ENCODER
    assert model.preset.text.max_tokens == PRESETS["tiny"].text.max_tokens
    assert model.preset.text.sha256 is not None
    home = tmp_path / "index"
    build(kb=KnowledgeBaseName.JSONL, records=tmp_path / "records.jsonl", model=str(out / "checkpoint"), out=home)
    linker = Linker.open(out / "checkpoint", home)
    for number in range(SHOWN):  # four of each language
        found = linker.link(tmp_path / f"own-{number}.png")
        assert found.candidates[0].entity.entity_id == str(number)
        assert found.candidates[0].entity.title.startswith(TOLD[records[number]["lang"]][0])
    # The description counts, whatever its script: another one is another vector.
    texts = [text for _, text in TOLD.values()]
    told = model.text(texts).sentence_BT
    assert len({tuple(row) for row in told.round(decimals=3).tolist()}) == 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--from", "tiny", "--text", "hf-hub:a/b"], "one of the two"),
        (["--preset", "clip", "--text", "hf-hub:a/b"], "the preset clip has none"),
        (["--text", "a/b"], "hf-hub"),
    ],
)
def test_an_encoder_that_does_not_go_with_the_rest_is_one_line(options: list[str], said: str, tmp_path: Path) -> None:
    refused = CliRunner().invoke(training_run.app, [*options, "--out", str(tmp_path)])
    assert isinstance(refused.exception, WikiClipError), refused.output
    assert said in str(refused.exception)
