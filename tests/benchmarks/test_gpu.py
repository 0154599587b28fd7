import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_it_runs_where_there_is_no_gpu(tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    sizes = [
        "--size",
        "32",
        "--batch",
        "4",
        "--steps",
        "3",
        "--epochs",
        "1",
        "--scale",
        "0.05",
        "--matrix",
        "128",
    ]
    subprocess.run(
        [
            sys.executable,
            "benchmarks/gpu.py",
            "--device",
            "cpu",
            "--models",
            "senet,sknet",
            *sizes,
            "--json",
            told,
        ],
        cwd=ROOT,
        check=True,
        env=os.environ | {"LIVERGRADE_CACHE": str(tmp_path / "cache")},
    )
    facts = json.loads(told.read_text())
    assert list(facts["networks"]) == ["senet", "sknet"]
    assert all(figure > 0 for row in facts["networks"].values() for figure in row.values())
    # Work and traffic of an image are counted, whatever the machine: 3 × 2 × multiply-adds at 32 pixels.
    assert facts["networks"]["senet"]["GFLOP an image"] == pytest.approx(24.5 * 32**2 / 224**2, rel=0.1)
    assert facts["networks"]["sknet"]["MB an image"] > facts["networks"]["senet"]["MB an image"]
