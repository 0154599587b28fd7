"""Random histories of a sweep: what a start takes over from the last one is what it would have made itself.

A start goes on in the folder of the last one. Each of its jobs then has what the same job has in a fresh
folder, or was refused, which is only right if its folder began with other files or options.
"""

import contextlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from livergrade.io.json_files import read_json
from livergrade.runs.folder import Failure
from tests.conftest import GRADES, TINY, small_options, train
from tests.faults.restarts import Stopped, png, stopped_after, write

COMPARED = ("predictions.csv", "split.csv", "metrics.json", "history.csv")
"""What a job leaves that has neither a date nor a folder in it."""
IMAGES, REPLACED = 24, 3
"""Images of the cohort, two a patient, of which the first few are replaced in a history."""
State = tuple[object, ...]
"""All that a job's results depend on, and the folder of its cohort, which is an option."""
Results = dict[str, bytes]


def in_this_process(words: list[str], folder: Path, stop: int | None) -> None:
    """Run the sweep as the command would.

    Raises:
        Stopped: before it wrote all.
    """
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()), stopped_after(stop):
        train("-m", *words, f"hydra.sweep.dir={folder}", outputs=folder.parent)


def in_its_own_process(words: list[str], folder: Path, stop: int | None) -> None:
    """Run the command, and kill it after so many seconds.

    Raises:
        Stopped: it was killed.
    """
    command = [sys.executable, "-m", "livergrade.train", "-m", *words, f"hydra.sweep.dir={folder}"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            told = process.communicate(timeout=300 if stop is None else 4 + stop)[1]
        except subprocess.TimeoutExpired:
            process.kill()
            raise Stopped from None
    assert "Traceback" not in told


def results(job: Path) -> Results:
    """Content of the compared files of a job's folder; empty if it has not finished."""
    return {name: (job / name).read_bytes() for name in COMPARED} if (job / "finished.json").exists() else {}


class Sweeping(RuleBasedStateMachine):
    """A cohort in two folders, of which labels, images and options change between the starts of a sweep."""

    run: Callable[[list[str], Path, int | None], None] = staticmethod(in_this_process)
    fresh: dict[tuple[State, int], Results]
    """What a fresh folder of a state and seed has; one table for all histories."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="history"))
        self.here = Path.cwd()
        self.first_grade = GRADES[0]
        self.contents = {name: [0] * REPLACED for name in "ab"}
        self.rate, self.seeds, self.rows = 0.01, [0, 1], IMAGES
        self.began: dict[str, State] = {}
        for name in "ab":
            for number in range(IMAGES):
                picture = png(number * 3 // IMAGES, number)
                write(self.folder / name / f"{number}.png", picture, in_place=True, old_date=False)
        self.go("a")

    @rule(name=st.sampled_from("ab"))
    def go(self, name: str) -> None:
        self.place = name
        os.chdir(self.folder / name)

    @rule(grade=st.sampled_from(GRADES[:2]))
    def correct(self, grade: str) -> None:
        """The first patient has another grade."""
        self.first_grade = grade

    @rule(
        number=st.integers(0, REPLACED - 1),
        content=st.integers(0, 1),
        in_place=st.booleans(),
        old_date=st.booleans(),
    )
    def picture(self, number: int, content: int, in_place: bool, old_date: bool) -> None:
        picture = png(0, number + content * IMAGES)
        path = self.folder / self.place / f"{number}.png"
        write(path, picture, in_place=in_place, old_date=old_date)
        self.contents[self.place][number] = content

    @rule(rows=st.sampled_from([IMAGES, IMAGES - 1]))
    def rows_of_the_table(self, rows: int) -> None:
        self.rows = rows

    @rule(rate=st.sampled_from([0.01, 0.02]))
    def choose(self, rate: float) -> None:
        self.rate = rate

    @rule(seeds=st.sampled_from([[0, 1], [1, 0], [0, 2]]))
    def vary(self, seeds: list[int]) -> None:
        self.seeds = seeds

    @precondition(lambda self: self.began)
    @rule(
        which=st.integers(0, 9),
        name=st.sampled_from(["finished.json", "predictions.csv", "checkpoints/last.ckpt"]),
    )
    def lose(self, which: int, name: str) -> None:
        """A job's folder lacks what is written late, as if the machine had stopped before it."""
        job = self.folder / "sweep" / sorted(self.began)[which % len(self.began)]
        (job / "finished.json").unlink(missing_ok=True)
        (job / name).unlink(missing_ok=True)

    @rule()
    def sweep(self) -> None:
        self.begin(None)

    @rule()
    def sweep_again(self) -> None:
        self.begin(None)

    @rule(stop=st.integers(0, 40))
    def sweep_stopped(self, stop: int) -> None:
        self.begin(stop)

    def begin(self, stop: int | None) -> None:
        """Start, to its end or not; then hold every job against that of a fresh folder."""
        table = pd.DataFrame({"image": [f"{number}.png" for number in range(self.rows)]})
        table["patient"] = [f"P{number // 2}" for number in range(self.rows)]
        grades = [GRADES[number * 3 // IMAGES] for number in range(self.rows)]
        table["grade"] = [self.first_grade] * 2 + grades[2:]
        table.to_csv("cohort.csv", index=False)
        words = [*TINY, *small_options(Path("cohort.csv")), f"optim.lr={self.rate}"]
        state = (self.place, self.first_grade, *self.contents[self.place], self.rate, self.rows)
        folder, stopped = self.folder / "sweep", False
        try:
            self.run([*words, f"seed={','.join(map(str, self.seeds))}"], folder, stop)
        except Stopped:
            stopped = True
        for number, seed in enumerate(self.seeds):
            job = folder / f"{number}_seed-{seed}"
            if (job / "split.csv").exists():  # a start that is stopped before this has begun nothing
                self.began.setdefault(job.name, state)
            if not stopped:
                self.hold(job, state, seed, words)

    def hold(self, job: Path, state: State, seed: int, words: list[str]) -> None:
        """Hold a job against the same job of a fresh folder."""
        if (job / "failed.json").exists():
            message = read_json(job / "failed.json", Failure, fix="")["message"]
            assert self.began.get(job.name) != state, message
            return
        if (state, seed) not in self.fresh:
            alone = self.folder / "fresh"
            self.run([*words, f"seed={seed}"], alone, None)
            (job_alone,) = alone.glob("0*")
            self.fresh[state, seed] = results(job_alone)
            shutil.rmtree(alone)
        found, expected = results(job), self.fresh[state, seed]
        assert found.keys() == expected.keys()
        for name, content in expected.items():
            assert found[name] == content, name

    def teardown(self) -> None:
        """Leave nothing behind."""
        os.chdir(self.here)
        shutil.rmtree(self.folder)


def sweeping() -> type[Sweeping]:
    """Histories of ``train -m`` on a small cohort; what fresh folders have is computed once for all."""

    class OfOneTable(Sweeping):
        fresh: dict[tuple[State, int], Results] = {}  # noqa: RUF012

    return OfOneTable
