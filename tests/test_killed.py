"""Killed (SIGKILL) in every stage, at random moments and while it publishes, then run again.

Each attempt is a process of its own, forked from one that has imported the heavy libraries and
started none of them: an attempt costs what the stage costs. The moments are drawn with a seed from
the time the stage took when it was left alone; the whole process group is killed.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import random
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest
from chain import Shop, contents, open_shop, write_dump

from configs.errors import UsageError
from configs.settings import Settings
from pipelines import storage
from pipelines.stage import require_manifest

HEAVY = ["aisle.commands", "pipelines.preprocess_pipeline", "trainer.train", "trainer.evaluate"]
HEAVY += ["pipelines.batch_predict", "pipelines.write_labels", "sklearn.linear_model"]
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(HEAVY)
LONGEST = 600.0

PRODUCTS = [(f"p{i}", f"Acme {what} model {i}") for i in range(50) for what in ("watch", "towel")]
PRODUCTS = [(f"{name}-{at}", title) for at, (name, title) in enumerate(PRODUCTS)]
SETS = (
    "training.checkpoint_seconds=0.001",
    "models.bag_of_ngrams.epochs=12",
    "models.bag_of_ngrams.patience=12",
    "models.bag_of_ngrams.batch_size=8",
    "dump.batch_rows=10",
    "store.batch_rows=2",
)
OF_STAGE = {
    "preprocess": ["tfrecords", "transform_fn", "stats", "rejected"],
    "train": ["exports", "checkpoints"],
    "evaluate": ["evaluation"],
    "predict": ["predictions"],
    "write-labels": ["../../labels.db"],
}


class House:
    """A shop whose commands run in processes that can be killed."""

    def __init__(self, shop: Shop, options: dict[str, list[object]]) -> None:
        self.shop, self.options = shop, options

    def attempt(
        self,
        stage: str,
        stop: Callable[[float], bool] = lambda _: False,
        moves: int | None = None,
        epochs: int | None = None,
    ) -> tuple[int | None, float]:
        """Run a stage until it ends or `stop(seconds)` says so; return its status and its seconds.

        With `moves` the process kills itself after so many of its folders have been published, with
        `epochs` when the checkpoint after so many is on disk.
        """
        here, there = FORKS.Pipe(duplex=False)
        typed = self.shop.typed(stage, *self.options[stage], sets=SETS)
        log = self._log(stage)
        process = FORKS.Process(target=_walk, args=(typed, there, moves, epochs, str(log)))
        process.start()
        there.close()
        with contextlib.suppress(EOFError):
            here.recv()
        began = time.monotonic()
        while process.is_alive() and not stop(time.monotonic() - began):
            assert time.monotonic() - began < LONGEST, self.words(stage)
            process.join(0.005)
        seconds = time.monotonic() - began
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid or 0, signal.SIGKILL)
        process.join()
        return process.exitcode, seconds

    def finish(self, stage: str) -> float:
        """Run a stage to its end; return its seconds."""
        status, seconds = self.attempt(stage)
        assert status == 0, self.words(stage)
        return seconds

    def words(self, stage: str) -> str:
        """Return what the stage's last attempt wrote to its standard output and error."""
        return self._log(stage).read_text()

    def _log(self, stage: str) -> Path:
        return self.shop.config.parent / f"{stage}.log"

    def home(self, stage: str) -> Path:
        """Return the folder that holds the stage's manifest."""
        artifacts = self.shop.at()
        exports = sorted(Path(artifacts.root, "exports").glob("*"))
        model = exports[0].name if exports else "none"
        homes = {
            "preprocess": artifacts.tfrecords,
            "train": artifacts.exports(model),
            "evaluate": artifacts.evaluation(model),
            "predict": artifacts.predictions("night"),
        }
        return Path(homes[stage])


def _walk(
    typed: list[str], ready: Connection, moves: int | None, epochs: int | None, log: str
) -> None:
    """Run a command in this process, as a group of its own, its words in a file."""
    os.setsid()
    words = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(words, 1)
    os.dup2(words, 2)
    if moves is not None:
        _die_after(moves)
    if epochs is not None:
        _die_at_epoch(epochs)
    from aisle.__main__ import main

    ready.send(None)
    ready.close()
    status = main(typed)
    os._exit(status)


def _die_after(moves: int) -> None:
    """Kill this process in the middle of publishing: after the given number of moves."""
    move, done = storage.move_tree, []

    def move_and_die(source: str, target: str) -> None:
        if len(done) == moves:
            os.kill(os.getpid(), signal.SIGKILL)
        move(source, target)
        done.append(target)
        if len(done) == moves:
            os.kill(os.getpid(), signal.SIGKILL)

    storage.move_tree = move_and_die


def _die_at_epoch(epochs: int) -> None:
    """Kill this process when a checkpoint after so many epochs has been written."""
    write = storage.write_bytes

    def write_and_die(path: str, content: bytes) -> None:
        write(path, content)
        if path.endswith("/last.json") and json.loads(content)["epoch"] >= epochs:
            os.kill(os.getpid(), signal.SIGKILL)

    storage.write_bytes = write_and_die


@pytest.fixture(scope="module")
def left_alone(
    tmp_path_factory: pytest.TempPathFactory, tiny_settings: Settings, tiny_catalogue: Path
) -> tuple[House, dict[str, float]]:
    """A house in which every stage ran once, unharmed, and the seconds each took."""
    root = tmp_path_factory.mktemp("alone")
    dump = write_dump(root / "dump.csv", PRODUCTS)
    options: dict[str, list[object]] = {
        "preprocess": ["--input", tiny_catalogue],
        "train": [],
        "evaluate": [],
        "predict": ["--dump", dump, "--dump-id", "night"],
        "write-labels": ["--dump-id", "night"],
    }
    house = House(open_shop(root / "shop", tiny_settings), options)
    return house, {stage: house.finish(stage) for stage in OF_STAGE}


