"""What every DAG shares: its assets, its defaults, its parameters."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import Asset, Param

from airflow_dags.alerts import tell_webhook
from airflow_dags.deployment import config_path, schedule
from configs.models import ModelSettings

FAMILIES = tuple(ModelSettings.model_fields)
CHAMPION = Asset(name="aisle_champion", uri="aisle://champion", group="aisle")
INBOX = Asset(name="aisle_inbox", uri="aisle://inbox", group="aisle")


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
