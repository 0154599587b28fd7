"""Names that the user said are one patient."""

from pathlib import Path

import pandas as pd
import pytest

from livergrade.config.schema import DataConfig
from livergrade.data.patient_alias import (
    KEPT,
    CohortError,
    PatientNames,
    patient_names,
    read_alias,
    refuse_changed_alias,
)
from livergrade.errors import UserError


def table_of(patients: list[str]) -> pd.DataFrame:
    return pd.DataFrame({"patient": patients}, dtype=str)


def written(folder: Path, *rows: str) -> Path:
    path = folder / "alias.csv"
    path.write_text(
        "\n".join(["patient,same_as,why", *(f"{row}," for row in rows)]) + "\n", encoding="utf-8-sig"
    )
    return path


def test_names_are_replaced_along_chains(tmp_path: Path) -> None:
    alias = read_alias(written(tmp_path, "P7,P007", "P007, Smith ", "Smith,Smith", "P7,P007", "Q,Q"))
    assert alias.names({"P7", "P007", "Smith", "Q"}) == ({"P7": "Smith", "P007": "Smith"}, [])
    table, problems = PatientNames(alias).applied(table_of(["P7", "P007", "Smith", "Q"]))
    assert table["patient"].tolist() == ["Smith", "Smith", "Smith", "Q"]
    assert problems == []


def test_all_bad_rows_are_told_at_once(tmp_path: Path) -> None:
    rows = ("P7,", ",P7", "P7,P8", "P7,Q", "X1,P7", "P8,p9", "A,B", "B,C", "C,A", "Q,=1+1")
    path = written(tmp_path, *rows)
    _, problems = read_alias(path).names({"P7", "P8", "P9", "Q", "A", "B", "C"})
    told = "\n".join(problems)
    assert all(str(path) in line for line in problems)
    for line in (
        "row 2: same_as is blank",
        "row 3: patient is blank",
        "row 5: 'P7' is the same as 'Q' here, and as 'P8' in row 4",
        "row 6: patient 'X1' is not a patient of the cohort",
        "row 7: same_as 'p9' is not a patient of the cohort; it has 'P9'",
        "row 8: 'A', row 9: 'B', row 10: 'C': each is the same as the next, in a ring",
        "row 11: same_as '=1+1' is a formula",
    ):
        assert line in told, line


def test_two_names_that_are_each_others_are_a_ring_and_what_leads_there_is_no_error_more(
    tmp_path: Path,
) -> None:
    names, (ring,) = read_alias(written(tmp_path, "C,A", "A,B", "B,A")).names()
    assert "row 3: 'A', row 4: 'B'" in ring
    assert "'C'" not in ring
    assert set(names) <= {"A", "B", "C"}


@pytest.mark.parametrize("text", ["", "patient,other\na,b\n"])
def test_a_file_that_is_no_such_table_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(UserError, match=r"a\.csv"):
        read_alias(tmp_path / "a.csv")
    with pytest.raises(UserError, match="No such file"):
        read_alias(tmp_path / "none.csv")


def test_spellings_are_a_problem_until_the_user_says_what_they_are(tmp_path: Path) -> None:
    table = table_of(["P7", "P7", "p_07", "Q", "q."])
    _, problems = PatientNames().applied(table)
    assert len(problems) == 2
    assert "data.patient_alias=<CSV" in problems[-1]
    assert "data.patient_names=exact" in problems[-1]
    assert PatientNames(exact=True).applied(table)[1] == []
    assert (
        PatientNames().suggested(table["patient"]).to_csv(index=False) == "patient,same_as\np_07,P7\nq.,Q\n"
    )
    half = PatientNames(read_alias(written(tmp_path, "p_07,P7")))
    named, (left,) = half.applied(table)
    assert left.startswith("one patient's name in 2 spellings: 'Q' (1 image), 'q.' (1 image)")
    suggested = half.suggested(named["patient"])
    assert suggested.to_numpy().tolist() == [["p_07", "P7"], ["q.", "Q"]]
    assert PatientNames(half.alias, exact=True).applied(table)[1] == []
    assert CohortError("no", suggested).suggested is suggested


def test_a_run_keeps_its_table_and_a_change_is_noticed(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    path = written(tmp_path, "P7,P007")
    options = DataConfig(patient_alias=str(path))
    read_alias(path).keep(run)
    assert (run / KEPT).read_bytes() == path.read_bytes()
    refuse_changed_alias(options, run)
    refuse_changed_alias(DataConfig(), run)
    path.write_text("patient,same_as\nP8,P008\n")
    with pytest.raises(UserError, match="was changed since this run was started"):
        refuse_changed_alias(options, run)
    alias = patient_names(options, run).alias
    assert alias is not None
    assert alias.names()[0] == {"P7": "P007"}  # the run's, whatever lies where it was
    path.unlink()
    refuse_changed_alias(options, run)
    (run / KEPT).unlink()
    (run / KEPT).symlink_to("/etc/hostname")
    with pytest.raises(UserError, match="leads out of its folder"):
        patient_names(options, run)
