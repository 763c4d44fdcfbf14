import base64
import json
import re
from urllib.parse import quote

import httpx
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from indexer.errors import CorruptIndex
from indexer.linker import Linker
from service import examples
from service.app import create_app
from service.errors import Cause, Problem
from service.settings import Settings

ODD_ID = "path/to an?odd#id%2F"


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_an_answer_names_candidates_for_each_region(client: httpx.Client, png: bytes, linker: Linker) -> None:
    regions = [examples.regions()["rle"], None, examples.regions()["box"]]
    answer = (
        client.post("/link", json={"image": encoded(png), "regions": regions, "top_k": 4}).raise_for_status().json()
    )
    assert set(answer) == {"results", "model", "index_version", "reranked", "timings_ms"}
    assert answer["model"] == linker.model.name
    assert answer["index_version"] == linker.index.version
    assert set(answer["timings_ms"]) == {"decode", "segment", "wait", "encode", "search", "rerank", "total"}
    assert answer["timings_ms"]["segment"] is None
    assert len(answer["results"]) == 3
    for result in answer["results"]:
        candidates = result["candidates"]
        assert [candidate["rank"] for candidate in candidates] == [1, 2, 3, 4]
        scores = [candidate["score"] for candidate in candidates]
        assert scores == sorted(scores, reverse=True)
        for candidate in candidates:
            assert set(candidate) == {"rank", "entity_id", "title", "text", "score", "url", "image", "attribution"}
            assert len(candidate["text"]) <= 240


def test_the_route_answers_what_the_linker_finds(client: httpx.Client, png: bytes, linker: Linker) -> None:
    regions = [examples.regions()["rle"], None]
    direct = linker.answer(linker.prepare(png, regions))
    answer = client.post("/link", json={"image": encoded(png), "regions": regions}).json()
    for result, found in zip(answer["results"], direct, strict=True):
        assert [c["entity_id"] for c in result["candidates"]] == [c.entity.entity_id for c in found.candidates]
        assert [c["score"] for c in result["candidates"]] == pytest.approx(
            [c.score for c in found.candidates], abs=2e-3
        )


def test_one_region_equals_a_list_of_one(client: httpx.Client, png: bytes) -> None:
    region = examples.regions()["rle"]
    one = client.post("/link", json={"image": encoded(png), "region": region}).json()
    many = client.post("/link", json={"image": encoded(png), "regions": [region]}).json()
    assert one["results"] == many["results"]


def test_no_region_is_the_whole_picture(client: httpx.Client, png: bytes) -> None:
    box = {"box": [0, 0, examples.WIDTH, examples.HEIGHT]}
    bodies = [{}, {"region": None}, {"regions": [None]}, {"region": None, "regions": [None]}, {"region": box}]
    answers = [client.post("/link", json={"image": encoded(png), **body}).json()["results"] for body in bodies]
    assert all(answer == answers[0] for answer in answers)


def test_top_k_and_min_score_cut(client: httpx.Client, png: bytes) -> None:
    every = client.post("/link", json={"image": encoded(png), "top_k": 100}).json()["results"][0]["candidates"]
    assert len(every) == 11  # as many as the index holds
    few = client.post("/link", json={"image": encoded(png), "top_k": 1}).json()["results"][0]["candidates"]
    assert few == every[:1]
    threshold = every[4]["score"]
    body = {"image": encoded(png), "top_k": 100, "min_score": threshold}
    assert client.post("/link", json=body).json()["results"][0]["candidates"] == every[:5]
    assert client.post("/link", json={**body, "min_score": 1}).json()["results"][0]["candidates"] == []


@pytest.mark.parametrize("name", ["rle", "rles", "polygon", "box", "png"])
def test_multipart_answers_as_json_does(client: httpx.Client, png: bytes, name: str) -> None:
    region = examples.regions()[name]
    as_json = client.post("/link", json={"image": encoded(png), "region": region, "top_k": 3}).json()
    form = {"region": json.dumps(region), "top_k": "3"}
    as_form = client.post("/link", files={"image": ("p.png", png)}, data=form).raise_for_status().json()
    assert as_form["results"] == as_json["results"]


def test_multipart_takes_a_mask_file_and_regions(client: httpx.Client, png: bytes) -> None:
    mask = base64.b64decode(examples.regions()["png"]["png"])
    as_file = client.post("/link", files={"image": png, "region": ("mask.png", mask, "image/png")})
    as_json_file = client.post("/link", files={"image": png, "region": ("m", json.dumps(examples.regions()["rle"]))})
    as_list = client.post("/link", files={"image": png}, data={"regions": json.dumps([examples.regions()["rle"]])})
    assert as_file.status_code == 200
    assert as_file.json()["results"] == as_json_file.json()["results"] == as_list.json()["results"]


def test_a_picture_s_links_lead_somewhere(client: httpx.Client, png: bytes) -> None:
    answer = client.post("/link", json={"image": encoded(png), "top_k": 100}).json()
    candidates = {c["entity_id"]: c for c in answer["results"][0]["candidates"]}
    for candidate in candidates.values():
        record = client.get(f"/entities/{quote(candidate['entity_id'], safe='')}").raise_for_status().json()
        assert record["title"] == candidate["title"]
        assert record["images"][:1] == ([candidate["image"]] if candidate["image"] else [])
    assert candidates["no-picture"]["image"] is None
    shown = client.get(candidates["red-disc"]["image"]).raise_for_status()
    assert shown.headers["content-type"] == "image/png"
    assert shown.headers["x-content-type-options"] == "nosniff"
    assert Image.open(shown).size == (96, 80)


