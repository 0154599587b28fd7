"""Change a file of a run at random, and read the run: it is read, or a UserError says why it can't be.

``python -m tests.faults.fuzz_runs --minutes 10 [--seed 0] [--kind config|side|tables|checkpoint]`` tries as
many changes as it can in that time, watched for changes of other files.
"""

import argparse
import copy
import functools
import json
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from livergrade.config.validation import problems
from livergrade.errors import UserError
from livergrade.evaluation.conformal import threshold
from livergrade.evaluation.faithfulness import by_method, read_sanity
from livergrade.evaluation.ood import FEATURES, distances, read_distances
from livergrade.evaluation.splits import fingerprint
from livergrade.evaluation.temperature import scaled
from livergrade.inference.images import read_graded
from livergrade.reports.format import table
from livergrade.reports.run_report import cohort_counts
from livergrade.reports.verdict import limits, verdict
from livergrade.runs.run import Run
from tests.faults.hostile.watch import watch

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 10**9, 10**30, -(10**6), 0.0, 0.5, 1e-9, 1e300, -1e300, 5e-324),
    *("", "x", "poor", "all", "nan", "1e999", "../../etc/passwd", "/dev/zero", "${oc.env:HOME}", "é", "肝"),
    *("\x1b[2J", "\x00", "\n", "x" * 300, "x" * 20_000, "9" * 6000, [], {}, [[]], [1], ["poor"], {"a": 1}),
    *([0.5] * 50, [["a"] * 3] * 3, list(range(200))),
)
BREAKERS = ("\x00", '"', "'", ",", "\n", "\r\n", "\ufeff")
"""Characters that end a cell, a line or a text, or begin a file."""
PIECES = (
    *BREAKERS,
    *(
        "[",
        "{",
        "}",
        "]",
        ":",
        "- ",
        "&a ",
        "*a",
        "!!python/x ",
    ),
    *(
        "<<: ",
        "---\n",
        "...\n",
        "%YAML 9.9\n",
        "NaN",
        "Infinity",
        "1e999",
        "inf",
        "0x",
        "1:2:3",
        "#",
        "\t",
        "?",
    ),
    *("[" * 3000, "{" * 3000, "9" * 5000, "x" * 70_000, "\\ud800", "${x}", "~", "2001-99-99", "é", "p_poor"),
)


def fill(folder: Path) -> Path:
    """A run's folder with every file that is read, but for checkpoints."""
    from tests.conftest import GRADES, finished_run

    run = finished_run(folder / "run", "senet", patients=12)
    calibration = {
        "temperature": 1.5,
        "low": 1.1,
        "high": 2.0,
        "fitted_on": "val",
        "patients": 2,
        "images": 3,
        "views": 1,
        "scores": {"patient": [0.2, 0.5], "image": [[0.1, 0.3], [0.5]]},
    }
    appearance = {
        "centre": [0.0] * FEATURES,
        "whitening": np.eye(FEATURES).tolist(),
        "images": 9,
        "scores": [[1.0, 2.0], [1.5]],
        "limit": 2.0,
        "alarm": 0.33,
    }
    rows = [{"method": "hires_cam", "measure": "gain", "value": 0.1, "low": None, "high": None}]
    for name, content in (
        ("calibration", calibration),
        ("appearance", appearance),
        ("sanity", {"patients": 3, "sanity": rows}),
        ("failed", {"job": ["a=b"], "error": "E", "message": "m", "at": "now"}),
    ):
        (run / f"{name}.json").write_text(json.dumps(content))
    (run / "appearance.csv").write_text("image,patient,split,distance\na.png,a,test,1.5\nb.png,b,val,2\n")
    scores = ",".join(f"p_{grade}" for grade in GRADES)
    (run / "images.csv").write_text(
        f"image,patient,predicted,{scores},spread,agree,distance,unlike\na.png,,poor,0.5,0.25,0.25,0,1,1.5,0\n"
    )
    (run / "finished.json").unlink()  # else every change is refused by its SHA-256, and no reader is tried
    return run


