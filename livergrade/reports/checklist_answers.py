"""What the files of a run answer to the items of TRIPOD+AI and CLAIM 2024, by the number of the item."""

from __future__ import annotations

import os
from typing import TypedDict

from livergrade.config.schema import TrainConfig
from livergrade.errors import UserError
from livergrade.evaluation.grade_counts import grade_counts
from livergrade.evaluation.scale import in_words
from livergrade.evaluation.summary import RunMetrics
from livergrade.io.counted import counted
from livergrade.io.run_tables import read_run_table
from livergrade.reports.format import bounds, value
from livergrade.reports.verdict import limits
from livergrade.runs.environment import Environment
from livergrade.runs.run import Run

_AUTHORS = "For the authors: "


class Facts(TypedDict):
    """What the answers are made of, in sentences; empty where the run does not tell.

    Attributes:
        synthetic: whether the cohort is computer-generated.
        external: whether the run is the evaluation of another cohort.
        counts: patients and images by part of the split and grade.
        test: the same of the test set alone.
        split: how the parts were drawn.
        leakage: at which level the parts are disjoint.
        copies: near duplicates across the split.
        images: what was done to the images.
        network: the network.
        initial: its initial weights.
        training: how it was trained.
        chosen: how the tested weights were chosen.
        imbalance: whether grades were weighed.
        software: versions.
        metrics: what was measured.
        intervals: how intervals were made.
        performance: headline figures with intervals.
        by_grade: sensitivity and specificity of each grade.
        failures: patients who were graded wrongly.
        subgroups: groups of patients that were measured.
        output: what the model answers.
        calibration: whether probabilities were calibrated.
        robustness: views and out-of-distribution detection.
        maps: whether maps were tested.
        limits: what limits the results.
        code: version and commit.
    """

    synthetic: bool
    external: bool
    counts: str
    test: str
    split: str
    leakage: str
    copies: str
    images: str
    network: str
    initial: str
    training: str
    chosen: str
    imbalance: str
    software: str
    metrics: str
    intervals: str
    performance: str
    by_grade: str
    failures: str
    subgroups: str
    output: str
    calibration: str
    robustness: str
    maps: str
    limits: str
    code: str


def facts_of(run: Run) -> Facts:
    """Gather the facts of a run from its files."""
    config, metrics = run.recorded, run.metrics
    environment: Environment = run.environment if _there(run, "environment.json") else {}
    return {
        "synthetic": config.data.name == "synthetic",
        "external": config.split.name == "external",
        "counts": "; ".join(_counts(run, part) for part in ("train", "val", "test") if _counts(run, part)),
        "test": _counts(run, "test"),
        "split": _split(config),
        "leakage": metrics["leakage"]["sentence"],
        "copies": _copies(run),
        "images": _images(run, config),
        "output": _output(metrics),
        "imbalance": "Grades were weighted inversely to their number of training images."
        if config.loss.class_weights
        else "Grades were neither weighted nor oversampled.",
        "metrics": "Accuracy, balanced accuracy, macro F1, AUROC, quadratic kappa, mean absolute error, "
        "Brier score, log-loss and calibration, by patient, image and view; net benefit of the worst grade.",
        "intervals": metrics["how"].get("intervals", ""),
        "subgroups": _subgroups(metrics),
        "maps": "Class-activation maps and occlusion were tested by deletion and insertion (sanity.json)."
        if _there(run, "sanity.json")
        else "",
        "limits": " ".join(limits(metrics, config)),
        **_performance(metrics),  # type: ignore[typeddict-item]
        **_trained(run, config, environment),
        **_uncertainty(metrics),
    }


def _there(run: Run, name: str) -> bool:
    return os.path.lexists(run.folder / name)


def _counts(run: Run, part: str) -> str:
    """Patients and images of a part, as ``15 test patients (5 poor, …) with 90 images``."""
    rows = run.split[run.split["split"] == part]
    if rows.empty:
        return ""
    *by_grade, (patients, images) = grade_counts(rows, run.metrics["classes"])
    grades = ", ".join(
        f"{count} {grade}" for grade, (count, _) in zip(run.metrics["classes"], by_grade, strict=True)
    )
    name = {"train": "training", "val": "validation", "test": "test"}[part]
    return f"{counted(patients, f'{name} patient')} ({grades}) with {counted(images, 'image')}"


