"""With a frozen network every view is embedded once, and the epochs train the head on embeddings."""

import logging

import lightning as L

from livergrade.data.datamodule import GradingData
from livergrade.models.layers import head
from livergrade.training.task import GradingTask

log = logging.getLogger(__name__)


def embed_views(trainer: L.Trainer, task: GradingTask, data: GradingData) -> None:
    """Have ``data`` show the embeddings of its views from now on.

    Args:
        trainer: says for how many epochs, on which device and in which precision.
        task: the network, as it stays.
        data: its training, validation and test views to come are drawn ahead; each is made once.
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
