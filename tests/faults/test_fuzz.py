"""Whatever a manifest, folder, GeoJSON file, list of inputs or run holds: read, or a UserError says why.

``LIVERGRADE_FUZZ_EXAMPLES`` sets how many examples each test tries; a few by default.
"""

import json
import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from livergrade.data.cohort import from_folder, from_manifest
from livergrade.errors import UserError
from livergrade.inference.inputs import find_inputs
from livergrade.slides.regions import read_regions
from tests.conftest import GRADES, draw_image, examples, write_cohort
from tests.faults.fuzz_runs import BREAKERS, READERS, attempt, changed, fill

FUZZED = settings(
    max_examples=int(os.environ.get("LIVERGRADE_FUZZ_EXAMPLES") or examples(60)),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
SPICE = st.sampled_from(
    [
        *BREAKERS,
        *(
            ";",
            "\t",
            "..",
            "../",
            "/",
            "//",
            "~",
            "nan",
            "inf",
            "NA",
            "=1",
            "\\",
            "%s",
            "{0}",
            "${x}",
            "é",
            "肝",
            "🔬",
            "/dev/null",
            "*",
            "[",
            "**",
            "poor",
        ),
        "x" * 300,
    ]
)
NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=20)


@pytest.fixture(scope="module")
def cohort() -> Iterator[Path]:
    """A manifest beside its images."""
    with tempfile.TemporaryDirectory() as folder:
        yield write_cohort(Path(folder), patients=2, images=1)


@st.composite
def spoilt(draw: st.DrawFn, whole: str) -> str:
    """A text with pieces put in, taken out and doubled."""
    text = whole
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(text)))
        upto = min(len(text), at + draw(st.integers(0, 30)))
        piece = draw(st.one_of(SPICE, st.text(max_size=5), st.just(text[at:upto])))
        text = text[:at] + piece + text[draw(st.sampled_from([at, upto])) :]
    return text


@FUZZED
@given(data=st.data())
def test_any_manifest(cohort: Path, data: st.DataObject) -> None:
    path = cohort.with_name("fuzzed.csv")
    if data.draw(st.booleans()):
        path.write_bytes(data.draw(spoilt(cohort.read_text())).encode("utf-8", "surrogatepass"))
    else:
        path.write_bytes(data.draw(st.binary(max_size=300)))
    try:
        told = from_manifest(path, list(GRADES), outside=data.draw(st.booleans()))
    except UserError as error:
        told_of = str(error)
    else:
        told_of = "fuzzed.csv"
        assert len(told.table)
        assert set(told.table["grade"]) <= set(GRADES)
    assert "fuzzed.csv" in told_of


@FUZZED
@given(
    pattern=st.one_of(st.text(max_size=20), st.just(r"(?P<patient>.+)"), st.just(r"(?P<patient>\w*)")),
    files=st.lists(
        st.tuples(st.sampled_from(GRADES), NAMES, st.sampled_from([".png", ".PNG", ".txt", ""])), max_size=5
    ),
)
def test_any_folder(pattern: str, files: list[tuple[str, str, str]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        draw_image(root / "one.png", 0, 0)
        for grade, stem, suffix in files:
            target = root / grade / f"{stem}{suffix}"
            try:
                target.parent.mkdir(exist_ok=True)
                shutil.copy(root / "one.png", target)
            except (OSError, shutil.SameFileError):
                continue  # no name for a file
        try:
            told = from_folder(root, pattern, list(GRADES), outside=True, mixed=True)
        except UserError:
            return
        assert told.table["patient"].str.len().min() > 0


SQUARE = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [9, 0], [9, 9], [0, 9], [0, 0]]]},
            "properties": {"classification": {"name": "poor", "color": [1, 2, 3]}, "name": "a"},
        }
    ],
}
VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5),
        st.sampled_from(["Polygon", "MultiPolygon", "Point", "Feature", "GeometryCollection"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(["type", "geometry", "coordinates", "properties", "features", "name"]),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)  # fmt: skip


@st.composite
def grafted(draw: st.DrawFn) -> object:
    """The square, with one of its parts replaced by anything."""
    tree = json.loads(json.dumps(SQUARE))
    node, way = tree, []
    while isinstance(node, dict | list) and node and draw(st.integers(0, 4)):
        key = draw(st.sampled_from(sorted(node) if isinstance(node, dict) else list(range(len(node)))))
        way.append((node, key))
        node = node[key]
    if not way:
        return draw(VALUES)
    parent, key = way[-1]
    parent[key] = draw(VALUES)
    return tree


@FUZZED
@given(data=st.data())
def test_any_geojson(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.geojson"
    kind = data.draw(st.integers(0, 2))
    if kind == 0:
        path.write_bytes(data.draw(spoilt(json.dumps(SQUARE))).encode("utf-8", "surrogatepass"))
    elif kind == 1:
        path.write_text(json.dumps(data.draw(grafted())))
    else:
        path.write_bytes(data.draw(st.binary(max_size=100)))
    try:
        regions = read_regions(path).regions
    except UserError as error:
        told_of = str(error)
    else:
        told_of = "fuzzed.geojson"
        assert all(region.outline.area > 0 for region in regions)
    assert "fuzzed.geojson" in told_of


@FUZZED
@given(data=st.data())
def test_any_inputs_of_a_prediction(cohort: Path, data: st.DataObject) -> None:
    path = cohort.with_name("inputs.csv")
    table = "image,patient,mpp\n" + "\n".join(f"{grade}/{grade[0].upper()}00_0.png,a,0.5" for grade in GRADES)
    path.write_bytes(data.draw(spoilt(table)).encode("utf-8", "surrogatepass"))
    words = data.draw(st.lists(st.one_of(st.text(max_size=10), SPICE), max_size=3))
    if "/" in "".join(words) or "~" in "".join(words) or ".." in "".join(words) or "**" in words:
        words = []  # the whole disk is not what is tried here
    given_words = [
        str(cohort.with_name(word)) if word.strip("./") else word for word in words if "\\" not in word
    ]
    try:
        found = find_inputs([str(path), *[word for word in given_words if word]])
    except UserError:
        return
    assert all(one.path.is_file() for one in found)


@pytest.fixture(scope="module")
def whole_run() -> Iterator[tuple[Path, dict[str, bytes]]]:
    """A run's folder, and the content of each file that is read."""
    with tempfile.TemporaryDirectory() as folder:
        run = fill(Path(folder))
        yield run, {name: (run / name).read_bytes() for name in READERS}


def try_changes(run: Path, whole: dict[str, bytes], name: str, rng: random.Random) -> str:
    try:
        return attempt(run, name, changed(whole[name], name, rng))
    finally:
        (run / name).write_bytes(whole[name])


def test_a_whole_run_is_read(whole_run: tuple[Path, dict[str, bytes]]) -> None:
    run, whole = whole_run
    assert {name: attempt(run, name, content) for name, content in whole.items()} == dict.fromkeys(
        whole, "right"
    )


@FUZZED
@given(name=st.sampled_from(sorted(READERS)), seed=st.integers(0, 2**32))
def test_any_file_of_a_run(whole_run: tuple[Path, dict[str, bytes]], name: str, seed: int) -> None:
    try_changes(*whole_run, name, random.Random(seed))


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_many_changes_of_a_file_of_a_run(whole_run: tuple[Path, dict[str, bytes]], name: str) -> None:
    for seed in range(300):
        try_changes(*whole_run, name, random.Random(f"{name} {seed}"))
