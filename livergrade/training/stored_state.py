"""The training state in a checkpoint: read once, and fitted to what this run would itself have written.

Lightning and PyTorch take what a checkpoint holds as it is: a missing key, a tensor of another shape or an
option of the optimizer that was not set would end training with a traceback, or change it without a word.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy
from torch import Tensor, nn

from livergrade.config.schema import OptimConfig, TrainConfig
from livergrade.data.datamodule import GradingData
from livergrade.errors import UserError
from livergrade.io.safe_load import safe_load
from livergrade.io.visible import one_line, shown
from livergrade.models import layers
from livergrade.models.trained import OF_RUN
from livergrade.training.checkpoints import LastCheckpoint, give_checkpoint, with_own_paths
from livergrade.training.ema import AveragedWeights, averaged_tensors
from livergrade.training.fitting import MOST_COUNT, Fitting, UnfitError, kind
from livergrade.training.optim import cosine_schedule, make_optimizer
from livergrade.training.pass_record import FACTS
from livergrade.training.task import GradingTask

log = logging.getLogger(__name__)

_FREE = ("fused", "lr")
"""Options of a group of parameters that the device or the schedule sets, not ``config.yaml``."""


def restore(
    trainer: L.Trainer, task: GradingTask, data: GradingData, config: TrainConfig, run: Path
) -> str | None:
    """Read the checkpoints of a run that is resumed, before anything of its folder is changed.

    Lightning then gets what was checked here, and does not read the files again.

    Args:
        trainer: as training will use it, not started yet.
        task: as training will use it.
        data: as training will use it.
        config: the run's options.
        run: the run folder.

    Returns:
        Step and epoch at which the run goes on; None for a new run.

    Raises:
        UserError: a checkpoint is damaged, could run code, or holds another state than this run writes.
    """
    if not config.train.resume:
        return None
    best, last = run / "checkpoints" / "best.ckpt", run / "checkpoints" / "last.ckpt"
    fix = f"start a new run, with model.weights={best} to start from its best weights"
    content = _checked(
        last, "can't resume from it", fix, lambda stored: _training_state(stored, trainer, task, data), task
    )
    done, most = (
        content["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"],
        config.trainer.max_epochs,
    )
    if done > most:
        raise UserError(
            f"{last}: {done} epochs of this run are done, more than trainer.max_epochs={most}; "
            f"resume it with trainer.max_epochs={done} or more"
        )
    state = content["GradingData"]
    if state["batches"] and state["processes"] != trainer.world_size:
        raise UserError(
            f"trainer.devices: this run was stopped within an epoch of {state['processes']} process(es) "
            f"and can't continue with {trainer.world_size}; start as many"
        )
    if best.is_file() and "val" in data.test_splits:
        best_weights(best, task)
    step, epoch = content["global_step"], content["epoch"] + 1
    position = f"step {step}, in epoch {epoch}"
    log.info("resuming from %s, saved at %s", last, position)
    give_checkpoint(trainer, last, with_own_paths(content, last.parent))
    return position


def best_weights(path: Path, task: GradingTask) -> dict[str, Any]:
    """Read the weights to be tested, and nothing else of their checkpoint.

    Raises:
        UserError: the file is damaged, could run code, or holds no weights of this network.
    """
    fix = "move it away to continue with the best of the coming epochs, or start a new run"

    def weights(stored: dict[str, Any]) -> dict[str, Any]:
        return _version() | {"state_dict": _weights(stored, task, Fitting())}

    return _checked(path, "can't be tested", fix, weights, task)


def _version() -> dict[str, Any]:
    """What is checked is as this version of Lightning writes it, so nothing is migrated."""
    return {"pytorch-lightning_version": L.__version__}


def _checked(
    path: Path,
    used: str,
    fix: str,
    fitted: Callable[[dict[str, Any]], dict[str, Any]],
    task: GradingTask,
) -> dict[str, Any]:
    """Read a file and fit what it holds; ``used`` says for what it can't be used if it does not fit."""
    content = safe_load(path, fix=fix)
    try:
        if not isinstance(content, dict) or "state_dict" not in content:
            raise UnfitError("it contains no training state")
        _require_own(path, content.get("hyper_parameters"), task)
        return fitted(content)
    except UnfitError as error:
        written = content.get("pytorch-lightning_version") if isinstance(content, dict) else None
        other = f" (written with Lightning {shown(written, 30)}, this is {L.__version__})"
        told = other if isinstance(written, str) and written != L.__version__ else ""
        raise UserError(f"{path}: {used}, {error}{told}; {fix}") from None


