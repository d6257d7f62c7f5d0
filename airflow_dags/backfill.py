"""### Label all products anew after a promotion

Runs when the asset `aisle_champion` is updated (a promotion by the DAG `retrain`), or by hand. The
products (`schedule.products`, default `<prefix>/products`) are put in order: without a label first,
then the least sure ones; what the champion labelled already is left out. They are cut into chunks
of `schedule.chunk_rows`; each is predicted and written by tasks of its own, one chunk after the
other. A run that was stopped goes on with the first chunk that is not written.
"""

from __future__ import annotations

import logging
import os
from typing import Any

from airflow.sdk import Param, dag, task, task_group
from airflow.sdk.exceptions import AirflowSkipException

from airflow_dags.commands import only_small, run_aisle
from airflow_dags.deployment import places, schedule
from airflow_dags.options import CHAMPION, of_every_dag, shared_params
from pipelines import listing

_log = logging.getLogger(__name__)


def _params() -> dict[str, Any]:
    products = schedule().products or places().products
    return {
        **shared_params(),
        "products": Param(
            products, type="string", description="file, folder or glob: a dump of all"
        ),
    }


@dag(
    dag_id="backfill",
    schedule=[CHAMPION],
    max_active_runs=1,
    params=_params(),
    doc_md=__doc__,
    **of_every_dag(),
)
def backfill() -> None:
    @task
    def plan(params: dict[str, Any]) -> list[dict[str, Any]]:
        if not listing.list_files(params["products"]):
            raise AirflowSkipException(f"products {params['products']}: nothing there to label")
        champion = run_aisle("champion", config=params["config"])
        figures = run_aisle(
            "plan-backfill", "--products", params["products"], config=params["config"]
        )
        shared = {**only_small(champion, "run_id", "model"), "sets": figures["sets"]}
        return [{"path": chunk, **shared} for chunk in figures["chunks"]]

    @task_group
    def label(chunk: dict[str, Any]) -> None:
        @task(max_active_tis_per_dag=1)
        def predict(chunk: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
            sets = [option for value in chunk["sets"] for option in ("--set", value)]
            options = ("--dump", chunk["path"], "--model", chunk["model"], *_of_chunk(chunk), *sets)
            run_aisle("predict", *options, config=params["config"], beam=params["runner"])
            return chunk

        @task(max_active_tis_per_dag=1)
        def write_labels(chunk: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
            figures = run_aisle("write-labels", *_of_chunk(chunk), config=params["config"])
            return only_small(figures, "inserted", "changed", "unchanged")

        write_labels(predict(chunk))

    label.expand(chunk=plan())


def _of_chunk(chunk: dict[str, Any]) -> tuple[str, ...]:
    name = os.path.basename(chunk["path"]).removesuffix(".parquet")
    return ("--run-id", chunk["run_id"], "--dump-id", f"backfill-{name}.{chunk['model'][-8:]}")


backfill()
