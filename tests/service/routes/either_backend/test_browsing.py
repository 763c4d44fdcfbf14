"""Looking around in the knowledge base: by title, and from an entity to its neighbours."""

from urllib.parse import quote

import httpx
import numpy as np
import pytest

from indexer.linker import Linker
from service.errors import Cause
from tests.service.conftest import ODD_ID


def test_titles_are_found_by_their_start_in_their_order(client: httpx.Client) -> None:
    found = client.get("/entities", params={"title": "BLU"}).raise_for_status().json()["entities"]
    assert [entity["title"] for entity in found] == ["blue block", "blue disc"]
    assert found[1] == client.get("/entities/blue-disc").json()
    every = [entity["title"] for entity in client.get("/entities").json()["entities"]]
    assert (len(every), every) == (11, sorted(every))
    assert [entity["title"] for entity in client.get("/entities?limit=2").json()["entities"]] == every[:2]
    assert client.get("/entities?title=zebra").json() == {"entities": [], "count": 0, "next": None}


@pytest.mark.parametrize("pictured", [True, False, None])
def test_a_list_is_followed_page_by_page(client: httpx.Client, pictured: bool | None) -> None:
    asked = {"limit": "3"} if pictured is None else {"limit": "3", "pictured": str(pictured).lower()}
    every = client.get("/entities", params={**asked, "limit": "100"}).raise_for_status().json()
    assert every["next"] is None
    found, after, pages = [], {}, 0
    while after is not None:
        page = client.get("/entities", params={**asked, **after}).raise_for_status().json()
        assert page["count"] == every["count"] == {True: 9, False: 2, None: 11}[pictured]
        found += page["entities"]
        after, pages = page["next"] and {"after": page["next"]}, pages + 1
    assert (found, pages) == (every["entities"], -(-len(found) // 3))
    # That of "blue-block" is no picture any more: the record names one all the same.
    assert pictured is None or {entity["entity_id"] in ("no-picture", "no-text") for entity in found} == {not pictured}


def test_what_an_index_holds_and_when_the_page_is_sure_are_told_with_readiness(client: httpx.Client) -> None:
    told = client.get("/readyz").json()
    assert (told["entities"], told["pictured"], told["sure"], told["feedback"]) == (11, 9, 0.5, False)


def test_a_record_gives_back_what_it_was_given(client: httpx.Client) -> None:
    record = client.get("/entities/no-picture").raise_for_status().json()
    assert (record["aliases"], record["tags"], record["lang"]) == (["thought"], ["mind"], "en")
    assert record["extra"] == {"rooms": [1, 2], "shelf": None}
    plain = client.get("/entities/red-disc").json()
    assert (plain["aliases"], plain["tags"], plain["lang"], plain["extra"]) == ([], [], None, None)


def test_a_list_shows_the_beginning_of_a_long_text(client: httpx.Client) -> None:
    whole = client.get("/entities/no-picture").json()["text"]
    (listed,) = client.get("/entities?title=idea").json()["entities"]
    assert len(whole) == 5200
    assert listed["text"] == whole[:1999] + "…"


@pytest.mark.parametrize("entity_id", ["red-disc", "no-picture", ODD_ID])
def test_neighbours_are_those_of_brute_force(client: httpx.Client, linker: Linker, entity_id: str) -> None:
    path = f"/entities/{quote(entity_id, safe='')}/neighbours"
    found = client.get(path, params={"top_k": 4}).raise_for_status().json()["candidates"]
    index = linker.index
    ids_N = np.array([index._entities[int(number)].entity_id for number in index._entity_of_row])
    rows_NM = index.rows.vectors(np.arange(len(ids_N)))
    scores_N = rows_NM @ rows_NM[ids_N == entity_id][0]
    best_of = {other: scores_N[ids_N == other].max() for other in set(ids_N.tolist()) - {entity_id}}
    best = sorted(best_of, key=lambda other: -best_of[other])[:4]
    assert [candidate["entity_id"] for candidate in found] == best
    assert [candidate["score"] for candidate in found] == pytest.approx([best_of[each] for each in best], abs=2e-3)
    assert [candidate["rank"] for candidate in found] == [1, 2, 3, 4]
    assert len(client.get(path, params={"top_k": 100}).json()["candidates"]) == 10


@pytest.mark.parametrize(
    ("path", "cause"),
    [
        ("/entities/none-such/neighbours", Cause.UNKNOWN_ENTITY),
        ("/entities/red-disc/neighbours?top_k=0", Cause.INVALID_REQUEST),
        ("/entities/red-disc/neighbours?top_k=101", Cause.INVALID_REQUEST),
        ("/entities?limit=0", Cause.INVALID_REQUEST),
        ("/entities?limit=x", Cause.INVALID_REQUEST),
        ("/entities?title=" + "x" * 201, Cause.INVALID_REQUEST),
        ("/entities?after=x", Cause.INVALID_REQUEST),
        ("/entities?after=W10", Cause.INVALID_REQUEST),  # []
        ("/entities?after=WyJhIiwxXQ", Cause.INVALID_REQUEST),  # ["a",1]
        ("/entities?after=é", Cause.INVALID_REQUEST),
        ("/entities?pictured=perhaps", Cause.INVALID_REQUEST),
    ],
)
def test_what_is_wrong_is_said(client: httpx.Client, path: str, cause: Cause) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.json()["type"]) == (cause.status, cause.type)
