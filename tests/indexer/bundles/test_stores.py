"""A store instead of a folder: Amazon's protocol, spoken by a real server on this machine."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import httpx
import pytest
from moto.server import ThreadedMotoServer

from indexer.bundles.errors import Refused, RemoteFailed
from indexer.bundles.remote import Remote
from indexer.bundles.statement import object_name
from indexer.bundles.traffic import Traffic
from tests.indexer.bundles.conftest import held, made, pull, push

BUCKET, URI = "bundles", "s3://bundles/some/where"


@pytest.fixture(scope="module")
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture
def store(port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadedMotoServer]:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    httpx.post(f"http://127.0.0.1:{port}/moto-api/reset").raise_for_status()  # its objects are the process's
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    yield server
    server.stop()


def test_a_bundle_goes_through_a_store(
    store: ThreadedMotoServer, tmp_path: Path, new_home: Callable[[], Path], key: Path
) -> None:
    version = made(tmp_path / "here", {"big.bin": bytes(range(256)) * 40_000, "a.bin": b"1"})
    assert push(URI, version, key=key).files > 2
    assert push(URI, version, key=key).files == 0
    pulled = pull(URI, new_home(), key=key).version
    assert pulled is not None
    assert held(pulled) == held(version)
    digest = version.manifest.files["a.bin"].sha256
    boto3.client("s3").put_object(Bucket=BUCKET, Key=f"some/where/{object_name(digest)}", Body=b"2")
    with pytest.raises(Refused, match="another content"):
        pull(URI, new_home(), key=key)


@pytest.mark.slow
def test_a_store_that_goes_away_in_the_middle_is_gone_on_with(
    store: ThreadedMotoServer, port: int, tmp_path: Path, new_home: Callable[[], Path]
) -> None:
    version, home = made(tmp_path / "here", {"big.bin": bytes(range(256)) * 80_000}), new_home()
    push(URI, version)
    seen = 0

    def watch(count: int) -> None:
        nonlocal seen
        seen += count
        if 8_000_000 < seen < 20_000_000:
            store.stop()

    with pytest.raises(RemoteFailed, match="the same again goes on"):
        pull(URI, home, traffic=Traffic(workers=1, watch=watch))
    again = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    again.start()
    try:
        assert pull(URI, home).bytes < 20_000_000
    finally:
        again.stop()


def test_no_store_is_said(store: ThreadedMotoServer) -> None:
    with pytest.raises(RemoteFailed):
        Remote("s3://nobucket/at-all", pause_s=0.01).put("CURRENT", b"x")
