"""Nothing that is read is run: what the package never does, and what names in the data can't do."""

import ast
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import yaml

import livergrade
from livergrade.data.cohort import from_manifest
from livergrade.errors import UserError
from livergrade.inference.inputs import find_inputs
from livergrade.reports.run_plots import confusion_matrix
from livergrade.reports.style import save
from livergrade.runs.paths import CONF
from tests.conftest import GRADES, as_own, command, draw_image, finished_run, write_cohort

PACKAGE = Path(livergrade.__file__).parent
FORBIDDEN_IMPORTS = {
    *("marshal", "shelve", "dill", "cloudpickle", "joblib", "runpy", "ctypes"),  # they run what they read
    *("zipfile", "tarfile"),  # no archive is unpacked; see BOUNDED
    *("socket", "socketserver", "http", "urllib", "requests"),  # nothing is served or fetched by us
}
BOUNDED = {
    *("table_kinds.py: zipfile", "workbooks.py: zipfile", "wsinfer.py: zipfile"),
    *("npm_package.py: tarfile", "__main__.py: runpy"),
}
"""A workbook is a zip file: its directory is read within a limit, and its parts in memory, counted. A file of
TorchScript is one too: ours, just written, from which the names of folders are taken. An npm package is read
in memory, if its hash is the one that we know. What ``livergrade <command>`` runs is a module of ours, by a
name in the list of commands."""
FORBIDDEN_BUILTINS = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_CALLS = {
    *("instantiate", "get_class", "get_method", "unpack_archive", "unsafe_load", "full_load"),
    *("load_state_dict_from_url", "load_from_checkpoint", "system", "popen"),
}


def calls() -> Iterator[tuple[str, ast.Call, str]]:
    """Where, the call, and what is called, by its last name with what stands before it."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                yield f"{path.name}:{node.lineno}", node, ast.unparse(node.func)


def test_nothing_is_imported_that_runs_unpacks_or_serves_what_it_reads() -> None:
    found = []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            found += [f"{path.name}: {name}" for name in names if name.split(".")[0] in FORBIDDEN_IMPORTS]
            if isinstance(node, ast.ImportFrom) and node.module == "pickle":
                found += [f"{path.name}: {a.name}" for a in node.names if a.name != "UnpicklingError"]
    assert set(found) == BOUNDED


def test_nothing_is_called_that_runs_what_it_reads() -> None:
    found = []
    for where, call, name in calls():
        last = name.rsplit(".", 1)[-1]
        if name in FORBIDDEN_BUILTINS or last in FORBIDDEN_CALLS:
            found.append(f"{where}: {name}")
        options = {option.arg: ast.unparse(option.value) for option in call.keywords}
        if name == "torch.load" and options.get("weights_only") != "True":
            found.append(f"{where}: {name} without weights_only=True")
        if name in ("np.load", "numpy.load") and options.get("allow_pickle", "False") != "False":
            found.append(f"{where}: {name} with pickles")
        if name.startswith("yaml.") and last in ("load", "load_all"):
            found.append(f"{where}: {name}, not safe_load")
        if name.startswith("subprocess.") and options.get("shell", "False") != "False":
            found.append(f"{where}: a shell")
    assert found == []


ONE_PLACE = {
    ".to_csv(": {"io/tables.py"},  # write_table() looks for formulas
    "autoescape=False": {"deploy/model_card.py"},  # Markdown, escaped by reports/markdown.py
    "Markup(": {"deploy/model_card.py"},  # front matter that YAML quoted
    "print(": set(),
    "csv.writer(sys.stdout": {"deploy/example.py"},  # people's own copy, of ASCII text
    # Through visible.message(), but for what a shell completes: names that can be printed alone.
    "sys.stderr.write(": {"__main__.py", "cli/output_folder.py", "cli/command.py"},
    "sys.stdout.write(": {"__main__.py", "cli/output_folder.py", "cli/command.py"},
    "logging.Formatter(": set(),  # LogLines alone formats
    "basicConfig(format": set(),
}
"""What a module may not say, but for these: it would write a value of others unescaped."""


def test_values_of_others_are_written_by_one_writer_for_each_medium() -> None:
    for words, allowed in ONE_PLACE.items():
        pattern = re.compile(rf"(?<![\w.]){re.escape(words)}" if words[0] != "." else re.escape(words))
        found = {
            path.relative_to(PACKAGE).as_posix()
            for path in PACKAGE.rglob("*.py")
            if pattern.search(path.read_text("utf-8"))
        }
        assert found == allowed, words
    for page in (*PACKAGE.rglob("*.j2"), *PACKAGE.rglob("*.html")):
        text = page.read_text("utf-8")
        assert not re.search(r"\|\s*(safe|forceescape)\b|autoescape", text), page
        scripts = re.findall(r"<script[^>]*>.?", text, re.DOTALL)
        assert all(re.fullmatch(r'<script src="/\w+\.js" defer><', one) for one in scripts), f"{page}: inline"
        assert not re.search(r"=\{\{", text), f"{page}: an attribute without quotes"
        for address in re.findall(r"(?:src|href)=\"([^\"]*)", text):
            assert re.fullmatch(
                r"\w+\.md|/\w+\.(js|css)|\{\{ (\w+\.(uri|maps)|sheet\.sheet \| urlencode) \}\}", address
            ), f"{page}: {address}"


def test_names_in_progress_lines_are_escaped() -> None:
    """tqdm writes to the terminal itself, past the log: its texts are fixed, or go through one_line()."""
    for where, call, name in calls():
        if name in ("tqdm", "bar", "progress_bar"):
            texts = [option.value for option in call.keywords if option.arg in ("desc", "text")] + call.args[
                1:2
            ]
            for text in texts:
                plain = isinstance(text, ast.Constant) or ast.unparse(text) in ("text", "description")
                assert plain or ast.unparse(text).startswith("one_line("), where


def test_every_handler_of_the_log_escapes() -> None:
    options = yaml.safe_load((CONF / "hydra" / "job_logging" / "livergrade.yaml").read_text("utf-8"))
    for handler in options["handlers"].values():
        assert options["formatters"][handler["formatter"]]["class"] == "livergrade.cli.log_lines.LogLines"


def test_weights_are_local_files(tmp_path: Path, small: list[str], capfd) -> None:
    """Lightning's own loader reads an address without weights_only."""
    with pytest.raises(SystemExit):
        command("train", *small, "model.weights=http://127.0.0.1:9/a.ckpt", outputs=tmp_path)
    told = capfd.readouterr().err
    assert "a.ckpt" in told
    assert "Traceback" not in told


