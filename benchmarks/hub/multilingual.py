"""A text encoder of many languages, of the kind of the real one and at random weights: XLM-R's tokenizer over BERT.

Its tokenizer knows letters of Latin and Arabic and Chinese characters, each a token; what it answers means nothing.
"""

from pathlib import Path

import torch
from tokenizers import Tokenizer, pre_tokenizers
from tokenizers.models import Unigram
from tokenizers.processors import TemplateProcessing

import wikiclip.towers.torchvision_guard  # noqa: F401  (before anything that imports torchvision)

from transformers import BertConfig, BertModel, PreTrainedTokenizerFast  # isort: skip

MULTILINGUAL = ("sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2",)
SEED, WIDTH = 0, 32
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
WRITTEN = ((0x21, 0x17F), (0x600, 0x6FF), (0x4E00, 0x9FFF))  # Latin, Arabic, Chinese


def write_multilingual(root: Path) -> None:
    """Writes what is not there yet: `OWNER/NAME` folders below `root`."""
    for name in MULTILINGUAL:
        folder = root / name
        if folder.exists():
            continue
        partial = folder.with_name(f".{folder.name}")
        tokenizer = _tokenizer()
        tokenizer.save_pretrained(partial)
        config = BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=2 * WIDTH,
            pad_token_id=SPECIAL.index("<pad>"),
        )
        with torch.random.fork_rng():
            torch.manual_seed(SEED)
            BertModel(config).save_pretrained(partial)
        partial.rename(folder)


def _tokenizer() -> PreTrainedTokenizerFast:
    letters = ["\u2581", *(chr(code) for first, last in WRITTEN for code in range(first, last + 1))]
    words = [(word, 0.0) for word in SPECIAL] + [(letter, -8.0) for letter in letters]
    tokenizer = Tokenizer(Unigram(words, unk_id=SPECIAL.index("<unk>"), byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = TemplateProcessing(
        single="<s> $A </s>", special_tokens=[(word, SPECIAL.index(word)) for word in ("<s>", "</s>")]
    )
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>",
        cls_token="<s>", sep_token="</s>", model_max_length=128,
    )  # fmt: skip
