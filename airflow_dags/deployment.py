"""Where the deployment's config is, and what it says of the DAGs.

`$AISLE_CONFIG` names the config (default: `configs/amazon_ads.yaml` beside this folder),
`$AISLE_PREFIX` the folder of all output. A config that cannot be read does not hide the DAGs: they
keep the defaults and no schedule, and the first task of a run says what is wrong.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path

from configs.artifacts import PrefixArtifacts, default_prefix
from configs.errors import UsageError
from configs.loading import load_settings
from configs.schedule import ScheduleSettings
from configs.settings import Settings

CONFIG_VARIABLE = "AISLE_CONFIG"
HOME = Path(__file__).resolve().parents[1]


def config_path() -> str:
    return os.environ.get(CONFIG_VARIABLE) or str(HOME / "configs" / "amazon_ads.yaml")


def prefix() -> str:
    """Return the prefix; a relative one counts from the project, not from a worker's folder."""
    found = default_prefix()
    return found if "://" in found else str(HOME / found)


@functools.cache
def read_config(config: str) -> Settings:
    """Return the settings of a config, or the defaults where it cannot be read."""
    try:
        return load_settings(config)
    except UsageError:
        return Settings(name="unread")


def schedule() -> ScheduleSettings:
    """Return what the deployment's config says of the DAGs."""
    return read_config(config_path()).schedule


def wanted_models() -> list[str]:
    """Return the families that are trained where a run names none."""
    settings = read_config(config_path())
    return list(settings.schedule.models or [settings.training.model])


def places() -> PrefixArtifacts:
    return PrefixArtifacts(prefix())


def inbox_folder() -> str:
    return schedule().inbox or places().inbox
