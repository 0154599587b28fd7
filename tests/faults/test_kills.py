"""Commands that are killed at any moment."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="runs are killed in forked processes")
def test_two_hundred_kills_lose_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """SIGKILL and SIGTERM at random moments, from the first decoded image to the report, and in predict."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.kills", str(tmp_path), "200", "0"],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    told = json.loads(done.stdout.splitlines()[-1])
    with capsys.disabled():
        sys.stdout.write(
            f"\nkills: tried {told['tried']} ({told['kills']}), survived {told['survived']}, "
            f"lost {told['lost']}\n"
        )
    assert told["lost"] == []
    assert told["tried"] >= 200
