"""OpenSearch or Elasticsearch: partial updates by id, in bulk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from opensearchpy import OpenSearch
from opensearchpy.exceptions import ConnectionError as NoConnection
from opensearchpy.exceptions import OpenSearchException, TransportError
from opensearchpy.helpers import streaming_bulk

from configs.errors import PassingFault, UsageError
from configs.stores import IndexSettings, shown_url
from pipelines.sinks.changes import Change, Refused, name_of

_ON_CONFLICT = 5  # how often the node itself reads again and updates, before it answers 409
_PASSING = (409, 429, 502, 503, 504)
_UNFIT = (400, 413)
_MAX_BULK_BYTES = 10 << 20
_REASON_CHARACTERS = 1000


class IndexSink:
    """One client; a document's `field` holds the change, the rest of it stays as it is."""

    def __init__(self, settings: IndexSettings) -> None:
        self.name, self.settings = name_of(settings), settings
        self._client = OpenSearch(settings.url.partition("+")[2], timeout=settings.timeout_seconds)

    def deliver(self, changes: Sequence[Change], place: str) -> list[Refused]:
        """Update all; what the index refuses for good comes back with its reason.

        A request that is refused whole, for one id in it, is sent again by halves.
        """
        try:
            return self._update(changes)
        except OpenSearchException as error:
            if not (isinstance(error, TransportError) and error.status_code in _UNFIT):
                raise self._fault(error) from error
            if len(changes) == 1:
                told = error.info if isinstance(error.info, dict) else {}
                return [Refused(changes[0], _reason({"status": error.status_code, **told}))]
        half = len(changes) // 2
        return [*self.deliver(changes[:half], place), *self.deliver(changes[half:], place)]

    def _update(self, changes: Sequence[Change]) -> list[Refused]:
        refused, later = [], 0
        results = streaming_bulk(
            self._client,
            self._actions(changes),
            chunk_size=len(changes) or 1,
            max_chunk_bytes=_MAX_BULK_BYTES,
            raise_on_error=False,
            raise_on_exception=True,
        )
        for change, (fine, answer) in zip(changes, results, strict=True):
            found = answer["update"]
            if not fine and found["status"] in _PASSING:
                later += 1
            elif not fine:
                refused.append(Refused(change, _reason(found)))
        if later:
            raise PassingFault(
                f"{shown_url(self.settings.url)}: {later} updates met a conflict or no room; "
                "expected the index to take them; run again"
            )
        return refused

    def close(self) -> None:
        self._client.close()

    def _actions(self, changes: Sequence[Change]) -> Iterator[dict[str, Any]]:
        for change in changes:
            yield {
                "_op_type": "update",
                "_index": self.settings.index,
                "_id": change["product_id"],
                "doc": {self.settings.field: change},
                "doc_as_upsert": self.settings.create_missing,
                "retry_on_conflict": _ON_CONFLICT,
            }

    def _fault(self, error: OpenSearchException) -> UsageError:
        status = error.status_code if isinstance(error, TransportError) else 0
        passing = isinstance(error, NoConnection) or status in _PASSING
        kind = PassingFault if passing else UsageError
        return kind(
            f"{shown_url(self.settings.url)}: {type(error).__name__} {status}; expected an index "
            f"{self.settings.index} that can be written; start the node, or set store.sinks"
        )


def _reason(answer: dict[str, Any]) -> str:
    error = answer.get("error") or {}
    said = error.get("reason", "") if isinstance(error, dict) else str(error)
    kind = error.get("type", "") if isinstance(error, dict) else ""
    return f"{answer['status']} {kind}: {said}"[:_REASON_CHARACTERS]
