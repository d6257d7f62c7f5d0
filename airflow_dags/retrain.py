"""### Learn from the category files anew, and promote the model if it is better

check input → preprocess → train (one task a model) → evaluate → compare with the champion → promote
or keep → report.

The gate's rules stand in the config's section `promotion`. A gate that stays shut keeps the
champion, says why in the log of `compare` and in the report, and does not fail the run. A promotion
updates the asset `aisle_champion`, which starts the DAG `backfill`.

*By hand:* give `input` (folder or glob of the category files), `models`, and `rows` for a quick
run. A run that was stopped goes on where it was: clear its failed task.
"""

from __future__ import annotations

import logging
from typing import Any

from airflow.sdk import Param, TriggerRule, dag, get_current_context, task, task_group
from airflow.sdk.exceptions import AirflowFailException

from airflow_dags.commands import only_small, run_aisle, run_name
from airflow_dags.deployment import places, schedule, wanted_models
from airflow_dags.options import CHAMPION, FAMILIES, of_every_dag, shared_params

_log = logging.getLogger(__name__)


def _params() -> dict[str, Any]:
    return {
        **shared_params(),
        "input": Param(
            schedule().catalogue or places().catalogue,
            type="string",
            minLength=1,
            description="folder or glob of the category files",
        ),
        "models": Param(
            wanted_models(),
            type="array",
            minItems=1,
            uniqueItems=True,
            items={"type": "string", "enum": list(FAMILIES)},
            description="the families to train; the best of them meets the champion",
        ),
        "rows": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            description="for a quick run: about how many records to take; empty: all",
        ),
    }


def _options(*more: str) -> list[str]:
    return ["--run-id", run_name(get_current_context()["run_id"]), *more]


@dag(
    dag_id="retrain",
    schedule=schedule().retrain,
    max_active_runs=1,
    params=_params(),
    doc_md=__doc__,
    **of_every_dag(),
)
def retrain() -> None:
    @task
    def check_input(params: dict[str, Any]) -> list[dict[str, Any]]:
        """Stop before any worker starts where the config or the input is missing."""
        from configs.errors import UsageError
        from configs.loading import load_settings
        from pipelines.listing import list_files

        try:
            load_settings(params["config"])
        except UsageError as error:
            raise AirflowFailException(str(error)) from None
        files = list_files(params["input"])
        if not files:
            raise AirflowFailException(
                f"input {params['input']}: nothing there; name the category files"
            )
        _log.info("%d files, %d bytes", len(files), sum(file.size for file in files))
        return [{"family": family} for family in params["models"]]

    @task
    def preprocess(models: list[dict[str, Any]], params: dict[str, Any]) -> list[dict[str, Any]]:
        rows = ("--set", f"preprocess.rows={params['rows']}") if params["rows"] else ()
        options = _options("--input", params["input"], *rows)
        run_aisle("preprocess", *options, config=params["config"], beam=params["runner"])
        return models

    @task_group
    def each_model(models: Any) -> Any:
        """Train and evaluate one task a model; training takes all cores, so one after the other."""

        @task(max_active_tis_per_dagrun=1)
        def train(model: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
            family = f"training.model={model['family']}"
            figures = run_aisle("train", *_options("--set", family), config=params["config"])
            return only_small(figures, "model", "val_accuracy", "seconds")

        @task
        def evaluate(trained: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
            name = trained["model"]
            figures = run_aisle("evaluate", *_options("--model", name), config=params["config"])
            return {"model": name, **only_small(figures, "accuracy", "macro_f1", "report")}

        return evaluate.expand(trained=train.expand(model=models))

    @task
    def compare(evaluated: Any, params: dict[str, Any]) -> dict[str, Any]:
        """Ask the gate; why it stays shut is in this log and in the report."""
        named = [option for found in evaluated for option in ("--model", found["model"])]
        figures = run_aisle(
            "compare", *_options(*named), config=params["config"], beam=params["runner"]
        )
        for reason in figures["reasons"]:
            _log.warning("the gate stays shut: %s", reason)
        names = ("passed", "reasons", "model", "champion", "value", "champion_value", "report")
        return {**only_small(figures, *names), "reasons": figures["reasons"][:5]}

    @task.branch
    def gate(verdict: dict[str, Any]) -> str:
        return "promote" if verdict["passed"] else "keep"

    @task(outlets=[CHAMPION])
    def promote(verdict: dict[str, Any], params: dict[str, Any]) -> None:
        reason = f"passed the gate against {verdict['champion'] or 'no champion'}"
        run_aisle(
            "promote",
            *_options("--model", verdict["model"], "--reason", reason),
            config=params["config"],
        )

    @task
    def keep(verdict: dict[str, Any]) -> None:
        _log.warning("%s stays the champion: %s", verdict["champion"], verdict["reasons"])

    @task(trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS)
    def report(verdict: dict[str, Any]) -> str:
        """Say how the run ended, and where its page is."""
        ending = "promoted" if verdict["passed"] else "kept the champion"
        _log.info("%s %s; see %s", verdict["model"], ending, verdict["report"])
        return str(verdict["report"])

    verdict = compare(each_model(preprocess(check_input())))
    gate(verdict) >> [promote(verdict), keep(verdict)] >> report(verdict)


retrain()
