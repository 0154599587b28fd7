"""What a search chooses, simulated."""

import importlib.util
import sys
from pathlib import Path


def test_the_log_loss_of_many_patients_chooses_better_and_looks_less_too_good() -> None:
    path = Path(__file__).parents[2] / "benchmarks" / "tuning.py"
    spec = importlib.util.spec_from_file_location("tuning_benchmark", path)
    assert spec
    assert spec.loader
    benchmark = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = benchmark
    spec.loader.exec_module(benchmark)
    few, many = (benchmark.simulate(patients, 40) for patients in (7, 59))
    assert many["log-loss"][0] > few["balanced accuracy"][0]
    assert many["log-loss"][2] < few["balanced accuracy"][2]
    assert all(chosen <= best for chosen, best, _ in (*few.values(), *many.values()))
