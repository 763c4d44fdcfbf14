from pathlib import Path

import pytest

from indexer.kb import KnowledgeBaseName, open_kb
from wikiclip.base.errors import WikiClipError


@pytest.mark.data
def test_wordnet_is_found_with_its_pictures(stamps_data: Path):
    kb = open_kb(KnowledgeBaseName.WORDNET)
    assert kb.name == "wordnet"
    assert len(kb) > 30_000
    assert kb.image_root is not None
    assert kb.image_root.resolve().is_relative_to(stamps_data)
    assert kb.fingerprint() == open_kb(KnowledgeBaseName.WORDNET).fingerprint()


@pytest.mark.parametrize("option", ["records", "images"])
def test_options_that_do_not_apply_are_refused(tmp_path: Path, option: str):
    with pytest.raises(WikiClipError, match="do not apply"):
        open_kb(KnowledgeBaseName.WORDNET, **{option: tmp_path})
