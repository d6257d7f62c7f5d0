"""Share one Airflow, and one champion, among the tests of this folder."""

from airflow_house import airflow, retrained

__all__ = ["airflow", "retrained"]
