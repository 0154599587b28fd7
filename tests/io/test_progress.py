"""Progress bars, and where they are not shown."""

import pytest

from livergrade.io.progress import bars_where_seen, tqdm


def test_a_bar_is_shown_by_a_command_and_where_somebody_sees_it(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def said() -> str:
        assert list(tqdm([1, 2], "counting")) == [1, 2]
        return capfd.readouterr().err

    assert "counting" in said()
    with bars_where_seen():
        assert said() == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with bars_where_seen():
        assert "counting" in said()
    with bars_where_seen(shown=False):
        assert said() == ""
