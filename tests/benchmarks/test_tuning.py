"""What a search chooses, simulated."""

from tests.benchmarks.scripts import load


def test_the_log_loss_of_many_patients_chooses_better_and_looks_less_too_good() -> None:
    benchmark = load("tuning")
    few, many = (benchmark.simulate(patients, 40) for patients in (7, 59))
    assert many["log-loss"][0] > few["balanced accuracy"][0]
    assert many["log-loss"][2] < few["balanced accuracy"][2]
    assert all(chosen <= best for chosen, best, _ in (*few.values(), *many.values()))
