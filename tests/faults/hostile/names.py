"""Names in tables, folders and options that lead out, that a program would run, or that steer a terminal."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import yaml

from tests.conftest import as_own, draw_image
from tests.faults.hostile.case import Case, Place

ESCAPES = "\x1b]0;owned\x07\x1b[2J\x9b31m\x08\u202e"
"""Sets a window's title, clears the screen, colours it, steps back and turns the direction of the text."""
MARKUP = "<script>alert(1)</script>|`x`$\\input{y}$[a](http://evil.example)<a@evil.example>"
OUT = "lies outside"
FORMULA = "is a formula to a spreadsheet"
NO_NAME = "can't be the name of a file"


# ── manifests ────────────────────────────────────────────────────────────────────────────────────────────


def cohort(place: Place) -> Path:
    """A copy of the cohort in the case's folder; returns its manifest."""
    shutil.copytree(place.manifest.parent, place.folder / "cohort")
    return place.folder / "cohort" / place.manifest.name


def changed(path: Path, change: Callable[[pd.DataFrame], object]) -> None:
    """Change a table as it stands."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    result = change(table)
    (result if isinstance(result, pd.DataFrame) else table).to_csv(path, index=False)


def cell(column: str, text: str) -> Callable[[pd.DataFrame], None]:
    """Write a text into the first row."""

    def change(table: pd.DataFrame) -> None:
        table[column] = [text, *(table[column][1:] if column in table else [""] * (len(table) - 1))]

    return change


def words(place: Place, manifest: Path, *more: str) -> list[str]:
    """Options that read a manifest and train for a moment."""
    return [
        *("data=manifest", f"data.manifest={manifest}", f"data.cache_dir={place.folder / 'cache'}"),
        *("model=timm", "model.backbone=test_resnet", "data.image_size=32", "data.batch_size=6"),
        *(
            "trainer.max_epochs=1",
            "trainer.limit_batches=1",
            "trainer.accelerator=cpu",
            "trainer.progress=false",
        ),
        *("trainer.map_patients=0", "split.test_fraction=0.25", "split.val_fraction=0.34"),
        *("augment.test_views=1", *more),
    ]


def manifest_case(
    name: str, column: str, text: str, refused: str, command: str = "train", link: str | None = None
) -> Case:
    """A cell of a manifest; ``{bait}`` in it is the folder of somebody's files."""

    def prepare(place: Place) -> list[str]:
        manifest = cohort(place)
        if link:
            (manifest.parent / link).symlink_to(place.bait)
        changed(manifest, cell(column, text.format(bait=place.bait)))
        if command == "evaluate":
            own = ["data=manifest", f"data.manifest={manifest}", f"data.cache_dir={place.folder / 'cache'}"]
            return [f"run={place.run}", *own]
        return words(place, manifest, f"hydra.run.dir={place.out}")

    return Case(f"manifest: {name}", command, prepare, refused)


LEADING_OUT = {
    "dots": "../../secret.png",
    "dots behind a folder": "poor/../../../secret.png",
    "an absolute path": "{bait}/secret.png",
    "a device": "/dev/zero",
    "an address of a file": "file://{bait}/secret.png",
    "an address of a file without slashes": "file:{bait}/secret.png",
    "an address": "http://127.0.0.1:9/a.png",
    "a share": "\\\\127.0.0.1\\share\\a.png",
    "a share with slashes": "//127.0.0.1/share/a.png",
    "a drive": "C:\\Users\\a.png",
    "the folder above": "..",
}

FORMULAS = {
    "equals": "=1+1",
    "at": "@SUM(A1)",
    "plus": "+A1",
    "minus": "-2+3+cmd|' /C calc'!A0",
    "behind a blank": "  =1",
    "behind a tab": "\t=1",
    "a tab": "\tx",
    "full-width": "\uff1d1+1",
    "small sign": "\ufe661+1",
    "behind an ideographic blank": "\u3000@x",
    "behind a mark without width": "\u200b=1",
}