def test_an_archive_is_no_picture_no_table_and_no_weights(tmp_path: Path) -> None:
    from livergrade.io.safe_load import safe_load

    for name in ("a.png", "a.csv", "a.pth"):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("../escaped", "x")
    from livergrade.io.images import ImageError, read_rgb

    with pytest.raises(ImageError):
        read_rgb(tmp_path / "a.png")
    with pytest.raises(UserError):
        from_manifest(tmp_path / "a.csv", list(GRADES))
    with pytest.raises(UserError):
        safe_load(tmp_path / "a.pth", fix="")
    assert not (tmp_path.parent / "escaped").exists()


def test_no_formula_gets_into_a_table_of_predictions(tmp_path: Path, monkeypatch) -> None:
    draw_image(tmp_path / "a.png", 0, 0)
    draw_image(tmp_path / "=a.png", 0, 0)
    table = tmp_path / "inputs.csv"
    pd.DataFrame({"image": ["a.png"], "patient": ['=HYPERLINK("http://x")']}).to_csv(table, index=False)
    with pytest.raises(UserError, match=r"row 2: patient .* is a formula"):
        find_inputs([str(table)])
    monkeypatch.chdir(tmp_path)
    assert [str(one.path) for one in find_inputs(["=a.png"])] == [str(tmp_path / "=a.png")]
    assert [str(one.path) for one in find_inputs([str(tmp_path / "=a.png")])] == [str(tmp_path / "=a.png")]


HOSTILE = "<script>alert(1)</script>$\\frac{$&\"'"


def test_names_reach_no_picture_or_page_as_code(tmp_path: Path) -> None:
    """As a grade in a figure, and as a patient and a file in a run's page."""
    from livergrade.reports.run_report import write_report

    save(confusion_matrix([[1, 0], [0, 1]], [HOSTILE, "well"], title=HOSTILE), tmp_path / "figure")
    assert "<script" not in (tmp_path / "figure.svg").read_text()
    run = finished_run(tmp_path / "run", "senet")
    for name in ("predictions.csv", "split.csv"):
        path = run / name
        named = pd.read_csv(path, dtype=str, keep_default_na=False)
        named["patient"] += HOSTILE
        named["image"] = HOSTILE + named["image"]
        named.to_csv(path, index=False)
    as_own(run)
    page = write_report(run).read_text("utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_geojson_is_data(tmp_path: Path) -> None:
    from livergrade.slides.regions import read_regions

    path = tmp_path / "a.geojson"
    square = {"type": "Polygon", "coordinates": [[[0, 0], [9, 0], [9, 9], [0, 9], [0, 0]]]}
    properties = {
        "name": HOSTILE,
        "classification": {"name": HOSTILE},
        "_target_": "os.system",
        "__class__": "x",
    }
    path.write_text(json.dumps({"type": "Feature", "geometry": square, "properties": properties}))
    (region,) = read_regions(path).regions
    assert (region.kind, region.label) == (HOSTILE, HOSTILE)


def test_a_manifest_beside_others_images_reads_only_its_own(tmp_path: Path) -> None:
    manifest = write_cohort(tmp_path / "own")
    draw_image(tmp_path / "secret.png", 0, 0)
    table = pd.read_csv(manifest)
    for leading_out in ("../secret.png", str(tmp_path / "secret.png"), "poor/../../secret.png"):
        table.loc[0, "image"] = leading_out
        table.to_csv(manifest, index=False)
        with pytest.raises(UserError, match=r"row 2: image .* lies outside .*data\.outside=true"):
            from_manifest(manifest, list(GRADES))
