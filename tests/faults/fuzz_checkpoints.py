"""Change a run's checkpoints at random, and read them as every command does.

What they hold is changed as values (types, lengths, shapes, nesting, names, sizes), their file as bytes:
records of a zip file that are twice there, cut or longer than said, and single bits.
"""

from __future__ import annotations

import copy
import functools
import io
import random
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from livergrade.models.build import build
from livergrade.models.weights import load_weights
from livergrade.runs.run import Run
from livergrade.training.stored_state import best_weights, restore
from tests.training.tasks import resumed

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 7, 10**9, 2**63, 10**400, -(10**6), 0.0, 0.5, -1e300, 1e300),
    *(float("nan"), float("inf"), 1j, b"x", "", "x", "poor", "../../etc", "\x1b[2J", "x" * 9000, "e\n"),
    *([], {}, (), [[]], [1, 2], {"a": 1}, {0: {}}, {1, 2}, [None] * 1000, {(1, 2): [3]}),
)


def _tensors() -> list[Tensor]:
    """Tensors of odd kinds and shapes."""
    return [
        *(torch.tensor(value) for value in (0.0, -1.0, torch.nan, torch.inf, 1e30, 7, -(2**62), True, 1j)),
        *(torch.ones(shape) for shape in ((), (0,), (3,), (1, 1), (3, 3), (2, 0, 3), (1,) * 20)),
        *(torch.ones(3).expand(4, 3), torch.ones(6, dtype=torch.uint8), torch.ones(2, dtype=torch.float64)),
        *(torch.ones(4, dtype=torch.bfloat16), torch.eye(3).to_sparse(), torch.zeros(5)[1:3]),
        *(torch.nn.Parameter(torch.ones(3)), torch.arange(6).view(2, 3).T, torch.full((9,), torch.nan)),
        *(
            torch.ones(3).to(kind)
            for kind in (torch.float8_e4m3fn, torch.float8_e5m2, torch.uint16, torch.int8)
        ),
    ]


def changed_checkpoint(content: bytes, rng: random.Random) -> bytes:
    """A checkpoint with a change of what it holds, or of its file."""
    if rng.randrange(4) == 0:
        return _other_file(content, rng)
    tree = torch.load(io.BytesIO(content), weights_only=True)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        _graft(tree, rng)
    written = io.BytesIO()
    torch.save(tree, written)
    return written.getvalue()


def _graft(tree: Any, rng: random.Random) -> None:
    """Change one part: others are as likely as those within, so that few are of thousands of weights."""
    node = tree
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            return
        key = rng.choice(keys)
        if isinstance(node[key], dict | list) and node[key] and rng.randrange(6):
            node = node[key]
            continue
        break
    way, value = rng.randrange(8), node[key]
    if way == 0:
        del node[key]
    elif way == 1 and isinstance(node, list):
        node.append(copy.deepcopy(rng.choice(VALUES)))
    elif way == 1:
        node[rng.choice(("x", 3, "step", "optimizer", "net.x", (1, 2), "n" * 5000, 2**70))] = rng.choice(
            VALUES
        )
    elif way == 2 and isinstance(node, dict):
        node[rng.choice((str(key) + "x", str(key), -1))] = node.pop(key)
    elif way == 3:
        node[key] = node  # a value that holds itself
    elif way == 4:
        node[key] = tree if rng.randrange(2) else node[rng.choice(keys)]  # the same thing twice
    elif way in (5, 6) and isinstance(value, Tensor):
        node[key] = _other_tensor(value, rng)
    elif way in (5, 6) and type(value) in (int, float):
        node[key] = rng.choice(
            (-value, value + 1, value * 1000, float(value), str(value), [value], value - 1)
        )
    else:
        node[key] = rng.choice((*map(copy.deepcopy, VALUES), *_tensors()))