def _require_own(path: Path, settings: object, task: GradingTask) -> None:
    """Check that a checkpoint was saved by this run.

    Raises:
        UserError: it is of another split or of other options, such as another fold's.
    """
    for key, (file, of_what) in OF_RUN.items():
        if isinstance(settings, Mapping) and settings.get(key) != task.hparams.get(key):
            raise UserError(
                f"{path}: was saved by a run with {of_what} than {path.parents[1] / file}: they are of two "
                "runs; put the run's own file back, or start a new run"
            )


def _training_state(
    stored: dict[str, Any], trainer: L.Trainer, task: GradingTask, data: GradingData
) -> dict[str, Any]:
    """The parts of a checkpoint that a resumed run restores, each as this run would have written it."""
    fitting = Fitting()
    if missing := [name for name in ("epoch", "global_step", "loops", "callbacks") if name not in stored]:
        raise UnfitError(f"it contains no training state: it lacks {missing[0]}")
    loop = fitting(stored["loops"], {"fit_loop": trainer.fit_loop.state_dict()}, "loops")["fit_loop"]
    places = dict.fromkeys(("epoch", "batches", "processes"), 0)
    position = fitting(stored.get("GradingData"), places, "GradingData")
    epoch = loop["epoch_progress"]["current"]["completed"]
    progress = loop["epoch_loop.batch_progress"]
    step = loop["epoch_loop.automatic_optimization.optim_progress"]["optimizer"]["step"]["total"]["completed"]
    batches = 0 if progress["is_last_batch"] else progress["current"]["processed"]
    told = (
        *(fitting(stored[name], 0, name) for name in ("epoch", "global_step")),
        *(position["epoch"], position["batches"]),
    )
    if told != (epoch, step, epoch, batches):
        raise UnfitError(f"its epochs, steps and batches contradict each other: {told}")
    content = _version() | {"epoch": epoch, "global_step": step, "loops": {"fit_loop": loop}}
    content |= {"GradingData": position, "state_dict": _weights(stored, task, fitting)}
    content["callbacks"] = _callbacks(stored["callbacks"], trainer, task, fitting)
    if "seen" in stored or batches:
        content["seen"] = _seen(stored.get("seen"), data, position["processes"])
    if isinstance(trainer.strategy, SingleDeviceStrategy | DDPStrategy):
        content |= _optimizer(stored, task, fitting)
    else:  # the others store it in forms of their own
        content |= {name: stored.get(name) for name in ("optimizer_states", "lr_schedulers")}
    plugin = trainer.precision_plugin
    name = type(plugin).__qualname__
    if name in stored and (state := plugin.state_dict()):
        content[name] = fitting(stored[name], state, name)
    return content


def _weights(stored: dict[str, Any], task: GradingTask, fitting: Fitting) -> dict[str, Tensor]:
    """The network's weights and the smoothed loss; of a frozen network at least its head's."""
    settings = stored.get("hyper_parameters")
    grades = settings.get("classes") if isinstance(settings, dict) else None
    if not isinstance(grades, list | tuple) or [*map(str, grades)] != task.classes:
        raise UnfitError(f"its grades are {kind(grades)}, and {', '.join(task.classes)} in config.yaml")
    expected, found = task.state_dict(), stored["state_dict"]
    if not isinstance(found, Mapping):
        raise UnfitError(f"state_dict is {kind(found)}")
    head, frozen = f"net.{layers.head(task.net)[0]}.", task.model.frozen
    needed = {name for name in expected if not frozen or name.startswith(head) or not name.startswith("net.")}
    for name in (*found, *needed):
        if name not in found or name not in expected:
            verb = "has" if name in found else "lacks"
            raise UnfitError(f"state_dict {verb} {shown(name, 100)}: it is of another network")
    # The smoothed loss is no number before the first validation.
    return {
        name: fitting.tensor(tensor, expected[name], f"state_dict.{name}", finite=name.startswith("net."))
        for name, tensor in found.items()
    }


def _callbacks(stored: object, trainer: L.Trainer, task: GradingTask, fitting: Fitting) -> dict[str, Any]:
    """The states of this run's callbacks by their keys."""
    if not isinstance(stored, dict):
        raise UnfitError(f"callbacks is {kind(stored)}")
    states = {}
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        key = callback.state_key
        if isinstance(callback, ModelCheckpoint):
            states[key] = stored.get(key)  # replaced by `with_own_paths`
        elif isinstance(callback, AveragedWeights):
            averaged = {"other": averaged_tensors(task.net), "shown": False}
            states[key] = fitting(stored.get(key), averaged, f"callbacks.{key}")
        elif isinstance(callback, LastCheckpoint):
            state = stored.get(key)
            measured = state.get("measured") if isinstance(state, dict) else None
            states[key] = fitting(state, {"step": 0}, f"callbacks.{key}") | {"measured": _measured(measured)}
    return states


