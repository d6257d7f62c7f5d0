"""From category files to training examples, the transform function, statistics and rejects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from configs.artifacts import RunArtifacts
from configs.errors import UsageError
from configs.loading import fingerprint
from configs.runners import LOCAL_RUNNER
from configs.settings import Settings
from pipelines import storage
from pipelines.category_files import CategoryFile, find_category_files
from pipelines.cleaned_files import entry_names, known_entries
from pipelines.made_with import write_made_with
from pipelines.progress import ProgressLog, show_progress
from pipelines.rejects import with_reason
from pipelines.stage import Outcome, run_stage
from pipelines.statistics import read_figures, read_reasons, why_no_example
from pipelines.vocabulary import check_vocabulary, token_shape

if TYPE_CHECKING:
    from apache_beam.options.pipeline_options import PipelineOptions

# Takes the settings for the input, its files, shards, the work folder and the log.
_Make = Callable[[Settings, Sequence[CategoryFile], int, str, ProgressLog], None]


def preprocess(
    settings: Settings,
    artifacts: RunArtifacts,
    input_root: str,
    *,
    beam_arguments: Sequence[str] = (),
    force: bool = False,
) -> Outcome:
    """Run the stage; return its manifest, whose figures are `statistics.read_figures`'.

    Raises `UsageError` for an input without a file, a file without a category, an unknown option.
    """
    check_vocabulary(settings.features.tokens)
    make, here = _way(settings, artifacts, input_root, beam_arguments)
    files, input_fingerprint, size = find_category_files(input_root, settings)
    shards, sized = settings.preprocess.shards_of(size), settings.of_input(size)
    folders = {
        "tfrecords": artifacts.tfrecords,
        "transform_fn": artifacts.transform_fn,
        "stats": artifacts.stats,
        "rejected": artifacts.rejected,
    }

    def body(work: str) -> dict[str, Any]:
        log = ProgressLog(f"{work}/progress.log" if here and not storage.is_remote(work) else None)
        cleaned = _cleaned(settings, artifacts)
        taken = {"files_known": _known(files, settings, cleaned)} if cleaned else {}
        with show_progress("preprocess", log, {}):
            make(sized, files, shards, work, log)
        work_stats = f"{work}/stats"
        write_made_with(sized, work_stats)
        counts = read_figures(work_stats)
        counts = with_reason(counts, read_reasons(work_stats), artifacts.rejected)
        figures = {"files": len(files), **taken, "bytes": size, **counts}
        if not figures["examples"]:
            raise UsageError(
                f"--input {input_root}: none of {figures['records']} records became an example "
                f"({why_no_example(work_stats, settings.objectives.exclusive.level)}); correct "
                "source or categories in the config, or name another folder"
            )
        return figures

    return run_stage(
        "preprocess",
        body,
        folders=folders,
        work=artifacts.work,
        input_fingerprint=input_fingerprint,
        config_fingerprint=preprocess_fingerprint(settings),
        force=force,
    )


def _way(
    settings: Settings, artifacts: RunArtifacts, input_root: str, beam_arguments: Sequence[str]
) -> tuple[_Make, bool]:
    """Return what makes the outcome, and whether it works on this machine.

    Changes are applied to what is kept without Beam, whose loading alone takes seconds.
    """
    if keeps_parts(settings, beam_arguments):
        from pipelines.update import update

        return lambda sized, *given: update(sized, artifacts, *given), True
    options = _options(settings, artifacts, input_root, beam_arguments)
    from pipelines.preprocess_pipeline import run_pipeline
    from pipelines.runner import is_on_this_machine

    cleaned = _cleaned(settings, artifacts)

    def make(
        sized: Settings, files: Sequence[CategoryFile], shards: int, work: str, log: ProgressLog
    ) -> None:
        run_pipeline(options, files, sized, shards, work, log, cleaned)

    return make, is_on_this_machine(options)


def keeps_parts(settings: Settings, beam_arguments: Sequence[str]) -> bool:
    """Tell whether whole parts are kept from run to run, and only changes applied to them.

    On one machine, and for titles alone: what further columns become is known to tf.Transform only.
    """
    return (
        _incremental(settings)
        and not settings.features.columns
        and settings.pipeline.runner == LOCAL_RUNNER
        and not beam_arguments
    )


def _options(
    settings: Settings, artifacts: RunArtifacts, input_root: str, beam_arguments: Sequence[str]
) -> PipelineOptions:
    from aisle.quiet import import_tensorflow

    import_tensorflow(with_keras=False)
    from pipelines.runner import check_shared, pipeline_options

    options = pipeline_options(settings.pipeline, beam_arguments)
    shared = {"--input": input_root, "--prefix": artifacts.prefix}
    vocabulary = settings.features.tokens.vocabulary
    if vocabulary is not None:
        shared["--set features.tokens.vocabulary"] = vocabulary
    check_shared(options, shared)
    return options


def _known(files: Sequence[CategoryFile], settings: Settings, cache: str) -> int:
    """Return of how many files an earlier run has left what it made."""
    known = known_entries(cache)
    return sum(name in known for name in entry_names(files, settings))


def plan_preprocess(
    settings: Settings,
    artifacts: RunArtifacts,
    input_root: str,
    folder: str,
    *,
    beam_arguments: Sequence[str] = (),
) -> dict[str, Any]:
    """Write the Dataflow job that `preprocess` would start to a folder; return what is in it."""
    check_vocabulary(settings.features.tokens)
    options = _options(settings, artifacts, input_root, beam_arguments)
    from pipelines.preprocess_pipeline import plan_pipeline

    files, _, size = find_category_files(input_root, settings)
    shards, work = settings.preprocess.shards_of(size), f"{artifacts.work}/preprocess"
    cleaned = _cleaned(settings, artifacts)
    sized = settings.of_input(size)
    return plan_pipeline(options, files, sized, shards, work, folder, cleaned)


def preprocess_fingerprint(settings: Settings) -> str:
    """Fingerprint what the examples depend on; the runner and its workers are not among it.

    Nor is how wide a model's embedding of a column is.
    """
    features = settings.features.model_dump(
        mode="json", exclude={"columns": {"__all__": {"embedding_width"}}}
    )
    features["tokens"] = token_shape(settings.features.tokens)
    return fingerprint(
        settings.source,
        settings.categories,
        settings.text,
        features,
        settings.split,
        settings.objectives,
        settings.preprocess.model_dump(mode="json", exclude={"incremental"}),
    )


def _incremental(settings: Settings) -> bool:
    return settings.preprocess.incremental and settings.preprocess.rows is None


def _cleaned(settings: Settings, artifacts: RunArtifacts) -> str | None:
    """Return where what earlier runs made of whole files is kept, if it is to be used."""
    return artifacts.cleaned_files if _incremental(settings) else None
