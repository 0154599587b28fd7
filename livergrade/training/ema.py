"""Exponential moving average of the weights: the network that is validated, tested and saved as best."""

from __future__ import annotations

from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from livergrade.training.checkpoint_writer import finish_copies


class AveragedWeights(Callback):
    """Average the trained weights, including batch-norm statistics, after every step.

    After step t the decay is ``min(decay, (1 + t) / (10 + t))``, so that the random initial weights are soon
    forgotten. The average is swapped into the network from the validation of an epoch to the first batch of
    the next epoch, and for good at the end of training: validation, callbacks and ``best.ckpt`` use the
    average. Lightning's ``WeightAveraging`` does not fit: it stores the average in full checkpoints only, and
    it also averages the task's smoothed loss.

    Args:
        decay: share of the average that is kept at each step.
    """

    def __init__(self, decay: float) -> None:
        self.decay = decay
        self.swapped_out: dict[str, Tensor] = {}
        self.average_in_net = False

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start from the current weights, or from the average that a checkpoint restored."""
        self.swapped_out = {
            name: self.swapped_out.get(name, tensor).to(tensor, copy=True)
            for name, tensor in averaged_tensors(pl_module.get_submodule("net")).items()
        }

    def on_train_batch_start(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        batch: Any,  # noqa: ANN401 - Lightning's signature
        batch_idx: int,
    ) -> None:
        """Train the weights, not their average."""
        self._swap(pl_module, average=False)

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,  # noqa: ANN401 - Lightning's signature
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Update the average with the weights after this step."""
        step = trainer.global_step
        average = get_ema_multi_avg_fn(min(self.decay, (1 + step) / (10 + step)))  # type: ignore[no-untyped-call]
        weights = averaged_tensors(pl_module.get_submodule("net"))
        average([self.swapped_out[name] for name in weights], list(weights.values()), step)

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Validate the average."""
        self._swap(pl_module, average=True)

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Leave the average in the network."""
        self._swap(pl_module, average=True)

    def state_dict(self) -> dict[str, Any]:
        """Return the set of tensors that is not in the network, and whether the network has the average."""
        return {"other": self.swapped_out, "shown": self.average_in_net}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore both sets of weights: the swapped-out tensors and which of the two the network has."""
        self.swapped_out, self.average_in_net = state_dict["other"], state_dict["shown"]

    @torch.no_grad()
    def _swap(self, pl_module: L.LightningModule, *, average: bool) -> None:
        """Put the average, or the trained weights, into the network."""
        if average == self.average_in_net:
            return
        finish_copies(pl_module.trainer)
        for name, tensor in averaged_tensors(pl_module.get_submodule("net")).items():
            current = tensor.clone()
            tensor.copy_(self.swapped_out[name])
            self.swapped_out[name].copy_(current)
        self.average_in_net = average


def averaged_tensors(net: nn.Module) -> dict[str, Tensor]:
    """Return the tensors that training changes, by name: trainable parameters and floating-point buffers."""
    parameters = {name: weight.detach() for name, weight in net.named_parameters() if weight.requires_grad}
    return parameters | {name: buffer for name, buffer in net.named_buffers() if buffer.is_floating_point()}
