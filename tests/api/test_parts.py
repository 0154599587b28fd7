"""Cohorts, splits and networks by themselves."""

from pathlib import Path

import pandas as pd
import pytest

from livergrade import UserError, build_model, make_split, read_cohort


def test_a_cohort_is_split_as_a_run_would(manifest: Path, tiny_run: Path) -> None:
    words = ["data=manifest", f"data.manifest={manifest}"]
    cohort = read_cohort(*words)
    assert len(cohort.frame) == 24
    assert cohort.frame is not cohort.table
    split = make_split(cohort, test_fraction=0.25, val_fraction=0.34)
    of_run = pd.read_csv(tiny_run / "split.csv").set_index("image")["split"]
    assert split.set_index("image")["split"].to_dict() == of_run.to_dict()
    with pytest.raises(UserError, match=r"^split\.sed: there is no such option; did you mean seed\? "):
        make_split(cohort, sed=1)
    with pytest.raises(UserError, match=r"split\.test_fraction=2.0: must be at least 0\.01"):
        make_split(cohort, test_fraction=2)


def test_a_network_is_built_by_its_name() -> None:
    net = build_model("timm", classes=4, backbone="test_resnet")
    assert sum(1 for _ in net.parameters()) > 2
    for words, problem in (
        ({"name": "sent"}, r"model\.name=sent: did you mean senet"),
        (
            {"name": "senet", "reductoin": 4},
            r"model\.reductoin: .*did you mean reduction",
        ),
        ({"name": "timm"}, r"model\.backbone"),
        ({"name": "senet", "classes": 1}, "classes=1: must be at least 2"),
    ):
        with pytest.raises(UserError, match=problem):
            build_model(**words)
