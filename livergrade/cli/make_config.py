"""Checked options from words, as the command line has them, without starting a command."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, overload

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.core.singleton import Singleton
from hydra.core.utils import JobRuntime
from hydra.errors import HydraException
from hydra.version import VersionBase
from omegaconf.basecontainer import BaseContainer
from omegaconf.errors import OmegaConfBaseException

from livergrade.cli.arguments import require_type
from livergrade.cli.checks import checked_options
from livergrade.cli.commands import COMMANDS
from livergrade.cli.compose import register
from livergrade.cli.file_mistakes import is_of_a_file, mistake
from livergrade.cli.groups import groups
from livergrade.cli.typed_names import quoted
from livergrade.cli.words import prepared
from livergrade.config.schema import CompareConfig, EvaluateConfig, PredictConfig, TrainConfig
from livergrade.errors import UserError
from livergrade.io.similar import similar
from livergrade.io.visible import shown
from livergrade.runs.paths import CONF


@overload
def make_config(
    *words: str, command: Literal["train", "check"] = "train", config_dir: str | Path | None = None
) -> TrainConfig: ...
@overload
def make_config(
    *words: str, command: Literal["evaluate"], config_dir: str | Path | None = None
) -> EvaluateConfig: ...
@overload
def make_config(
    *words: str, command: Literal["predict"], config_dir: str | Path | None = None
) -> PredictConfig: ...
@overload
def make_config(
    *words: str, command: Literal["compare"], config_dir: str | Path | None = None
) -> CompareConfig: ...
@overload
def make_config(*words: str, command: str, config_dir: str | Path | None = None) -> Any: ...  # noqa: ANN401
def make_config(*words: str, command: str = "train", config_dir: str | Path | None = None) -> Any:
    """Options that a command would have with these words: the same files, defaults, checks and messages.

    Args:
        *words: as they are typed after the command, as ``model=senet`` and ``data.root=images``.
        command: name of the command.
        config_dir: a folder of groups of your own, as ``experiment/mine.yaml``; ``--config-dir``.

    Returns:
        The dataclass of the command in `livergrade.config.schema`, with checked values.

    Raises:
        UserError: there is no such command or folder, a word is no option of the command, or values can't be
            used; all of those are listed.
    """
    require_type("command", command, str, "the name of a command, as 'train'")
    if config_dir is not None:
        require_type("config_dir", config_dir, (str, Path), "the path of a folder, or None")
    if command not in COMMANDS:
        raise UserError(f"command={command}: {similar(command, list(COMMANDS))}")
    schema = COMMANDS[command].schema
    _refuse_words(words)
    own = [] if config_dir is None else [Path(config_dir).expanduser().absolute()]
    for folder in own:
        if not folder.is_dir():
            raise UserError(f"config_dir={folder}: there is no such folder")
    searched = [search_word(own)] if own else []
    try:
        ready = prepared(words, COMMANDS[command])
        _refuse_sweeps(ready)
        with _hydra_apart(), initialize_config_dir(str(CONF), version_base="1.3"):
            register(command, schema)
            return checked_options(command, compose(command, overrides=[*ready, *searched]), ready)
    except Exception as error:
        if isinstance(error, HydraException | OmegaConfBaseException) or is_of_a_file(error):
            raise UserError(mistake(error, schema, groups(command, own), own)) from None
        raise


@contextlib.contextmanager
def _hydra_apart() -> Iterator[None]:
    """Leave Hydra as it was: who asks for options may be a command or an application of Hydra itself.

    Not by ``Singleton.get_state``, which copies every schema there is, and looks for all plugins once more.
    """
    Plugins.instance()  # found now, it is kept
    outer, resolvers = Singleton._instances, BaseContainer._resolvers
    changed = (GlobalHydra, JobRuntime, VersionBase)
    Singleton._instances = {kind: one for kind, one in outer.items() if kind not in changed}
    BaseContainer._resolvers = dict(resolvers)
    try:
        yield
    finally:
        Singleton._instances, BaseContainer._resolvers = outer, resolvers


SEARCHED = "hydra.searchpath="


def search_word(folders: Sequence[Path]) -> str:
    """The word that has Hydra look for groups in folders of the user's own, too."""
    return SEARCHED + "[" + ",".join(quoted(f"file://{folder.absolute()}") for folder in folders) + "]"


def _refuse_words(words: Sequence[str]) -> None:
    """Refuse what is of a command line alone: flags, and options of Hydra.

    Raises:
        UserError: names the word.
    """
    for word in words:
        if not isinstance(word, str):
            raise UserError(f"{shown(repr(word), 60)}: is not a word; write 'key=value' for each option")
        if not word.strip():
            raise UserError("a word is empty; write 'key=value' for each option")
        if word.startswith("-"):
            raise UserError(f"{word}: flags are of the command line; leave it out")
        if word.lstrip("+~").startswith(("hydra.", "hydra/")) and not word.startswith(SEARCHED):
            raise UserError(f"{word}: is of the command line; leave it out, and name the folder with out=")


def _refuse_sweeps(words: Sequence[str]) -> None:
    """Refuse words of several runs.

    Raises:
        UserError: names the first.
    """
    for override in OverridesParser.create().parse_overrides(list(words)):
        if override.is_sweep_override():
            raise UserError(f"{override.input_line}: is of several runs; make the options of each")
