"""Benchmarks as they are typed, but in this process, where torch is imported already."""

import runpy
import sys
from collections.abc import Callable, Iterator

import cv2
import pytest
import torch

from tests.benchmarks.scripts import SCRIPTS


@pytest.fixture
def script(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., str]]:
    """Runs a script of a name with such words; returns what it printed."""

    def run(name: str, *words: object) -> str:
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *map(str, words)])
        runpy.run_path(str(SCRIPTS / f"{name}.py"), run_name="__main__")
        return capsys.readouterr().out

    threads, theirs = torch.get_num_threads(), cv2.getNumThreads()
    tuned, precision = torch.backends.cudnn.benchmark, torch.get_float32_matmul_precision()
    yield run
    torch.set_num_threads(threads)
    cv2.setNumThreads(theirs)
    torch.backends.cudnn.benchmark = tuned
    torch.set_float32_matmul_precision(precision)
