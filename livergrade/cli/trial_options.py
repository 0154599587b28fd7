"""Check options that a search gives to the training runs it starts, before the first of them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import IntervalSweep, Override

from livergrade.cli.make_config import make_config, search_word
from livergrade.config.fields import options
from livergrade.config.schema import TrainConfig
from livergrade.errors import UserError

MOST = 20
"""Combinations with values of other options in which a value is tried."""


def own_groups() -> list[str]:
    """The word that names the user's folders of groups, as the search was given them; none without one."""
    sources = HydraConfig.get().runtime.config_sources
    folders = [Path(each.path) for each in sources if "command-line" in each.provider]
    return [search_word(folders)] if folders else []


def check_trials(fixed: Sequence[str], searched: Sequence[Override]) -> None:
    """Check the fixed options, and every value that may be searched, as `livergrade.train` would.

    A value may need another one to be right, so a value is refused only if it is right in no combination.

    Args:
        fixed: options of every trial, as typed.
        searched: options that vary.

    Raises:
        UserError: lists the options that can't be used.
    """
    problems = [problem for override in searched if (problem := _interval_problem(override))]
    values = {override.get_key_element(): _values(override) for override in searched}
    if not problems:
        problems = _wrong_values(fixed, values)
    if problems:
        listed = "\n".join(f"  {line}" for line in dict.fromkeys(problems))
        raise UserError(f"these options of livergrade.train can't be used in a search:\n{listed}")


def _wrong_values(fixed: Sequence[str], values: dict[str, list[str]]) -> list[str]:
    """Reasons why values can't be used, each tried with the first of the other options, then with others."""

    def problem(combination: dict[str, str]) -> str | None:
        return _problem([*fixed, *(f"{key}={value}" for key, value in combination.items())])

    first = {key: choices[0] for key, choices in values.items()}
    reasons = []
    if problem(first) is None:
        untried = [(key, value) for key, choices in values.items() for value in choices[1:]]
    else:
        untried = [(key, value) for key, choices in values.items() for value in choices]
    for key, value in untried:
        others = {name: choices for name, choices in values.items() if name != key}
        combinations = itertools.islice(itertools.product(*others.values()), MOST)
        tried = (problem({**dict(zip(others, one, strict=True)), key: value}) for one in combinations)
        found = list(itertools.takewhile(lambda reason: reason is not None, tried))
        if found and len(found) == min(MOST, math.prod(map(len, others.values()))):
            reasons.append(str(found[0]))
    return reasons


def _values(override: Override) -> list[str]:
    """The values of a searched option; of an interval its ends."""
    span = override.value()
    if isinstance(span, IntervalSweep):
        return [str(float(end or 0)) for end in (span.start, span.end)]
    return [str(value) for value in override.sweep_string_iterator()]


def _interval_problem(override: Override) -> str | None:
    """Why an interval can't be searched: numbers with a fraction are drawn from it."""
    if not isinstance(override.value(), IntervalSweep):
        return None
    types = {key: item.type for key, item, _ in options(TrainConfig())}
    kind = types.get(override.get_key_element().lstrip("+"))
    if kind in (None, float, float | None):
        return None  # an unknown option is reported with the values
    fix = "name the values, as in key=a,b" if kind is not int else "use range(low,high,step)"
    return f"{override.input_line}: an interval is of numbers with a fraction, this option has none; {fix}"


def _problem(words: list[str]) -> str | None:
    """What `livergrade.train` would say of these options; None if they can be used."""
    try:
        make_config(*words)
    except UserError as error:
        return "; ".join(line.strip() for line in str(error).splitlines()[1:]) or str(error)
    return None
