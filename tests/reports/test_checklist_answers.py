"""What the files of a run answer to the items of the checklists."""

from pathlib import Path

from livergrade.reports.checklist_answers import claim_answers, facts_of, tripod_answers
from livergrade.reports.checklists import checklist_items
from livergrade.runs.run import Run
from tests.conftest import finished_run


def test_every_answer_is_to_an_item_and_none_is_empty(tmp_path: Path) -> None:
    facts = facts_of(Run(finished_run(tmp_path / "run", "senet", patients=60)))
    for name, answers in (("TRIPOD+AI", tripod_answers(facts)), ("CLAIM 2024", claim_answers(facts))):
        assert set(answers) <= {item["number"] for item in checklist_items()[name]["items"]}
        assert all(answer.strip() == answer != "" for answer in answers.values())
        assert not any("None" in answer or "nan" in answer.split() for answer in answers.values())


def test_figures_are_those_of_the_run(tmp_path: Path) -> None:
    run = Run(finished_run(tmp_path / "run", "senet", patients=60, options={"split.train_patients": 20}))
    facts, accuracy = facts_of(run), run.metrics["patient"]["accuracy"]
    assert f"accuracy {100 * accuracy['value']:.1f} %" in facts["performance"]
    assert f"{100 * accuracy['low']:.1f}–{100 * accuracy['high']:.1f}" in facts["performance"]
    assert "20 patients were trained on" in facts["split"]
    assert facts["copies"] == ""
    assert "sex (" not in facts["subgroups"]


def test_another_cohort_is_a_test_on_external_data(tmp_path: Path) -> None:
    facts = facts_of(Run(finished_run(tmp_path / "run", "senet", patients=60)))
    internal = claim_answers(facts)
    assert "32" in internal
    assert "33" not in internal
    external = claim_answers({**facts, "external": True})
    assert "33" in external
    assert "32" not in external
    assert "tested on another cohort" in tripod_answers({**facts, "external": True})["4"]
