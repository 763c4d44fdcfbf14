"""A folder of index versions in which commands are killed, beside a twin in which the same commands are not."""

import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.kills.checking import (
    State,
    Wrong,
    described,
    expect_content,
    expect_let_go,
    expect_nothing_left,
    expect_one_of,
    read_state,
)
from benchmarks.kills.commands import UNFINISHED, Command, Drawing
from benchmarks.kills.processes import Ended, Starter, Task
from benchmarks.kills.records import Content, first_content, write_pictures
from indexer.manifest import MANIFEST
from indexer.version import CURRENT, read_version, version_ids

CLOCK, STEP, PUBLISHING, POINTER = MOMENTS = ("any time", "any step", "publishing", "from the pointer on")
# What the first step names from which on such a moment is drawn.
FIRST = {
    STEP: ("",),
    PUBLISHING: (f"{MANIFEST}.partial", f"{CURRENT}.partial", ".removed"),
    POINTER: (f"{CURRENT}.partial", ".removed"),
}
AGAIN, ABANDONED = 0.3, 0.15  # shares of the kills that hit the next attempt, too, and that nobody tries again after


@dataclass(frozen=True, kw_only=True)
class Moment:
    """When to kill, drawn before it is known how long the command takes.

    Attributes:
        kind: one of `MOMENTS`.
        share: of the time, or of the steps from the first of its kind on.
    """

    kind: str
    share: float

    def of(self, unbroken: Ended) -> tuple[float | None, int | None]:
        """The seconds after which, or the step before which, to kill a command that ends so when nobody does."""
        if self.kind == CLOCK:
            return self.share * unbroken.seconds, None
        first = _first(unbroken.steps, FIRST[self.kind])
        return None, first + int(self.share * (len(unbroken.steps) - first))


@dataclass(frozen=True, kw_only=True)
class Kill:
    """One kill.

    Attributes:
        command: its name.
        moment: the kind of moment.
        done: whether what the command does had been done by then.
    """

    command: str
    moment: str
    done: bool


class Ordeal:
    """Commands, one after the other, most of them killed once or twice and then run again.

    Args:
        folder: for both folders of versions and for all that the commands read; not there yet.
        seed: draws the commands and the moments.
        seen: told of each kill.

    Attributes:
        story: what was done, a line a process.
    """

    def __init__(self, folder: Path, starter: Starter, seed: int, seen: Callable[[Kill], object]) -> None:
        self.story: list[str] = []
        self._folder, self._starter, self._seen = folder, starter, seen
        self._home, self._twin = folder / "index", folder / "twin"
        self._draw = random.Random(seed)
        write_pictures(folder / "pictures")
        self._drawing = Drawing(folder, self._draw, first_content(self._draw))
        self._contents: dict[str, Content] = {}  # of each version of the twin
        self._may_be_left = False  # whether a command was abandoned whose remains nobody removed

    def run(self, kills: int) -> None:
        """Goes on until so many processes were killed, and then clears up.

        Raises:
            Wrong: something does not hold.
        """
        killed = self._go_through(self._drawing.build(change=False), kills, may_be_abandoned=False)
        while killed < kills:
            killed += self._go_through(self._drawing.next(*self._versions()), kills - killed)
        contents, current = self._versions()
        self._go_through(self._drawing.prune(contents[current], keep=1, unfinished=True), 0)

    def _versions(self) -> tuple[list[Content], int]:
        """What the versions hold, the oldest first, and the place of the current one."""
        ids = version_ids(self._twin)[::-1]
        return [self._contents[name] for name in ids], ids.index(read_version(self._twin).id)

    def _go_through(self, command: Command, most: int, *, may_be_abandoned: bool = True) -> int:
        """Kills a command, so many times at most, runs it to its end, and returns how many times it was killed."""
        moments = [self._moment() for _ in range(1 + (self._draw.random() < AGAIN))][:most]
        # Whether a kill by the clock came in time is not for the seed to say, so what follows must not hang on it.
        may_be_abandoned &= command.name != "prune" and all(moment.kind != CLOCK for moment in moments)
        abandoned = self._draw.random() < ABANDONED and may_be_abandoned

        before, spare = read_state(self._twin), self._folder / "spare"
        shutil.rmtree(spare, ignore_errors=True)
        shutil.copytree(self._twin, spare) if self._twin.exists() else spare.mkdir()
        unbroken = self._run(command, self._twin)
        expect_content(self._twin, command.content)
        self._contents[read_version(self._twin).id] = command.content
        after = read_state(self._twin)

        killed, state = self._kill(command, moments, unbroken, before, after)
        if abandoned and killed:
            self._may_be_left = True
            if state == before:
                shutil.rmtree(self._twin)
                spare.rename(self._twin)
            return killed
        if command.repeatable or state != after:
            self._run(command, self._home)
        self._may_be_left &= UNFINISHED not in command.arguments
        self._expect(after, command)
        return killed

    def _kill(
        self, command: Command, moments: Sequence[Moment], unbroken: Ended, before: State, after: State
    ) -> tuple[int, State]:
        """Kills a command at each of the moments, and returns how many times that was in time, and what it left."""
        killed, state = 0, before
        for moment in moments:
            if state == after and not command.repeatable:
                break
            ended = self._run(command, self._home, moment, unbroken)
            expect_let_go(self._home)
            state = read_state(self._home)
            if not ended.killed:
                break
            killed += 1
            self._seen(Kill(command=command.name, moment=moment.kind, done=state == after != before))
            expect_one_of(state, before, after, removes=command.name == "prune")
        return killed, state

    def _expect(self, after: State, command: Command) -> None:
        """Raises Wrong where the folder is not what its twin is, or something is left in it."""
        if (state := read_state(self._home)) != after:
            raise Wrong(f"it ends with {described(state)}, and unbroken with {described(after)}")
        expect_content(self._home, command.content)
        if not self._may_be_left:
            expect_nothing_left(self._home)

    def _moment(self) -> Moment:
        return Moment(kind=self._draw.choice(MOMENTS), share=self._draw.random())

    def _run(self, command: Command, home: Path, moment: Moment | None = None, unbroken: Ended | None = None) -> Ended:
        """Runs a command, to its end if there is no moment.

        Raises:
            Wrong: it fails.
        """
        line, (seconds, step), when = command.line(home), (None, None), "unbroken"
        if moment is not None and unbroken is not None:
            seconds, step = moment.of(unbroken)
            when = f"killed after {seconds} s" if step is None else f"killed before step {step}, {unbroken.steps[step]}"
        self.story.append(f"python -m {command.module} {' '.join(line)}: {when}")
        ended = self._starter.run(
            Task(
                module=command.module,
                arguments=line,
                home=home,
                log=self._folder / "said.log",
                seconds=seconds,
                step=step,
            )
        )
        if ended.code and not ended.killed:
            raise Wrong(f"it ends with {ended.code}: {ended.said.strip().splitlines()[-1:]}")
        return ended


def _first(steps: Sequence[str], names: Sequence[str]) -> int:
    """The number of the first step that has one of the names in it; 0 where none has."""
    return next((number for number, step in enumerate(steps) if any(name in step for name in names)), 0)