def _split(config: TrainConfig) -> str:
    split = config.split
    if config.data.split_file:
        return "The split was given as a file (data.split_file)."
    drawn = {
        "patient": f"Patients were drawn at random by grade: {100 * split.test_fraction:g} % for testing, "
        f"{100 * split.val_fraction:g} % of the rest for validation",
        "kfold": f"Fold {split.fold + 1} of {split.folds} of a cross-validation of patients, by grade",
        "image": "Images, not patients, were drawn at random by grade",
        "external": "All patients are of another cohort than those trained on",
    }[split.name]
    fewer = f"; {split.train_patients} patients were trained on" if split.train_patients else ""
    return f"{drawn}{fewer} (seed {split.seed})."


def _copies(run: Run) -> str:
    """Number of near duplicates across the split, where they were looked for."""
    path = run.folder / "near_duplicates.csv"
    if not _there(run, path.name):
        return ""
    try:
        pairs = len(read_run_table(path, needed=("image_1", "image_2"), fix="train the run again"))
    except UserError:
        return ""
    found = f"{pairs} pairs were found" if pairs else "none were found"
    return f"Near duplicates of different patients across the split were looked for, {found}."


def _images(run: Run, config: TrainConfig) -> str:
    data, augment = config.data, config.augment
    return (
        f"The central square of each image was resized to a network input of {data.image_size} × "
        f"{data.image_size} px; training views were turned in steps of {augment.step_degrees:g}°"
        f"{', mirrored' * augment.flip}{f', jittered in stain by {augment.stain:g}' if augment.stain else ''}"
        f"; test views: {augment.test_views}. {in_words(run.scale)}"
    )


def _trained(run: Run, config: TrainConfig, environment: Environment) -> dict[str, str]:
    """Facts about network, training and software."""
    versions = environment.get("versions", {})
    commit = environment.get("git_commit")
    optim, parameters = config.optim, environment.get("parameters")
    size = f", {parameters:,} parameters" if parameters else ""
    chosen = (
        "The epoch with the lowest smoothed validation loss was tested."
        if (run.split["split"] == "val").any()
        else "The last epoch was tested; there was no validation set."
    )
    initial = environment.get("initialisation")
    epochs = environment.get("epochs", config.trainer.max_epochs)
    first = config.model.frozen_epochs
    frozen = f" (the head alone in the first {first})" if first else ""
    return {
        "network": f"{run.model}{size}, head {config.model.head}, input {config.data.image_size} px, "
        f"{len(config.data.classes)} grades.",
        "initial": f"Initial weights: {initial}." if initial else "",
        "training": f"{optim.name}, peak learning rate {optim.lr:g} ({optim.schedule}), weight decay "
        f"{optim.weight_decay:g}, batches of {config.data.batch_size}, {epochs} epochs{frozen}, seed "
        f"{config.seed}; all options are in config.yaml.",
        "chosen": chosen,
        "software": ", ".join(f"{name} {version}" for name, version in versions.items()),
        "code": f"livergrade {versions.get('livergrade', '')}{f', commit {commit}' if commit else ''}; "
        f"command: {environment.get('command', 'not recorded')}.",
    }


def _performance(metrics: RunMetrics) -> dict[str, str]:
    """Facts about how well the test set was graded."""
    patient = metrics["patient"]

    def told(name: str, key: str, unit: str) -> str:
        item = patient[key]
        return f"{name} {value(item, unit)}" + (f" ({bounds(item, unit)})" if bounds(item, unit) else "")

    wrong = patient["accuracy"]["n"] - round((patient["accuracy"]["value"] or 0) * patient["accuracy"]["n"])
    return {
        "performance": "By patient, with 95 % intervals: "
        + ", ".join(
            told(name, key, unit)
            for name, key, unit in (
                ("accuracy", "accuracy", "share"),
                ("balanced accuracy", "balanced_accuracy", "share"),
                ("quadratic kappa", "quadratic_kappa", "score"),
                ("macro AUROC", "macro_auroc", "score"),
                ("log-loss", "log_loss", "score"),
            )
        )
        + f"; n = {counted(patient['accuracy']['n'] or 0, 'patient')}.",
        "by_grade": "By patient: "
        + "; ".join(
            f"{grade} sensitivity {value(of['recall'], 'share')} ({bounds(of['recall'], 'share') or 'n/a'}), "
            f"specificity {value(of['specificity'], 'share')} ({bounds(of['specificity'], 'share') or 'n/a'})"
            for grade, of in patient["per_class"].items()
        )
        + ".",
        "failures": f"{wrong} of {patient['accuracy']['n']} test patients were graded incorrectly; "
        "report.html lists every patient and shows the largest errors.",
    }


