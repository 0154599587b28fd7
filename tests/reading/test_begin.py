"""Begin a review, and go on with one."""

from pathlib import Path

import pytest

from livergrade.config.schema import DataConfig, ReviewConfig
from livergrade.errors import UserError
from livergrade.reading.begin import begin
from livergrade.reading.store import Reading
from tests.conftest import finished_run
from tests.reading.client import options, write_images


def test_a_review_is_gone_on_with_and_not_with_others(tmp_path: Path) -> None:
    table = write_images(tmp_path)
    store = begin(options(table, repeats=2), tmp_path)
    store.add("anna", Reading("a", 0, "poor", None, None, 1.0, ""))
    store.close()
    for config in (options(table, repeats=2), options(None)):
        again = begin(config, tmp_path)
        assert (len(again.tasks("ben")), len(again.readings())) == (6, 1)
        again.close()
    for other, named in (
        (options(table, repeats=1), "repeats"),
        (options(table, ("anna",), repeats=2), "readers"),
        (options(table, repeats=2, mode="confirm"), "mode"),
    ):
        with pytest.raises(UserError, match=f"other {named}"):
            begin(other, tmp_path)
    for other, named in (  # also where only the folder is given
        (options(None, repeats=1), "repeats"),
        (options(None, ("anna", "chen")), "readers"),
        (options(None, mode="audit", seed=1), "mode, seed"),
        (options(None, readings="tool.csv"), "readings"),
    ):
        with pytest.raises(UserError, match=f"other {named}; go on with it by out="):
            begin(other, tmp_path)
    lost = (tmp_path / "i0.png").rename(tmp_path / "gone")
    with pytest.raises(UserError, match=r"i0.png does not exist\n.* go on with it by out=.* alone"):
        begin(options(table, repeats=2), tmp_path)
    begin(options(None), tmp_path).close()
    lost.rename(tmp_path / "i0.png")
    write_images(tmp_path, 5)
    with pytest.raises(UserError, match="other images"):
        begin(options(table, repeats=2), tmp_path)


def test_what_cannot_be_begun_is_told(tmp_path: Path) -> None:
    table = write_images(tmp_path)
    with pytest.raises(UserError, match="there is no review"):
        begin(options(None), tmp_path)
    with pytest.raises(UserError, match="repeats=3: at most half of the 4"):
        begin(options(table, repeats=3), tmp_path)


def test_an_adjudication_needs_readers_who_differ(tmp_path: Path) -> None:
    table = write_images(tmp_path)
    (tmp_path / "first").mkdir()
    store = begin(options(table), tmp_path / "first")
    store.close()
    config = options(None, ("panel",), mode="adjudicate", of=str(tmp_path / "first"))
    with pytest.raises(UserError, match="no image was graded differently"):
        begin(config, tmp_path)
    config.readers = ["anna"]
    with pytest.raises(UserError, match="anna read these images already"):
        begin(config, tmp_path)


def test_an_audit_begins_with_what_the_network_contradicts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pandas as pd

    from livergrade.io.pixel_reading import AS_FILED
    from livergrade.reading.images import ReviewImages

    run = finished_run(tmp_path / "run", "senet", skill=0.2)
    tested = pd.read_csv(run / "predictions.csv", dtype={"image": str})
    table = tested.drop_duplicates("image")[["image", "grade"]].assign(sha256="", mpp="", patient="P")
    classes = ["poor", "moderate", "well"]
    found = ReviewImages(table.reset_index(drop=True), tmp_path, classes, AS_FILED)
    monkeypatch.setattr("livergrade.reading.begin.images_of", lambda config: found)
    config = ReviewConfig(run=str(run), mode="audit", readers=["anna"], data=DataConfig(name=""))
    out = tmp_path / "out"
    out.mkdir()
    store = begin(config, out)
    told = [store.facts["revealed"][str(image)] for image in store.tasks("anna")]
    doubt = [1 - one["probabilities"][classes.index(one["recorded"])] for one in told]
    assert doubt == sorted(doubt, reverse=True)
