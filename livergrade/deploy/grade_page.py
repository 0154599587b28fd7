"""One HTML file that grades images in a browser, without a server and without a network.

It holds the exported network, the rules of its answers, ONNX Runtime's WebAssembly build and our own scripts.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from PIL import Image

from livergrade import __version__
from livergrade.config.schema import ExportConfig
from livergrade.deploy.answer_rules import AnswerRules
from livergrade.evaluation.scale import in_words
from livergrade.inference.grader import Grader
from livergrade.inference.scale import PAPER_UM
from livergrade.io.files import atomic_write
from livergrade.io.npm_package import NpmPackage, package_files
from livergrade.io.visible import one_line
from livergrade.reports.run_report import cohort_name
from livergrade.reports.verdict import limits, verdict
from livergrade.runs.run import Run, display_name

RUNTIME = NpmPackage(
    "onnxruntime-web",
    "1.30.0",
    "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ==",
)
MODULE, WASM = "dist/ort.wasm.bundle.min.mjs", "dist/ort-wasm-simd-threaded.wasm"
MOST_EMBEDDED = 200_000_000
"""Bytes of a network inside the page: of a larger one it asks for ``model.onnx``, as browsers open no page of
any size."""
CHUNK = 3 * 2**20
"""Bytes of one part of the page's data: a multiple of 3, so that each part is base64 by itself."""
PARTS = Path(__file__).with_name("page")
SCRIPTS = (
    Path(__file__).parents[1] / "reading" / "page" / "picture.js",
    *(PARTS / f"{name}.js" for name in ("pixels", "files", "slides", "answers", "view", "grade")),
)
POLICY = (
    "default-src 'none'; script-src '{script}' data: 'wasm-unsafe-eval'; style-src '{style}'; img-src blob:; "
    "base-uri 'none'; form-action 'none'"
)
"""What the page may do: run its one script and the runtime that it holds (``data:``), show pictures that were
chosen. It may load nothing from anywhere."""


def page_runtime(config: ExportConfig) -> dict[str, bytes]:
    """ONNX Runtime's files for the page: from the cache, by ``npm pack``, or of what ``page_runtime`` names.

    Raises:
        UserError: npm is missing or reaches no registry, or the package is another one.
    """
    return package_files(RUNTIME, (MODULE, WASM), option="page_runtime", given=config.page_runtime)


def page_facts(
    run: Run, grader: Grader, rules: AnswerRules, exported: Mapping[str, Any], lower: str | None
) -> dict[str, Any]:
    """What the page has to know, and says of the network.

    Args:
        run: the run.
        grader: its network.
        rules: content of ``answer_rules.json``.
        exported: content of ``export.json``.
        lower: sentence on a file of lower precision; None: it is of float32.
    """
    agreement = exported["agreement"]
    checked = (
        f"Against PyTorch on {agreement['images']} images ({agreement['source']}): an image's probability "
        f"differs by at most {agreement['max_difference_of_means']:.1e}."
    )
    return {
        "rules": rules,
        "icc": exported["icc"],
        "bytes": exported["bytes"],
        "sha256": exported["sha256"],
        "embedded": exported["bytes"] <= MOST_EMBEDDED,
        "tall_first": shrinks_columns_first(),
        "view_share": 2**-0.5 if grader.border == "crop" else 1.0,
        "tile_um": run.scale["median"] if run.scale else PAPER_UM,
        "scale_known": run.scale is not None,
        "limits": limits(run.metrics, run.config),
        "notice": (PARTS / "notice.txt").read_text("utf-8"),
        "card": {
            "fact_model": one_line(run.model),
            "fact_run": display_name(run.folder),
            "fact_cohort": one_line(cohort_name(run.config.data)),
            "fact_verdict": verdict(run.metrics, run.model),
            "fact_scale": in_words(run.scale),
            "fact_check": f"{checked} {lower}" if lower else checked,
            "fact_made": f"livergrade {__version__}, {RUNTIME.title}",
        },
    }


def shrinks_columns_first() -> bool:
    """Whether this Pillow shrinks the columns of a tall picture before its rows, as from version 13 on.

    Levels in between are rounded, so that the order can be seen in the result.
    """
    noise = np.random.default_rng(0).integers(0, 2, (90, 20), np.uint8) * 255
    tall, bicubic = Image.fromarray(noise), Image.Resampling.BICUBIC
    rows_first = tall.resize((10, 90), bicubic).resize((10, 45), bicubic)
    return tall.resize((10, 45), bicubic).tobytes() != rows_first.tobytes()


def write_page(target: Path, model: Path, facts: Mapping[str, Any], runtime: Mapping[str, bytes]) -> None:
    """Write the page atomically.

    Args:
        target: the file.
        model: the exported network.
        facts: from :func:`page_facts`.
        runtime: from :func:`page_runtime`.
    """
    script = "\n".join(path.read_text("utf-8") for path in SCRIPTS)
    style = (PARTS / "grade.css").read_text("utf-8")
    policy = POLICY.format(script=_hash(script), style=_hash(style))
    heads = {
        "<!--policy-->": f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        "<!--style-->": f"<style>{style}</style>",
    }
    page = (PARTS / "grade.html").read_text("utf-8")
    for mark, content in heads.items():
        page = page.replace(mark, content)
    before, after = page.split("<!--parts-->")
    with atomic_write(target) as part, part.open("w", encoding="utf-8", newline="\n") as file:
        file.write(before)
        _write_json(file, "facts", facts)
        _write_json(file, "words", json.loads((PARTS / "words.json").read_text("utf-8")))
        _write_data(file, "module", [runtime[MODULE]])
        _write_data(file, "wasm", _chunks(runtime[WASM]))
        if facts["embedded"]:
            _write_data(file, "model", _chunks(model.read_bytes()))
        file.write(f"<script>{script}</script>{after}")


def _hash(text: str) -> str:
    """A text's hash as a policy names it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _chunks(content: bytes) -> Iterator[bytes]:
    return (content[first : first + CHUNK] for first in range(0, len(content), CHUNK))


def _write_json(file: TextIO, name: str, content: object) -> None:
    """Write data that the script reads; no text in it can end the element."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    file.write(f'<script type="application/json" id="{name}">{text}</script>\n')


def _write_data(file: TextIO, name: str, chunks: Iterator[bytes] | list[bytes]) -> None:
    """Write bytes as elements that no browser runs."""
    for chunk in chunks:
        file.write(f'<script type="application/octet-stream" data-part="{name}">')
        file.write(base64.b64encode(chunk).decode())
        file.write("</script>\n")
