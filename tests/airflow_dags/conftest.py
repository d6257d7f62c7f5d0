"""Share one Airflow, one champion and one scored dump among the tests of this folder."""

from airflow_house import airflow, retrained, undisturbed

__all__ = ["airflow", "retrained", "undisturbed"]