def twin(text: str, other: str) -> Callable[[Place], list[str]]:
    """Two images whose names some disks take for one."""

    def prepare(place: Place) -> list[str]:
        manifest = cohort(place)
        for number, name in enumerate((text, other)):
            draw_image(manifest.parent / name, 90 + number, 0)

        def change(table: pd.DataFrame) -> None:
            table.loc[0, "image"], table.loc[1, "image"] = text, other

        changed(manifest, change)
        return words(place, manifest, f"hydra.run.dir={place.out}")

    return prepare


def renamed_column(name: str) -> Callable[[Place], list[str]]:
    """The manifest's last column under another name."""

    def prepare(place: Place) -> list[str]:
        manifest = cohort(place)
        changed(manifest, lambda table: table.rename(columns={"sex": name}))
        return words(place, manifest, f"hydra.run.dir={place.out}")

    return prepare


def classes_case(name: str, grade: str, refused: str, command: str = "train") -> Case:
    """A grade's name on the command line."""

    def prepare(place: Place) -> list[str]:
        quoted = "'" + grade.replace("\\", "\\\\").replace("'", "\\'") + "'"
        if command == "prepare":
            return [str(place.slide), f"classes=[{quoted},well]", f"out={place.out}"]
        return words(place, place.manifest, f"data.classes=[{quoted},well]", f"hydra.run.dir={place.out}")

    return Case(f"grade: {name}", command, prepare, refused)


def named_all_over(place: Place) -> list[str]:
    """Patients, images and a further column with markup and control characters."""
    manifest = cohort(place)

    def change(table: pd.DataFrame) -> None:
        table["patient"] += ESCAPES + MARKUP
        table["sex"] += MARKUP
        first = f"poor/{ESCAPES}$x$.png"
        (manifest.parent / table.loc[0, "image"]).rename(manifest.parent / first)
        table.loc[0, "image"] = first

    changed(manifest, change)
    return words(place, manifest, f"hydra.run.dir={place.out}")


def nothing_steers(place: Place) -> None:
    """No file that a person opens holds a control character or a script."""
    for path in place.out.rglob("*"):
        if path.suffix in (".html", ".log", ".md", ".tex", ".svg"):
            text = path.read_text("utf-8")
            assert not set("\x1b\x07\x08\x9b\u202e") & set(text), path
            assert "<script" not in text, path


# ── run folders ──────────────────────────────────────────────────────────────────────────────────────────


def predicted_elsewhere(image: str, *, link: bool = False) -> Callable[[Place], list[str]]:
    """A run whose predictions name an image elsewhere."""

    def prepare(place: Place) -> list[str]:
        name = image.format(bait=place.bait)
        if link:  # in a copy of the cohort, which the run then names
            manifest = cohort(place)
            (manifest.parent / "linked.png").symlink_to(place.bait / "secret.png")
            options(place.run, lambda values: values["data"].update(manifest=str(manifest)))
            as_own(place.run)

        def change(table: pd.DataFrame) -> pd.DataFrame:
            return table[table["split"] == "test"].head(1).assign(image=name)

        changed(place.run / "predictions.csv", change)
        return [f"run={place.run}", f"out={place.out}"]

    return prepare


def options(run: Path, change: Callable[[dict], object]) -> None:
    """Change a run's stored options."""
    path = run / "config.yaml"
    values = yaml.safe_load(path.read_text("utf-8"))
    change(values)
    path.write_text(yaml.safe_dump(values), encoding="utf-8")


def allowed_by_itself(command: str) -> Callable[[Place], list[str]]:
    """A run that says ``data.outside: true`` of a manifest that leads out."""

    def prepare(place: Place) -> list[str]:
        manifest = cohort(place)
        changed(manifest, cell("image", str(place.bait / "secret.png")))
        options(place.run, lambda values: values["data"].update(manifest=str(manifest), outside=True))
        as_own(place.run)
        resumed = [f"train.resume={place.run}", "trainer.max_epochs=2"]  # it is finished
        return resumed if command == "train" else [f"run={place.run}"]

    return prepare


