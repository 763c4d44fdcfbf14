import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.bundles.signing import SigningKey, VerifyKey, make_keys
from wikiclip.base.errors import WikiClipError


def public(key: Path) -> Path:
    return key.with_name(f"{key.name}.pub")


@given(line=st.binary(max_size=200), other=st.binary(max_size=200))
def test_a_signature_is_over_one_line(key: Path, line: bytes, other: bytes) -> None:
    signature = SigningKey(key).sign(line)
    assert b"\n" not in signature
    for check in (VerifyKey.read(public(key)), SigningKey(key).public):
        assert check.is_signed(line, signature)
        assert check.is_signed(other, signature) == (other == line)
        assert not check.is_signed(line, other)


def test_only_its_owner_can_read_a_private_key_and_none_is_replaced(tmp_path: Path) -> None:
    assert make_keys(tmp_path / "key") == tmp_path / "key.pub"
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    before = (tmp_path / "key").read_bytes()
    with pytest.raises(WikiClipError, match="no key is replaced"):
        make_keys(tmp_path / "key")
    assert (tmp_path / "key").read_bytes() == before


def test_what_is_no_key_is_said_in_a_line(tmp_path: Path, key: Path) -> None:
    (tmp_path / "text").write_text("no key")
    os.mkfifo(tmp_path / "pipe")
    wrong = [tmp_path / "text", tmp_path / "none", tmp_path / "pipe", tmp_path]
    for path in (*wrong, public(key)):
        with pytest.raises(WikiClipError, match=str(path)):
            SigningKey(path)
    for path in (*wrong, key):
        with pytest.raises(WikiClipError, match=str(path)):
            VerifyKey.read(path)


def test_without_the_extra_the_extra_is_named(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['cryptography'] = None\n"
        "from pathlib import Path; from indexer.bundles.signing import VerifyKey\n"
        "VerifyKey.read(Path('key'))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.stderr.splitlines()[-1].endswith("pip install -c constraints.txt -e '.[sign]'.")


def test_nothing_but_a_signature_needs_it() -> None:
    code = "import sys, indexer.versions; print('cryptography' in sys.modules, 'boto3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False False\n"
