"""Load or run a DAG in the interpreter that has Airflow; the last line of output is JSON.

Not a test: the tests start it as `python walk.py load` or `python walk.py run DAG_ID CONF`.
"""

from __future__ import annotations

import importlib
import json
import sys
import time

FILES = ("retrain", "score_dump", "backfill")
DAGS = (*FILES, "watch_inbox")


def load() -> dict[str, object]:
    """Import each DAG file as the DAG processor does; seconds without Airflow's own start."""
    import airflow.providers.standard.operators.trigger_dagrun
    import airflow.sdk  # noqa: F401
    from airflow.dag_processing.dagbag import DagBag

    seconds, errors, found = {}, {}, {}
    for name in FILES:
        path = f"airflow_dags/{name}.py"
        began = time.process_time()  # of this process alone, whatever else the machine does
        bag = DagBag(path, bundle_name="testing")
        seconds[name] = time.process_time() - began
        errors |= bag.import_errors
        for dag_id, dag in bag.dags.items():
            found[dag_id] = {
                "owner": sorted({task.owner for task in dag.tasks}),
                "tags": sorted(dag.tags),
                "doc": bool(dag.doc_md),
                "retries": [task.retries for task in dag.tasks],
                "waits_grow_by": [task.retry_exponential_backoff for task in dag.tasks],
                "timeouts": all(task.execution_timeout for task in dag.tasks),
                "webhook": all(task.on_failure_callback for task in dag.tasks),
                "runs_at_once": dag.max_active_runs,
            }
    heavy = {"tensorflow", "apache_beam"} & {name.split(".")[0] for name in sys.modules}
    return {"dags": found, "errors": errors, "seconds": seconds, "heavy": sorted(heavy)}


def run(dag_id: str, conf: str) -> dict[str, object]:
    """Run a whole DAG in this process; return the state of the run and of each task."""
    modules = [importlib.import_module(f"airflow_dags.{name}") for name in FILES]
    made = {name: getattr(m, name)() for m in modules for name in DAGS if hasattr(m, name)}
    done = made[dag_id].test(run_conf=json.loads(conf))
    tasks = done.get_task_instances()
    states = {f"{task.task_id}[{task.map_index}]": str(task.state) for task in tasks}
    return {"state": str(done.state), "run_id": done.run_id, "tasks": states}


if __name__ == "__main__":
    answer = load() if sys.argv[1] == "load" else run(*sys.argv[2:])
    sys.stdout.write("\n" + json.dumps(answer) + "\n")
