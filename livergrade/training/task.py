"""The LightningModule: a network, its loss, an optimiser, and what is measured of them."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.trainer.states import TrainerFn
from torch import Tensor
from torch.nn import functional as F

from livergrade.config.schema import LossConfig, ModelConfig, OptimConfig
from livergrade.errors import UserError
from livergrade.evaluation.predictions import GradedViews
from livergrade.models import layers
from livergrade.models.build import build
from livergrade.reports.run_plots import confusion_matrix
from livergrade.reports.style import literal
from livergrade.training.losses import grade_targets
from livergrade.training.mixup import mixed
from livergrade.training.optim import cosine_schedule, make_optimizer
from livergrade.training.pass_metrics import grading_metrics, measure
from livergrade.training.pass_record import PassRecord, SeenViews


class GradingTask(L.LightningModule):
    """Train and test one backbone on batches of views.

    A checkpoint holds its options as plain values, so that it loads with ``weights_only=True``.

    Args:
        classes: the grades, worst to best.
        model: the network.
        optim: the optimiser.
        loss: what training makes small.
        seed: what is random in a step (dropout, mixup) starts from (seed, step, process).
        mixup: of training views, as :func:`livergrade.training.mixup.mixed` takes it; 0 for none.
        class_weights: of each grade in the loss that is made small; none for equal ones.
        channels_last: memory format of images and weights.
        note: printed on every figure, for what a reader must know.
    """

    smooth_loss: Tensor
    targets: Tensor
    weights: Tensor | None

    def __init__(
        self,
        classes: list[str],
        model: ModelConfig,
        optim: OptimConfig,
        loss: LossConfig,
        *,
        seed: int,
        mixup: float = 0.0,
        class_weights: Sequence[float] = (),
        channels_last: bool = False,
        note: str = "",
    ) -> None:
        super().__init__()
        plain = {"classes": classes, "model": asdict(model), "optim": asdict(optim), "loss": asdict(loss)}
        others = {"seed": seed, "mixup": mixup, "class_weights": list(class_weights), "note": note}
        self.save_hyperparameters(plain | others | {"channels_last": channels_last}, logger=False)
        self.classes, self.model, self.optim = classes, model, optim
        self.seed, self.mixup, self.note = seed, mixup, note
        self.net = build(model.name, len(classes), model.head, **model.architecture())
        if model.frozen:
            self.net.requires_grad_(False)
            layers.head(self.net)[1].requires_grad_(True)
        self.format = torch.channels_last if channels_last else torch.contiguous_format
        self.net.to(memory_format=self.format)
        self.metrics = grading_metrics(len(classes))
        self.register_buffer("smooth_loss", torch.tensor(torch.nan))
        self.register_buffer("targets", grade_targets(len(classes), loss.neighbours), persistent=False)
        weights = torch.tensor(class_weights) if class_weights else None
        self.register_buffer("weights", weights, persistent=False)
        self.seen: dict[str, PassRecord] = {}
        self.graded: dict[str, GradedViews] = {}

    def forward(self, view: Tensor) -> Tensor:
        """``float [B,3,H,W]`` → logits ``float [B, classes]``."""
        logits: Tensor = self.net(view.to(self.dtype).contiguous(memory_format=self.format))
        return logits

    def embed(self, views: Tensor) -> Tensor:
        """``float [B,3,H,W]`` → what the head sees of them, ``float [B, features]``."""
        return layers.embeddings(self.net, views.to(self.dtype).contiguous(memory_format=self.format))

    def _graded(self, batch: dict[str, Tensor], stage: str) -> Tensor:
        """Grade a batch: its logits ``float32 [B, classes]``, and kept for the stage what it was graded.

        The loss that is kept is the plain cross-entropy of the grades, whatever is made small: the curves of
        runs with other targets or weights, and of training and validation, remain comparable.
        """
        if "embedding" in batch:
            logits: Tensor = layers.head(self.net)[1](batch["embedding"]).float()
        else:
            logits = self(batch["view"]).float()
        told = logits.detach()
        losses = F.cross_entropy(told, batch["grade"], reduction="none")
        self.seen.setdefault(stage, PassRecord()).add(batch, losses, told.softmax(1))
        return logits

    def on_train_start(self) -> None:
        """A frozen network's batch norms keep their statistics."""
        if self.model.frozen:
            self.net.eval()

    def on_train_batch_start(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Draw the same dropout and mixup in a step whether or not the run was interrupted before it."""
        drawn = np.random.SeedSequence([self.seed, self.global_step, self.global_rank])
        torch.manual_seed(int(drawn.generate_state(1)[0]))

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """One batch's mean cross-entropy with the targets, each grade by its weight.

        Mixed views are measured by the grade that most of each shows.
        """
        targets = self.targets[batch["grade"]].float()  # the module may be of half precision, logits are not
        weights = None if self.weights is None else self.weights.float()
        if self.mixup:
            shown = "embedding" if "embedding" in batch else "view"
            views, targets = mixed(batch[shown], targets, self.mixup)
            batch = batch | {shown: views}
        return F.cross_entropy(self._graded(batch, "train"), targets, weight=weights)

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Keep what a validation batch was graded."""
        self._graded(batch, "val")

    def test_step(self, batch: dict[str, Tensor], batch_idx: int, dataloader_idx: int = 0) -> None:
        """Keep what a batch was graded; the loaders are the datamodule's ``test_splits``."""
        self._graded(batch, self.trainer.datamodule.test_splits[dataloader_idx])  # type: ignore[attr-defined]

    def on_train_epoch_end(self) -> None:
        """Measure the epoch as it was trained: each view graded before the step that learnt from it."""
        self._measure("train", self._gathered("train"))
        self.log("lr", self.trainer.optimizers[0].param_groups[0]["lr"])

    def on_validation_epoch_end(self) -> None:
        """Measure the validation views.

        One epoch's loss on a handful of patients is noisy, and an early epoch that was lucky on them is not
        the best. The epoch is therefore chosen by ``val/loss_smooth``, where each epoch counts half and all
        before it the other half; a buffer, so that a resumed run goes on from it.
        """
        seen = self._gathered("val")
        self._measure("val", seen)
        loss = seen.loss.mean()
        self.smooth_loss.copy_(loss if self.smooth_loss.isnan() else (self.smooth_loss + loss) / 2)
        self.log("val/loss_smooth", self.smooth_loss)

    def on_test_epoch_end(self) -> None:
        """Measure the test views and keep what every graded view was given, for ``predictions.csv``."""
        gathered = {stage: self._gathered(stage) for stage in list(self.seen)}
        self.graded = {stage: seen.graded() for stage, seen in gathered.items()}
        self._measure("test", gathered["test"])

    def _gathered(self, stage: str) -> SeenViews:
        """What all processes saw of a pass, which ends here."""
        seen = SeenViews(self._everywhere(stage).flatten(0, 1))
        del self.seen[stage]
        # Processes are dealt equally many views, so a few were graded twice.
        return seen.each_once() if self.trainer.world_size > 1 and stage != "train" else seen

    def _everywhere(self, stage: str) -> Tensor:
        """What each process saw so far, ``float32 [processes, views, 4 + classes]``, all of it finite."""
        here = self.seen[stage].together(self.device)
        seen = self.all_gather(here) if self.trainer.world_size > 1 else here[None]
        assert isinstance(seen, Tensor)
        if not torch.isfinite(seen).all():
            raise self._not_finite(stage)
        return seen

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:  # noqa: ANN401
        """Stop at the batch whose loss is not a number; on a GPU, where looking is waiting, soon after.

        Several processes look at the end of the epoch, where they look together.
        """
        every = 1 if self.device.type == "cpu" else 50
        looks = self.trainer.world_size == 1 and (batch_idx + 1) % every == 0
        if looks and not self.seen["train"].finite(every):
            raise self._not_finite("train")

    def _not_finite(self, stage: str) -> UserError:
        """Name the first batch of this process that was graded with no finite number, and its images."""
        where = f"epoch {self.current_epoch} ({stage})"
        if found := self.seen[stage].not_finite():
            number, rows = found
            data = getattr(self.trainer, "datamodule", None)
            names = (
                [str(data.cohort.table["image"][row]) for row in rows] if data else [f"row {r}" for r in rows]
            )
            where += f", batch {number + 1}, images {', '.join(names[:8])}{', …' * (len(names) > 8)}"
        return UserError(
            f"the loss is not a finite number in {where}; earlier checkpoints are whole. "
            "Lower optim.lr, or set trainer.precision=32-true."
        )

    def _measure(self, stage: str, seen: SeenViews) -> None:
        """Log a pass: scalars by grade and over all, and the confusion matrix as a figure."""
        figures, confusion = measure(self.metrics, seen, self.classes)
        self.log_dict({f"{stage}/{name}": value for name, value in figures.items()})
        if isinstance(self.logger, TensorBoardLogger) and self.trainer.is_global_zero:
            title = "test: views" if stage == "test" else f"{stage}, epoch {self.current_epoch}: views"
            figure = confusion_matrix(confusion, self.classes, title=title, note=self.note)
            literal(figure)
            self.logger.experiment.add_figure(f"confusion/{stage}", figure, self.global_step)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Within an epoch, keep what it saw so far, for the epoch to be measured whole after a resume.

        While it is trained, a frozen network's checkpoints hold what changes: gigabytes would not.
        """
        if "train" in self.seen and not self.trainer.is_last_batch:
            checkpoint["seen"] = self._everywhere("train")
        if self.model.frozen and self.trainer.state.fn == TrainerFn.FITTING:
            trained = f"net.{layers.head(self.net)[0]}."
            checkpoint["state_dict"] = {
                name: tensor
                for name, tensor in checkpoint["state_dict"].items()
                if name.startswith(trained) or not name.startswith("net.")
            }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take up what an epoch saw; what the checkpoint of a frozen network leaves out stays as it is."""
        if "seen" in checkpoint and self.trainer.state.fn == TrainerFn.FITTING:
            self.seen["train"] = PassRecord([checkpoint["seen"][self.global_rank]])
        if self.model.frozen:
            checkpoint["state_dict"] = self.state_dict() | checkpoint["state_dict"]

    def configure_optimizers(self) -> Any:  # noqa: ANN401 - Lightning's own union
        """SGD or AdamW, constant or cosine with warm-up."""
        optimizer = make_optimizer(self.net, self.optim, fused=self.device.type == "cuda")
        if self.optim.schedule == "constant":
            return optimizer
        steps = int(self.trainer.estimated_stepping_batches)
        per_epoch = steps / max(self.trainer.max_epochs or 1, 1)
        schedule = cosine_schedule(optimizer, steps, warmup=int(self.optim.warmup_epochs * per_epoch))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
