"""Group finished runs into arms, models and repeats.

Runs are grouped into arms by the unit of their split, since metrics of different test sets are not
comparable. Within an arm, the folds of one seed form one repeat, in which every patient is tested once; the
seeds are the repeats of a model. Runs of one model that differ in other options count as separate models,
named by the options that differ. Runs that differ in the number of training patients are one model at several
sizes: models are compared at one size alone, and the sizes make a learning curve.
"""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from livergrade.errors import UserError
from livergrade.multirun.train_sizes import OPTION, Size, by_size, compared_size
from livergrade.runs.run import Run

KINDS = {
    "patient": "split by patient",
    "kfold": "cross-validation by patient",
    "external": "another cohort",
    "image": "split by image",
}

MAX_OPTIONS_IN_NAME = 3
"""Maximum number of options in a model's name."""


@dataclass(frozen=True)
class Group:
    """Runs whose test sets may be compared.

    Attributes:
        kind: unit of the split, a key of `KINDS`.
        models: name → repeat (its seed) → its runs, one per fold.
        sizes: name → number of training patients → the same, of models with several sizes; ``models`` has
            the one at which models are compared.
    """

    kind: str
    models: dict[str, dict[str, list[Run]]]
    sizes: dict[str, dict[Size, dict[str, list[Run]]]] = field(default_factory=dict)

    @property
    def runs(self) -> list[Run]:
        """All runs of the group."""
        return [run for repeats in self.models.values() for folds in repeats.values() for run in folds]


def arms(runs: Sequence[Run]) -> tuple[list[Group], list[str]]:
    """Group runs into arms, models and repeats.

    Returns:
        The arms in the order of `KINDS`, and one line for each excluded run: it was repeated later,
        or other folds of its repeat are missing.

    Raises:
        UserError: runs have different grades, or no run remains.
    """
    if len({tuple(run.classes) for run in runs}) > 1:
        lines = [f"  {run.folder}: {', '.join(run.classes)}" for run in runs]
        raise UserError(
            "these runs have different grades, so their metrics are not comparable:\n" + "\n".join(lines)
        )
    left_out: list[str] = []
    groups = []
    for kind in KINDS:
        models: dict[str, dict[str, list[Run]]] = {}
        runs_of_kind = [run for run in runs if run.config.split.name == kind]
        one_split = len({run.config.split.seed for run in runs_of_kind}) == 1
        by_name = _by_name(runs_of_kind)
        size, lines = compared_size(by_name)
        left_out += lines
        sizes: dict[str, dict[Size, dict[str, list[Run]]]] = {}
        for name, group in by_name.items():
            for trained_on, runs_of_size in by_size(group).items():
                for repeat, folds in _by_repeat(runs_of_size, one_split=one_split).items():
                    complete, lines = _one_per_fold(folds)
                    left_out += lines
                    if complete:
                        sizes.setdefault(name, {}).setdefault(trained_on, {})[repeat] = complete
            if size in sizes.get(name, {}):
                models[name] = sizes[name][size]
        if models:
            several = {name: of_model for name, of_model in sizes.items() if len(of_model) > 1}
            groups.append(Group(kind, models, several))
    if not groups:
        raise UserError("nothing to compare:\n" + "\n".join(f"  {line}" for line in left_out))
    return groups, left_out


def _by_name(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Group runs by model, and by the options in which runs of the same model differ.

    If more options differ than fit in a figure, letters distinguish the models; `differences` lists them.
    """
    by_name: dict[str, list[Run]] = {}
    for model in dict.fromkeys(run.model for run in runs):
        group = [run for run in runs if run.model == model]
        varied = [
            key
            for key in group[0].settings
            if key != OPTION and len({str(run.settings[key]) for run in group}) > 1
        ]
        option_values = {run.folder: tuple(f"{key}={run.settings[key]}" for key in varied) for run in group}
        letters = dict(zip(dict.fromkeys(option_values.values()), string.ascii_uppercase, strict=False))
        for run in group:
            values = option_values[run.folder]
            if len(varied) > MAX_OPTIONS_IN_NAME and len(set(option_values.values())) <= len(letters):
                name = f"{model} {letters[values]}"
            else:
                name = ", ".join([model, *values])
            by_name.setdefault(name, []).append(run)
    return by_name


def _by_repeat(runs: Sequence[Run], *, one_split: bool) -> dict[str, list[Run]]:
    """Group runs by their seed, and by that of their split where not all of them have one split."""
    repeats: dict[str, list[Run]] = {}
    for run in sorted(runs, key=lambda run: (run.config.seed, run.config.split.seed)):
        seed, split_seed = run.config.seed, run.config.split.seed
        alone = one_split or seed == split_seed
        repeats.setdefault(str(seed) if alone else f"{seed}, split {split_seed}", []).append(run)
    return repeats


def _one_per_fold(runs: Sequence[Run]) -> tuple[list[Run], list[str]]:
    """The latest run of each fold, if every fold exists; and the reasons why other runs are excluded."""
    latest: dict[int, Run] = {}
    lines = []
    for run in sorted(runs, key=lambda run: (run.folder / "finished.json").stat().st_mtime):
        if earlier := latest.get(run.config.split.fold):
            lines.append(f"{earlier.folder}: run again later, in {run.folder}")
        latest[run.config.split.fold] = run
    split = runs[0].config.split
    missing = set(range(split.folds)) - set(latest) if split.name == "kfold" else set()
    if missing:
        numbers = ", ".join(map(str, sorted(missing)))
        lines += [f"{run.folder}: fold {numbers} of the same seed is missing" for run in latest.values()]
        return [], lines
    return [latest[fold] for fold in sorted(latest)], lines


def differences(groups: Sequence[Group]) -> dict[str, dict[str, str]]:
    """Options in which models differ besides the network itself: option → model → value.

    Options that all models share are omitted.
    """
    by_option: dict[str, dict[str, set[str]]] = {}
    models_of_all_arms = [(name, repeats) for arm in groups for name, repeats in arm.models.items()]
    for name, repeats in models_of_all_arms:
        for run in (run for folds in repeats.values() for run in folds):
            for key, value in run.settings.items():
                if key not in ("model.name", "model.backbone", "split.name"):
                    by_option.setdefault(key, {}).setdefault(name, set()).add(str(value))
    return {
        key: {model: ", ".join(sorted(values)) for model, values in models.items()}
        for key, models in by_option.items()
        if len(Counter(tuple(sorted(values)) for values in models.values())) > 1
    }
