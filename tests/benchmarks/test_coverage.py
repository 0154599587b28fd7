"""The coverage of printed intervals, simulated."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

REPEATS = 2000
NORMAL_999 = 3.2905


def benchmark() -> ModuleType:
    """The benchmark of coverage, which is no module of the package."""
    path = Path(__file__).parents[2] / "benchmarks" / "coverage.py"
    spec = importlib.util.spec_from_file_location("coverage_benchmark", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def outside(found: dict[str, list[float]], judged) -> list[str]:
    """Metrics whose coverage is surely not from 93 to 98 %, at 99.9 % by Monte Carlo."""
    wrong = []
    for name, (truth, drawn, printed, coverage, _) in found.items():
        if " before " in name or printed < drawn / 2 or not judged(name, truth):
            continue
        error = NORMAL_999 * (coverage * (1 - coverage) / printed) ** 0.5
        most = 1 if " difference " in name else 0.98  # where models hardly differ no method is below
        if coverage + error < 0.93 or coverage - error > most:
            wrong.append(f"{name}: {coverage:.3f} of {printed}")
    return wrong


def test_a_cell_has_every_metric_at_both_levels() -> None:
    module = benchmark()
    found = module.simulate(module.Cell(15, False, 0.4, 0.8, "fixed"), 10)
    for level in ("image", "patient"):
        for metric in ("accuracy", "quadratic_kappa", "macro_f1", "macro_auroc"):
            truth, drawn, printed, coverage, width = found[f"{level} {metric}"]
            assert (drawn, printed) == (10, 10), "15 patients with 4 of each grade have an interval"
            assert coverage > 0.5
            assert 0 < width < 1 > truth > 0.5
        assert found[f"{level} recall 0"][2] == 0  # 5 patients


@pytest.mark.slow
@pytest.mark.parametrize(
    "cell",
    [
        (15, False, 0.4, 0.8, "fixed"),
        (15, False, 0.8, 0.95, "fixed"),
        (15, True, 0.4, 0.8, "random"),
        (30, False, 0.8, 0.8, "random"),
        (74, False, 0.4, 0.95, "fixed"),
    ],
)
def test_printed_intervals_hold(cell) -> None:
    module = benchmark()
    assert outside(module.simulate(module.Cell(*cell), REPEATS), module.judged) == []