def linked_figure(place: Place) -> list[str]:
    """A figure and a picture of a mistake that are links to somebody's files; the run is read again."""
    for folder in ("figures", "mistakes"):
        (place.run / folder).mkdir(exist_ok=True)
    for link in ("figures/roc.png", "figures/extra.svg", "mistakes/0.jpg"):
        (place.run / link).unlink(missing_ok=True)
        (place.run / link).symlink_to(place.bait / "secret.png")
    return [str(place.run), f"hydra.run.dir={place.out}"]


def filled_in(key: str) -> Callable[[Place], list[str]]:
    """A stored option that stands for other values from the environment."""

    def prepare(place: Place) -> list[str]:
        group, name = key.split(".")
        options(place.run, lambda values: values[group].update({name: "${oc.env:LIVERGRADE_SECRET}"}))
        return [f"run={place.run}", f"out={place.out}"]

    return prepare


def classed(place: Place, grade: str) -> list[str]:
    """A run whose grade has another name in every table."""
    changed(
        place.run / "predictions.csv",
        lambda t: t.replace("poor", grade).rename(columns={"p_poor": f"p_{grade}"}),
    )
    changed(place.run / "split.csv", lambda t: t.replace("poor", grade))
    options(
        place.run,
        lambda values: values["data"].update(
            classes=[grade if name == "poor" else name for name in values["data"]["classes"]]
        ),
    )
    return [str(place.run), f"hydra.run.dir={place.out}"]


# ── tables of inputs, folders, slides ────────────────────────────────────────────────────────────────────


def table_case(name: str, column: str, text: str, refused: str) -> Case:
    """A table of inputs with one row."""

    def prepare(place: Place) -> list[str]:
        draw_image(place.folder / "a.png", 0, 0)
        row = {"image": "a.png", "patient": "P", column: text.format(bait=place.bait)}
        pd.DataFrame([row]).to_csv(place.folder / "inputs.csv", index=False)
        return [f"run={place.run}", str(place.folder / "inputs.csv"), f"out={place.out}"]

    return Case(f"table of inputs: {name}", "predict", prepare, refused)


def linked_input() -> Callable[[Place], list[str]]:
    """A folder with a link that leads out of it."""

    def prepare(place: Place) -> list[str]:
        (place.folder / "images").mkdir()
        draw_image(place.folder / "images" / "a.png", 0, 0)
        (place.folder / "images" / "b.png").symlink_to(place.bait / "secret.png")
        return [f"run={place.run}", str(place.folder / "images"), f"out={place.out}"]

    return prepare


def misnamed_input(name: str | bytes) -> Callable[[Place], list[str]]:
    """A folder with an image of this name."""

    def prepare(place: Place) -> list[str]:
        (place.folder / "images").mkdir()
        draw_image(place.folder / "images" / "a.png", 0, 0)
        target = place.folder / "images" / os.fsdecode(name)
        shutil.copyfile(place.folder / "images" / "a.png", target)
        return [f"run={place.run}", str(place.folder / "images"), f"out={place.out}"]

    return prepare


def answered(place: Place) -> None:
    """What steers a terminal is in no log; the tables hold the name."""
    nothing_steers(place)
    assert len(pd.read_csv(place.out / "images.csv")) == 2