def _subgroups(metrics: RunMetrics) -> str:
    groups = metrics.get("subgroups", [])
    columns = dict.fromkeys(group["column"] for group in groups)
    return f"Measured by {', '.join(columns)} ({len(groups)} groups; report.html)." if groups else ""


def _output(metrics: RunMetrics) -> str:
    return (
        f"A probability of each grade ({', '.join(metrics['classes'])}), the mean over views and images; the "
        "most probable grade is the answer, without a threshold."
    )


def _uncertainty(metrics: RunMetrics) -> dict[str, str]:
    """Facts about calibration, and about other views and unlike images."""
    temperature = metrics["calibration"]["temperature"] if "calibration" in metrics else None
    views = [row["views"] for row in metrics.get("views", [])]
    looked = f"Graded with {', '.join(map(str, views))} views of each image. " if len(views) > 1 else ""
    ood = "familiarity" in metrics
    return {
        "calibration": f"Temperature {temperature:.3g}, fitted on the validation patients."
        if temperature
        else "",
        "robustness": looked
        + ("The distance of each test image from the training images was measured." if ood else ""),
    }


def tripod_answers(facts: Facts) -> dict[str, str]:
    """Number of an item of TRIPOD+AI → what the run tells; items that it tells nothing of are left out."""
    made = "tested on another cohort" if facts["external"] else "made and tested on one cohort"
    return _told(
        {
            "4": f"The model was {made}. {_AUTHORS}the clinical objective.",
            "7": facts["images"],
            "10": f"{facts['counts']}. {_AUTHORS}why that is enough.",
            "11": "Rows without an image, a patient or a grade are refused, so none are missing among the "
            f"images used. {_AUTHORS}who was left out for that.",
            "12a": f"{facts['split']} {facts['counts']}. {facts['leakage']} {facts['copies']}",
            "12c": f"{facts['network']} {facts['training']} {facts['chosen']}",
            "12e": f"{facts['metrics']} {facts['intervals']}",
            "12f": f"The test changed nothing. {facts['calibration']}",
            "12g": facts["output"] if facts["external"] else "",
            "13": facts["imbalance"],
            "14": facts["subgroups"],
            "15": f"{facts['output']} {facts['calibration']}",
            "16": f"{facts['split']} {facts['leakage']}",
            "18f": facts["code"],
            "20a": f"{facts['counts']}. {_AUTHORS}who was excluded before.",
            "21": f"{facts['counts']}.",
            "22": f"{facts['network']} The trained weights are in checkpoints/best.ckpt. {facts['initial']}",
            "23a": f"{facts['performance']} {facts['subgroups']}",
            "26": facts["limits"],
            "27a": facts["robustness"],
        }
    )


def claim_answers(facts: Facts) -> dict[str, str]:
    """Number of an item of CLAIM 2024 → what the run tells; items that it tells nothing of are left out."""
    same, other = ("", facts["performance"]) if facts["external"] else (facts["performance"], "")
    return _told(
        {
            "1": f"A deep neural network ({facts['network']}) {_AUTHORS}the title.",
            "9": facts["images"],
            "12": "Rows without an image, a patient or a grade are refused.",
            "19": facts["split"],
            "20": f"{facts['leakage']} {facts['copies']}",
            "21": f"Tested: {facts['test']}. {_AUTHORS}why that is enough.",
            "22": f"{facts['network']} {facts['output']}",
            "23": facts["software"],
            "24": facts["initial"],
            "25": f"{facts['training']} {facts['images']}",
            "26": facts["chosen"],
            "27": "One network; its probabilities are averaged over views.",
            "28": facts["metrics"],
            "29": facts["intervals"],
            "30": facts["robustness"],
            "31": facts["maps"],
            "32": same,
            "33": other,
            "35": f"{facts['counts']}. {_AUTHORS}who was excluded before.",
            "36": f"{facts['counts']}. {_AUTHORS}age, sex and clinical characteristics.",
            "37": facts["performance"],
            "38": facts["by_grade"],
            "39": facts["failures"],
            "40": facts["limits"],
            "43": f"{facts['code']} {_AUTHORS}where data and trained model can be had.",
        }
    )


def _told(answers: dict[str, str]) -> dict[str, str]:
    return {number: " ".join(text.split()) for number, text in answers.items() if text.strip()}
