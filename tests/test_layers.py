"""The house: which room may import which, how many floors it has, and what an import may not do."""

import ast
import functools
import json
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "livergrade"

FLOORS = (
    ("errors", "__init__"),
    ("io",),
    ("models", "evaluation"),
    ("config",),
    ("data", "runs"),
    ("reports", "cli"),
    ("explanations", "slides", "multirun"),
    ("training", "inference", "reading"),
    ("deploy", "api"),
    (
        *("train", "evaluate", "predict", "compare", "explain", "prepare", "check", "export", "tune", "plan"),
        "agreement",
        "review",
        "__main__",
    ),
)
"""From the ground up: a room imports from floors below its own alone, and never from a neighbour on it."""

LIGHT = ("evaluation", "runs", "reports", "multirun", "reading", "cli", "api")
"""Rooms that never load torch when they are imported."""


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name, but for what people copy out of it."""
    paths = [path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "deploy" / "example.py"]
    return {
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sorted(paths)
    }


@functools.cache
def imports() -> dict[str, set[str]]:
    """Each module, and the modules of the package that it imports anywhere in its code, also for types."""
    known = modules()
    found: dict[str, set[str]] = {}
    for name, path in known.items():
        named: set[str] = set()
        if name == "livergrade":  # it loads what it names when that is used: tests/test_python.py
            found[name] = set()
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                named |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                assert node.level == 0, f"{path}: imports are absolute"
                below = {f"{node.module}.{alias.name}" for alias in node.names}
                named |= (below & known.keys()) or {node.module}
        found[name] = (named & known.keys()) - {name}
    return found


def room(module: str) -> str:
    """The folder or the file below the package that a module is in."""
    return module.split(".")[1] if "." in module else "__init__"


def floors(graph: dict[str, set[str]]) -> dict[str, int]:
    """The floor of each node, 1 for one that imports nothing; a circle is an error."""
    found: dict[str, int] = {}

    def floor(node: str, above: tuple[str, ...] = ()) -> int:
        assert node not in above, f"a circle: {' → '.join([*above[above.index(node) :], node])}"
        if node not in found:
            found[node] = 1 + max((floor(other, (*above, node)) for other in graph[node]), default=0)
        return found[node]

    for node in graph:
        floor(node)
    return found


def test_every_room_has_its_floor() -> None:
    assert {room(module) for module in modules()} == {name for floor in FLOORS for name in floor}


def test_imports_go_down() -> None:
    height = {name: number for number, floor in enumerate(FLOORS) for name in floor}
    wrong = [
        f"{module} imports {other}"
        for module, others in imports().items()
        for other in others
        if room(module) != room(other) and height[room(module)] <= height[room(other)]
    ]
    assert wrong == []


def test_no_file_is_in_a_circle() -> None:
    floors(imports())


def test_few_rooms_on_few_floors() -> None:
    rooms: dict[str, set[str]] = {room(module): set() for module in modules()}
    for module, others in imports().items():
        rooms[room(module)] |= {room(other) for other in others} - {room(module)}
    assert max(floors(rooms).values()) <= 11
    assert len(rooms) <= 31
    assert sum(path.suffix == ".py" for path in PACKAGE.iterdir()) <= 15


def test_a_folder_says_in_one_sentence_what_it_is() -> None:
    for path in PACKAGE.rglob("__init__.py"):
        if path.parent == PACKAGE:
            continue
        tree = ast.parse(path.read_text("utf-8"))
        assert len(tree.body) == 1, f"{path}: more than a docstring"
        sentence = ast.get_docstring(tree)
        assert sentence, path
        assert sentence.endswith("."), path
        assert "\n" not in sentence, path
        assert ". " not in sentence, path


def test_the_way_in_is_short() -> None:
    """An entry imports no entry, and nothing but entries starts a command."""
    entries = set(FLOORS[-1])
    for module, others in imports().items():
        assert not {room(other) for other in others} & entries, module
        if "@command(" in modules()[module].read_text("utf-8"):
            assert room(module) in entries, module


MODULE, FUNCTION, MAIN = 350, 50, 40
"""Lines at most: of a module, of a function's body without its docstring, of an entry's ``main``."""
LONG = ("livergrade.config.schema", "livergrade.data.synthetic.tissue")
"""Modules that may be longer: the options, which stand in one place, and the drawing of tissue."""


def test_what_is_read_at_once_is_short() -> None:
    wrong = []
    for module, path in modules().items():
        text = path.read_text("utf-8")
        if len(text.splitlines()) > MODULE and module not in LONG:
            wrong.append(module)
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                body = node.body[ast.get_docstring(node) is not None :]
                lines = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
                if lines > (MAIN if node.name == "main" else FUNCTION):
                    wrong.append(f"{module}.{node.name}: {lines} lines")
    assert wrong == []


def test_package_has_no_utils() -> None:
    assert not [path for path in PACKAGE.rglob("*") if "util" in path.name or "helper" in path.name]


STATE = """
import importlib, json, logging, os, signal, sys, warnings
import lightning, matplotlib, hydra, torch, torchmetrics, omegaconf, cv2, PIL.Image
from hydra.core.config_store import ConfigStore
from omegaconf.basecontainer import BaseContainer

def state():
    return {
        "filters": [str(each) for each in warnings.filters],
        "levels": {name: logging.getLogger(name).level for name in
                   ("", "lightning", "lightning.pytorch", "tensorboard", "torch", "PIL", "matplotlib")},
        "environment": dict(os.environ),
        "figures": {key: str(value) for key, value in matplotlib.rcParams.items()},
        "options": sorted(ConfigStore.instance().repo),
        "resolvers": sorted(BaseContainer._resolvers),
        "signals": [str(signal.getsignal(each)) for each in (signal.SIGINT, signal.SIGTERM)],
        "threads": [torch.get_num_threads(), cv2.getNumThreads()],
        "pixels": PIL.Image.MAX_IMAGE_PIXELS,
    }

optional = ("openslide", "tifffile", "shapely", "optuna", "sklearn.covariance", "scipy.stats")
for name in (*optional, "tensorboard.backend.event_processing.event_accumulator", "torchvision.models"):
    try: importlib.import_module(name)
    except ImportError: pass
before = state()
for name in sys.argv[1:]:
    importlib.import_module(name)
after = state()
print(json.dumps([key for key in before if before[key] != after[key]]))
"""


@pytest.mark.slow
def test_importing_changes_nothing_but_what_is_imported() -> None:
    """No filter of warnings, log level, option of a library, resolver or signal handler."""
    done = subprocess.run(
        [sys.executable, "-c", STATE, *modules()], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1] == "[]"


LOADED = """
import importlib, json, sys
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
print(json.dumps(sorted(set(json.loads(sys.argv[2])) & set(sys.modules))))
"""


@pytest.mark.parametrize(
    ("rooms", "never"),
    [
        ((*LIGHT, *FLOORS[-1]), ("torch", "lightning", "torchmetrics", "torchvision", "matplotlib.pyplot")),
        (("inference", "deploy"), ("lightning", "torchmetrics", "torchvision", "matplotlib")),
    ],
)
def test_light_rooms_load_nothing_heavy(rooms: tuple[str, ...], never: tuple[str, ...]) -> None:
    """In a fresh process."""
    chosen = [module for module in modules() if room(module) in rooms]
    words = [sys.executable, "-c", LOADED, json.dumps(chosen), json.dumps(never)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.strip().splitlines()[-1]) == []


def test_nothing_of_hydra_that_is_not_public_is_used() -> None:
    for path in modules().values():
        assert "hydra._internal" not in path.read_text("utf-8"), path