def _other_tensor(value: Tensor, rng: random.Random) -> Tensor:
    others: list[Callable[[], Tensor]] = [
        *(lambda: value * 1e30, lambda: -value, lambda: value * torch.nan, lambda: value.double()),
        *(lambda: value.long(), lambda: value[None], lambda: value.flatten()[:-1], lambda: value > 0),
        *(lambda: value.to(torch.float8_e4m3fn), lambda: value.half(), lambda: value.to(torch.uint16)),
        *(lambda: torch.nn.Parameter(value), lambda: value.to(torch.complex64)),
        *(
            lambda: value.flatten()[:1].expand(value.shape),
            lambda: value.mT.contiguous().mT,
            lambda: value.bool(),
        ),
    ]
    try:
        return rng.choice(others)()
    except (RuntimeError, IndexError):
        return torch.zeros(0)


def _other_file(content: bytes, rng: random.Random) -> bytes:
    """Other bytes: of the whole file, or of a record, whose sums are then right."""
    way = rng.randrange(6)
    if way == 0:
        return content[: rng.randrange(len(content))]
    if way == 1:
        changed = bytearray(content)
        start = rng.choice((0, max(0, len(content) - 6000)))
        for _ in range(rng.choice((1, 1, 4, 30))):
            changed[rng.randrange(start, len(content))] ^= 1 << rng.randrange(8)
        return bytes(changed)
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        records = [(name, file.read(name)) for name in file.namelist()]
    at = rng.choice(
        [0, *(n for n, (name, _) in enumerate(records) if "data.pkl" in name), *range(len(records))]
    )
    name, data = records[at]
    if way == 2:
        records.append((name, data[: len(data) // 2]))
    elif way == 3:
        records[at] = (name, data[: rng.randrange(len(data) + 1)] + bytes(rng.choice((0, 1, 4096))))
    elif way == 4:
        place = rng.randrange(len(data)) if data else 0
        piece = bytes(rng.randrange(256) for _ in range(rng.randrange(9)))
        records[at] = (name, data[:place] + piece + data[place + rng.choice((0, 1, len(piece))) :])
    else:
        records[at] = (rng.choice(("../x", "/etc/x", name + "x", "archive/data.pkl", "x" * 300)), data)
    written = io.BytesIO()
    with zipfile.ZipFile(
        written, "w", rng.choice((zipfile.ZIP_STORED,) * 5 + (zipfile.ZIP_DEFLATED,))
    ) as file:
        for name, data in records:
            file.writestr(name, data)
    return written.getvalue()


_parts = functools.cache(resumed)


def read_best(run: Path) -> None:
    """As commands read the network of a run, as initial weights, and at the end of training."""
    best = run / "checkpoints" / "best.ckpt"
    net = Run(run).network()
    assert all(tensor.isfinite().all() for tensor in net.state_dict().values())
    _, task, _, config = _parts(run)
    model = config.model
    load_weights(build(model.name, 3, model.head, **model.architecture()), str(best), name=model.name)
    assert set(best_weights(best, task)["state_dict"]) <= set(task.state_dict())


def read_last(run: Path) -> None:
    """As a resumed run reads it: what is not refused before it starts must be trained without an error."""
    restore(*_parts(run), run)
    trainer, task, data, config = resumed(run)
    restore(trainer, task, data, config, run)
    trainer.fit(task, data, ckpt_path=run / "checkpoints" / "last.ckpt")


READERS: dict[str, Callable[[Path], object]] = {
    "checkpoints/best.ckpt": read_best,
    "checkpoints/last.ckpt": read_last,
}


def trained(folder: Path) -> Path:
    """A run of a small network with all kinds of state, to be trained one epoch more of a single batch."""
    from livergrade.runs.folder import read_options, save_config
    from tests.conftest import TINY, small_options, train, write_cohort

    run, manifest = folder / "run", write_cohort(folder / "cohort")
    words = [*small_options(manifest), "optim=adamw", "optim.ema=0.9", "trainer.limit_batches=1"]
    train(*TINY, *words, f"data.cache_dir={folder / 'cache'}", f"hydra.run.dir={run}", outputs=folder)
    config = read_options(run)
    config.trainer.max_epochs = 2
    save_config(run, config)
    shutil.rmtree(run / "tensorboard")
    return run
