"""Lines of epochs."""

import logging
import re
import sys
from pathlib import Path

import pytest

from livergrade.training.run_progress import EpochLines, RunProgress
from tests.io.test_bars import Terminal
from tests.training.tasks import loader, task, trainer

LINE = (
    r"epoch {} of 2: training loss \d\.\d{{3}}, validation loss \d\.\d{{3}}, "
    r"validation accuracy \d\.\d{{3}}, \d+\.\d s"
)


def lines(folder: Path, *, on_screen: bool, caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    run = trainer(folder)
    run.fit_loop.max_epochs = 2
    run.callbacks += [EpochLines(on_screen=on_screen)]
    with caplog.at_level(logging.INFO):
        run.fit(task(model="resnet50"), loader([0, 1, 2, 0]), loader([0, 1, 2]))
    return [(record.name, record.message) for record in caplog.records if record.message.startswith("epoch ")]


@pytest.mark.usefixtures("narrow")
def test_one_line_an_epoch_with_both_losses_and_the_time_left(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (name, first), (_, second) = lines(tmp_path, on_screen=True, caplog=caplog)
    assert name == "livergrade.training.run_progress"  # on the screen and in the file
    assert re.fullmatch(LINE.format(1) + r", \d:\d\d:\d\d left", first)
    assert re.fullmatch(LINE.format(2), second)


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("on_screen", [True, False])
def test_beside_a_bar_and_without_progress_they_are_in_the_file_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, on_screen: bool
) -> None:
    if on_screen:
        monkeypatch.setattr(sys, "stdout", Terminal())
    told = lines(tmp_path, on_screen=on_screen, caplog=caplog)
    assert [name for name, _ in told] == ["livergrade.epochs"] * 2


def test_the_bar_counts_epochs_from_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())

    class Run:
        is_global_zero, current_epoch, max_epochs, global_step, num_training_batches = True, 0, 3, 0, 4
        callback_metrics: dict[str, float] = {}  # noqa: RUF012

    progress = RunProgress()
    progress.on_train_start(Run(), None)  # type: ignore[arg-type]
    progress.on_train_epoch_start(Run(), None)  # type: ignore[arg-type]
    assert progress.bar.desc.startswith("epoch 1/3")
    assert progress.bar.total == 12
    progress.on_train_end(Run(), None)  # type: ignore[arg-type]
