"""Tables of cohorts as other tools and archives lay them out, read as they are."""

import re
from pathlib import Path

import pytest

from livergrade.data.cohort import from_manifest
from livergrade.data.manifest import TableOptions, read_manifest
from livergrade.errors import UserError
from livergrade.io.grade_map import GradeMap
from tests.conftest import GRADES, draw_image

CLASSES = list(GRADES)
SUFFIX = ".png"

LAYOUTS: dict[str, tuple[str, TableOptions]] = {
    "CLAM": (
        ",case_id,slide_id,label\n0,p0,s0,subtype_1\n1,p1,s1,subtype_2\n",
        TableOptions(
            {"image": "slide_id", "patient": "case_id", "grade": "label"},
            GradeMap({"subtype_1": "poor", "subtype_2": "well"}),
            SUFFIX,
        ),
    ),
    "slideflow": (
        "patient,slide,site,ER\np0,s0,A1,negative\np1,s1,A2,positive\n",
        TableOptions(
            {"image": "slide", "grade": "ER"}, GradeMap({"negative": "poor", "positive": "well"}), SUFFIX
        ),
    ),
    "PANDA": (
        "image_id,data_provider,isup_grade,gleason_score\ns0,karolinska,0,0+0\ns1,radboud,4,4+4\n",
        TableOptions(
            {"image": "image_id", "patient": "image_id", "grade": "isup_grade"},
            GradeMap({"0": "well", "4": "poor"}),
            SUFFIX,
        ),
    ),
    "BreakHis": (
        "images,labels\ndata\\benign\\s-14-2.png,benign\ndata\\benign\\s-14-3.png,malignant\n",
        TableOptions(
            {"image": "images", "grade": "labels"},
            GradeMap({"benign": "well", "malignant": "poor"}),
            pattern=r"-(?P<patient>\d+-\d+)",
        ),
    ),
    "TCGA clinical": (
        "case_id\tsubmitter_id\ttumor_grade\nu0\tTCGA-1\tG1\nu1\tTCGA-2\tG3\nu2\tTCGA-3\tnot reported\n",
        TableOptions(
            {"image": "submitter_id", "patient": "submitter_id", "grade": "tumor_grade"},
            GradeMap({"G1": "well", "G3": "poor", "not reported": None}),
            SUFFIX,
        ),
    ),
    "cBioPortal": (
        "Patient ID\tSample ID\tNeoplasm Histologic Grade\nT-1\tT-1-01\tG1\nT-2\tT-2-01\tG3\n",
        TableOptions(
            {"image": "Sample ID", "patient": "Patient ID", "grade": "Neoplasm Histologic Grade"},
            GradeMap({"G1": "well", "G3": "poor"}),
            SUFFIX,
        ),
    ),
    "CAMELYON17": (
        "patient,stage\npatient_0_node_0.tif,negative\npatient_1_node_0.tif,macro\n",
        TableOptions(
            {"image": "patient", "grade": "stage", "patient": "patient"},
            GradeMap({"negative": "well", "macro": "poor"}),
        ),
    ),
    "BACH": (
        "b001.tif;Benign\nb002.tif;Invasive\n".join(["Image;Class\n", ""]),
        TableOptions(
            {"patient": "image", "grade": "class"}, GradeMap({"Benign": "well", "Invasive": "poor"})
        ),
    ),
    "QuPath measurements": (
        "Image\tName\tClass\tCentroid X µm\ns0.png\tp0\tTumor\t12.5\ns1.png\tp1\tStroma\t7\n",
        TableOptions({"patient": "Name", "grade": "Class"}, GradeMap({"Tumor": "poor", "Stroma": "well"})),
    ),
    "NCT-CRC, no patients": (
        '"","path","tissue"\n"1","TUM/a.tif","TUM"\n"2","NORM/b.tif","NORM"\n',
        TableOptions(
            {"image": "path", "patient": "path", "grade": "tissue"},
            GradeMap({"TUM": "poor", "NORM": "well"}),
        ),
    ),
    "cBioPortal's own files": (
        (
            "#Patient Identifier\tTumor Grade\n#Identifier of a patient.\tGrade\n#STRING\tSTRING\n#1\t1\n"
            "PATIENT_ID\tGRADE\nT-1\tG1\nT-2\tG3\nT-3\t[Not Available]\nT-4\t\n"
        ),
        TableOptions(
            {"image": "PATIENT_ID", "patient": "PATIENT_ID"},
            GradeMap({"G1": "well", "G3": "poor", "[Not Available]": None, "": None}),
            SUFFIX,
        ),
    ),
    "PatchGastric": (
        (
            'id,subtype,text\n0a,Well differentiated adenocarcinoma,"Ducts, large."\n'
            '0b,"Poorly differentiated adenocarcinoma, solid type",Sheets\n'
        ),
        TableOptions(
            {"image": "id", "patient": "id", "grade": "subtype"},
            GradeMap(
                {
                    "Well differentiated adenocarcinoma": "well",
                    "Poorly differentiated adenocarcinoma, solid type": "poor",
                }
            ),
            SUFFIX,
        ),
    ),
    "CAMELYON17, with rows of patients": (
        "patient,stage\npatient_0.zip,pN0(i+)\npatient_0_node_0.tif,negative\npatient_1_node_0.tif,macro\n",
        TableOptions(
            {"image": "patient", "grade": "stage"},
            GradeMap({"negative": "well", "macro": "poor", "pN0(i+)": None}),
            pattern=r"(?P<patient>patient_\d+)",
        ),
    ),
    "R, with a label beside the grade": (
        (
            '"slide_id","case_id","label","GRADE","OS_MONTHS"\n'
            "T-1-DX1.0F,T-1,responsive,G1,NA\nT-2-DX1.1F,T-2,non-responsive,G3,2.17\n"
        ),
        TableOptions(
            {"image": "slide_id", "patient": "case_id"}, GradeMap({"G1": "well", "G3": "poor"}), SUFFIX
        ),
    ),
    "CRC-5000": (
        "image,label\n01_T/A2_CRC-08.tif_Row_1_Col_1.tif,0\n02_S/7E_CRC-04.tif_Row_1_Col_10.tif,1\n",
        TableOptions(
            {"grade": "label"}, GradeMap({"0": "poor", "1": "well"}), pattern=r"/(?P<patient>[^/]*)\.tif_Row"
        ),
    ),
    "GTEx": (
        (
            'Tissue Sample ID,Subject ID,Pathology Notes,tile_filename\nG-1-05,G-1,"3 pieces; ok",G-1_0.png\n'
            "G-2-05,G-2,,G-2_0.png\n"
        ),
        TableOptions(
            {"image": "tile_filename", "patient": "Subject ID", "grade": "Tissue Sample ID"},
            GradeMap({"G-1-05": "well", "G-2-05": "poor"}),
        ),
    ),
    "PAIP": (
        "slide_name;Edmondson-Steiner grade;age\n01_01_0083;1;54\n01_01_0085;3;61\n",
        TableOptions(
            {"image": "slide name", "patient": "slide name", "grade": "edmondson steiner grade"},
            GradeMap({"1": "well", "3": "poor"}),
            SUFFIX,
        ),
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_other_peoples_tables_are_read_as_they_are(tmp_path: Path, layout: str) -> None:
    text, options = LAYOUTS[layout]
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    table = read_manifest(tmp_path / "t.csv", tmp_path, options)
    assert table.problems == []
    assert set(table.cells["grade"]) == {"poor", "well"}
    assert table.cells["image"].str.endswith((".png", ".tif")).all()
    assert not table.cells["image"].str.contains("\\", regex=False).any()
    assert table.cells["patient"].is_unique


def test_two_maps_take_a_foreign_cohort_whole(tmp_path: Path, caplog) -> None:
    names = ("s0", "s1", "s2", "s3")
    for number, name in enumerate(names):
        draw_image(tmp_path / f"{name}.png", number, number % 3)
    rows = "".join(f"{name}\tc{name}\tG{number}\n" for number, name in enumerate(names))
    (tmp_path / "t.tsv").write_text(f"slide_id\tcase_id\tlabel\n{rows}s9\tc9\tGX\n")
    grades = GradeMap({"G0": "well", "G1": "well", "G2": "moderate", "G3": "poor", "GX": None, "G9": None})
    options = TableOptions({"image": "slide_id", "patient": "case_id", "grade": "label"}, grades, SUFFIX)
    cohort = from_manifest(tmp_path / "t.tsv", CLASSES, table=options)
    assert cohort.table["grade"].tolist() == ["well", "well", "moderate", "poor"]
    assert cohort.table["image"].tolist() == [f"{name}.png" for name in names]
    assert "1 of 5 are left out (1 of GX), as data.grades says" in caplog.text
    assert "data.grades: no row has 'G9'" in caplog.text


def test_the_advice_of_each_message_works(tmp_path: Path) -> None:
    """What each refusal says is done until the table goes in."""
    for number, name in enumerate(("s0", "s1", "s2")):
        draw_image(tmp_path / f"{name}.png", number, number)
    (tmp_path / "t.csv").write_text("slide_id;case_id;label\ns0;a;Poor\ns1;b;MODERATE\ns2;c;well\n")

    def told(options: TableOptions) -> str:
        with pytest.raises(UserError) as error:
            from_manifest(tmp_path / "t.csv", CLASSES, table=options)
        return str(error.value)

    columns = dict(re.findall(r"data\.columns\.(\w+)=(\w+)", told(TableOptions())))
    assert columns == {"image": "slide_id", "patient": "case_id", "grade": "label"}
    message = told(TableOptions(columns))
    found = re.search(r"'data\.grades=\{Poor: (\w+), MODERATE: (\w+)\}'", message)
    assert found, message
    grades = GradeMap({"Poor": found[1], "MODERATE": found[2]})
    suffix = re.search(r"s0\.png is there: set data\.suffix=(\.\w+)", told(TableOptions(columns, grades)))
    assert suffix
    cohort = from_manifest(tmp_path / "t.csv", CLASSES, table=TableOptions(columns, grades, suffix[1]))
    assert cohort.table["grade"].tolist() == CLASSES


def test_tables_of_slides_are_manifests_of_the_images_that_were_made_of_them(tmp_path: Path) -> None:
    draw_image(tmp_path / "T-1.0F.png", 0, 0)
    draw_image(tmp_path / "T-2.1F.png", 1, 2)
    (tmp_path / "t.csv").write_text(",case_id,slide_id,grade\n0,T-1,T-1.0F.svs,poor\n1,T-2,T-2.1F.svs,well\n")
    columns = {"image": "slide_id", "patient": "case_id"}
    with pytest.raises(UserError, match=r"T-1\.0F\.png is there: set data\.suffix=\.png"):
        from_manifest(tmp_path / "t.csv", CLASSES, table=TableOptions(columns))
    cohort = from_manifest(tmp_path / "t.csv", CLASSES, table=TableOptions(columns, suffix=SUFFIX))
    assert cohort.table["image"].tolist() == ["T-1.0F.png", "T-2.1F.png"]


def test_rows_without_a_grade_are_left_out_as_the_message_says(tmp_path: Path, caplog) -> None:
    for number, name in enumerate("abc"):
        draw_image(tmp_path / f"{name}.png", number, number)
    (tmp_path / "t.csv").write_text("image,patient,grade\na.png,P,poor\nb.png,Q,\nc.png,R, \n")
    with pytest.raises(UserError, match=r"row 4: grade is blank\n.*'data\.grades=\{.*: null\}'"):
        from_manifest(tmp_path / "t.csv", CLASSES)
    cohort = from_manifest(tmp_path / "t.csv", CLASSES, table=TableOptions(grades=GradeMap({"": None})))
    assert cohort.table["image"].tolist() == ["a.png"]
    assert "2 of 3 are left out (2 blank), as data.grades says" in caplog.text


def test_rows_keep_their_numbers_when_others_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("image,patient,grade\na.png,P,GX\n\nb.png,Q,bad\n")
    with pytest.raises(UserError, match=r"row 4: grade 'bad' is not in data\.classes"):
        from_manifest(tmp_path / "t.csv", CLASSES, table=TableOptions(grades=GradeMap({"GX": None})))


def test_patients_come_from_a_column_or_from_the_names_and_not_from_both(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("image,patient,grade\na-1.png,P,poor\n")
    pattern = TableOptions(pattern=r"-(?P<patient>\d)\.")
    with pytest.raises(UserError, match=r"has a column of patients; leave out data\.patient_pattern"):
        read_manifest(tmp_path / "t.csv", tmp_path, pattern)
    (tmp_path / "t.csv").write_text("image,grade\na-1.png,poor\nb.png,poor\n")
    with pytest.raises(
        UserError,
        match=r"or data\.patient_pattern, if the images' names contain the "
        "patient",
    ):
        read_manifest(tmp_path / "t.csv", tmp_path, TableOptions())
    table = read_manifest(tmp_path / "t.csv", tmp_path, pattern)
    assert table.cells["patient"].tolist() == ["1", ""]
    assert table.problems == [r"row 3: data.patient_pattern=-(?P<patient>\d)\. names no patient in its image"]


def test_pixel_sizes_are_checked_with_the_rows(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("image;patient;grade;MPP\na.png;P;poor;0,5\nb.png;Q;poor;0.5um\n")
    table = read_manifest(tmp_path / "t.csv", tmp_path, TableOptions())
    assert table.cells["mpp"].tolist() == ["0.5", "0.5um"]
    assert [line.partition(";")[0] for line in table.problems] == ["row 3: mpp '0.5um' is not a number"]
