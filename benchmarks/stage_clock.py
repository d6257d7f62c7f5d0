"""Run an `aisle` command with a clock on its stages: CPU seconds of each, in the real run.

    python -m benchmarks.stage_clock FILE preprocess --config ...

The project's own functions are wrapped where the command finds them. The CPU time of the whole
process, native threads included, goes to the stage that was entered last; so that this is right,
what steps give to threads is done at once, one thing at a time. FILE gets one JSON object:
`stages`, which add up to the process, and the `bytes` that steps handed on.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

from aisle.__main__ import main as aisle
from aisle.quiet import import_tensorflow

IMPORTS, BUILD, LEARN, REST = "imports", "lay out the pipeline", "learn the transform", "Beam, rest"
FILES, CUT = "list and hash the files", "cut into parts"

# Each stage and the functions that it is made of; what they call belongs to the stage of its own.
PREPROCESS = {
    FILES: ["pipelines.category_files:find_category_files"],
    BUILD: ["pipelines.preprocess_pipeline:build"],
    "read and parse": ["pipelines.category_files:read_category_file"],
    "clean and key": ["transforms.title_steps:_CleanTitles.work"],
    CUT: ["transforms.titles:cut_by_key"],
    "write what is handed on": ["transforms.batches:RecordBatchCoder.encode"],
    "read what is handed on": ["transforms.batches:RecordBatchCoder.decode"],
    "keep distinct titles": ["transforms.title_steps:_FinishPart.work"],
    "count the tokens": ["transforms.title_steps:_CountTokens.work"],
    "merge the token counts": [
        "transforms.title_steps:MergeTokenCounts.compact",
        "transforms.title_steps:MergeTokenCounts.extract_output",
        "transforms.tokens:most_frequent",
    ],
    LEARN: [],  # a bundle with steps of `_LEARNING`
    "make features": [
        "transforms.features:part_batch",
        "tensorflow_transform.beam.impl:_RunMetaGraphDoFn.process",
        "tensorflow_transform.beam.impl:_convert_to_record_batch",
    ],
    "label and serialise": ["pipelines.write_examples:_WriteShards.work"],
    "frame, compress, write": [
        "pipelines.shards:TFRecordFile.add",
        "pipelines.shards:TFRecordFile.write",
    ],
}
PREDICT = {
    FILES: ["pipelines.dumps:find_dump_files", "pipelines.dumps:dump_fingerprint"],
    BUILD: ["pipelines.batch_predict:build"],
    "read and parse": ["pipelines.dumps:read_dump_file"],
    "hash the ids, cut": ["pipelines.predict_parts:CutById.work"],
    "write what is handed on": ["transforms.batches:RecordBatchCoder.encode"],
    "read what is handed on": ["transforms.batches:RecordBatchCoder.decode"],
    "load the model": ["pipelines.predict_parts:load_classifier"],
    "features and model": ["pipelines.predict_parts:_scored"],
    "write the labels": ["pipelines.predict_parts:PredictPart.work"],
}
STAGES = {"preprocess": PREPROCESS, "predict": PREDICT}
FIXED = {IMPORTS, BUILD, LEARN, "load the model"}  # whatever the number of records
_LEARNING = ("Make features/Learn", "Make features/Write the transform function")
_OURS = ("aisle", "configs", "pipelines", "tensorflow_transform", "trainer", "transforms")


class StageClock:
    """Gives the CPU time of this process to one stage at a time."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.bytes = 0
        self.stage = IMPORTS
        self._since = 0.0  # the process's beginning

    def enter(self, stage: str) -> str:
        """Go over to a stage; return the one before."""
        now = time.process_time()
        self.seconds[self.stage] += now - self._since
        before, self.stage, self._since = self.stage, stage, now
        return before

    def timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function, or one that yields, whose time is a stage's.

        tf.Transform also runs its graph to learn: that stays there.
        """

        def enter() -> str:
            return self.enter(LEARN if self.stage == LEARN and stage == "make features" else stage)

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            before = enter()
            try:
                return function(*args, **kwargs)
            finally:
                self.enter(before)

        @functools.wraps(function)
        def generate(*args: Any, **kwargs: Any) -> Iterator[Any]:
            made = iter(function(*args, **kwargs))
            while True:
                before = enter()
                try:
                    value = next(made)
                except StopIteration:
                    return
                finally:
                    self.enter(before)
                yield value

        return generate if inspect.isgeneratorfunction(function) else call


class AtOnce(Executor):
    """In place of threads: does what it is given before it returns."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except BaseException as error:
            done.set_exception(error)
        return done


def wrap(place: str, wrapped: Callable[[Any], Any]) -> None:
    """Put `wrapped(function)` in the place of a function, `module:name` or `module:class.method`.

    Also where other modules have imported it by name: Beam sends a function as its module and
    name, and has to find the same one there.
    """
    module_name, _, path = place.partition(":")
    owner, _, name = path.rpartition(".")
    module = importlib.import_module(module_name)
    holder = getattr(module, owner) if owner else module
    function = getattr(holder, name)
    replacement = wrapped(function)
    setattr(holder, name, replacement)
    ours = [m for n, m in sys.modules.items() if n.partition(".")[0] in _OURS]
    for other in ours:
        if vars(other).get(name) is function:
            setattr(other, name, replacement)


def install(clock: StageClock, command: str) -> None:
    """Set the clock on the stages of a command, and let their steps do one thing at a time."""
    for module in ("pipelines.preprocess_pipeline", "pipelines.batch_predict"):
        importlib.import_module(module)
    wrap("transforms.machine:threads", lambda threads: AtOnce)
    for stage, places in STAGES[command].items():
        for place in places:
            wrap(place, functools.partial(clock.timed, stage))
    wrap("pipelines.spill:Spill.put", functools.partial(_weighed, clock))
    bundle = "apache_beam.runners.worker.bundle_processor:BundleProcessor.process_bundle"
    wrap(bundle, functools.partial(_of_bundle, clock))


def _weighed(clock: StageClock, put: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(put)
    def weigh(spill: Any, encoded: bytes) -> Any:
        clock.bytes += len(encoded)
        return put(spill, encoded)

    return weigh


def _of_bundle(clock: StageClock, process: Callable[..., Any]) -> Callable[..., Any]:
    """Give bundles of the steps that learn to `LEARN`: they are tf.Transform's own."""

    @functools.wraps(process)
    def run(processor: Any, *args: Any, **kwargs: Any) -> Any:
        steps = processor.process_bundle_descriptor.transforms.values()
        learns = any(step.unique_name.startswith(_LEARNING) for step in steps)
        before = clock.enter(LEARN if learns else REST)
        try:
            return process(processor, *args, **kwargs)
        finally:
            clock.enter(before)

    return run


def main(arguments: Sequence[str]) -> int:
    clock = StageClock()
    import_tensorflow()
    install(clock, arguments[1])
    clock.enter(REST)
    status = aisle(arguments[1:])
    clock.enter(REST)
    figures = {"stages": dict(clock.seconds), "bytes": clock.bytes}
    Path(arguments[0]).write_text(json.dumps(figures))
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
