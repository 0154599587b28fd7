"""Every module has its tests where its path says, and every file of tests its module, or it says why not."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE, TESTS = ROOT / "livergrade", ROOT / "tests"

TESTED_ELSEWHERE: dict[str, str] = {
    "check.py": "tests/training/test_preflight.py: what a check says, which is what the command prints",
    "deploy/example.py": "tests/test_export.py: runs the copy that is left beside an exported network",
    "deploy/onnx_file.py": "tests/test_export.py: takes an exported network, which is made once there",
    "deploy/parity.py": "tests/test_export.py: takes an exported network, which is made once there",
    "errors.py": "an exception without code of its own",
    "evaluation/arrays.py": "types alone",
    "inference/predict_files.py": "tests/test_predict.py: is what the command does",
    "inference/slides.py": "tests/test_predict.py: takes a trained network and a slide",
    "io/image_error.py": "an exception without code of its own",
    "models/architecture.py": "types, and ImageNet's two constants",
    "multirun/comparison.py": "tests/test_compare.py: puts together what the modules beside it make",
    "reading/plots.py": "tests/test_agreement.py: the figure that the command draws",
    "reading/results.py": "tests/test_agreement.py: is what the command does",
    "reading/sentences.py": "tests/test_agreement.py: what the command prints",
    "reading/tables.py": "tests/test_agreement.py: the tables that the command leaves",
    "reports/palette.py": "colours alone",
    "training/evaluate_trained.py": "tests/test_evaluate.py: is what the command does",
    "training/fit.py": "tests/training/test_checkpoints.py: takes a run that is stopped and gone on with",
    "training/train_run.py": "tests/test_train.py: is what the command does",
}
"""Modules without a file of tests of their own: which file tests them and why, or why none does."""

NOT_OF_ONE_MODULE: dict[str, str] = {
    "benchmarks/test_all_benchmarks.py": "what holds for each script under benchmarks/",
    "deploy/test_page_in_browser.py": "the page of an export in a browser",
    "deploy/test_portable_models.py": "what people do to a network besides training it",
    "evaluation/test_familiarity.py": "figures of evaluation/ood.py and their picture of reports/",
    "faults/test_bad_inputs.py": "what a person may give by mistake, to every command",
    "faults/test_fuzz.py": "any bytes, to whatever reads a file",
    "faults/test_hostile.py": "hostile and careless inputs, to every command",
    "faults/test_restarts.py": "predict, prepare and sweeps started again after anything",
    "faults/test_kills.py": "commands that are killed at any moment",
    "faults/test_machine.py": "what a machine may lack or do",
    "faults/test_signals.py": "commands that are told to end while they read hostile files",
    "models/test_references.py": "our networks against others' of the same papers",
    "inference/test_second_start.py": "predict started again into one folder",
    "reading/test_contact_sheet.py": "the contact sheet of the page in a browser",
    "reading/test_review_accessibility.py": "the page in a browser, by axe-core and by fingers",
    "reading/test_review_page.py": "the page in a browser",
    "test_docs.py": "the documentation",
    "test_docs_files.py": "docs/files.md against what commands leave",
    "test_launchers.py": "Hydra's launchers",
    "test_layers.py": "what may import what",
    "test_main.py": "livergrade <command>, whose module begins with an underscore",
    "test_mirror.py": "the files of tests",
    "test_pretended_card.py": "whole runs on a GPU, in whose place is a pretended one",
    "test_odd_names.py": "grades and patients called like numbers or missing values, to every command",
    "test_python.py": "the names that the package has, and docs/python.md",
    "test_readme.py": "the README",
    "test_words.py": "the words of texts for users",
    "test_real_data.py": "real images, where they are at hand",
    "test_recipes.py": "the recipes of CONTRIBUTING, typed as they stand",
    "test_security.py": "what the package never does, and names that would be code",
}
"""Files of tests that mirror no module of the package, and what they test."""


WORK = {
    "agreement": "reading/results.py",
    "train": "training/train_run.py",
    "evaluate": "training/evaluate_trained.py",
    "predict": "inference/predict_files.py",
}
"""What does the work of commands that only start it."""


def modules() -> list[str]:
    """Every module below the package."""
    return sorted(
        path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py") if path.name[:2] != "__"
    )


def mirrored(module: str) -> Path:
    """The file that its tests belong into."""
    return (TESTS / module).with_name(f"test_{Path(module).name}")


def is_reached(module: str, text: str) -> bool:
    """Whether a file of tests imports or names a module, or runs a command that imports it."""
    dotted = re.compile(rf"\blivergrade\.{module.removesuffix('.py').replace('/', '.')}\b")
    commands = re.findall(r"\bcommand\(\s*\"(\w+)\"", text) + ["train"] * bool(re.search(r"\btrain\(", text))
    sources = [path for name in commands if (path := PACKAGE / f"{name}.py").is_file()]
    sources += [PACKAGE / WORK[name] for name in commands if name in WORK]
    return (
        bool(dotted.search(text))
        or ("/" in module and f'"{Path(module).name}"' in text)
        or PACKAGE / module in sources
        or any(dotted.search(path.read_text("utf-8")) for path in sources)
    )


def test_every_module_has_its_file_of_tests_or_says_which_tests_it() -> None:
    lacking = [name for name in modules() if not mirrored(name).is_file() and name not in TESTED_ELSEWHERE]
    assert lacking == []


def test_no_module_is_listed_that_need_not_be_and_each_is_reached_where_it_is_said_to_be() -> None:
    known = modules()
    for module, reason in TESTED_ELSEWHERE.items():
        assert module in known, module
        assert not mirrored(module).is_file(), f"{module}: has its file of tests"
        assert len(reason) > 8, module
        for named in re.findall(r"tests/[\w/]+\.py", reason):
            assert (ROOT / named).is_file(), f"{module}: {named}"
            assert is_reached(module, (ROOT / named).read_text("utf-8")), f"{module}: not in {named}"
    assert list(TESTED_ELSEWHERE) == sorted(TESTED_ELSEWHERE)


def test_every_file_of_tests_mirrors_a_module_or_says_what_it_tests() -> None:
    known, lacking = {mirrored(name) for name in modules()}, []
    for path in TESTS.rglob("test_*.py"):
        name = path.relative_to(TESTS).as_posix()
        of_benchmark = path.parent == TESTS / "benchmarks" and (
            list((ROOT / "benchmarks").glob(f"{path.stem.removeprefix('test_')}.*"))
        )
        if path not in known and not of_benchmark and name not in NOT_OF_ONE_MODULE:
            lacking.append(name)
        assert path not in known or name not in NOT_OF_ONE_MODULE, f"{name}: mirrors a module"
    assert lacking == []
    assert [name for name in NOT_OF_ONE_MODULE if not (TESTS / name).is_file()] == []