def _read_graded(run: Path) -> None:
    from tests.conftest import GRADES

    read_graded(run / "images.csv", ("image", "patient"), GRADES)


def _use_calibration(run: Path) -> None:
    calibration = Run(run).calibration
    if calibration["temperature"]:
        assert np.isfinite(scaled([[0.7, 0.2, 0.1], [0, 1, 0]], calibration["temperature"])).all()
    if calibration["scores"] is None:
        assert calibration["reason"]
    else:
        for level in ("image", "patient"):
            assert threshold(calibration["scores"][level], 0.5) >= 0


def _use_appearance(run: Path) -> None:
    if reference := Run(run).appearance:
        assert np.isfinite(distances(np.ones((2, FEATURES)), reference)).all()


def _use_metrics(run: Path) -> None:
    found = Run(run)
    metrics = found.metrics
    table(metrics)
    verdict(metrics, found.model)
    limits(metrics, found.config)


def _use_options(run: Path) -> None:
    config = Run(run).config
    assert not problems(config) or config.split.name == "external"
    assert (config.data.cache_dir, config.trainer.devices) == (None, "1")


def _use_split(run: Path) -> None:
    found = Run(run).split
    fingerprint(found)
    cohort_counts(found, ["poor", "moderate", "well"], run / "split.csv")


READERS: dict[str, Callable[[Path], object]] = {
    "config.yaml": _use_options,
    "calibration.json": _use_calibration,
    "appearance.json": _use_appearance,
    "metrics.json": _use_metrics,
    "environment.json": lambda run: Run(run).environment,
    "sanity.json": lambda run: by_method(read_sanity(run / "sanity.json")["sanity"]),
    "predictions.csv": lambda run: Run(run).tested,
    "split.csv": _use_split,
    "history.csv": lambda run: Run(run).history,
    "appearance.csv": lambda run: read_distances(run / "appearance.csv"),
    "images.csv": _read_graded,
}
"""What reads each file, and uses what it read."""


def changed(content: bytes, name: str, rng: random.Random) -> bytes:
    """The content of a file with a change of its structure, or of its bytes."""
    way = rng.randrange(5)
    if way == 0:
        at = rng.randrange(len(content) + 1)
        return content[:at] + rng.choice(PIECES).encode("utf-8") + content[at + rng.randrange(30) :]
    if way == 1:
        at = rng.randrange(len(content))
        return content[:at] + bytes(rng.randrange(256) for _ in range(rng.randrange(9))) + content[at + 1 :]
    if way == 2 and rng.randrange(4) == 0:
        return content[: rng.randrange(len(content))]
    if name.endswith(".csv"):
        return _other_cells(content, rng)
    tree = json.loads(content) if name.endswith(".json") else yaml.safe_load(content)
    for _ in range(rng.choice((1, 1, 1, 3))):
        _graft(tree, rng)
    text = json.dumps(tree) if name.endswith(".json") else yaml.safe_dump(tree, sort_keys=False)
    return text.encode("utf-8", "surrogatepass")


def _anything(rng: random.Random) -> Any:
    return copy.deepcopy(rng.choice(VALUES))


def _graft(tree: Any, rng: random.Random) -> None:
    """Put anything in the place of one part, take it out, or add to it."""
    node = tree
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            return
        key = rng.choice(keys)
        if isinstance(node[key], dict | list) and node[key] and rng.randrange(5):
            node = node[key]
            continue
        way = rng.randrange(6)
        if way == 0:
            del node[key]
        elif way == 1 and isinstance(node, list):
            node.append(_anything(rng))
        elif way == 1:
            node[rng.choice(("x", "_target_", "${a}", "a.b", "\x1b", "n" * 5000))] = _anything(rng)
        else:
            node[key] = _anything(rng)
        return


