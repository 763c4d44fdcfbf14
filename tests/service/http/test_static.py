"""Files that are served as they lie on the disk."""

import asyncio
from pathlib import Path

import httpx

from service.http.static import OpenedFile
from wikiclip.base.regular_files import open_regular


def test_what_was_opened_is_sent_whatever_its_name_leads_to_by_then(tmp_path: Path) -> None:
    path, content = tmp_path / "picture.png", bytes(range(256)) * 1024
    path.write_bytes(content)
    file = open_regular(path)
    file.read(12)
    answer = OpenedFile(file, media_type="image/png", headers={"X-Of": "it"})
    path.unlink()
    path.write_text("a secret")

    async def asked() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(answer), base_url="http://localhost") as client:
            return await client.get("/", headers={"range": "bytes=0-3"})

    found = asyncio.run(asked())
    assert (found.status_code, found.content, found.headers["content-type"]) == (200, content, "image/png")
    assert found.headers["x-of"] == "it"
    assert file.closed
