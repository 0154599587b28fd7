"""What the README, its pages and the conf files tell people to type must be what Hydra can read."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from livergrade.config.fields import options
from livergrade.config.schema import TrainConfig
from livergrade.config.validation import problems
from livergrade.runs.paths import CONF
from tests.config.composed import composed

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *(ROOT / "docs" / f"{name}.md" for name in ("cohort", "options", "results"))]
SOURCES = [*PAGES, ROOT / "CONTRIBUTING.md", *CONF.rglob("*.yaml")]
COMMANDS = sorted(
    {
        line
        for source in SOURCES
        for line in re.findall(r"python -m livergrade\.train([^`\n]*)", source.read_text(encoding="utf-8"))
    }
)


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_can_be_typed(line: str) -> None:
    words = [word for word in shlex.split(line.strip().split("  ")[0]) if not word.startswith("-")]
    words = [re.sub(r"[<>…]", "", word) for word in words]
    parsed = OverridesParser.create().parse_overrides(words)
    first = [
        word if "," not in word or "[" in word else word.split(",")[0]
        for word, override in zip(words, parsed, strict=True)
        if not override.is_hydra_override()
    ]
    assert problems(composed(*first)) == []


def test_options_named_in_the_readme_exist() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    groups = "|".join(path.name for path in CONF.iterdir() if path.is_dir() and path.name != "hydra")
    known = {key for key, _, _ in options(TrainConfig())} | {f"{key}.name" for key in groups.split("|")}
    named = set(re.findall(rf"`(?:['\"])?((?:{groups}|train)\.[a-z_.]+)", text))
    assert named - known == set()
    assert len(named) > 8


def test_the_readme_is_short_and_its_links_lead_somewhere() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 150
    links = {link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text)}
    assert [link for link in sorted(links) if not (ROOT / link).is_file()] == []
    assert {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")} - links == set()


def test_extras_named_in_the_pages_exist() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    text = "\n".join(page.read_text("utf-8") for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
    named = set(re.findall(r"pip install [^`\n]*?(?:livergrade|\.)\[([\w,]+)\]", text))
    assert named
    assert {extra for group in named for extra in group.split(",")} - set(extras) == set()
