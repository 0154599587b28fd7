"""CUDA graphs: the operations of a training step are recorded once, and later started all together."""

import logging
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from livergrade.errors import UserError
from livergrade.training.task import GradingTask

log = logging.getLogger(__name__)


class RecordedSteps(Callback):
    """Record the network's forward and backward pass with the first whole batch, then replay both.

    A step of SENet starts 1,000 operations. At small batches the host takes longer to start them than the GPU
    to do them; a replay starts all of them by one call. They are the same kernels on the same numbers, so the
    results are equal. Smaller batches, validation and frozen networks run as before.

    Args:
        batch: views of a whole batch.
        compiled: whether ``torch.compile`` has changed the network; it records on its own.
    """

    def __init__(self, *, batch: int, compiled: bool) -> None:
        self.batch, self.compiled = batch, compiled
        self.tried = False
        self.network: torch.nn.Module | None = None

    def on_train_batch_start(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        batch: Any,  # noqa: ANN401 - Lightning's signature
        batch_idx: int,
    ) -> None:
        """Record at the first whole batch on which the whole network is trained.

        Raises:
            UserError: the network can't be recorded. The run can't go on without it: PyTorch then does not
                draw random numbers for dropout any more.
        """
        assert isinstance(pl_module, GradingTask)
        if self.tried or pl_module.is_frozen or len(batch["grade"]) != self.batch:
            return
        self.tried = True
        if obstacle := self._obstacle(trainer, pl_module):
            log.warning("trainer.graph=true has no effect: %s", obstacle)
            return
        try:
            with trainer.precision_plugin.forward_context():
                record_network(pl_module, batch["view"])
        except RuntimeError as error:  # too little memory, or an operation for which the host waits
            reason = str(error).splitlines()[0]
            raise UserError(
                f"trainer.graph=true: this network can't be recorded ({reason}); set trainer.graph=false"
            ) from error
        self.network = pl_module.net

    def _obstacle(self, trainer: L.Trainer, task: GradingTask) -> str:
        """Return why this run can't record its steps, or nothing."""
        if task.device.type != "cuda":
            return "only a GPU has CUDA graphs"
        if trainer.world_size > 1:
            return "several processes exchange gradients within a step"
        return "torch.compile has changed the network" if self.compiled else ""

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Free what was recorded."""
        self._restore()

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        """Free what was recorded."""
        self._restore()

    def _restore(self) -> None:
        if self.network is not None:
            del self.network.forward  # the one of its class is left
            self.network = None


def record_network(task: GradingTask, views: Tensor) -> None:
    """Have the network replay its passes for training views of this shape; its state stays as it is.

    Args:
        task: its ``net.forward`` is replaced.
        views: a whole batch, ``float32 [B,3,H,W]``, on the GPU.

    Raises:
        RuntimeError: they can't be recorded; ``net.forward`` is as before.
    """
    net = task.net.train()
    one_by_one = net.forward
    views = views.to(task.dtype).contiguous(memory_format=task.format).clone()
    before = {name: buffer.clone() for name, buffer in net.named_buffers()}
    try:
        # A few passes warm up, and change the statistics of batch norms.
        torch.cuda.make_graphed_callables(net, (views,), allow_unused_input=True)
    finally:
        with torch.no_grad():
            for name, buffer in net.named_buffers():
                buffer.copy_(before[name])
    replay = net.forward
    # PyTorch warns that gradients were recorded on another stream, which is what a recording does.
    if hasattr(torch.autograd.graph, "set_warn_on_accumulate_grad_stream_mismatch"):  # from torch 2.10 on
        torch.autograd.graph.set_warn_on_accumulate_grad_stream_mismatch(False)

    def forward(given: Tensor) -> Tensor:
        """Replay for a whole batch in training; otherwise start the operations one by one."""
        whole = net.training and torch.is_grad_enabled() and given.shape == views.shape
        logits: Tensor = replay(given) if whole else one_by_one(given)
        return logits

    net.forward = forward
