"""Options that Python gave or changed, checked as those of a command: the type of each, and its bounds."""

from __future__ import annotations

from typing import TypeVar

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from livergrade.cli.compose import to_dataclass
from livergrade.cli.refusals import wrong_type
from livergrade.errors import UserError

Config = TypeVar("Config")


def checked(config: Config, schema: type[Config]) -> Config:
    """A copy of the options, with checked values.

    Raises:
        UserError: it is no such dataclass, or values can't be used; all of them are listed.
    """
    if not isinstance(config, schema):
        raise UserError(f"config: is of type {type(config).__name__}; make it with livergrade.make_config")
    try:
        structured = OmegaConf.structured(config)
    except OmegaConfBaseException as error:
        key = getattr(error, "full_key", None)
        raise UserError(f"{key or 'config'}: {wrong_type(str(error))}") from None
    return to_dataclass(structured, schema)
