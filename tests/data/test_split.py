"""Sides of a split by patient, fold or image."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livergrade.config.schema import SplitConfig
from livergrade.data.cohort import Cohort
from livergrade.data.patient_alias import PatientAlias, read_alias
from livergrade.data.split import external_split, make_split, open_split, read_split, refuse_leakage, summary
from livergrade.errors import UserError
from livergrade.evaluation.grade_counts import grade_counts, majority_grades
from livergrade.evaluation.splits import read_split_table, write_split
from tests.conftest import examples

CLASSES = ["poor", "moderate", "well"]
PATIENT = SplitConfig(name="patient", seed=0)


def cohort_of(grades: list[list[str]]) -> Cohort:
    """One inner list a patient: the grades of its images."""
    rows = [
        (f"i{patient}_{number}.png", f"p{patient}", grade, f"{patient:032x}{number:032x}")
        for patient, images in enumerate(grades)
        for number, grade in enumerate(images)
    ]
    table = pd.DataFrame(rows, columns=["image", "patient", "grade", "sha256"])
    return Cohort(table.sort_values("image", ignore_index=True), CLASSES, Path())


PAPER = cohort_of([[grade] * 6 for grade, n in zip(CLASSES, (24, 28, 22), strict=True) for _ in range(n)])

# At least six patients a grade, one to five images each, some patients with images of two grades.
patients = st.builds(
    lambda main, extra, n: [main] * n + [extra] * (n // 3),
    st.sampled_from(CLASSES),
    st.sampled_from(CLASSES),
    st.integers(1, 5),
)
cohorts = st.lists(patients, max_size=40).map(
    lambda drawn: cohort_of([[grade] * 2 for grade in CLASSES for _ in range(6)] + drawn)
)


@settings(max_examples=examples(60), deadline=None)
@given(cohorts, st.integers(0, 2**31), st.floats(0.1, 0.4), st.sampled_from(["patient", "kfold"]))
def test_properties_of_a_patient_split(cohort: Cohort, seed: int, fraction: float, name: str) -> None:
    options = SplitConfig(name=name, test_fraction=fraction, val_fraction=0.2, seed=seed, fold=seed % 5)
    split = make_split(cohort, options)
    # complete and disjoint
    assert split["image"].tolist() == cohort.table["image"].tolist()
    assert set(split["split"]) == {"train", "val", "test"}
    assert split.groupby("patient")["split"].nunique().max() == 1
    if name == "kfold":
        assert set(split["fold"][split["split"] == "val"]) == {(options.fold + 1) % 5}
    # stratified within one patient
    share = fraction if name == "patient" else 1 / 5
    sides = split.drop_duplicates("patient").set_index("patient")["split"]
    grades = majority_grades(cohort.table, CLASSES)
    for grade in CLASSES:
        mine = sides[grades.index[grades == grade]]
        assert abs((mine == "test").sum() - share * len(mine)) < 1
    # independent of the order of rows
    turned = Cohort(cohort.table.sample(frac=1, random_state=seed % 1000), CLASSES, Path())
    again = make_split(turned, options).sort_values("image", ignore_index=True)
    pd.testing.assert_frame_equal(again, split.sort_values("image", ignore_index=True))


@settings(max_examples=examples(20), deadline=None)
@given(cohorts, st.integers(0, 1000), st.integers(2, 6))
def test_folds_test_every_patient_once_and_validate_once(cohort: Cohort, seed: int, folds: int) -> None:
    parts: dict[str, list[str]] = {"test": [], "val": []}
    everybody = sorted(cohort.table["patient"].unique())
    for fold in range(folds):
        split = make_split(cohort, SplitConfig(name="kfold", folds=folds, fold=fold, seed=seed))
        assert (split["split"] == "train").any()
        assert (split["fold"][split["split"] == "test"] == fold).all()
        for part, patients_of in parts.items():
            patients_of += split["patient"][split["split"] == part].unique().tolist()
    assert sorted(parts["test"]) == everybody
    if folds > 2:
        assert sorted(parts["val"]) == everybody
    else:  # the fold that is not tested is trained on, too
        assert len(set(parts["val"])) == len(parts["val"]) < len(everybody)
    sizes = split.groupby("fold")["patient"].nunique()
    assert sizes.max() - sizes.min() <= 1


def test_seeds_differ() -> None:
    one, other = (make_split(PAPER, replace(PATIENT, seed=seed)) for seed in (0, 1))
    assert not one["split"].equals(other["split"])


def test_the_papers_counts() -> None:
    """8:2 over 24, 28 and 22 patients is 5, 6 and 4; over images, with the floor, 28, 33 and 26."""
    split = make_split(PAPER, PATIENT)
    tested = split[split["split"] == "test"]
    assert tested.groupby("grade")["patient"].nunique().to_dict() == {"poor": 5, "moderate": 6, "well": 4}
    split = make_split(PAPER, SplitConfig(name="image", val_fraction=0.0, seed=3))
    tested = split[split["split"] == "test"]
    assert tested["grade"].value_counts().to_dict() == {"poor": 28, "moderate": 33, "well": 26}
    assert tested["patient"].isin(split.loc[split["split"] == "train", "patient"]).mean() > 0.95


def test_every_patient_that_is_not_tested_validates_once() -> None:
    splits = [make_split(PAPER, replace(PATIENT, val_folds=5, val_fold=fold)) for fold in range(5)]
    rest = [set(split.loc[split["split"] == "val", "patient"]) for split in splits]
    tested = [set(split.loc[split["split"] == "test", "patient"]) for split in splits]
    assert len(set(map(frozenset, tested))) == 1
    assert tested[0] == set(make_split(PAPER, PATIENT).query("split == 'test'")["patient"])
    assert sum(map(len, rest)) == len(set().union(*rest)) == PAPER.table["patient"].nunique() - len(tested[0])


def test_a_given_split_keeps_its_test_patients_and_has_folds_of_the_others(tmp_path: Path) -> None:
    given = make_split(PAPER, replace(PATIENT, seed=3))
    write_split(given, tmp_path / "split.csv")
    parts = [
        open_split(PAPER, replace(PATIENT, val_folds=3, val_fold=fold), tmp_path / "split.csv")
        for fold in range(3)
    ]
    for split in parts:
        assert (split["split"] == "test").tolist() == (given["split"] == "test").tolist()
    validating = [frozenset(split.loc[split["split"] == "val", "patient"]) for split in parts]
    assert len(frozenset().union(*validating)) == sum(map(len, validating))


def test_no_validation_side_when_none_is_asked_for() -> None:
    assert set(make_split(PAPER, replace(PATIENT, val_fraction=0.0))["split"]) == {"train", "test"}


def test_a_patient_on_two_sides_raises() -> None:
    split = make_split(PAPER, PATIENT)
    split.loc[split.index[split["split"] == "test"][0], "split"] = "train"
    with pytest.raises(UserError, match="leakage: 1 patient on two sides"):
        refuse_leakage(split)


@pytest.mark.parametrize("options", [PATIENT, SplitConfig(name="kfold", seed=0)])
def test_a_grade_with_one_patient_can_not_be_split(options: SplitConfig) -> None:
    cohort = cohort_of([["poor"]] + [[grade] for grade in ("moderate", "well") for _ in range(6)])
    with pytest.raises(UserError, match=r"cannot split.*poor has 1"):
        make_split(cohort, options)


@pytest.mark.parametrize("options", [PATIENT, SplitConfig(name="kfold", seed=0)])
def test_a_grade_that_is_no_patients_is_said_to_be_so_and_the_advice_works(options: SplitConfig) -> None:
    mixed = ["moderate", "well", "well"]
    cohort = cohort_of([["poor"]] * 8 + [mixed] * 8)
    with pytest.raises(UserError) as told:
        make_split(cohort, options)
    assert "moderate is" not in str(told.value)
    assert "it is no patient's most frequent grade (a tie goes to the worse), though 8 images" in str(
        told.value
    )
    advice = "give the images of moderate the grade well, and set 'data.classes=[poor,well]'"
    assert advice in str(told.value)
    merged = replace(cohort, table=cohort.table.replace("moderate", "well"), classes=["poor", "well"])
    assert grade_counts(make_split(merged, options), merged.classes) == [(8, 8), (8, 24), (16, 32)]


def test_the_advice_on_few_patients_works() -> None:
    cohort = cohort_of([["poor"]] * 2 + [["moderate"]] * 6 + [["well"]] * 6)
    with pytest.raises(
        UserError, match=r"poor has 1 patient left.*Set split\.val_fraction=0, add patients or"
    ):
        make_split(cohort, PATIENT)
    assert set(make_split(cohort, replace(PATIENT, val_fraction=0.0))["split"]) == {"train", "test"}
    with pytest.raises(UserError, match=r"poor has 2\. Set split\.folds=2, add patients or"):
        make_split(cohort, SplitConfig(name="kfold", seed=0))
    make_split(cohort, SplitConfig(name="kfold", folds=2, val_fraction=0.0, seed=0))


def test_a_written_split_is_read_back(tmp_path: Path) -> None:
    for name in ("patient", "kfold"):
        split = make_split(PAPER, SplitConfig(name=name, seed=0))
        write_split(split, tmp_path / "split.csv")
        pd.testing.assert_frame_equal(
            read_split(tmp_path / "split.csv", PAPER), split.astype(str), check_dtype=False
        )


def test_a_split_of_other_data_is_refused_with_all_reasons(tmp_path: Path) -> None:
    split = make_split(PAPER, PATIENT)
    split.loc[0, "sha256"] = "f" * 64
    split.loc[1, "patient"] = "somebody"
    split.loc[2, "image"] = "other.png"
    split.loc[3, "split"] = "holdout"
    write_split(split, tmp_path / "split.csv")
    with pytest.raises(UserError) as told:
        read_split(tmp_path / "split.csv", PAPER)
    for part in (
        "sha256 was fff",
        "patient was somebody",
        "other.png: in the split, not in",
        "'holdout' is none",
    ):
        assert part in str(told.value)


def test_summary_counts_patients_and_images() -> None:
    text = summary(make_split(PAPER, PATIENT), CLASSES)
    assert text.splitlines()[-1].split()[:5] == ["all", "47", "pat.", "282", "img."]


def cohort_named(names: list[str], alias: PatientAlias | None = None) -> Cohort:
    rows = [(f"x{n}.png", name, CLASSES[n % 3], f"{n:a>64}") for n, name in enumerate(names)]
    return Cohort(pd.DataFrame(rows, columns=["image", "patient", "grade", "sha256"]), CLASSES, Path(), alias)


def alias_of(folder: Path, *rows: str) -> PatientAlias:
    (folder / "alias.csv").write_text("\n".join(["patient,same_as", *rows]))
    return read_alias(folder / "alias.csv")


def test_a_patient_trained_on_is_known_in_every_spelling(tmp_path: Path) -> None:
    split = make_split(PAPER, PATIENT)
    split.loc[split["patient"] == split.loc[split["split"] == "train", "patient"].iloc[0], "patient"] = "P7"
    write_split(split, tmp_path / "split.csv")
    trained = tmp_path / "split.csv"
    for name in ("P007", "Ｐ-7", "p\u200b7"):
        with pytest.raises(UserError, match=r"1 patient trained on: .* \(as P7\); .*same_names=true"):
            external_split(cohort_named([name, "new"]), read_split_table(trained), trained)
    with pytest.raises(UserError, match=r"trained on: smith \(as P7\)"):
        external_split(
            cohort_named(["smith", "new"]),
            read_split_table(trained),
            trained,
            alias=alias_of(tmp_path, "Smith,P7"),
        )
    renamed = cohort_named(["other", "new"], alias_of(tmp_path, "p 7,other"))
    with pytest.raises(UserError, match=r"trained on: other \(as P7\)"):
        external_split(renamed, read_split_table(trained), trained)
    told = external_split(cohort_named(["P007", "new"]), read_split_table(trained), trained, same_names=True)
    assert {"P7 (of training)", "P007", "new"} <= set(told["patient"])
    assert "P7" not in set(told["patient"])
    assert len(external_split(cohort_named(["P700", "7"]), read_split_table(trained), trained)) == len(told)


def test_a_split_made_with_other_names_is_not_used_again(tmp_path: Path) -> None:
    names = ["P7", "b", "c", "p_07", "d", "e", "f", "g", "h"] * 2
    split = make_split(cohort_named(names), replace(PATIENT, val_fraction=0.0))
    write_split(split, tmp_path / "split.csv")
    joined = cohort_named(["P7" if name == "p_07" else name for name in names])
    with pytest.raises(UserError, match="patient was p_07 when the split was made, is P7"):
        open_split(joined, PATIENT, tmp_path / "split.csv")
    for fold in range(2):
        folds = make_split(joined, SplitConfig(name="kfold", folds=2, fold=fold, seed=0, val_fraction=0.0))
        assert folds.loc[folds["patient"] == "P7", "split"].nunique() == 1
