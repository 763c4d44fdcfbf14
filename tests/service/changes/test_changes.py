"""Changes over HTTP: accepted, applied beside the serving, followed, and told of."""

import json

import httpx
import pytest

from service.client import LinkClient, LinkError
from service.http.key_ring import Key, Role, checksum
from tests.service.changes.conftest import ADMIN, CALLER, Asking, drawn
from tests.service.conftest import ODD_ID

pytestmark = pytest.mark.slow


def found(asking: Asking, picture: bytes) -> str:
    answer = asking.http.post("/link", files={"image": ("p.png", picture)}).raise_for_status()
    return str(answer.json()["results"][0]["candidates"][0]["entity_id"])


def test_a_record_with_a_picture_is_put_found_changed_and_removed(asking: Asking) -> None:
    picture, other = drawn((120, 20, 160)), drawn((20, 200, 200))
    record = {"title": "Amethyst", "text": "A violet stone.", "tags": ["stones"], "shelf": 7}
    parts = [("record", (None, json.dumps(record), "application/json")), ("image", ("../../x.png", picture))]
    job = asking.applied(asking.http.put("/entities/new%2Fone", files=parts))
    assert (job["put"], job["removed"], job["faults"], job["caller"]) == (1, 0, [], "ops")
    shown = asking.http.get("/entities/new%2Fone").json()
    assert (shown["title"], shown["tags"], shown["extra"]) == ("Amethyst", ["stones"], {"shelf": 7})
    assert job["kept_as_extra"] == {"shelf": 1}, "it may be a misspelt one"
    assert asking.http.get(shown["images"][0]).content == picture
    assert found(asking, picture) == "new/one"
    stored = [path for path in (asking.home / "changes" / "pictures").rglob("*") if path.is_file()]
    assert len(stored) == 1, "under its checksum alone"

    again = {key: shown[key] for key in ("title", "text", "tags", "images")} | {"title": "Violet quartz"}
    asking.applied(asking.http.put("/entities/new%2Fone", json=again))
    asking.applied(asking.http.put("/entities/new%2Fone", json={"title": "Violet stone", "text": "Without a word."}))
    shown = asking.http.get("/entities/new%2Fone").json()
    assert (shown["title"], shown["tags"]) == ("Violet stone", [])
    assert asking.http.get(shown["images"][0]).content == picture, "pictures stay where nothing is said of them"

    named = {"title": "Violet stone", "text": "", "images": shown["images"]}
    parts = [("record", (None, json.dumps(named), "application/json")), ("image", ("y", other))]
    asking.applied(asking.http.put("/entities/new%2Fone", files=parts))
    images = asking.http.get("/entities/new%2Fone").json()["images"]
    assert [asking.http.get(image).content for image in images] == [picture, other]

    asking.applied(asking.http.put("/entities/new%2Fone", json={"title": "Bare", "text": "", "images": []}))
    assert asking.http.get("/entities/new%2Fone").json()["images"] == []
    job = asking.applied(asking.http.delete("/entities/new%2Fone"))
    assert (job["put"], job["removed"]) == (0, 1)
    assert asking.http.get("/entities/new%2Fone").status_code == 404
    job = asking.done(asking.http.delete("/entities/new%2Fone"))
    assert (job["state"], job["index_version"]) == ("failed", None)
    assert job["faults"] == ["new/one: there is no such entity to remove"]


def test_a_record_of_the_build_keeps_its_pictures(asking: Asking) -> None:
    odd = ODD_ID.replace("%", "%25").replace("/", "%2F").replace("?", "%3F").replace("#", "%23")
    shown = asking.http.get(f"/entities/{odd}").json()
    before = [asking.http.get(image).content for image in shown["images"]]
    assert len(before) == 2
    kept = {"title": "one of two", "text": "", "images": shown["images"][1:]}
    asking.applied(asking.http.put(f"/entities/{odd}", json=kept))
    after = asking.http.get(f"/entities/{odd}").json()
    assert (after["title"], [asking.http.get(image).content for image in after["images"]]) == (
        "one of two",
        before[1:],
    )


