"""``livergrade.review`` in a process of its own, with the page in a browser."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from tests.conftest import draw_image

READY = "document.querySelector('#picture')?.naturalWidth > 0 && document.querySelector('#cover').hidden"
FINISHED = "document.querySelector('#panel').classList.contains('finished')"


class Served:
    """The command in a process of its own."""

    def __init__(self, *words: str) -> None:
        self.words, self.links = words, dict[str, str]()
        self.start()

    def start(self) -> None:
        words = [sys.executable, "-m", "livergrade.review", *self.words]
        self.process = subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
        assert self.process.stdout
        self.links.clear()
        readers = 0
        for line in self.process.stdout:
            if found := re.fullmatch(r"  ([\w-]+): (http\S+)\n", line):
                self.links[found[1]] = found[2]
                readers += 1
            if "readers" in self.words[0] and readers == self.words[0].count(",") + 1:
                return
        raise AssertionError("it ended")

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> str:
        os.kill(self.process.pid, signal.SIGINT)
        told, _ = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, told
        return told


@contextlib.contextmanager
def served(*words: str) -> Iterator[Served]:
    server = Served(*words)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.kill()


def cohort(folder: Path) -> Path:
    """An image of each of twenty patients, whose grades are not known yet."""
    rows = []
    for number in range(20):
        draw_image(folder / f"{number}.png", number, number % 3, (200, 150))
        rows.append((f"{number}.png", f"P{number}", "0.5"))
    table = folder / "cohort.csv"
    pd.DataFrame(rows, columns=["image", "patient", "mpp"]).to_csv(table, index=False)
    return table
