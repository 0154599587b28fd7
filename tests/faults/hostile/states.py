"""Checkpoints that are plain data and not a state of the run, and runs whose files are of two runs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.conftest import as_own
from tests.faults.hostile.case import Case, Place
from tests.faults.hostile.stored import IMAGE, option, words

Change = Callable[[dict[str, Any]], object]


def changed(command: str, name: str, change: Change) -> Callable[[Place], list[str]]:
    """Change what a checkpoint holds, and use the run."""

    def prepare(place: Place) -> list[str]:
        import torch

        path = place.run / "checkpoints" / name
        content = torch.load(path, weights_only=True)
        change(content)
        torch.save(content, path)
        (place.bait / "run").mkdir()
        for file in ("config.yaml", "finished.json", "split.csv"):  # to be compared: none may be changed
            shutil.copyfile(place.run / file, place.bait / "run" / file)
        return words(command, place) + ["trainer.max_epochs=2"] * (command == "train")

    return prepare


def run_is_kept(place: Place) -> None:
    for path in (place.bait / "run").iterdir():
        assert (place.run / path.name).read_bytes() == path.read_bytes(), path.name


def _optimizer(content: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = content["optimizer_states"][0]
    return found


def _loop(content: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = content["loops"]["fit_loop"]
    return found


def _no_numbers(content: dict[str, Any]) -> None:
    for tensor in content["state_dict"].values():
        if tensor.is_floating_point():
            tensor.fill_(float("nan"))


def _halved(content: dict[str, Any]) -> None:
    for name, tensor in list(content["state_dict"].items()):
        content["state_dict"][name] = tensor.flatten()[: tensor.numel() // 2].clone()


def _cycle(content: dict[str, Any]) -> None:
    content["callbacks"]["LastCheckpoint"]["measured"] = content


STATES: list[tuple[str, Change, str]] = [
    ("no optimizer", lambda c: c.pop("optimizer_states"), "optimizer_states"),
    ("an optimizer that is a word", lambda c: c.update(optimizer_states="adam"), "optimizer_states"),
    ("no groups of weights", lambda c: _optimizer(c).update(param_groups=[]), "param_groups"),
    (
        "options of the optimizer in words",
        lambda c: _optimizer(c)["param_groups"][0].update(momentum="a"),
        "momentum",
    ),
    (
        "a step in the wrong direction",
        lambda c: _optimizer(c)["param_groups"][0].update(maximize=True),
        "maximize",
    ),
    ("a huge learning rate", lambda c: _optimizer(c)["param_groups"][0].update(lr=1e9), "lr is"),
    ("a memory of other weights", lambda c: _optimizer(c)["state"].update({10**6: {"a": 1}}), "no weight"),
    ("a schedule of another run", lambda c: c.update(lr_schedulers=[{"last_epoch": 1}]), "lr_schedulers"),
    ("a schedule that is a list", lambda c: c.update(lr_schedulers=[[1, 2]]), "lr_schedulers"),
    ("no loops", lambda c: c.update(loops={}), "fit_loop"),
    ("an epoch below 0", lambda c: c.update(epoch=-3), "epoch is -3"),
    ("an epoch far away", lambda c: c.update(epoch=10**12), "contradict"),
    ("steps of a hundred digits", lambda c: c.update(global_step=10**99), "global_step"),
    (
        "batches beyond the epoch",
        lambda c: (
            _loop(c)["epoch_loop.batch_progress"].update(is_last_batch=False),
            c["GradingData"].update(batches=2),
        ),
        "seen is None",
    ),
    ("a progress that is a word", lambda c: _loop(c).update(epoch_progress="done"), "epoch_progress"),
    ("callbacks in a list", lambda c: c.update(callbacks=[]), "callbacks"),
    ("metrics that hold everything", _cycle, "measured"),
    ("weights of another shape", _halved, "shape"),
    ("weights that are no numbers", _no_numbers, "not finite"),
    (
        "more weights than the network has",
        lambda c: c["state_dict"].update(evil=c["state_dict"]["smooth_loss"]),
        "evil",
    ),
    (
        "other grades",
        lambda c: c["hyper_parameters"].update(classes=["well", "moderate", "poor"]),
        "its grades",
    ),
    ("options that are a number", lambda c: c.update(hyper_parameters=3), "its grades"),
    ("views of nobody", lambda c: c.update(seen=c["state_dict"]["smooth_loss"]), "seen"),
]

NETWORKS: list[tuple[str, Change, str]] = [
    (
        "other grades",
        lambda c: c["hyper_parameters"].update(classes=["well", "moderate", "poor"]),
        "classes is",
    ),
    (
        "a thousand grades",
        lambda c: c["hyper_parameters"].update(classes=[f"g{n}" for n in range(1000)]),
        "at most 100",
    ),
    ("another head", lambda c: c["hyper_parameters"]["model"].update(head="corn"), "head is"),
    (
        "another backbone",
        lambda c: c["hyper_parameters"]["model"].update(backbone="hf-hub:evil/net"),
        "backbone is",
    ),
    (
        "options that are a list",
        lambda c: c["hyper_parameters"].update(model=[]),
        "not a checkpoint of this version",
    ),
    ("weights of another shape", _halved, "not a checkpoint of this version"),
    ("a state that is a list", lambda c: c.update(state_dict=[1]), "not a checkpoint of this version"),
]


def of_others(command: str) -> Callable[[Place], list[str]]:
    """The run says that its images lie where somebody's do, which have the same names."""

    def prepare(place: Place) -> list[str]:
        cohort = Path(shutil.copytree(place.manifest.parent, place.folder / "cohort"))
        for path in cohort.rglob("*.png"):
            path.write_bytes((cohort / IMAGE).read_bytes() + path.name.encode())
        option("data.manifest", str(cohort / place.manifest.name))(place)
        as_own(place.run)
        return words(command, place)

    return prepare


def other_grades(command: str) -> Callable[[Place], list[str]]:
    def prepare(place: Place) -> list[str]:
        option("data.classes", ["well", "moderate", "poor"])(place)
        return words(command, place)

    return prepare


CASES: list[Case] = [
    *(
        Case(
            f"a state to resume from with {name}",
            "train",
            changed("train", "last.ckpt", change),
            rf"last\.ckpt: can't resume from it, .*{told}",
            run_is_kept,
        )
        for name, change, told in STATES
    ),
    *(
        Case(
            f"a network with {name}, {command}",
            command,
            changed(command, "best.ckpt", change),
            rf"best\.ckpt: .*{told}",
            run_is_kept,
        )
        for number, (name, change, told) in enumerate(NETWORKS)
        for command in (("evaluate", "explain", "export", "predict")[number % 4],)
    ),
    Case(
        "a best network that is of another shape, to resume",
        "train",
        changed("train", "best.ckpt", _halved),
        r"best\.ckpt: can't be tested",
        run_is_kept,
    ),
    *(
        Case(f"grades of the options in another order, {command}", command, other_grades(command), told)
        for command, told in (
            ("predict", r"best\.ckpt: its classes is .* in config\.yaml"),
            ("compare", r"predictions\.csv: its grades are .* in config\.yaml"),
            ("explain", r"(best\.ckpt: its classes is|predictions\.csv: its grades) .* in config\.yaml"),
        )
    ),
    Case(
        "a run whose images are others of the same names, explain",
        "explain",
        of_others("explain"),
        "another content",
    ),
    Case(
        "a run whose images are others of the same names, evaluate",
        "evaluate",
        of_others("evaluate"),
        "split.csv",
    ),
]
