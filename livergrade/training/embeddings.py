"""Frozen network: every view is embedded once, and the head is trained on the embeddings."""

import logging

import lightning as L

from livergrade.data.datamodule import GradingData
from livergrade.models.layers import head
from livergrade.training.task import GradingTask

log = logging.getLogger(__name__)


def embed_views(trainer: L.Trainer, task: GradingTask, data: GradingData) -> None:
    """Replace the views of ``data`` by their embeddings.

    Args:
        trainer: gives the number of epochs, the device and the precision.
        task: the frozen network.
        data: its training, validation and test views of the whole run are drawn in advance; each is computed
            once.
    """
    data.prepare_data()
    data.setup("fit")
    keys = data.views_of_a_run(trainer.max_epochs or 1)
    features = head(task.net)[1].in_features
    log.info("embedding %s views once (%.0f MB)", f"{len(keys):,}", len(keys) * features * 4e-6)
    device = trainer.strategy.root_device
    task.eval().to(device)
    with trainer.precision_plugin.forward_context():
        data.embed(keys, task.embed, device)
