"""Share one Airflow, one champion and one start of the scheduler among the tests of this folder."""

from airflow_house import (
    airflow,
    airflow_alone,
    airflow_installed,
    airflow_server,
    retrained,
    undisturbed,
)
from busy_house import house, runs, served, shop_database, small_disk

__all__ = [
    "airflow",
    "airflow_alone",
    "airflow_installed",
    "airflow_server",
    "house",
    "retrained",
    "runs",
    "served",
    "shop_database",
    "small_disk",
    "undisturbed",
]
