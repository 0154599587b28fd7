"""Record the content of the file of initial weights, and notice that it is another at a resume."""

from __future__ import annotations

from livergrade.config.schema import TrainConfig
from livergrade.errors import UserError
from livergrade.io.kept import file_sha256
from livergrade.io.visible import shown
from livergrade.models.packaged import weights_path
from livergrade.runs.environment import Environment


def weights_file_facts(config: TrainConfig, earlier: Environment | None) -> Environment:
    """Return ``weights_sha256`` for ``environment.json``; nothing if no file of weights is used.

    A resumed run keeps that of its first start. If it is frozen, its checkpoints lack the frozen layers, and
    they are read from the file again.

    Args:
        config: the run's options.
        earlier: what the earlier starts recorded; None for the first start.

    Raises:
        UserError: a frozen network would go on with other weights than it began with.
    """
    weights = config.model.weights
    if not weights or weights == "imagenet":
        return {}
    before = earlier.get("weights_sha256") if earlier else None
    if earlier is not None and not config.model.frozen:
        return {"weights_sha256": before} if before else {}
    now = file_sha256(weights_path(weights))
    if before and before != now:
        raise UserError(
            f"model.weights: {shown(weights)} is not the file that the frozen network began with (SHA-256 "
            f"{shown(before, 16)} there, {shown(now, 16)} now); give that one"
        )
    return {"weights_sha256": now}
