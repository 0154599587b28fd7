"""Write a trained network as one ONNX file that grades images without PyTorch, with a model card.

python -m livergrade.export run=outputs/senet/<time>
"""

from __future__ import annotations

import logging
from pathlib import Path

from hydra.core.hydra_config import HydraConfig

from livergrade.cli.command import command
from livergrade.config.schema import ExportConfig

log = logging.getLogger(__name__)


@command("export")
def main(config: ExportConfig) -> None:
    """Write the ONNX file, check it against the network, and keep it only if they agree."""
    from livergrade.deploy.onnx_file import require

    require()

    from livergrade.deploy.answer_rules import make_answers
    from livergrade.deploy.bundle import write_checked_onnx, write_companions
    from livergrade.inference.grader import Grader
    from livergrade.multirun.ensemble import open_run

    assert config.run
    run, out = open_run(config.run, config.network), Path(HydraConfig.get().runtime.output_dir)
    run.require_measured()
    grader, target = Grader(run, config.views, "cpu", calibrated=True), out / "model.onnx"
    answers = make_answers(run, grader, config)
    log.info("writing %s as ONNX", grader.model)
    agreement, lower = write_checked_onnx(target, run, grader, answers, config)
    write_companions(target, run, grader, answers, agreement, lower, config)
    if lower:
        log.info("%s", lower.sentence())
    log.info(
        "%.1f MB; probabilities differ from PyTorch's by at most %.1e, over %d images (%s)\n\n%s",
        target.stat().st_size / 1e6,
        agreement.max_difference,
        agreement.images,
        agreement.source,
        out,
    )


if __name__ == "__main__":
    main()
