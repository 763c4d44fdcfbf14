"""What a tokenizer makes of a description's first words, against what it makes of all of it."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.hub.repositories import write_repositories
from wikiclip.presets import PRESETS, TextBackbone
from wikiclip.towers.text import TextEncoder
from wikiclip.towers.words import first_words, read_first_words

import open_clip  # isort: skip

MOST = 12
words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
spaces = st.text(" \n\t\u00a0\u2003", min_size=1, max_size=3)
texts = st.lists(
    st.tuples(words, spaces) | st.tuples(st.sampled_from(["heron.", "a", "\x00", "&nbsp;", "東京"]), spaces)
)
some = st.lists(texts.map(lambda parts: "".join(word + space for word, space in parts)), min_size=1, max_size=4)


@pytest.fixture(scope="module")
def readers(
    tmp_path_factory: pytest.TempPathFactory, bert_folder: Path
) -> dict[str, Callable[[list[str]], torch.Tensor]]:
    """Token numbers [B, L] by CLIP's tokenizer, by one as SigLIP's towers have it, by MiniLM's and by a BERT's."""
    root = tmp_path_factory.mktemp("hub")
    write_repositories(root)
    clip = open_clip.get_tokenizer("ViT-B-16", context_length=MOST)
    siglip = open_clip.get_tokenizer(f"local-dir:{root / 'timm/ViT-B-16-SigLIP2-256'}", context_length=MOST)
    models = [
        TextEncoder(TextBackbone(model=source, max_tokens=MOST)).model
        for source in (PRESETS["tiny"].text.model, str(bert_folder))
    ]
    minilm, bert = (lambda given, model=model: _padded(model.preprocess(given)["input_ids"]) for model in models)
    return {"clip": clip, "siglip": siglip, "minilm": minilm, "bert": bert}


def _padded(numbers_BL: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.pad(numbers_BL, (0, MOST - numbers_BL.shape[1]))


@pytest.mark.parametrize("name", ["clip", "siglip", "minilm", "bert"])
@settings(deadline=None, max_examples=60)
@given(given_texts=some)
def test_no_token_changes(
    name: str, readers: dict[str, Callable[[list[str]], torch.Tensor]], given_texts: list[str]
) -> None:
    read = readers[name]
    empty = int(read([""])[0, -1])
    found = read_first_words(given_texts, MOST, read, lambda numbers, text: int(numbers[text, -1]) != empty)
    assert torch.equal(found, read(given_texts))


def test_no_more_is_read_than_is_needed() -> None:
    seen: list[list[str]] = []

    def read(given_texts: list[str]) -> list[str]:
        seen.append(given_texts)
        return given_texts

    long = "word " * 1000
    assert read_first_words([long, "short"], 5, read, lambda *_: True) == ["word word word word word word", "short"]
    assert read_first_words([long, "short"], 5, read, lambda *_: False) == [long, "short"]
    assert len(seen) == 3


@given(st.lists(st.tuples(words.filter(str.isalnum), spaces), max_size=9), st.integers(0, 12))
def test_first_words_are_a_start_of_the_text(parts: list[tuple[str, str]], most: int) -> None:
    text = "".join(word + space for word, space in parts)
    found = first_words(text, most)
    assert text.startswith(found)
    assert found.split() == text.split()[:most]
