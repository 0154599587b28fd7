"""The LightningModule: a network with its loss, optimizer and metrics."""

from collections.abc import Mapping, Sequence
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
from livergrade.training.board_figures import add_confusion, add_pr_curves
from livergrade.training.board_tags import layout
from livergrade.training.losses import grade_targets
from livergrade.training.mixup import apply_mixup
from livergrade.training.optim import cosine_schedule, make_optimizer
from livergrade.training.pass_metrics import grading_metrics, measure
from livergrade.training.pass_record import GradedBatchViews, PassRecord


class GradingTask(L.LightningModule):
    """Train and test one backbone on batches of views.

    A checkpoint stores the options as plain values, so that it loads with ``weights_only=True``.

    Args:
        classes: the grades, worst to best.
        model: options of the network.
        optim: options of the optimizer.
        loss: options of the training loss.
        seed: the random numbers of a step (dropout, mixup) are seeded with (seed, step, process).
        mixup: ``alpha`` of :func:`livergrade.training.mixup.apply_mixup` for training views; 0: no mixup.
        class_weights: weight of each grade in the training loss; empty for equal weights.
        channels_last: memory format of images and weights.
        note: printed on every figure, for example a warning about leakage.
        figure_epochs: epochs between confusion matrices and precision-recall curves in TensorBoard; 0: none.
        mark: which run this is, for its checkpoints, see :mod:`livergrade.runs.checkpoint_mark`.
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
        figure_epochs: int = 1,
        mark: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        plain = {"classes": classes, "model": asdict(model), "optim": asdict(optim), "loss": asdict(loss)}
        others = {"seed": seed, "mixup": mixup, "class_weights": list(class_weights), "note": note}
        others |= {"channels_last": channels_last, **(mark or {})}
        self.save_hyperparameters(plain | others, logger=False)
        self.classes, self.model, self.optim = classes, model, optim
        self.seed, self.mixup, self.note, self.figure_epochs = seed, mixup, note, figure_epochs
        self.net = build(model.name, len(classes), model.head, **model.architecture())
        if model.frozen:
            self.net.requires_grad_(False)
            layers.head(self.net)[1].requires_grad_(True)
        self.format = torch.channels_last if channels_last else torch.contiguous_format
        self.net.to(memory_format=self.format)
        self.metrics = (grading_metrics(len(classes)),)  # in a tuple: as a module it would go to the device
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
        """``float [B,3,H,W]`` → inputs of the head, ``float [B, features]``."""
        return layers.embeddings(self.net, views.to(self.dtype).contiguous(memory_format=self.format))

    def _predict_and_record(self, batch: dict[str, Tensor], stage: str) -> Tensor:
        """Return the logits of a batch, ``float32 [B, classes]``, and record its predictions for the stage.

        The recorded loss is the plain cross-entropy, whatever the training loss: curves of runs with
        different targets or weights, and of training and validation, stay comparable.
        """
        if "embedding" in batch:
            logits: Tensor = layers.head(self.net)[1](batch["embedding"]).float()
        elif stage == "train" and self.is_frozen:
            # No gradient leaves the head, so the optimizer passes over the other weights. They still require
            # one: the weight average and the exchange between processes know all of them from the start.
            with torch.compiler.set_stance("force_eager"):  # the embedding is caught by a hook
                embedding = self.embed(batch["view"])
            torch.clear_autocast_cache()  # it holds the head's weights as they were cast without gradient
            logits = layers.head(self.net)[1](embedding).float()
        else:
            logits = self(batch["view"]).float()
        detached = logits.detach()
        losses = F.cross_entropy(detached, batch["grade"], reduction="none")
        self.seen.setdefault(stage, PassRecord()).add(batch, losses, detached.softmax(1))
        return logits

    def on_fit_start(self) -> None:
        """Tell TensorBoard which curves belong into one chart."""
        if isinstance(self.logger, TensorBoardLogger) and self.trainer.is_global_zero:
            self.logger.experiment.add_custom_scalars(layout(self.classes))

    @property
    def is_frozen(self) -> bool:
        """Whether the head alone is trained in the current epoch."""
        return self.model.frozen or self.current_epoch < self.model.frozen_epochs

    def on_train_batch_start(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Keep the batch-norm statistics of a frozen network, and seed dropout and mixup.

        They are seeded by step, so that a resumed run draws the same numbers.
        """
        if self.net.training == self.is_frozen:  # when a run starts or is resumed, and when all layers begin
            self.net.train(not self.is_frozen)
        seeds = np.random.SeedSequence([self.seed, self.global_step, self.global_rank])
        torch.manual_seed(int(seeds.generate_state(1)[0]))

    def training_step(self, batch: dict[str, Tensor], batch_idx: int) -> Tensor:
        """Return a batch's mean cross-entropy with the targets, weighted by class.

        For metrics a mixed view counts under the grade of its larger part.
        """
        targets = self.targets[batch["grade"]].float()  # the module may be of half precision, logits are not
        weights = None if self.weights is None else self.weights.float()
        if self.mixup:
            key = "embedding" if "embedding" in batch else "view"
            inputs, targets = apply_mixup(batch[key], targets, self.mixup)
            batch = batch | {key: inputs}
        return F.cross_entropy(self._predict_and_record(batch, "train"), targets, weight=weights)

    def validation_step(self, batch: dict[str, Tensor], batch_idx: int) -> None:
        """Record the predictions for a validation batch."""
        self._predict_and_record(batch, "val")

    def test_step(self, batch: dict[str, Tensor], batch_idx: int, dataloader_idx: int = 0) -> None:
        """Record the predictions for a batch; the loaders are the datamodule's ``test_splits``."""
        stage = self.trainer.datamodule.test_splits[dataloader_idx]  # type: ignore[attr-defined]
        self._predict_and_record(batch, stage)

    def on_train_epoch_end(self) -> None:
        """Log the metrics of the epoch; each view was graded before the step that trained on it."""
        rate = torch.tensor(self.trainer.optimizers[0].param_groups[0]["lr"])
        self._log_metrics("train", self._gather("train"), {"lr": rate})

    def on_validation_epoch_end(self) -> None:
        """Log the metrics of the validation views and the smoothed validation loss.

        The loss of one epoch on few patients is noisy: an early epoch can have a low loss by chance. The best
        epoch is therefore chosen by ``val/loss_smooth``, an exponential average in which each epoch has
        weight one half and all earlier epochs the other half. It is a buffer, so a resumed run continues it.
        """
        seen = self._gather("val")
        loss, earlier = seen.loss.mean(), self.smooth_loss.cpu()
        smooth = loss if earlier.isnan() else (earlier + loss) / 2
        self.smooth_loss.copy_(smooth, non_blocking=True)
        self._log_metrics("val", seen, {"val/loss_smooth": smooth})

    def on_test_epoch_end(self) -> None:
        """Keep all predictions, for ``predictions.csv`` and all that is made of it."""
        passes = {stage: self._gather(stage) for stage in list(self.seen)}
        if isinstance(self.trainer.limit_test_batches, int):  # cut, perhaps in the middle of an image
            passes = {stage: seen.of_whole_images() for stage, seen in passes.items()}
        self.graded = {stage: seen.graded() for stage, seen in passes.items()}

    def _gather(self, stage: str) -> GradedBatchViews:
        """Return the results of a pass from all processes, and clear the record."""
        seen = GradedBatchViews(self._gather_values(stage).flatten(0, 1))
        del self.seen[stage]
        # Every process gets the same number of views, so some views were graded twice.
        return seen.without_duplicates() if self.trainer.world_size > 1 and stage != "train" else seen

    def _gather_values(self, stage: str) -> Tensor:
        """Return the results of all processes so far, ``float32 [processes, views, 4 + classes]``, finite.

        They are read from the device at once, so that the host waits for it once in a pass.
        """
        local = self.seen[stage].concatenated(self.device)
        values = self.all_gather(local) if self.trainer.world_size > 1 else local[None]
        assert isinstance(values, Tensor)
        values = values.cpu()
        if not torch.isfinite(values).all():
            raise self._not_finite_error(stage)
        return values

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:  # noqa: ANN401
        """Stop if the loss is not finite: after each batch on a CPU, every 50 on a GPU, as it must wait.

        With several processes all of them check together, at the end of the epoch.
        """
        every = 1 if self.device.type == "cpu" else 50
        check_now = self.trainer.world_size == 1 and (batch_idx + 1) % every == 0
        if check_now and not self.seen["train"].latest_are_finite(every):
            raise self._not_finite_error("train")

    def _not_finite_error(self, stage: str) -> UserError:
        """Return an error that names this process's first batch with a non-finite value, and its images."""
        where = f"epoch {self.current_epoch + 1} ({stage})"
        if first := self.seen[stage].first_not_finite():
            batch_index, rows = first
            data = getattr(self.trainer, "datamodule", None)
            names = (
                [str(data.cohort.table["image"][row]) for row in rows] if data else [f"row {r}" for r in rows]
            )
            where += f", batch {batch_index + 1}, images {', '.join(names[:8])}{', …' * (len(names) > 8)}"
        return UserError(
            f"the loss is not a finite number in {where}; earlier checkpoints are intact. "
            "Lower optim.lr, or set trainer.precision=32-true."
        )

    def _log_metrics(self, stage: str, seen: GradedBatchViews, more: dict[str, Tensor]) -> None:
        """Log a pass: metrics per grade and overall, and in some epochs figures.

        They go to callbacks and logger at once, since Lightning's own ``log`` takes a millisecond for each,
        and sends numbers to the device and reads them back.
        """
        values, confusion = measure(*self.metrics, seen, self.classes)
        logged = {f"{stage}/{name}": value for name, value in values.items()} | more
        self.trainer.callback_metrics.update(logged)
        epoch = self.current_epoch + 1  # counted from 1, as in all that people read
        if self.logger is not None:
            self.logger.log_metrics({name: float(value) for name, value in logged.items()}, epoch)
        due = self.figure_epochs and self.current_epoch % self.figure_epochs == 0
        if due and isinstance(self.logger, TensorBoardLogger) and self.trainer.is_global_zero:
            writer = self.logger.experiment
            title = f"{stage}, epoch {epoch}: views"
            add_confusion(writer, stage, confusion, self.classes, title, self.note, epoch)
            if stage == "val":
                scores = seen.probabilities.numpy()
                add_pr_curves(writer, stage, seen.grade.numpy(), scores, self.classes, epoch)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Within an epoch, store its results so far, so that its metrics are complete after a resume.

        While a frozen network is trained, its checkpoints store the trainable part only: the rest does not
        change and may take gigabytes.
        """
        if "train" in self.seen and not self.trainer.is_last_batch:
            checkpoint["seen"] = self._gather_values("train")
        if self.model.frozen and self.trainer.state.fn == TrainerFn.FITTING:
            head_prefix = f"net.{layers.head(self.net)[0]}."
            checkpoint["state_dict"] = {
                name: tensor
                for name, tensor in checkpoint["state_dict"].items()
                if name.startswith(head_prefix) or not name.startswith("net.")
            }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore an epoch's results so far; frozen weights that the checkpoint omits stay unchanged."""
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
        frozen = round(self.model.frozen_epochs * per_epoch)
        warmup = int(self.optim.warmup_epochs * per_epoch)
        schedule = cosine_schedule(optimizer, steps - frozen, warmup=warmup, frozen=frozen)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
