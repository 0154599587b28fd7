"""What an export leaves, and that nothing is left of a network that grades otherwise."""

import hashlib
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from livergrade.config.schema import ExportConfig
from livergrade.deploy import bundle
from livergrade.deploy.parity import Agreement
from livergrade.errors import UserError
from livergrade.io.pixel_reading import AS_FILED
from livergrade.runs.run import Run
from tests.conftest import GRADES, finished_run
from tests.deploy.test_answer_rules import SCORES, answers_of

GRADER = SimpleNamespace(
    classes=list(GRADES),
    model="senet",
    image_size=32,
    size=51,
    degrees=[0, 90],
    temperature=None,
    reading=AS_FILED,
    limit=4.5,
)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(finished_run(tmp_path / "run", "senet"))


@pytest.mark.parametrize(("difference", "kept"), [(1e-4, True), (1e-2, False), (float("nan"), False)])
def test_a_file_is_kept_where_it_agrees_with_the_network(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, difference: float, kept: bool
) -> None:
    told = {}

    def write(net: object, path: Path, *, opset: int, facts: dict[str, str]) -> None:
        told.update(facts)
        path.write_bytes(b"network")

    agreement = Agreement(3, "named images", difference, difference, 0)
    monkeypatch.setattr(bundle, "images_to_check", lambda *_, **__: ([], "named images"))
    monkeypatch.setattr(bundle, "exportable", lambda grader, **_: grader)
    monkeypatch.setattr(bundle, "write_onnx", write)
    monkeypatch.setattr(bundle, "check_parity", lambda *_: agreement)
    target, config = tmp_path / "out" / "model.onnx", ExportConfig(tolerance=1e-3)
    target.parent.mkdir()
    if kept:
        assert bundle.write_checked_onnx(target, run, GRADER, None, config) == (agreement, None)  # type: ignore[arg-type]
    else:
        with pytest.raises(UserError, match=r"model\.onnx: not written.*tolerance=0\.001"):
            bundle.write_checked_onnx(target, run, GRADER, None, config)  # type: ignore[arg-type]
    assert [path.name for path in target.parent.iterdir()] == (["model.onnx"] if kept else [])
    assert json.loads(told["classes"]) == list(GRADES)
    assert told["temperature"] == "1.0"
    assert "not a medical device" in told["use"]


def test_the_files_beside_it_tell_the_same(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVERGRADE_TYPED", json.dumps(["livergrade/export.py", "run=run"]))
    for package in ("onnx", "onnxruntime", "onnxscript"):
        pytest.importorskip(package)
    target = tmp_path / "model.onnx"
    target.write_bytes(b"network")
    agreement = Agreement(3, "named images", 1e-4, 1e-5, 0)
    answers = answers_of(SCORES)
    bundle.write_companions(target, run, GRADER, answers, agreement, None, ExportConfig())  # type: ignore[arg-type]
    told = json.loads((tmp_path / "export.json").read_text())
    assert told["sha256"] == hashlib.sha256(b"network").hexdigest()
    assert told["sha256"] in (tmp_path / "README.md").read_text()
    assert told["agreement"] == agreement.facts()
    assert json.loads((tmp_path / "answer_rules.json").read_text())["distance_limit"] == pytest.approx(4.5)
    example = Path(bundle.__file__).with_name("example.py")
    assert (tmp_path / "example.py").read_bytes() == example.read_bytes()
