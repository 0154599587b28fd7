"""Begin a review, or open one to go on with: what is read, by whom, and in which order."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from livergrade.config.schema import ReviewConfig
from livergrade.errors import UserError
from livergrade.io.kept import digest
from livergrade.io.pixel_reading import PixelReading
from livergrade.reading.images import ReviewImages, images_of
from livergrade.reading.import_readings import import_readings
from livergrade.reading.readings import reader_problems
from livergrade.reading.store import NAME, Store, create
from livergrade.reading.tasks import by_doubt, differing, shuffled
from livergrade.runs.run import Run

log = logging.getLogger(__name__)


def begin(config: ReviewConfig, out: Path) -> Store:
    """Open the review in a folder; make it first if there is none.

    Args:
        config: the options; with ``out`` alone, a review continues with its own.
        out: its folder.

    Raises:
        UserError: the images can't be used, or the folder holds a review of other images or options.
    """
    assert config.data
    path = out / NAME
    given = config.data.name or config.run or config.of
    if not given:
        store = Store(path)
        _refuse_others(
            store, out, [key for key, value in _typed(config).items() if store.facts.get(key) != value]
        )
        return store
    if config.readers and (problems := reader_problems(config.readers)):
        raise UserError("\n".join(problems))
    try:
        facts, images, tasks, earlier = _adjudication(config) if config.of else _first_reading(config)
    except UserError as error:
        if path.exists():  # an image may be gone since
            raise UserError(
                f"{error}\n{out} holds a review already; go on with it by out={out} alone"
            ) from None
        raise
    if not path.exists():
        create(path, facts, images, tasks, earlier)
        return Store(path)
    store = Store(path)
    others = [{"imported": "readings"}.get(key, key) for key in facts if store.facts.get(key) != facts[key]]
    if store.images != images:
        others.append("images")
    _refuse_others(store, out, others)
    return store


def _refuse_others(store: Store, out: Path, others: Sequence[str]) -> None:
    """Close a review and refuse it if it has other options, or other images, than were given."""
    if others:
        store.close()
        raise UserError(
            f"{out}: holds a review with other {', '.join(others)}; go on with it by out={out} alone, or "
            "choose another folder"
        )


def _typed(config: ReviewConfig) -> dict[str, Any]:
    """The options that a review keeps, where they are not the usual ones."""
    usual = ReviewConfig()
    kept = ("mode", "readers", "readings", "repeats", "seed")
    return {key: getattr(config, key) for key in kept if getattr(config, key) != getattr(usual, key)}


_Review = tuple[dict[str, Any], list[dict[str, str]], dict[str, list[int]], list[dict[str, Any]]]


def _first_reading(config: ReviewConfig) -> _Review:
    """Facts, images and tasks of a review of images, and no earlier readings."""
    found = images_of(config)
    if found.table.empty:
        raise UserError("there is no image to be read")
    images = [{str(name): str(cell) for name, cell in row.items()} for row in found.table.to_dict("records")]
    if config.repeats > len(images) // 2:
        raise UserError(f"repeats={config.repeats}: at most half of the {len(images)} images can come twice")
    facts = _facts(config, found.classes, found.root, found.reading)
    if found.slides:
        facts["slides"] = True
    if config.readings:
        return _imported(config, facts, images)
    if config.mode == "audit":
        assert config.run
        order, facts["revealed"] = _audit(Run(Path(config.run)), found)
        tasks = dict.fromkeys(config.readers, order)
    else:
        tasks = {
            reader: shuffled(len(images), reader, config.seed, config.repeats) for reader in config.readers
        }
    return facts, images, tasks, []


def _imported(config: ReviewConfig, facts: dict[str, Any], images: list[dict[str, str]]) -> _Review:
    """A review that begins with readings of another program; their readers go on with the other images."""
    rows, orders = import_readings(config, images, facts["classes"])
    facts["readers"] = [*orders, *(reader for reader in config.readers if reader not in orders)]
    facts["imported"] = digest(rows)
    if problems := reader_problems(facts["readers"]):
        raise UserError("\n".join(problems))
    tasks = {}
    for reader in facts["readers"]:
        given = orders.get(reader, [])
        own = shuffled(len(images), reader, config.seed, 0 if given else config.repeats)
        tasks[reader] = given + [number for number in own if number not in given]
    log.info("%d readings of %s are taken over", len(rows), ", ".join(orders))
    return facts, images, tasks, rows


def _facts(config: ReviewConfig, classes: list[str], root: Path, reading: PixelReading) -> dict[str, Any]:
    return {
        "mode": config.mode,
        "classes": classes,
        "root": str(root),
        "readers": list(config.readers),
        "seed": config.seed,
        "repeats": config.repeats,
        "reading": asdict(reading),
        "shown": {},
        "revealed": {},
    }


def _audit(run: Run, found: ReviewImages) -> tuple[list[int], dict[str, Any]]:
    """The order of an audit, and by image what is shown once it was answered."""
    doubt = by_doubt(run.tested, found.classes)
    names = found.table["image"].tolist()
    order = sorted(range(len(names)), key=lambda number: (-doubt[names[number]], number))
    columns = [f"p_{grade}" for grade in found.classes]
    mean: pd.DataFrame = run.tested.groupby("image")[columns].mean()
    told = {}
    for number, name in enumerate(names):
        shares = [round(float(value), 4) for value in mean.loc[name]]
        told[str(number)] = {
            "predicted": found.classes[shares.index(max(shares))],
            "probabilities": shares,
            "recorded": found.table["grade"].iloc[number],
        }
    return order, told


def _adjudication(config: ReviewConfig) -> _Review:
    """Facts, images and tasks where the readers of an earlier review differ, and its readings."""
    assert config.of
    first = Store(Path(config.of) / NAME)
    try:
        earlier = first.readings()
        facts, images = dict(first.facts), first.images
    finally:
        first.close()
    if facts["mode"] != "read":
        raise UserError(f"of={config.of}: is a review of mode={facts['mode']}; give one of mode=read")
    if both := sorted(set(config.readers) & set(facts["readers"])):
        raise UserError(
            f"readers: {', '.join(both)} read these images already; give who decides a name of their own, as "
            "panel"
        )
    answers: dict[int, dict[str, dict[str, Any]]] = {}
    for row in earlier:
        if not row["undone"]:
            answers.setdefault(row["image"], {}).setdefault(row["reader"], row)
    several = {
        image: [of["grade"] for of in given.values()] for image, given in answers.items() if len(given) > 1
    }
    images_to_read = differing(several)
    if not images_to_read:
        raise UserError(
            f"of={config.of}: no image was graded differently by two readers; nothing is to be decided"
        )
    told = ("grade", "excluded", "confidence", "comment")
    own = _facts(config, facts["classes"], Path(facts["root"]), PixelReading(**facts["reading"]))
    own["shown"] = {
        str(image): [
            {key: answers[image][reader][key] for key in told}
            for reader in facts["readers"]
            if reader in answers[image]
        ]
        for image in images_to_read
    }
    own["first_readers"] = facts["readers"]
    if facts.get("slides"):
        own["slides"] = True
    return own, images, dict.fromkeys(config.readers, images_to_read), earlier
