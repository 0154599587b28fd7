"""Options recorded in a run's folder."""

from pathlib import Path

import pytest

from livergrade.errors import UserError
from livergrade.runs.folder import read_options


@pytest.mark.parametrize("text", ["format: 1\nmodel: {foo: 1}\n", "seed: [\n", "format: 1\nseed: many\n"])
def test_options_of_another_version_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(UserError, match="can't be read as a run's options"):
        read_options(tmp_path)