def test_lines_are_put_and_each_fault_is_listed(asking: Asking) -> None:
    lines = [
        {"entity_id": "l1", "title": "First", "text": ""},
        {"entity_id": "l2", "title": "", "text": ""},
        {"entity_id": "l3", "title": "Third", "text": "", "url": "ftp://x", "images": ["../../etc/passwd"]},
        {"entity_id": "l1", "title": "First, once more", "text": ""},
    ]
    body = "\n\n".join(json.dumps(line) for line in lines) + "\n{"
    answer = asking.http.post("/entities", content=body, headers={"content-type": "application/x-ndjson"})
    assert answer.json()["asked"] == 3
    job = asking.applied(answer)
    assert (job["put"], job["more_faults"]) == (3, 0)
    assert [fault.partition(":")[0] for fault in job["faults"]] == ["line 3", "line 5", "line 5", "Line 8"]
    assert asking.http.get("/entities/l1").json()["title"] == "First, once more"
    assert asking.http.get("/entities/l3").json()["url"] is None
    assert asking.http.get("/entities/l2").status_code == 404


def test_changes_that_wait_are_joined_in_their_order(asking: Asking) -> None:
    answers = [
        asking.http.put("/entities/j1", json={"title": "one", "text": ""}),
        asking.http.delete("/entities/j1"),
        asking.http.put("/entities/j2", json={"title": "two", "text": ""}),
        asking.http.put("/entities/j1", json={"title": "one again", "text": ""}),
        asking.http.delete("/entities/j2"),
        asking.http.delete("/entities/j2"),
    ]
    jobs = [asking.done(answer) for answer in answers]
    assert [job["state"] for job in jobs] == ["done"] * 5 + ["failed"]
    asking.served(max(job["index_version"] or "" for job in jobs))
    assert asking.http.get("/entities/j1").json()["title"] == "one again"
    assert asking.http.get("/entities/j2").status_code == 404
    listed = asking.http.get("/jobs", params={"limit": 4}).json()
    assert [job["job_id"] for job in listed["jobs"]] == [job["job_id"] for job in jobs[:1:-1]]
    assert (listed["waiting"], listed["trouble"]) == (0, None)
    older = asking.http.get("/jobs", params={"limit": 2, "before": listed["next"]}).json()["jobs"]
    assert [job["job_id"] for job in older] == [job["job_id"] for job in jobs[1::-1]]


