"""Back-pressure: so many rows a second, and again after a passing fault, later each time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from configs.stores import RetrySettings

T = TypeVar("T")


def with_retries(
    work: Callable[[], T],
    settings: RetrySettings,
    passing: Callable[[BaseException], bool],
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Do `work`; after a passing fault do it again, later each time, with full jitter.

    The wait is drawn from 0 to `first_seconds` x 2^n, so that many who were cut off together do
    not come back together (Brooker, Exponential Backoff And Jitter, 2015). The last fault is
    raised after `give_up_seconds`.
    """
    retrying = Retrying(
        wait=wait_random_exponential(
            multiplier=settings.first_seconds, max=settings.longest_seconds
        ),
        stop=stop_after_delay(settings.give_up_seconds),
        retry=retry_if_exception(passing),
        sleep=sleep,
        reraise=True,
    )
    return retrying(work)


class RateLimit:
    """Lets `rows_per_second` through on average: waits before what would be too early."""

    def __init__(
        self,
        rows_per_second: float | None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate, self._clock, self._sleep = rows_per_second, clock, sleep
        self._free_at = clock()

    def wait(self, rows: int) -> None:
        """Wait until the rows before these have had their time."""
        if self._rate is None:
            return
        now = self._clock()
        if self._free_at > now:
            self._sleep(self._free_at - now)
        self._free_at = max(self._free_at, now) + rows / self._rate
