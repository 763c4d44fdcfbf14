"""Finding records by words over HTTP."""

import httpx
import pytest

from service.client import LinkClient
from tests.service.conftest import ODD_ID, Service


def test_records_are_found_by_words_anywhere(client: httpx.Client) -> None:
    answer = client.get("/entities", params={"q": "DISC blu"}).raise_for_status().json()
    assert answer.keys() == {"entities", "next"}
    (found,) = answer["entities"]
    places = found.pop("found")
    assert found == client.get("/entities/blue-disc").json()
    assert places == [{"where": "title", "pieces": ["", "blu", "e ", "disc"]}]


def test_another_name_is_found_and_shown(client: httpx.Client) -> None:
    (found,) = client.get("/entities", params={"q": "THOUGHT"}).json()["entities"]
    assert (found["entity_id"], found["found"]) == ("no-picture", [{"where": "alias", "pieces": ["", "thought"]}])


def ids_of(client: httpx.Client, **params: object) -> list[str]:
    """Of all pages."""
    found, after = [], {}
    while after is not None:
        page = client.get("/entities", params={**params, **after}).raise_for_status().json()
        found += [entity["entity_id"] for entity in page["entities"]]
        after = page["next"] and {"after": page["next"]}
    return found


@pytest.mark.parametrize("limit", [1, 2, 100])
@pytest.mark.parametrize("question", ["red-disc", " RED-disc "])
def test_the_one_whose_id_is_asked_for_comes_first_and_once(client: httpx.Client, question: str, limit: int) -> None:
    page = client.get("/entities", params={"q": question, "limit": limit}).json()["entities"]
    assert (page[0]["entity_id"], page[0]["found"]) == ("red-disc", [{"where": "id", "pieces": ["", "red-disc"]}])
    every = ids_of(client, q=question, limit=limit)
    assert every[0] == "red-disc"
    assert len(set(every)) == len(every)
    assert set(every) == {"red-disc", *ids_of(client, q="red disc")}


def test_an_id_is_found_among_those_that_are_wanted_alone(client: httpx.Client) -> None:
    assert ids_of(client, q=ODD_ID)[0] == ODD_ID
    assert ids_of(client, q="no-picture", pictured="false") == ["no-picture"]
    assert "no-picture" not in ids_of(client, q="no-picture", pictured="true")
    assert "red-disc" not in ids_of(client, q="red-disc", tags_any="no such tag")


def test_pages_follow_one_another(client: httpx.Client) -> None:
    every = client.get("/entities", params={"q": "d", "limit": 100}).json()
    assert every["next"] is None
    assert len(every["entities"]) > 3
    found, after = [], {}
    while after is not None:
        page = client.get("/entities", params={"q": "d", "limit": 2, **after}).raise_for_status().json()
        found += page["entities"]
        after = page["next"] and {"after": page["next"]}
    assert found == every["entities"]


@pytest.mark.parametrize("pictured", ["true", "false"])
def test_those_with_or_without_a_picture_alone(client: httpx.Client, pictured: str) -> None:
    every = client.get("/entities", params={"q": "d i", "pictured": pictured, "limit": 100}).json()["entities"]
    assert {entity["entity_id"] in ("no-picture", "no-text") for entity in every} <= {pictured == "false"}


@pytest.mark.parametrize(
    "question", ["", " ", '"', "a OR (", "\0", "-", "*", "🐦", "word " * 1000, "\u0301", "NEAR(a, 3)", "東京" * 100]
)
def test_whatever_a_question_is_it_is_words(client: httpx.Client, question: str) -> None:
    answer = client.get("/entities", params={"q": question})
    assert answer.status_code == 200, answer.text
    assert answer.json()["next"] is None


@pytest.mark.parametrize("after", ["a", "W10", "WzksMCwwLDBd", "WzAsMCwwLDk5OV0", "WyJhIiwiYiJd"])
def test_a_place_that_no_answer_told_is_refused(client: httpx.Client, after: str) -> None:
    answer = client.get("/entities", params={"q": "disc", "after": after})
    assert answer.status_code == 422, answer.text


def test_words_and_the_start_of_a_title_are_two_questions(client: httpx.Client) -> None:
    assert client.get("/entities", params={"q": "disc", "title": "b"}).status_code == 422


def test_the_client_finds_too(service: Service) -> None:
    with LinkClient(service.url) as client:
        answer = client.find("blue", limit=1)
        assert [entity.title for entity in answer.entities] == ["blue disc"]
        assert answer.entities[0].found[0].pieces == ["", "blue", " disc"]
        following = client.find("blue", limit=1, after=answer.next)
        assert [entity.title for entity in following.entities] == ["blue block"]
        assert following.next is None
