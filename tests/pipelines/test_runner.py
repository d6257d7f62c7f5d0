"""Beam's options: those of the command line, then the settings, then the machine."""

from __future__ import annotations

import pytest
from apache_beam.options.pipeline_options import DirectOptions, StandardOptions

from configs.errors import UsageError
from configs.runners import DataflowSettings, RunnerSettings
from pipelines.runner import pipeline_options


def chosen(settings: RunnerSettings, *arguments: str) -> tuple[str, int, str]:
    """Return the runner, its workers and their running mode."""
    options = pipeline_options(settings, arguments)
    local = options.view_as(DirectOptions)
    runner = options.view_as(StandardOptions).runner
    return runner, local.direct_num_workers, local.direct_running_mode


def test_the_settings_choose_the_local_runner_and_its_workers() -> None:
    settings = RunnerSettings(workers=3, running_mode="multi_processing")
    assert chosen(settings) == ("FnApiRunner", 3, "multi_processing")


def test_what_stands_on_the_command_line_comes_before_the_settings() -> None:
    settings = RunnerSettings(workers=3, running_mode="multi_processing")
    given = ("--direct_num_workers=1", "--direct_running_mode=in_memory")
    assert chosen(settings, *given) == ("FnApiRunner", 1, "in_memory")


def test_another_runner_gets_no_local_options() -> None:
    cloud = DataflowSettings(project="shop-1", region="here", temp_location="gs://shop/temporary")
    settings = RunnerSettings(workers=7, dataflow=cloud)
    runner, workers, mode = chosen(settings, "--runner=DataflowRunner")
    assert (runner, workers, mode) == ("DataflowRunner", 1, "in_memory")


@pytest.mark.parametrize("argument", ["--direct_workers=2", "--no_such_thing"])
def test_an_option_that_beam_does_not_know_is_refused_in_one_line(argument: str) -> None:
    with pytest.raises(UsageError, match=f"{argument}: not an option of Apache Beam") as refused:
        pipeline_options(RunnerSettings(), [argument])
    assert len(str(refused.value).splitlines()) == 1


def test_an_option_of_a_cluster_is_known() -> None:
    arguments = ["--runner=DataflowRunner", "--project=shop-1", "--max_num_workers=4"]
    arguments += ["--region=here", "--temp_location=gs://shop/temporary"]
    kept = pipeline_options(RunnerSettings(), arguments).get_all_options()
    assert (kept["project"], kept["max_num_workers"]) == ("shop-1", 4)
