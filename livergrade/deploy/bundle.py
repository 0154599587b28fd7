"""Files of an export: the ONNX file, rules of the answer, an example, the model card and ``export.json``."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from livergrade import __version__
from livergrade.config.schema import ExportConfig
from livergrade.deploy.answer_rules import AnswerRules, answer_rules, make_answers
from livergrade.deploy.exportable import exportable
from livergrade.deploy.grade_page import page_facts, page_runtime, write_page
from livergrade.deploy.model_card import write_card
from livergrade.deploy.onnx_file import write_onnx
from livergrade.deploy.parity import Agreement, check_parity, images_to_check
from livergrade.errors import UserError
from livergrade.evaluation.splits import fingerprint
from livergrade.inference.answers import Answers
from livergrade.inference.grader import Grader
from livergrade.inference.input_tables import named_by
from livergrade.io.files import atomic_write, write_json
from livergrade.runs.paths import command_line
from livergrade.runs.run import Run, display_name

if TYPE_CHECKING:
    from livergrade.deploy.precision import Precision

log = logging.getLogger(__name__)

PAGE = "grade.html"


def write_bundle(out: Path, run: Run, grader: Grader, config: ExportConfig) -> str:
    """Write the checked ONNX file and all that lies beside it.

    Args:
        out: the folder.
        run: the run.
        grader: its network, on the CPU.
        config: the options.

    Returns:
        A sentence on what was written and how far it is from PyTorch.

    Raises:
        UserError: as `write_checked_onnx`.
    """
    target, answers = out / "model.onnx", make_answers(run, grader, config)
    runtime = page_runtime(config) if config.page else None
    log.info("writing %s as ONNX", grader.model)
    agreement, lower = write_checked_onnx(target, run, grader, answers, config)
    rules, exported = write_companions(target, run, grader, answers, agreement, lower, config)
    if runtime:
        told = lower.sentence() if lower else None
        write_page(out / PAGE, target, page_facts(run, grader, rules, exported, told), runtime)
    told = (
        f"{target.stat().st_size / 1e6:.1f} MB; probabilities differ from PyTorch's by at most "
        f"{agreement.max_difference:.1e}, over {agreement.images} images ({agreement.source})"
    )
    return f"in float32: {told.partition('; ')[2]}\n{lower.sentence()}" if lower else told


def write_checked_onnx(
    target: Path, run: Run, grader: Grader, answers: Answers, config: ExportConfig
) -> tuple[Agreement, Precision | None]:
    """Write the network as ONNX and keep the file only if it agrees with PyTorch.

    Returns:
        The agreement of the two; and of a file of lower precision how far it is from that of float32.

    Raises:
        UserError: probabilities differ by more than ``tolerance``, or those of a lower precision by more than
            ``lower`` allows; no file is written then.
    """
    images, source = images_to_check(
        run, config.images, config.n, outside=config.data.outside, named=named_by(config.data)
    )
    lower = None
    with atomic_write(target) as part:
        write_onnx(
            # VGG16's map takes the weights of its head in float32, most of what a lower precision saves.
            exportable(grader, maps=config.page, weighted_only=config.precision != "float32"),
            part,
            opset=config.opset,
            facts=_metadata(run, grader, config),
        )
        reading = config.data.reading(grader.reading)
        agreement = check_parity(part, grader, images, source, reading)
        if not agreement.max_difference <= config.tolerance:
            raise UserError(
                f"{target}: not written, because its probabilities differ from PyTorch's by up to "
                f"{agreement.max_difference:.2g} ({agreement.images} {source}), more than "
                f"tolerance={config.tolerance:g}; try another opset, or raise tolerance if your use allows it"
            )
        if config.precision != "float32":
            from livergrade.deploy.precision import write_lower

            with TemporaryDirectory() as folder:
                first = Path(shutil.copyfile(part, Path(folder) / "float32.onnx"))
                lower = write_lower(first, part, run, grader, answers, config)
        # Of an earlier export: they are written again last, so that they never describe another file.
        for name in ("export.json", PAGE):
            target.with_name(name).unlink(missing_ok=True)
    return agreement, lower


def _metadata(run: Run, grader: Grader, config: ExportConfig) -> dict[str, str]:
    """What the file says of itself."""
    return {
        "classes": json.dumps(grader.classes, ensure_ascii=False),
        "model": grader.model,
        "image_size": str(grader.image_size),
        "views": json.dumps(grader.degrees),
        "temperature": repr(grader.temperature or 1.0),
        "icc": grader.reading.icc,
        "precision": config.precision,
        "livergrade": __version__,
        "split_fingerprint": fingerprint(run.split) or "unknown",
        "use": "research use only; not a medical device",
    }


def write_companions(
    target: Path,
    run: Run,
    grader: Grader,
    answers: Answers,
    agreement: Agreement,
    lower: Precision | None,
    config: ExportConfig,
) -> tuple[AnswerRules, dict[str, Any]]:
    """Write the rules of the answer, an example, the card and ``export.json`` beside ``target``.

    Returns:
        Content of ``answer_rules.json`` and of ``export.json``.
    """
    out, rules = target.parent, answer_rules(grader, answers)
    exported = {
        "run": display_name(run.folder),
        "command": command_line(),
        "model": grader.model,
        "classes": grader.classes,
        "image_size": grader.image_size,
        "views": grader.degrees,
        "temperature": grader.temperature or 1.0,
        "scale": run.scale,
        "icc": grader.reading.icc,
        "opset": config.opset,
        "bytes": target.stat().st_size,
        "sha256": hashlib.sha256(target.read_bytes()).hexdigest(),
        "tolerance": config.tolerance,
        "agreement": agreement.facts(),
        "precision": config.precision,
        "lower": lower.facts() if lower else None,
        "versions": {name: version(name) for name in ("torch", "onnx", "onnxruntime", "onnxscript")},
    }
    write_json(rules, out / "answer_rules.json")
    with atomic_write(out / "example.py") as part:
        shutil.copyfile(Path(__file__).with_name("example.py"), part)
    write_card(run, exported, rules, lower.sentence() if lower else None, out / "README.md")
    write_json(exported, out / "export.json")
    return rules, exported
