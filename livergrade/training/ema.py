"""An exponential moving average of the weights, which is what is validated, tested and kept."""

from __future__ import annotations

from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class AveragedWeights(Callback):
    """Average what a network learns, its batch norms' statistics included, after every step.

    After step t the average keeps ``min(decay, (1 + t) / (10 + t))`` of itself, so that the random weights of
    the start are soon forgotten. It changes places with the weights from the validation of an epoch to the
    next epoch's first batch, and for good where training ends: whatever looks at the network meanwhile, and
    ``best.ckpt``, has the average. Lightning's own ``WeightAveraging`` does not fit: it gives the average to
    whole checkpoints alone, and it averages the task's smoothed loss with the network.

    Args:
        decay: what a step leaves of the average.
    """

    def __init__(self, decay: float) -> None:
        self.decay = decay
        self.other: dict[str, Tensor] = {}
        self.shown = False

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Begin with the weights as they are, or take up what a checkpoint held."""
        self.other = {
            name: self.other.get(name, tensor).to(tensor.device, copy=True)
            for name, tensor in _changing(pl_module.get_submodule("net")).items()
        }

    def on_train_batch_start(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        batch: Any,  # noqa: ANN401 - Lightning's signature
        batch_idx: int,
    ) -> None:
        """Train the weights, not their average."""
        self._show(pl_module, average=False)

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,  # noqa: ANN401 - Lightning's signature
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Take in the step."""
        step = trainer.global_step
        average = get_ema_multi_avg_fn(min(self.decay, (1 + step) / (10 + step)))  # type: ignore[no-untyped-call]
        learnt = _changing(pl_module.get_submodule("net"))
        average([self.other[name] for name in learnt], list(learnt.values()), step)

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Validate the average."""
        self._show(pl_module, average=True)

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Leave the average."""
        self._show(pl_module, average=True)

    def state_dict(self) -> dict[str, Any]:
        """The one of the two that the network does not hold, and which it is."""
        return {"other": self.other, "shown": self.shown}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take them up."""
        self.other, self.shown = state_dict["other"], state_dict["shown"]

    @torch.no_grad()
    def _show(self, pl_module: L.LightningModule, *, average: bool) -> None:
        """Have the network hold the average, or the weights that are trained."""
        if average == self.shown:
            return
        for name, tensor in _changing(pl_module.get_submodule("net")).items():
            kept = tensor.clone()
            tensor.copy_(self.other[name])
            self.other[name].copy_(kept)
        self.shown = average


def _changing(net: nn.Module) -> dict[str, Tensor]:
    """What training changes, by name: parameters that are trained, and buffers but for counters."""
    trained = {name: each.detach() for name, each in net.named_parameters() if each.requires_grad}
    return trained | {name: each for name, each in net.named_buffers() if each.is_floating_point()}