def test_ids_of_any_characters(client: httpx.Client) -> None:
    record = client.get(f"/entities/{quote(ODD_ID, safe='')}").raise_for_status().json()
    assert record["entity_id"] == ODD_ID
    first, second = record["images"]
    assert client.get(first).raise_for_status().headers["content-type"] == "image/jpeg"
    assert client.get(second).raise_for_status().headers["content-type"] == "image/png"


@pytest.mark.parametrize(
    ("path", "cause"),
    [
        ("/entities/none-such", Cause.UNKNOWN_ENTITY),
        ("/entities/none-such/image", Cause.UNKNOWN_ENTITY),
        ("/entities/..%2F..%2Fetc%2Fpasswd", Cause.UNKNOWN_ENTITY),
        ("/entities/%ff%00", Cause.UNKNOWN_ENTITY),
        ("/entities/no-picture/image", Cause.NO_PICTURE),
        ("/entities/red-disc/image?number=1", Cause.NO_PICTURE),
        ("/entities/blue-block/image", Cause.NO_PICTURE),  # its file became a web page
        ("/entities/red-disc/image?number=-1", Cause.INVALID_REQUEST),
        ("/entities/red-disc/image?number=x", Cause.INVALID_REQUEST),
        ("/entities/red-disc/image?number=99999999999999999999", Cause.INVALID_REQUEST),
        ("/nowhere", Cause.NOT_FOUND),
        ("/link/", Cause.NOT_FOUND),
    ],
)
def test_what_is_not_there(client: httpx.Client, path: str, cause: Cause) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.json()["type"]) == (cause.status, cause.type)
    assert answer.headers["content-type"] == "application/problem+json"


def test_health_and_readiness(client: httpx.Client, linker: Linker, in_milvus: bool) -> None:
    assert client.get("/healthz").json() == {"status": "alive"}
    ready = client.get("/readyz").raise_for_status().json()
    assert ready["fingerprint"] == linker.model.fingerprint
    assert (ready["status"], ready["entities"]) == ("ready", 11)
    assert ready["search"].startswith("milvus-flat in Milvus (" if in_milvus else "exact-fp16 on ")
    assert ready["search"].endswith("consistency level Bounded.") == in_milvus


def test_every_cause_says_what_it_is() -> None:
    codes = [cause.code for cause in Cause]
    assert len(set(codes)) == len(codes)
    for cause in Cause:
        document = Problem(cause, "why").document()
        assert document["type"] == f"urn:wikiclip:problem:{cause.code}"
        assert document["status"] == cause.status >= 400
        assert document["title"].endswith(".")


def test_a_fault_of_the_service_is_a_problem_too(settings: Settings) -> None:
    app = create_app(settings)

    @app.get("/fault")
    def fault() -> None:
        raise ZeroDivisionError("hunter2")

    answer = TestClient(app, base_url="http://localhost").get("/fault")
    assert (answer.status_code, answer.json()["type"]) == (500, Cause.INTERNAL_ERROR.type)
    assert "hunter2" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert len(answer.headers["x-request-id"]) == 32


def test_damage_that_a_search_comes_upon_is_named_in_the_log_alone(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(settings)

    @app.get("/damage")
    def damage() -> None:
        raise CorruptIndex("/srv/index/entities.arrow holds what is no entity.")

    answer = TestClient(app, base_url="http://localhost").get("/damage")
    assert (answer.status_code, answer.json()["type"]) == (503, Cause.INDEX_DAMAGED.type)
    assert "srv" not in answer.text
    assert "entities.arrow" in caplog.text


def test_an_answer_carries_the_caller_s_own_request_id_where_it_is_plain(client: httpx.Client) -> None:
    for sent, kept in (("abc-1.2_Z", True), ("a b", False), ("x" * 65, False), ("", False)):
        found = client.get("/healthz", headers={"x-request-id": sent}).headers["x-request-id"]
        assert (found == sent) is kept
        assert found


def test_the_description_asks_no_other_server(client: httpx.Client) -> None:
    page = client.get("/docs")
    assert "script-src 'self'" in page.headers["content-security-policy"]
    for path in re.findall(r'(?:src|href)="(docs/[^"]+)"', page.text):
        answer = client.get(f"/{path}")
        assert (answer.status_code, len(answer.content) > 50) == (200, True)
    assert "//" not in page.text


def test_metrics_tell_what_was_asked(client: httpx.Client, png: bytes) -> None:
    def count(text: str, start: str) -> float:
        return next(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(start))

    names = ['wikiclip_requests_total{route="/link",status="200"}']
    names += [f'wikiclip_stage_seconds_count{{stage="{stage}"}}' for stage in ("decode", "encode", "search")]
    client.post("/link", json={"image": encoded(png)})
    before = client.get("/metrics").text
    client.post("/link", json={"image": encoded(png)})
    after = client.get("/metrics").text
    assert [count(after, name) - count(before, name) for name in names] == [1, 1, 1, 1]
    assert 'wikiclip_queue_depth{stage="encode"} 0.0' in after
    assert "wikiclip_body_bytes 0.0" in after
    client.get("/entities/none")
    assert 'wikiclip_requests_total{route="/entities/{entity_id:path}",status="404"}' in client.get("/metrics").text


@pytest.mark.parametrize("range_", ["bytes=0-0", "bytes=5-1", "bytes=99999999-", "hunter2", "bytes=" + "0-0," * 50])
def test_a_picture_is_sent_whole_whatever_range_is_asked_for(client: httpx.Client, range_: str) -> None:
    whole = client.get("/entities/red-disc/image").raise_for_status()
    part = client.get("/entities/red-disc/image", headers={"Range": range_})
    assert (part.status_code, part.headers["accept-ranges"]) == (200, "none")
    assert part.content == whole.content