def _measured(stored: object) -> dict[str, float]:
    """The last epoch's metrics by name, which are logged again; one that is undefined is NaN."""
    if not isinstance(stored, dict) or not all(
        isinstance(name, str) and len(name) < 300 and one_line(name) == name and type(value) is float
        for name, value in stored.items()
    ):
        raise UnfitError("callbacks.LastCheckpoint.measured holds no metrics by name")
    if not 0 <= stored.get("epoch", 0) <= MOST_COUNT:  # not NaN, either
        raise UnfitError("callbacks.LastCheckpoint.measured.epoch is not an epoch")
    return dict(stored)


def _optimizer(stored: dict[str, Any], task: GradingTask, fitting: Fitting) -> dict[str, Any]:
    """The states of the optimizer and of its schedule, with the options that the run has."""
    optimizer = make_optimizer(task.net, task.optim, fused=False)
    scheduled = task.optim.schedule != "constant"
    schedules = [cosine_schedule(optimizer, 2, warmup=0).state_dict()] if scheduled else []
    fresh = optimizer.state_dict()
    states = stored.get("optimizer_states")
    where = "optimizer_states[0]"
    state = states[0] if isinstance(states, list) and len(states) == 1 else states
    groups, remembered = (
        (state.get("param_groups"), state.get("state")) if isinstance(state, dict) else (None, None)
    )
    groups = fitting(groups, fresh["param_groups"], f"{where}.param_groups")
    for n, (group, own) in enumerate(zip(groups, fresh["param_groups"], strict=True)):
        for name in own:
            if name not in _FREE and group[name] != own[name]:
                raise UnfitError(
                    f"{where}.param_groups[{n}].{name} is {kind(group[name])}, not the run's own"
                )
        if group["lr"] > 1.001 * own.get("initial_lr", own["lr"]):
            raise UnfitError(f"{where}.param_groups[{n}].lr is {group['lr']:.3g}, more than optim.lr")
    parameters = [weight for group in optimizer.param_groups for weight in group["params"]]
    slots = _slots(fitting, remembered, parameters, task.optim)
    schedule = fitting(stored.get("lr_schedulers"), schedules, "lr_schedulers")
    if any(one["base_lrs"] != own["base_lrs"] for one, own in zip(schedule, schedules, strict=True)):
        raise UnfitError("lr_schedulers[0].base_lrs are not the run's own")
    return {"optimizer_states": [{"state": slots, "param_groups": groups}], "lr_schedulers": schedule}


def _slots(
    fitting: Fitting, stored: object, parameters: list[nn.Parameter], options: OptimConfig
) -> dict[int, dict[str, Tensor]]:
    """What the optimizer remembers of each weight, as it does of a small one after a step."""
    probe = nn.Module()
    probe.weight = nn.Parameter(torch.zeros(2, 3))
    optimizer = make_optimizer(probe, replace(options, layer_decay=1.0), fused=False)
    probe.weight.grad = torch.zeros(2, 3)
    optimizer.step()
    remembered: dict[str, Tensor] = optimizer.state[probe.weight]
    if not isinstance(stored, dict):
        raise UnfitError(f"optimizer_states[0].state is {kind(stored)}")
    found = {}
    for index, slots in stored.items():
        where = f"optimizer_states[0].state.{shown(index, 40)}"
        if type(index) is not int or not 0 <= index < len(parameters) or not isinstance(slots, dict):
            raise UnfitError(f"{where} is {kind(slots)}: it belongs to no weight")
        shapes = {
            name: parameters[index].detach() if value.dim() else value for name, value in remembered.items()
        }
        found[index] = fitting(slots, shapes, where) if slots else {}
        for name in ("step", "exp_avg_sq"):
            if name in found[index] and (found[index][name] < 0).any():
                raise UnfitError(f"{where}.{name} is below 0")
    return found


def _seen(stored: object, data: GradingData, processes: int) -> Tensor:
    """The views of an epoch that was left in its middle: row, degrees, grade, loss, probabilities."""
    classes, rows = len(data.cohort.classes), len(data.cohort.table)
    if not isinstance(stored, Tensor) or stored.dtype != torch.float32 or stored.dim() != 3:
        raise UnfitError(f"seen is {kind(stored)}")
    if stored.shape[0] != processes or stored.shape[2] != FACTS + classes or not stored.isfinite().all():
        raise UnfitError(f"seen is {kind(stored)}, or not of finite numbers")
    row, grade, shares = stored[..., 0], stored[..., 2], stored[..., FACTS:]
    inside = (row >= 0) & (row < rows) & (grade >= 0) & (grade < classes)
    whole = (row == row.round()) & (grade == grade.round())
    if not (inside & whole).all() or not ((shares >= 0) & (shares <= 1.001)).all():
        raise UnfitError("seen holds images or grades that the cohort does not have")
    return stored.contiguous().clone()
