"""Finding records by words over HTTP."""

import httpx
import pytest

from service.client import LinkClient
from tests.service.conftest import Service


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
