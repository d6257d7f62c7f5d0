"""Wait for dumps: a sensor that defers to a trigger, which looks into the inbox now and then."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.sdk import BaseSensorOperator
from airflow.sdk.exceptions import AirflowException
from airflow.triggers.base import BaseTrigger, TriggerEvent

from pipelines.inbox import quiet_files


class InboxTrigger(BaseTrigger):
    """Fires when a dump is quiet, or after `wait_seconds`; it waits and holds no worker."""

    def __init__(
        self, inbox: str, quiet_seconds: float, poll_seconds: float, wait_seconds: float
    ) -> None:
        super().__init__()
        self.inbox, self.quiet_seconds = inbox, quiet_seconds
        self.poll_seconds, self.wait_seconds = poll_seconds, wait_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        names = ("inbox", "quiet_seconds", "poll_seconds", "wait_seconds")
        return "airflow_dags.inbox.InboxTrigger", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        end = time.monotonic() + self.wait_seconds
        try:
            while time.monotonic() < end and not await asyncio.to_thread(
                quiet_files, self.inbox, self.quiet_seconds
            ):
                await asyncio.sleep(self.poll_seconds)
        except OSError as error:
            yield TriggerEvent({"error": str(error)})
            return
        yield TriggerEvent({"error": None})


class InboxSensor(BaseSensorOperator):
    """Waits, deferred, until a dump lies quiet in the inbox, or its time is up."""

    def __init__(
        self,
        *,
        inbox: str,
        quiet_seconds: float,
        poll_seconds: float,
        wait_seconds: float,
        **more: Any,
    ) -> None:
        super().__init__(**more)
        self.inbox, self.quiet_seconds = inbox, quiet_seconds
        self.poll_seconds, self.wait_seconds = poll_seconds, wait_seconds

    def execute(self, context: Any) -> None:
        try:
            if quiet_files(self.inbox, self.quiet_seconds):
                return
        except OSError as error:
            raise AirflowException(str(error)) from None
        self.defer(
            trigger=InboxTrigger(
                self.inbox, self.quiet_seconds, self.poll_seconds, self.wait_seconds
            ),
            method_name="arrived",
        )

    def arrived(self, context: Any, event: dict[str, Any]) -> None:
        if event["error"]:
            raise AirflowException(event["error"])
