"""Which images of a run are explained."""

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from livergrade.data.kinds import read_cohort
from livergrade.explanations.explained import _turned_spread, _turning_error, choose
from livergrade.runs.run import Run
from tests.conftest import GRADES, finished_run


def test_the_best_the_worst_and_the_least_sure_of_each_grade(manifest: Path, tmp_path: Path) -> None:
    cohort = {"data.name": "manifest", "data.manifest": str(manifest), "data.cache_dir": str(tmp_path)}
    run = Run(finished_run(tmp_path / "run", "senet", options=cohort))
    now = read_cohort(run.config.data, outside=False, run=run.folder)
    chosen = {one.name: one for one in choose(run, now, 1)}
    tested = run.tested.set_index("image")
    assert set(chosen) <= set(tested.index)
    for grade in GRADES:
        own = tested.loc[tested["grade"] == grade, f"p_{grade}"]
        assert chosen[own.idxmax()].why == f"best of {grade}"
        assert chosen[own.idxmin()].why in (f"worst of {grade}", f"best of {grade}")
    for name, one in chosen.items():
        assert (one.patient, one.grade) == tuple(tested.loc[name, ["patient", "grade"]])
        assert one.path == manifest.parent / name
    assert max(Counter(one.why for one in chosen.values()).values()) == 1
    assert len(choose(run, now, 3)) > len(chosen)
    assert pd.Series(list(chosen)).is_unique


def test_one_view_has_no_error_under_rotation() -> None:
    maps = torch.tensor([[[1.0, -1.0]], [[0.5, -0.5]]])
    assert _turning_error(maps) == 0.25
    assert _turned_spread(maps).tolist() == [[0.25, 0.25]]
    assert np.isnan(_turning_error(maps[:1]))
    assert _turned_spread(maps[:1]).isnan().all()
    assert np.isnan(_turning_error(torch.zeros(2, 1, 2)))  # a share of nothing