def _other_cells(content: bytes, rng: random.Random) -> bytes:
    rows = [line.split(",") for line in content.decode().splitlines()]
    for _ in range(rng.choice((1, 1, 3))):
        row = rng.choice(rows)
        way, at = rng.randrange(5), rng.randrange(len(row))
        if way == 0:
            del row[at]
        elif way == 1:
            row.insert(at, str(rng.choice(VALUES)))
        elif way == 2:
            rows.insert(rng.randrange(len(rows)), list(rng.choice(rows)))
        else:
            row[at] = str(rng.choice((*VALUES, *PIECES, *rng.choice(rows))))
        if not row:
            rows.remove(row)
    return "\n".join(",".join(row) for row in rows).encode("utf-8", "surrogatepass")


def attempt(run: Path, name: str, content: bytes) -> str:
    """Write the content and read the run: ``right``, ``refused``; anything else is raised.

    Raises:
        AssertionError: the refusal is not one line that names the file.
    """
    (run / name).write_bytes(content)
    return attempt_read(run, name, READERS[name])


def attempt_read(run: Path, name: str, read: Callable[[Path], object]) -> str:
    """Read the run: ``right``, or ``refused`` in one line that names the file; anything else is raised."""
    try:
        read(run)
    except UserError as error:
        message = str(error)
    else:
        return "right"
    assert name in message, message[:500]
    assert "\n" not in message, message[:500]
    assert len(message) < 2000, message[:500]
    return "refused"


KINDS = {
    "config": ("config.yaml",),
    "side": tuple(name for name in READERS if name.endswith(".json")),
    "tables": tuple(name for name in READERS if name.endswith(".csv")),
}
"""Files by kind; checkpoints are of a run that is trained first."""


def try_one(
    run: Path, name: str, whole: bytes, change: Callable[[], bytes], read: Callable[[Path], object]
) -> str:
    """Change a file, read the run, and put the file back; an error that is not told in one line is raised."""
    (run / name).write_bytes(change())
    started, computed = time.monotonic(), time.process_time()
    try:
        found = attempt_read(run, Path(name).name, read)
        assert time.process_time() - computed < 10, "it computes for more than 10 s"
        assert time.monotonic() - started < 60, "it takes more than a minute"
    finally:
        shutil.rmtree(run / name, ignore_errors=True)
        (run / name).write_bytes(whole)
    return found


def main() -> int:
    """Try changes for so many minutes; print each that breaks through, and how many there were."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--minutes", type=float, default=10)
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--kind", choices=(*KINDS, "checkpoint"))
    given = words.parse_args()
    counts: Counter[str] = Counter()
    outside: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        run, readers, change = _prepared(given.kind, Path(folder))
        whole = {name: (run / name).read_bytes() for name in readers}
        watch([Path(folder), Path("/dev")], outside.append)
        end, seed = time.monotonic() + 60 * given.minutes, given.seed
        while time.monotonic() < end:
            rng = random.Random(seed)
            name = rng.choice(list(readers))
            try:
                new = functools.partial(change, whole[name], name, rng)
                counts[try_one(run, name, whole[name], new, readers[name])] += 1
                assert not outside, f"changed {outside}"
            except Exception:
                counts["breached"] += 1
                print(f"seed {seed}: {name}\n{traceback.format_exc(limit=-4)[-3000:]}", flush=True)  # noqa: T201
            outside.clear()
            seed += 1
    told = ", ".join(f"{counts[key]} {key}" for key in ("refused", "right", "breached"))
    print(f"{given.kind or 'all but checkpoints'}: {sum(counts.values())} tried: {told}")  # noqa: T201
    return int(counts["breached"] > 0)


def _prepared(
    kind: str | None, folder: Path
) -> tuple[Path, dict[str, Callable[[Path], object]], Callable[[bytes, str, random.Random], bytes]]:
    """A run, what reads its files of the kind, and what changes them."""
    if kind != "checkpoint":
        names = KINDS[kind] if kind else tuple(READERS)
        return fill(folder), {name: READERS[name] for name in names}, changed
    import logging

    from tests.faults import fuzz_checkpoints

    run = fuzz_checkpoints.trained(folder)
    logging.disable(logging.WARNING)
    return (
        run,
        fuzz_checkpoints.READERS,
        lambda content, _, rng: fuzz_checkpoints.changed_checkpoint(content, rng),
    )


if __name__ == "__main__":
    sys.exit(main())