@pytest.fixture
def house(left_alone: tuple[House, dict[str, float]], tmp_path: Path) -> House:
    """A copy of the house, as if each test had run the stages before its own."""
    unharmed = left_alone[0]
    shop = Shop(unharmed.shop.config, tmp_path / "shop" / "out")
    shutil.copytree(unharmed.shop.prefix, shop.prefix)
    return House(Shop(unharmed.shop.config, shop.prefix), unharmed.options)


@pytest.mark.parametrize(
    ("stage", "kills", "publishing"),
    [
        ("preprocess", 4, [0, 1, 4]),
        ("train", 4, [0, 1]),
        ("evaluate", 3, [1]),
        ("predict", 4, [0, 1]),
        ("write-labels", 6, []),
    ],
)
def test_killed_and_run_again_it_ends_as_if_left_alone(
    stage: str,
    kills: int,
    publishing: list[int],
    house: House,
    left_alone: tuple[House, dict[str, float]],
) -> None:
    unharmed, seconds = left_alone
    _forget(house, stage)
    chance = random.Random(f"20190401 {stage}")
    moments = [chance.uniform(0.0, seconds[stage]) for _ in range(kills)]
    for stop in [lambda passed, moment=moment: passed >= moment for moment in moments]:
        house.attempt(stage, stop)
        _nothing_half_taken_for_whole(house, stage, unharmed)
    for moves in publishing:
        _unfinish(house, stage)
        status, _ = house.attempt(stage, moves=moves)
        assert status == -signal.SIGKILL, house.words(stage)
        _nothing_half_taken_for_whole(house, stage, unharmed)
        with pytest.raises(UsageError):
            require_manifest(str(house.home(stage)), stage)
    house.finish(stage)
    _same(stage, house.shop, unharmed.shop)
    _no_leftovers(house)


def test_training_killed_at_a_checkpoint_goes_on_from_it(
    house: House, left_alone: tuple[House, dict[str, float]]
) -> None:
    """The kill comes when the third epoch is on disk; the rest gives the same labels."""
    _forget(house, "train")
    status, _ = house.attempt("train", epochs=3)
    assert status == -signal.SIGKILL, house.words("train")
    (last,) = Path(house.shop.at().root, "checkpoints").glob("*/last.json")
    assert json.loads(last.read_text())["epoch"] == 3
    assert not Path(house.shop.at().root, "exports").exists()
    house.finish("train")
    _same("train", house.shop, left_alone[0].shop)
    _no_leftovers(house)


def _forget(house: House, stage: str) -> None:
    """Take away what the stage and those after it made."""
    stages = list(OF_STAGE)
    for later in stages[stages.index(stage) :]:
        for name in OF_STAGE[later]:
            storage.remove_tree(os.path.join(house.shop.at().root, name))


def _unfinish(house: House, stage: str) -> None:
    """Should a kill have come too late, start again from an unfinished stage."""
    (house.home(stage) / "COMPLETED").unlink(missing_ok=True)


def _nothing_half_taken_for_whole(house: House, stage: str, unharmed: House) -> None:
    """A stage is whole, manifest and all, or the next one refuses it."""
    if stage == "write-labels":
        return
    home = house.home(stage)
    if (home / "COMPLETED").exists():
        _same(stage, house.shop, unharmed.shop)
        return
    with pytest.raises(UsageError, match="is not"):
        require_manifest(str(home), stage)


def _same(stage: str, found: Shop, expected: Shop) -> None:
    """Assert that a stage left the same in both: examples, labels, figures."""
    assert _outcome(stage, found) == _outcome(stage, expected)


def _outcome(stage: str, shop: Shop) -> object:
    at = shop.at()
    if stage == "preprocess":
        folders = (at.tfrecords, at.stats, at.rejected, f"{at.transform_fn}/transform_fn/assets")
        return [_without_manifest(folder) for folder in folders]
    if stage == "train":
        return _scores(Path(at.root, "exports"))
    if stage == "evaluate":
        metrics = json.loads(next(Path(at.root).glob("evaluation/*/metrics.json")).read_text())
        for timed in ("seconds", "speed"):
            metrics["context"].pop(timed)
        for figures in metrics["context"]["baselines"].values():
            for timed in ("seconds", "titles_per_second"):
                figures.pop(timed, None)
        return metrics
    if stage == "predict":
        return _without_manifest(at.predictions("night"))
    with contextlib.closing(sqlite3.connect(shop.prefix / "labels.db")) as connection:
        labels = "SELECT product_id, label, probability, labels, model_fingerprint FROM labels"
        history = "SELECT product_id, old_label, new_label, write_id FROM label_history"
        return [sorted(connection.execute(sql).fetchall()) for sql in (labels, history)]


def _without_manifest(folder: str) -> dict[str, bytes]:
    return {name: held for name, held in contents(folder).items() if name != "COMPLETED"}


def _scores(exports: Path) -> list[object]:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(next(exports.glob("*/model"))))
    found = loaded(tf.constant([title for _, title in PRODUCTS]))
    probabilities = np.round(found["probabilities"].numpy().astype(float), 6)
    return [found["labels"].numpy().tolist(), probabilities.tolist()]


def _no_leftovers(house: House) -> None:
    names = [name for name in contents(house.shop.at().root) if not name.endswith(".lock")]
    assert [name for name in names if name.startswith((".work", "checkpoints"))] == []
    assert [name for name in names if "/." in name] == []