def slide_table(column: str, text: str) -> Callable[[Place], list[str]]:
    """A slide with its table and its region."""

    def prepare(place: Place) -> list[str]:
        row = {"slide": place.slide.name, "patient": "P", "grade": "poor", column: text}
        pd.DataFrame([row]).to_csv(place.folder / "slides.csv", index=False)
        (place.folder / "marked").mkdir()
        square = [[[64, 64], [320, 64], [320, 320], [64, 320], [64, 64]]]
        feature = {
            "type": "Feature",
            "properties": {},
            "geometry": {"type": "Polygon", "coordinates": square},
        }
        (place.folder / "marked" / f"{place.slide.stem}.geojson").write_text(json.dumps(feature))
        table = f"table={place.folder / 'slides.csv'}"
        return [str(place.slide), table, f"regions={place.folder / 'marked'}", f"out={place.out}"]

    return prepare


def linked_region(place: Place) -> list[str]:
    """The slide's regions are a link to somebody's file."""
    given = slide_table("stain", "HE")(place)
    region = place.folder / "marked" / f"{place.slide.stem}.geojson"
    region.unlink()
    region.symlink_to(place.bait / "secret.png")
    return given


def linked_slide(place: Place) -> list[str]:
    """A folder of slides with a link that leads out of it."""
    (place.folder / "slides").mkdir()
    (place.folder / "slides" / "a.svs").symlink_to(place.bait / "secret.png")
    return [str(place.folder / "slides"), f"out={place.out}"]


def named_slide(name: str) -> Callable[[Place], list[str]]:
    """A slide of this name, of which regions are proposed."""

    def prepare(place: Place) -> list[str]:
        (place.folder / "slides").mkdir()
        shutil.copyfile(place.slide, place.folder / "slides" / name)
        return [str(place.folder / "slides"), f"out={place.out}"]

    return prepare


def twin_slides(place: Place) -> list[str]:
    """Two slides whose files' names differ in case alone."""
    for name in ("S1.tif", "s1.tif"):
        shutil.copyfile(place.slide, place.folder / name)
    return [str(place.folder / "S1.tif"), str(place.folder / "s1.tif"), f"out={place.out}"]


def plainly_named(place: Place) -> None:
    """Every file that was written has a name that every disk takes."""
    for path in (place.out / "regions").iterdir():
        assert path.name[0] not in ".-~", path
        assert path.name.isprintable(), path


# ── folders of grades ────────────────────────────────────────────────────────────────────────────────────


def grade_folder(change: Callable[[Path, Place], object]) -> Callable[[Place], list[str]]:
    """A cohort in folders of grades, with one change."""

    def prepare(place: Place) -> list[str]:
        root = cohort(place).parent
        change(root, place)
        pattern = "data.patient_pattern='/(?P<patient>[A-Z]\\d+)'"
        given = ["data=folder", f"data.root={root}", pattern, f"data.cache_dir={place.folder / 'cache'}"]
        return [*given, f"hydra.run.dir={place.out}"]

    return prepare


def linked_grade(root: Path, place: Place) -> None:
    """One grade's folder is a link to somebody's folder."""
    shutil.rmtree(root / "poor")
    (root / "poor").symlink_to(place.bait)


def no_text(root: Path, place: Place) -> None:
    """A file's name is no UTF-8."""
    target = root / "poor" / os.fsdecode(b"P00_\xff.png")
    shutil.copyfile(root / "poor" / "P00_0.png", target)


