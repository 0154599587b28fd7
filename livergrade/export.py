"""Write a trained network as one ONNX file that grades images without PyTorch, with a model card.

python -m livergrade.export run=outputs/senet/<time>
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from importlib.metadata import version
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from livergrade import __version__
from livergrade.cli.command import command
from livergrade.cli.compose import plain
from livergrade.config.schema import ExportConfig
from livergrade.errors import UserError
from livergrade.io.files import written_whole
from livergrade.runs.paths import command_line

log = logging.getLogger(__name__)


def checked(composed: DictConfig) -> ExportConfig:
    """The options of an export, every value checked."""
    config = plain(composed, ExportConfig)
    if not config.run:
        raise UserError("run: which network is exported? Give a run's folder, as in run=outputs/senet/<time>")
    return config


@command(
    "export",
    "run=outputs/senet/<time>",
    "Write a trained network as one ONNX file that grades images without PyTorch, with a model card.",
    ExportConfig(),
    checked,
    words="images",
)
def main(config: ExportConfig) -> None:
    """Write the file, hold it against the network, and only then keep it and tell of it."""
    from livergrade.deploy.onnx_file import require

    require()

    from livergrade.data.split import fingerprint
    from livergrade.deploy.model_card import write_card
    from livergrade.deploy.onnx_file import write_onnx
    from livergrade.deploy.parity import compare, images_to_check
    from livergrade.deploy.portable import portable
    from livergrade.inference.grader import Grader
    from livergrade.io.files import write_json
    from livergrade.runs.run import Run

    assert config.run
    folder, out = Path(config.run).absolute(), Path(HydraConfig.get().runtime.output_dir)
    run = Run(folder)
    grader = Grader(run, config.views, "cpu", calibrated=True)
    temperature = grader.temperature or 1.0
    images, source = images_to_check(run, config.images, config.n)
    inside = {
        "classes": json.dumps(grader.classes, ensure_ascii=False),
        "model": grader.model,
        "image_size": str(grader.image_size),
        "views": json.dumps(grader.degrees),
        "temperature": repr(temperature),
        "livergrade": __version__,
        "split_fingerprint": fingerprint(run.split) or "unknown",
        "use": "research use only; not a medical device",
    }
    log.info("writing %s as ONNX", grader.model)
    target = out / "model.onnx"
    with written_whole(target) as part:
        write_onnx(portable(grader), part, opset=config.opset, facts=inside)
        agreement = compare(part, grader, images, source)
        if not agreement.max_difference <= config.tolerance:
            raise UserError(
                f"{target}: not left there, since its probabilities differ from PyTorch's by up to "
                f"{agreement.max_difference:.2g} ({agreement.images} {source}), more than "
                f"tolerance={config.tolerance:g}; try another opset, or allow as much as your use allows"
            )
    exported = {
        "run": str(folder),
        "command": command_line(),
        "model": grader.model,
        "classes": grader.classes,
        "image_size": grader.image_size,
        "views": grader.degrees,
        "temperature": temperature,
        "opset": config.opset,
        "bytes": target.stat().st_size,
        "sha256": hashlib.sha256(target.read_bytes()).hexdigest(),
        "tolerance": config.tolerance,
        "agreement": agreement.facts(),
        "versions": {name: version(name) for name in ("torch", "onnx", "onnxruntime", "onnxscript")},
    }
    with written_whole(out / "example.py") as part:
        shutil.copyfile(Path(__file__).with_name("deploy") / "example.py", part)
    write_card(run, exported, out / "README.md")
    write_json(exported, out / "export.json")
    log.info(
        "%.1f MB; probabilities differ from PyTorch's by at most %.1e, over %d images (%s)\n\n%s",
        target.stat().st_size / 1e6,
        agreement.max_difference,
        agreement.images,
        source,
        out,
    )


if __name__ == "__main__":
    main()