def test_who_may_not_and_what_may_not(asking: Asking, png: bytes) -> None:
    caller = {"Authorization": f"Bearer {CALLER}"}
    for method, path in (("PUT", "/entities/x"), ("DELETE", "/entities/x"), ("POST", "/entities"), ("GET", "/jobs")):
        answer = asking.http.request(method, path, headers=caller)
        assert answer.json()["type"] == "urn:wikiclip:problem:forbidden", path
        assert httpx.request(method, f"{asking.service.url}{path}").status_code == 401
    foreign = asking.http.put("/entities/x", json={}, headers={"origin": "https://example.org"})
    assert foreign.json()["type"] == "urn:wikiclip:problem:foreign-origin"

    def refused(status: int, kind: str, method: str = "PUT", path: str = "/entities/x", **sent: object) -> str:
        answer = asking.http.request(method, path, **sent)  # type: ignore[arg-type]
        assert (answer.status_code, answer.json()["type"]) == (status, f"urn:wikiclip:problem:{kind}"), answer.text
        return str(answer.json())

    good = {"title": "x", "text": ""}
    refused(415, "unsupported-media-type", content=b"{}", headers={"content-type": "text/plain"})
    refused(415, "unsupported-media-type", "POST", "/entities", json=good)
    refused(400, "malformed-json", content=b"{", headers={"content-type": "application/json"})
    refused(422, "invalid-request", json=[good])
    assert "title" in refused(422, "invalid-request", json={"text": ""})
    assert "entity_id" in refused(422, "invalid-request", json={**good, "entity_id": "y"})
    assert "images.0" in refused(422, "invalid-request", json={**good, "images": ["a.png"]})
    assert "images.0" in refused(422, "invalid-request", json={**good, "images": ["/entities/y/image"]})
    assert "url" in refused(422, "invalid-request", json={**good, "url": "javascript:alert(1)"})
    record = ("record", (None, json.dumps(good), "application/json"))
    refused(422, "invalid-request", files=[record, ("picture", ("x.png", png))])
    refused(422, "invalid-request", files=[("image", ("x.png", png))])
    refused(415, "unsupported-image", files=[record, ("image", ("x.png", b"<svg/>"))])
    refused(422, "malformed-image", files=[record, ("image", ("x.png", png[:200]))])
    refused(413, "body-too-large", files=[record, ("image", ("x.png", bytes(3_000_000)))])
    refused(
        422, "invalid-request", "POST", "/entities", content=b"\n", headers={"content-type": "application/x-ndjson"}
    )
    refused(404, "unknown-job", "GET", "/jobs/000000999999")
    refused(404, "unknown-job", "GET", "/jobs/1")
    refused(422, "invalid-request", "GET", "/jobs?before=x")


def test_without_an_admins_key_changes_are_off(asking: Asking) -> None:
    """The file is read again at the next request."""
    keys = asking.home.parent / "keys"
    both = keys.read_text()
    try:
        keys.write_text(Key("caller", Role.CALLER, checksum(CALLER)).line())
        answer = asking.http.put(
            "/entities/x", json={"title": "x", "text": ""}, headers={"Authorization": f"Bearer {CALLER}"}
        )
        assert answer.status_code == 403
        assert answer.json()["type"] == "urn:wikiclip:problem:changes-off"
        assert "WIKICLIP_KEYS" in answer.json()["detail"]
    finally:
        keys.write_text(both)


def test_without_keys_changes_are_off(client: httpx.Client) -> None:
    for method, path in (("PUT", "/entities/x"), ("DELETE", "/entities/x"), ("POST", "/entities"), ("GET", "/jobs/1")):
        answer = client.request(method, path)
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:wikiclip:problem:changes-off")
        assert "WIKICLIP_KEYS" in answer.json()["detail"]


def test_the_client_has_a_method_for_each(asking: Asking) -> None:
    with LinkClient(asking.service.url, key=ADMIN) as client:
        picture = drawn((90, 200, 10))
        accepted = [
            client.put_entity("c/1", {"title": "One", "text": "", "tags": ["x"]}, images=[picture]),
            client.put_entities([{"entity_id": "c2", "title": "Two", "text": ""}]),
            client.delete_entity("c2"),
        ]
        assert [job.asked for job in accepted] == [1, 1, 1]
        jobs = [asking.done(answer_of(job.job_id)) for job in accepted]
        asking.served(jobs[-1]["index_version"])
        assert [client.job(job.job_id).state for job in accepted] == ["done"] * 3
        assert client.jobs(limit=2).jobs[1].job_id == accepted[1].job_id
        assert len(client.jobs(limit=2, before=accepted[1].job_id).jobs) == 2
        assert client.entity("c/1").tags == ["x"]
        client.put_entity("c/1", {"title": "One again", "text": ""})
        with pytest.raises(LinkError, match="title"):
            client.put_entity("c3", {"text": ""})
        with pytest.raises(LinkError, match="WIKICLIP_FEEDBACK"):
            client.feedback(picture, "c/1", answered="red-disc")


def answer_of(job_id: str) -> httpx.Response:
    """As the answer that accepted it."""
    return httpx.Response(202, headers={"location": f"/jobs/{job_id}"}, json={"job_id": job_id})