CASES = [
    *(manifest_case(f"image, {name}", "image", text, OUT) for name, text in LEADING_OUT.items()),
    manifest_case("image, a link to a folder outside", "image", "linked/secret.png", OUT, link="linked"),
    manifest_case("image, the home folder", "image", "~/.ssh/id_rsa", "does not exist"),
    manifest_case("image, too long for a disk", "image", "x" * 300 + ".png", NO_NAME),
    manifest_case("image outside, by another command", "image", "{bait}/secret.png", OUT, "evaluate"),
    manifest_case("image outside, by a check", "image", "{bait}/secret.png", "checks failed", "check"),
    *(manifest_case(f"patient, {name}", "patient", text, FORMULA) for name, text in FORMULAS.items()),
    manifest_case("a further column", "note", "=HYPERLINK(1)", FORMULA),
    Case("manifest: a column that is a formula", "train", renamed_column("@x"), FORMULA),
    Case("manifest: two names by case", "train", twin("poor/x.png", "poor/X.png"), "the name of another"),
    Case(
        "manifest: two names by Unicode form",
        "train",
        twin("poor/\u00e9.png", "poor/e\u0301.png"),
        "the name of another",
    ),
    Case("manifest: markup and control characters all over", "train", named_all_over, None, nothing_steers),
    classes_case("a formula", "=poor", FORMULA),
    classes_case("a formula, full-width", "\uff0bpoor", FORMULA),
    classes_case("control characters", f"poor{ESCAPES}", "has a control character"),
    classes_case("a line break", "poor\nwell", "has a control character"),
    classes_case("no Unicode", "poor\udc80", "is not Unicode text"),
    classes_case("a formula, of slides", "@poor", FORMULA, "prepare"),
    Case("run: explains dots", "explain", predicted_elsewhere("../../secret.png"), OUT),
    Case("run: explains an absolute path", "explain", predicted_elsewhere("{bait}/secret.png"), OUT),
    Case("run: explains an address", "explain", predicted_elsewhere("file://{bait}/secret.png"), OUT),
    Case("run: explains a link", "explain", predicted_elsewhere("linked.png", link=True), OUT),
    Case("run: exports with dots", "export", predicted_elsewhere("../../secret.png"), OUT),
    Case("run: exports with an absolute path", "export", predicted_elsewhere("{bait}/secret.png"), OUT),
    Case("run: allows itself, explain", "explain", allowed_by_itself("explain"), OUT),
    Case("run: allows itself, evaluate", "evaluate", allowed_by_itself("evaluate"), OUT),
    Case("run: allows itself, train.resume", "train", allowed_by_itself("train"), OUT),
    Case("run: figures are links", "compare", linked_figure, None, nothing_steers),
    *(
        Case(f"run: {key} is filled in", "explain", filled_in(key), r"stands for other values")
        for key in ("model.backbone", "data.name", "data.manifest")
    ),
    Case("run: a grade is a formula", "compare", lambda place: classed(place, "=cmd|x"), FORMULA),
    *(table_case(f"image, {name}", "image", text, OUT) for name, text in LEADING_OUT.items()),
    table_case("patient, a formula", "patient", "=1", FORMULA),
    table_case("control characters", "image", f"{ESCAPES}.png", "does not exist"),
    Case("folder of inputs: a link", "predict", linked_input(), OUT),
    Case("folder of inputs: no UTF-8", "predict", misnamed_input(b"a\xff.png"), "is not Unicode text"),
    Case(
        "folder of inputs: control characters", "predict", misnamed_input(f"{ESCAPES}$x$.png"), None, answered
    ),
    Case("slide table: a formula", "prepare", slide_table("patient", "=1"), FORMULA),
    Case("slide table: a formula in another column", "prepare", slide_table("note", "\uff20x"), FORMULA),
    Case("slide table: a column that is a formula", "prepare", slide_table("=x", "1"), FORMULA),
    Case("slide: its regions are a link", "prepare", linked_region, OUT),
    Case("slide: a link out of its folder", "prepare", linked_slide, OUT),
    Case("slide: a formula", "prepare", named_slide("=a.tif"), FORMULA),
    Case("slide: control characters", "prepare", named_slide(f"{ESCAPES}a.tif"), None, plainly_named),
    Case("slide: a leading dash", "prepare", named_slide("-rf.tif"), FORMULA),
    Case("slide: over-long", "prepare", named_slide("x" * 240 + ".tif"), None, plainly_named),
    Case("slides: two names by case", "prepare", twin_slides, "more than one slide has this name"),
    Case("grades in folders: a link", "train", grade_folder(linked_grade), OUT),
    Case("grades in folders: no UTF-8", "train", grade_folder(no_text), "is not Unicode text"),
]
