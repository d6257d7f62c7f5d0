"""The tune stage: search the ranges of the config, and write the best values back as a config."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import yaml
from keras_tuner.engine.trial import TrialStatus

from aisle import __version__
from configs.artifacts import RunArtifacts
from configs.errors import UsageError
from configs.loading import fingerprint, parse_settings
from configs.settings import Settings
from configs.stores import without_passwords
from configs.tuning import check_search, put_values
from pipelines import storage
from pipelines.made_with import check_made_with
from pipelines.stage import Manifest, Outcome, read_manifest, require_manifest, run_stage
from trainer.search import EPOCHS, Tuner, make_tuner
from trainer.train import shaping
from trainer.trials import RECORD, Trials, check_possible, make_cuts, read_json
from trainer.tuning_report import BEST, REPORT, TRIALS_CSV, TRIALS_JSON, csv_of, json_of, render

_BEGUN_ON = "BEGUN_ON"
_FAILURES = 5


def search_name(settings: Settings) -> str:
    """Name a search by what it varies and the hash of whatever shapes its trials, not how many."""
    return f"{settings.training.model}-{_search_fingerprint(settings)[:8]}"


def tune(
    settings: Settings, artifacts: RunArtifacts, name: str | None = None, *, force: bool = False
) -> Outcome:
    """Run the stage; its figures are the best trial, its values, and all trials.

    A search that was killed goes on: the trials that it had finished stay. So does one that is
    given a larger budget. Raises `UsageError` where preprocessing is not finished, there is
    nothing to search, or every trial failed.
    """
    check_search(settings.tuning, settings.training.model, settings.training.answers)
    examples = require_manifest(artifacts.tfrecords, "preprocess")
    check_made_with(settings, artifacts)
    check_possible(settings, artifacts)
    name = name or search_name(settings)
    home, state = artifacts.tuning(name), artifacts.search(name)
    shape = fingerprint({"search": _search_fingerprint(settings), "on": examples.fingerprint})
    _check_begun(state, shape, force)

    def body(work: str) -> dict[str, Any]:
        if force:
            storage.remove_tree(state)
        storage.write_bytes(f"{state}/{_BEGUN_ON}", shape.encode())
        with storage.working_copy(state) as (here, keep):
            tuner, seconds = _search(settings, artifacts, here, {"search": shape}, keep)
            return _write_outcome(settings, tuner, here, f"{work}/tuning", home, seconds)

    return run_stage(
        "tune",
        body,
        folders={"tuning": home},
        work=f"{artifacts.work}/{name}",
        input_fingerprint=examples.fingerprint,
        config_fingerprint=fingerprint({"search": shape, **_budget(settings)}),
        force=force or _has_another_budget(read_manifest(home), settings),
    )


def _budget(settings: Settings) -> dict[str, Any]:
    return {"trials": settings.tuning.trials, "seconds": settings.tuning.seconds}


def _has_another_budget(finished: Manifest | None, settings: Settings) -> bool:
    """Tell whether a finished search is to go on, or to be cut; the trials there are are kept."""
    return finished is not None and finished.figures.get("budget") != _budget(settings)


def _search_fingerprint(settings: Settings) -> str:
    """Fingerprint what the trials depend on, beside the examples."""
    return fingerprint(
        shaping(settings),
        settings.models,
        settings.tuning.model_dump(exclude={"trials", "seconds", "direction"}),
        {"version": __version__},
    )


def _check_begun(state: str, shape: str, force: bool) -> None:
    mark = f"{state}/{_BEGUN_ON}"
    if force or not storage.exists(mark) or storage.read_bytes(mark).decode() == shape:
        return
    raise UsageError(
        f"{state} was begun with other settings or other examples; choose another --name, or "
        "pass --force to begin anew"
    )


def _search(
    settings: Settings,
    artifacts: RunArtifacts,
    state: str,
    fitted_on: Mapping[str, str],
    keep: Callable[[], None],
) -> tuple[Tuner, float]:
    """Run trials until the budget is spent; return the tuner and the seconds of all trials.

    Between two of them `keep` is called.
    """
    cuts = make_cuts(settings, artifacts)
    trials = Trials(settings, artifacts, cuts, f"{state}/trials", fitted_on)
    started = time.monotonic()
    limit, before = settings.tuning.seconds, 0.0

    def is_over() -> bool:
        keep()
        _check_any_succeeds(tuner)
        spent = before + time.monotonic() - started
        return limit is not None and bool(tuner.oracle.end_order) and spent >= limit

    tuner = make_tuner(settings, trials.folder, trials.run, is_over)
    before = sum(_record(state, trial).get("seconds", 0.0) for trial in tuner.oracle.trials)
    tuner.search()
    return tuner, before + time.monotonic() - started


def _check_any_succeeds(tuner: Tuner) -> None:
    ended = [tuner.oracle.trials[trial] for trial in tuner.oracle.end_order]
    failed = [trial for trial in ended if trial.status == TrialStatus.FAILED]
    if len(failed) >= _FAILURES and len(failed) == len(ended):
        raise UsageError(f"all {len(failed)} trials so far failed; the last: {failed[-1].message}")


def _write_outcome(
    settings: Settings, tuner: Tuner, state: str, folder: str, home: str, seconds: float
) -> dict[str, Any]:
    """Write the trials as tables and a page, and the best one as a config; return the figures."""
    rows = _rows(settings, tuner, state)
    done = [row for row in rows if row["score"] is not None]
    if not done:
        raise UsageError(f"every trial failed; the last: {rows[-1]['reason']}")
    best = (max if settings.tuning.better == "max" else min)(done, key=lambda row: row["score"])
    figures = {
        "search": settings.tuning.search,
        "objective": settings.tuning.objective,
        "better": settings.tuning.better,
        "trials": len(rows),
        "failed": len(rows) - len(done),
        "best_trial": best["trial"],
        "best": best["score"],
        "best_values": best["values"],
        "search_seconds": round(seconds, 3),
        "budget": _budget(settings),
        "config": f"{home}/{BEST}",
        "report": f"{home}/{REPORT}",
        "rows": rows,
    }
    for name, text in (
        (TRIALS_CSV, csv_of(rows)),
        (TRIALS_JSON, json_of(rows)),
        (BEST, best_config(settings, best)),
        (REPORT, render(settings, rows, figures)),
    ):
        storage.write_bytes(f"{folder}/{name}", text.encode())
    return figures


def _rows(settings: Settings, tuner: Tuner, state: str) -> list[dict[str, Any]]:
    """Return a row a trial, in the order in which they began."""
    rows = []
    for number, name in enumerate(tuner.oracle.start_order, 1):
        trial, record = tuner.oracle.trials[name], _record(state, name)
        figures = record.get("figures", {})
        rows.append(
            {
                "trial": number,
                "score": figures.get(settings.tuning.objective),
                "values": tuner.chosen(trial),
                "figures": figures,
                "folds": [fold["figures"] for fold in record.get("folds", [])],
                "epochs": record.get("epochs"),
                "epochs_at_most": trial.hyperparameters.values.get(EPOCHS, settings.tuning.epochs),
                "parameters": record.get("parameters"),
                "seconds": record.get("seconds"),
                "reason": trial.message,
            }
        )
    return rows


def _record(state: str, trial: str) -> dict[str, Any]:
    path = f"{state}/trials/trial_{trial}/{RECORD}"
    return read_json(path) if storage.exists(path) else {}


def best_config(settings: Settings, best: Mapping[str, Any]) -> str:
    """Return YAML that `aisle train --config` takes as it is: the config, with the best values.

    Its epochs are those that the trial had at most: learning rates that fall do so over them.
    Passwords in its URLs are left out: they have to be put in again before labels are written.
    """
    values = dict(best["values"])
    model = values.get("training.model", settings.training.model)
    if best["epochs_at_most"]:
        values[f"models.{model}.epochs"] = best["epochs_at_most"]
    document = put_values(settings.model_dump(mode="json", exclude_unset=True), values)
    document = without_passwords(document)
    parse_settings(document, BEST)
    head = (
        f"# Trial {best['trial']} of a {settings.tuning.search} search: "
        f"{settings.tuning.objective} {best['score']:.4f}.\n"
    )
    return head + yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
