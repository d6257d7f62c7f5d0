"""Do the heavy part of a step on the threads of the worker, while the next element is fetched.

TensorFlow, Arrow, numpy and the compressors release Python's lock: with a thread a core, one
process uses the whole machine, loads each library once and copies nothing between processes.
"""

from __future__ import annotations

import collections
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import apache_beam as beam
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from transforms.machine import cores, threads


class OverlappedDoFn(beam.DoFn):
    """A DoFn whose `work` runs on a thread; its outputs come in the order of the elements.

    For the global window only. No more elements are under way than cores and one, so memory stays
    bounded; an exception of `work` is raised where its outputs would have come.
    """

    def work(self, element: Any, *side_inputs: Any) -> list[Any]:
        """Return what `process` would have yielded for the element."""
        raise NotImplementedError

    def start_bundle(self) -> None:
        self._under_way: collections.deque[Future[list[Any]]] = collections.deque()

    # Beam would read an annotation of `*side_inputs` as that of one input, a tuple.
    def process(self, element, *side_inputs):  # type: ignore[no-untyped-def]
        yield from self.overlap(element, *side_inputs)

    def overlap(self, element: Any, *side_inputs: Any) -> Iterator[Any]:
        """Hand one element to a thread; yield what is ready, waiting if too much is under way."""
        self._under_way.append(threads().submit(self.work, element, *side_inputs))
        while len(self._under_way) > cores():
            yield from self._under_way.popleft().result()

    def finish_bundle(self) -> Iterator[Any]:
        while self._under_way:
            yield from map(in_global_window, self._under_way.popleft().result())


def in_global_window(output: Any) -> Any:
    """Wrap what `finish_bundle` yields, tagged or not, as Beam asks there."""
    window = GlobalWindow()
    tagged = isinstance(output, beam.pvalue.TaggedOutput)
    value = output.value if tagged else output
    windowed = WindowedValue(value, window.max_timestamp(), [window])
    return beam.pvalue.TaggedOutput(output.tag, windowed) if tagged else windowed
