"""A training run's folder, which the first process has: its settings, where it has come to, and what it measured.

run.json        what settles the run; another run cannot go on in its folder
state.pt        the last state that was kept
metrics.jsonl   one line a step
tensorboard/    the same for TensorBoard
checkpoint/     what came of it
LOCK            held by the process that trains
"""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any, TextIO

import torch
from tqdm import tqdm

from training import processes
from training.learn.trainer import Metrics, Trainer
from training.pace import foretell_steps
from wikiclip.base.errors import WikiClipError, how_to_install
from wikiclip.base.files import appearing_file, write_text
from wikiclip.base.locks import Held, locked

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

SETTINGS, STATE, METRICS, CHECKPOINT = "run.json", "state.pt", "metrics.jsonl", "checkpoint"
LOCK = "LOCK"
NEEDED = ("tensorboard", "matplotlib")  # for the log and the report; their lack must not show after hours


class Run:
    """Opens a run's folder, or begins one.

    Args:
        settings: JSON values that settle the run.
        fresh: begin again where another run was.

    Raises:
        WikiClipError: the folder holds another run, another process trains in it, or the extra `train` is not
            installed.
    """

    def __init__(self, folder: Path, settings: dict[str, Any], *, fresh: bool = False) -> None:
        for package in NEEDED:
            if find_spec(package) is None:
                raise WikiClipError(f"A training run needs {package}: {how_to_install('train')}.")
        self.folder, self.checkpoint = folder, folder / CHECKPOINT
        text = json.dumps(settings, indent=2) + "\n"
        kept = ""
        if processes.is_first():
            folder.mkdir(parents=True, exist_ok=True)
            with self.held():
                if fresh:
                    for name in (SETTINGS, STATE, METRICS):
                        (folder / name).unlink(missing_ok=True)
                if not (folder / SETTINGS).exists():
                    write_text(folder / SETTINGS, text)
            kept = (folder / SETTINGS).read_text(encoding="utf-8")
        kept, here = processes.from_first((kept, text))
        if text != here:
            raise WikiClipError(
                f"Node {processes.node()} has another checkpoint, other records or other options than node 0: give all"
                " nodes the same command and files, with their dates (`rsync -a`)."
            )
        if kept != text:
            raise WikiClipError(
                f"{folder} holds a run with other settings ({SETTINGS} has them); name another folder with --out, or"
                " begin again in this one with --fresh."
            )

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keeps others from training in the folder while the block runs, or from beginning again in it.

        Raises:
            WikiClipError: another process does.
        """
        with ExitStack() as held:
            if processes.is_first():
                try:
                    held.enter_context(locked(self.folder / LOCK, wait=False))
                except Held:
                    raise WikiClipError(
                        f"Another process trains in {self.folder}: wait for it, or name another folder with --out."
                    ) from None
            yield

    def state(self) -> dict[str, Any] | None:
        """Returns the last state that was kept, which the first process reads: only its machine need have the folder.

        Raises:
            WikiClipError: it cannot be read.
        """
        path = self.folder / STATE
        content = processes.from_first(path.read_bytes() if processes.is_first() and path.exists() else None)
        if content is None:
            return None
        try:
            state: dict[str, Any] = torch.load(BytesIO(content), weights_only=True, map_location="cpu")
        except (UnpicklingError, RuntimeError, EOFError) as error:
            raise WikiClipError(f"{path} cannot be read; remove it to begin again.") from error
        return state

    def keep(self, state: dict[str, Any]) -> None:
        """Keeps a state in place of the one before."""
        if processes.is_first():
            with appearing_file(self.folder / STATE) as partial:
                torch.save(state, partial)

    def metrics(self) -> list[Metrics]:
        """Returns what was logged so far, one mapping a step."""
        path = self.folder / METRICS
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [json.loads(line) for line in lines]

    @contextmanager
    def log(self, step: int) -> Iterator["Log"]:
        """Opens the log from a step on; lines of later steps are from a run that was cut off, and are dropped."""
        from torch.utils.tensorboard import SummaryWriter  # an extra, which `Run` asks for

        path = self.folder / METRICS
        if processes.is_first():
            lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
            write_text(path, "".join(f"{line}\n" for line in lines[:step]))
            with (
                path.open("a", encoding="utf-8", buffering=1) as file,
                SummaryWriter(str(self.folder / "tensorboard"), purge_step=step + 1) as board,
            ):
                yield Log(file, board)
        else:
            yield Log(None, None)


class Log:
    """Writes metrics; without files, on all processes but the first, it does nothing."""

    def __init__(self, file: TextIO | None, board: "SummaryWriter | None") -> None:
        self._file, self._board, self._start = file, board, time.perf_counter()

    def write(self, step: int, metrics: Metrics) -> None:
        """Writes one step's metrics, with the seconds since the step before."""
        now = time.perf_counter()
        seconds, self._start = now - self._start, now
        if self._file is not None and self._board is not None:
            self._file.write(json.dumps({"step": step, **metrics, "seconds": round(seconds, 4)}) + "\n")
            for name, value in metrics.items():
                self._board.add_scalar(name, value, step)


def train_in(run: Run, trainer: Trainer, *, steps: int, every: int) -> None:
    """Takes the steps that are left, with a progress bar, and says beforehand how long they will take; keeps the state
    after each `every` steps and the last.

    Raises:
        WikiClipError: the kept state cannot be read, or another process trains in the folder.
    """
    with run.held():
        _train(run, trainer, steps, every)


def _train(run: Run, trainer: Trainer, steps: int, every: int) -> None:
    state = run.state()
    if state is not None:
        trainer.load_state(state)
    foretell_steps(steps - trainer.step, trainer.try_steps)
    bar = tqdm(total=steps, initial=trainer.step, desc="Training", unit=" steps", disable=not processes.is_first())
    with run.log(trainer.step) as log, bar:
        while trainer.step < steps:
            metrics = trainer.take_step()
            log.write(trainer.step, metrics)
            if trainer.step % every == 0 or trainer.step == steps:
                run.keep(trainer.state())
            bar.set_postfix(loss=f"{metrics['loss']:.3f}")
            bar.update()
    trainer.finish()
