"""What the DAGs are told: the config's section `schedule`, and what every task of them shares.

`$AISLE_CONFIG` names the config (default: `configs/amazon_ads.yaml` beside this folder),
`$AISLE_PREFIX` the folder of all output. A config that cannot be read does not hide the DAGs: they
keep the defaults and no schedule, and the first task of a run says what is wrong.
"""

from __future__ import annotations

import functools
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import Asset, Param

from airflow_dags.alerts import tell_webhook
from configs.artifacts import PREFIX_VARIABLE, PrefixArtifacts, default_prefix
from configs.errors import UsageError
from configs.loading import load_settings
from configs.models import ModelSettings
from configs.schedule import ScheduleSettings
from configs.settings import Settings

CONFIG_VARIABLE = "AISLE_CONFIG"
HOME = Path(__file__).resolve().parents[1]
FAMILIES = tuple(ModelSettings.model_fields)
CHAMPION = Asset(name="aisle_champion", uri="aisle://champion", group="aisle")
INBOX = Asset(name="aisle_inbox", uri="aisle://inbox", group="aisle")


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


def of_every_dag() -> dict[str, Any]:
    """Return what all DAGs share: no past runs, tags, and for each task retries and timeouts."""
    settings = schedule()
    return {
        "catchup": False,
        "tags": settings.tags,
        "dagrun_timeout": timedelta(seconds=2 * settings.timeout_seconds),
        "default_args": {
            "owner": settings.owner,
            "retries": settings.retries,
            "retry_delay": timedelta(seconds=settings.retry_seconds),
            "retry_exponential_backoff": 2.0,  # each wait is twice the one before
            "max_retry_delay": timedelta(seconds=settings.max_retry_seconds),
            "execution_timeout": timedelta(seconds=settings.timeout_seconds),
            "on_failure_callback": tell_webhook,
        },
    }


def shared_params() -> dict[str, Param]:
    """Return the parameters of every DAG that runs `aisle`: the config and Beam's options."""
    return {
        "config": Param(config_path(), type="string", minLength=1, description="YAML file"),
        "runner": Param(
            schedule().runner,
            type="array",
            items={"type": "string", "pattern": "^--"},
            description="options for Beam, for example --runner=FnApiRunner",
        ),
    }


__all__ = [
    "CHAMPION",
    "CONFIG_VARIABLE",
    "FAMILIES",
    "HOME",
    "INBOX",
    "PREFIX_VARIABLE",
    "config_path",
    "inbox_folder",
    "of_every_dag",
    "places",
    "prefix",
    "read_config",
    "schedule",
    "shared_params",
    "wanted_models",
]
