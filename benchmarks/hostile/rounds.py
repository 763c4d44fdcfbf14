"""A few hundred cases of one seed, sent one after the other, and what was wrong with the answers."""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from benchmarks.hostile.asking import Answer, Caller
from benchmarks.hostile.bodies import GOOD, JSON_TYPE
from benchmarks.hostile.case import Case, case
from benchmarks.hostile.cases import cases
from benchmarks.hostile.judging import Judge
from service import examples

PROBE_EVERY = 50  # cases, after which a good request must get its good answer
PROBE = case("good", json.dumps({"image": GOOD, "region": examples.regions()["rle"], "top_k": 3}).encode(), JSON_TYPE)


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a round does.

    Attributes:
        document: the service's OpenAPI document.
        expected: the ids that `PROBE` finds.
    """

    port: int
    seed: int
    cases: int
    limit_s: float
    document: dict[str, Any]
    expected: list[str]


@dataclass(frozen=True)
class Failure:
    """A case that was answered wrongly."""

    why: str
    seed: int
    case: Case


@dataclass
class Seen:
    """What a round saw.

    Attributes:
        answers: how many, by the kind of case and the status, or "closed" where there was no answer.
        slowest: seconds and kind.
    """

    answers: Counter[tuple[str, str]] = field(default_factory=Counter)
    slowest: tuple[float, str] = (0.0, "")
    failures: list[Failure] = field(default_factory=list)

    def add(self, other: "Seen") -> None:
        """Counts another round in."""
        self.answers += other.answers
        self.slowest = max(self.slowest, other.slowest)
        self.failures += other.failures


def send_round(task: Task) -> Seen:
    """Sends as many cases as the task says; the same seed makes the same cases."""
    seen, judge = Seen(), Judge(task.document, task.limit_s)

    @seed(task.seed)
    @settings(
        max_examples=task.cases,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(cases(task.document))
    def send(one: Case) -> None:
        answer = caller.ask(one)
        seen.answers[one.kind, str(answer.status or "closed")] += 1
        seen.slowest = max(seen.slowest, (answer.seconds, one.kind))
        fault = judge.fault(one, answer)
        if fault is None and seen.answers.total() % PROBE_EVERY == 0:
            fault = fault_of_probe(caller.ask(PROBE), task.expected)
        if fault is not None:
            seen.failures.append(Failure(fault, task.seed, one))

    with Caller(task.port, patience_s=task.limit_s + 5) as caller:
        send()
    return seen


def fault_of_probe(answer: Answer, expected: list[str]) -> str | None:
    """What is wrong with the answer to the good request; None where nothing is."""
    if answer.status != 200:
        return f"after it, a good request got {answer.status or answer.error}"
    return None if ids(answer) == expected else "after it, a good request found others"


def ids(answer: Answer) -> list[str]:
    """Of the entities that an answer of `PROBE` names."""
    return [candidate["entity_id"] for candidate in json.loads(answer.body)["results"][0]["candidates"]]
