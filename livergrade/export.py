"""Write a trained network as one ONNX file that grades images without PyTorch, or for WSInfer and QuPath.

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
    """Write the network for other programs, check it against the run's, and keep it only if they agree."""
    if config.to == "onnx":
        from livergrade.deploy.onnx_file import require

        require()

    from livergrade.inference.grader import Grader
    from livergrade.multirun.ensemble import open_run

    assert config.run
    run, out = open_run(config.run, config.network), Path(HydraConfig.get().runtime.output_dir)
    run.require_measured()
    grader = Grader(run, config.views, "cpu", calibrated=True)
    if config.to == "onnx":
        from livergrade.deploy.bundle import write_bundle

        sentence = write_bundle(out, run, grader, config)
    else:
        from livergrade.deploy.wsinfer import write_wsinfer

        sentence = write_wsinfer(out, run, grader, config)
    log.info("%s\n\n%s", sentence, out)


if __name__ == "__main__":
    main()
