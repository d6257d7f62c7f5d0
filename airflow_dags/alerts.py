"""Alerts: one JSON object posted to the config's webhook; an alert that fails fails nothing."""

from __future__ import annotations

import json
import logging
import urllib.request
from typing import Any

from airflow_dags.deployment import schedule

_SECONDS = 10
_log = logging.getLogger(__name__)


def tell_webhook(context: Any) -> None:
    """Tell of a failed task (Airflow's `on_failure_callback`)."""
    task = context["ti"]
    post_alert(
        {
            "event": "task failed",
            "dag": task.dag_id,
            "run": task.run_id,
            "task": task.task_id,
            "try": task.try_number,
            "reason": str(context.get("exception") or "unknown"),
        }
    )


def post_alert(alert: dict[str, Any]) -> None:
    """Post `alert` to `schedule.webhook`, if the config has one; log it in any case."""
    content = json.dumps(alert, ensure_ascii=False)
    _log.warning("alert: %s", content)
    if not (url := schedule().webhook):
        return
    request = urllib.request.Request(
        url, content.encode(), {"Content-Type": "application/json"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS):
            pass
    except (OSError, ValueError) as error:
        # the URL of a webhook is a secret: only what went wrong is said
        _log.warning("alert: the webhook did not take it (%s)", type(error).__name__)
