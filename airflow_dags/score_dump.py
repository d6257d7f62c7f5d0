"""### Label each new dump: one run a dump

`watch_inbox` waits (deferred) for dumps in the inbox, takes each out of it, and starts a run of
`score_dump` for it, whose id is the dump's: the same dump never runs twice.

`score_dump`: accept → validate → predict → diff against the labels in the store → write labels →
archive. A bad dump goes to `<prefix>/quarantine/<dump id>`, its reason beside it in `reason.json`;
the run ends there, and the next dump's is not held up. It also runs on the asset `aisle_inbox`,
whose event names the dump: `{"dump": "/path/of/it.csv"}`; and by hand, with the parameter `dump`.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import Param, dag, task, task_group
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
from airflow.timetables.simple import ContinuousTimetable

from airflow_dags.alerts import post_alert
from airflow_dags.commands import only_small, run_aisle
from airflow_dags.deployment import inbox_folder, places, schedule
from airflow_dags.inbox import InboxSensor
from airflow_dags.options import INBOX, of_every_dag, shared_params
from pipelines import inbox, storage

# without one, a continuous schedule gives its first two runs one and the same logical date
_BEGINNING = datetime(2025, 1, 1, tzinfo=UTC)
_AT_ONCE = 200  # those after them are taken by the next run; XCom is no place for thousands
_NONE = Param(None, type=["null", "string"], description="path of the dump")


@dag(
    dag_id="watch_inbox",
    schedule=ContinuousTimetable(),
    start_date=_BEGINNING,
    max_active_runs=1,
    doc_md=__doc__,
    **of_every_dag(),
)
def watch_inbox() -> None:
    settings = schedule()
    arrived = InboxSensor(
        task_id="wait_for_a_dump",
        inbox=inbox_folder(),
        quiet_seconds=settings.quiet_seconds,
        poll_seconds=settings.poll_seconds,
        wait_seconds=settings.watch_seconds,
    )

    @task
    def claim() -> list[dict[str, Any]]:
        found = inbox.claim(inbox_folder(), schedule().quiet_seconds, places())
        return [
            {"trigger_run_id": dump["run"], "conf": {"dump": dump["dump"]}}
            for dump in found[:_AT_ONCE]
        ]

    claimed = claim()
    arrived >> claimed
    TriggerDagRunOperator.partial(
        task_id="score", trigger_dag_id="score_dump", skip_when_already_exists=True
    ).expand_kwargs(claimed)


@dag(
    dag_id="score_dump",
    schedule=[INBOX],
    max_active_runs=schedule().scored_at_once,
    params={**shared_params(), "dump": _NONE},
    doc_md=__doc__,
    **of_every_dag(),
)
def score_dump() -> None:
    @task(inlets=[INBOX])
    def accept(params: dict[str, Any], triggering_asset_events: Any = None) -> list[dict[str, Any]]:
        """Name the dumps of this run, one by the watcher, and the champion that labels them."""
        dumps = [params["dump"]] if params["dump"] else []
        for events in (triggering_asset_events or {}).values():
            dumps += [event.extra["dump"] for event in events if event.extra.get("dump")]
        if not dumps:
            raise AirflowFailException(
                "no dump: give the parameter dump, or an event of aisle_inbox with "
                '{"dump": "/path/of/it.csv"}'
            )
        champion = run_aisle("champion", config=params["config"])
        return [_accepted(path, champion) for path in dict.fromkeys(dumps)]

    @task_group
    def score(dump: dict[str, Any]) -> None:
        @task
        def validate(dump: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
            figures = _run(dump, "check-dump", "--dump", dump["path"], config=params["config"])
            if not figures["fit"]:
                _give_up(dump, figures["reason"])
            _check_unchanged(dump)
            return dump

        @task
        def predict(dump: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
            options = ("--dump", dump["path"], "--model", dump["model"], *_of_dump(dump))
            _run(dump, "predict", *options, config=params["config"], beam=params["runner"])
            _check_unchanged(dump)
            return dump

        @task
        def diff(dump: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
            """Say what would change in the store; stop what the gate `store.gate` refuses."""
            figures = _run(dump, "diff", *_of_dump(dump), config=params["config"])
            if figures["gate"] != "passes":
                _give_up(dump, figures["gate_says"])
            return dump

        # two writers of one store would only wait for each other
        @task(max_active_tis_per_dag=1)
        def write_labels(dump: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
            figures = _run(dump, "write-labels", *_of_dump(dump), config=params["config"])
            return {**dump, **only_small(figures, "inserted", "changed", "unchanged")}

        @task
        def archive(dump: dict[str, Any]) -> str:
            return inbox.archive(dump["path"], dump["dump_id"], places())

        archive(write_labels(diff(predict(validate(dump)))))

    score.expand(dump=accept())


def _accepted(path: str, champion: dict[str, Any]) -> dict[str, Any]:
    if not storage.exists(path):
        raise AirflowFailException(f"dump {path}: no such file; was it moved or scored before?")
    content = inbox.fingerprint(path)
    return {
        "path": path,
        "content": content,
        "dump_id": inbox.dump_id(os.path.basename(path), content),
        **only_small(champion, "run_id", "model"),
    }


def _run(dump: dict[str, Any], command: str, *options: str, **more: Any) -> dict[str, Any]:
    """Run a stage of a dump: its figures are logged with the dump's id."""
    return run_aisle(command, *options, dump_id=dump["dump_id"], **more)


def _of_dump(dump: dict[str, Any]) -> tuple[str, ...]:
    """Name a dump's predictions: another champion of the same run makes others of its own."""
    name = f"{dump['dump_id']}.{dump['model'][-8:]}"
    return ("--run-id", dump["run_id"], "--dump-id", name)


def _check_unchanged(dump: dict[str, Any]) -> None:
    if not storage.exists(dump["path"]):
        raise AirflowException(
            f"dump {dump['path']}: it is gone; put it back, or look in quarantine"
        )
    if inbox.fingerprint(dump["path"]) != dump["content"]:
        _give_up(dump, "it changed while it was read; write it elsewhere and move it in when whole")


def _give_up(dump: dict[str, Any], reason: str) -> None:
    name = dump["dump_id"]
    moved = inbox.quarantine(dump["path"], name, reason, places())
    post_alert({"event": "dump quarantined", "dump_id": name, "reason": reason, "dump": moved})
    raise AirflowSkipException(f"quarantined as {moved}: {reason}")


watch_inbox()
score_dump()
