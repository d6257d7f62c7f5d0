"""Where labels go: the label store, the sinks that it feeds, and the gate before both."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    Tag,
    TypeAdapter,
    ValidationError,
    field_validator,
)

from configs.section import Count, Positive, Section, Share

TableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
QUEUE_SCHEMES = ("amqp", "amqps")
INDEX_SCHEMES = (
    "opensearch+http",
    "opensearch+https",
    "elasticsearch+http",
    "elasticsearch+https",
)
FILE_SCHEMES = ("file", "gs")
SINK_SCHEMES = (*QUEUE_SCHEMES, *INDEX_SCHEMES, *FILE_SCHEMES)


def _label_pattern(text: str) -> str:
    if "*" in text[:-1]:
        raise ValueError(f"{text!r}: a * stands at the end only, for all labels that begin so")
    return text


LabelPattern = Annotated[str, Field(min_length=1), AfterValidator(_label_pattern)]


class GateSettings(Section):
    """What a write may do to the catalogue.

    A write that puts other labels in the place of more than `max_changed_share` of the known ones
    in it is refused whole; the same label from another model is no other one. A row whose old or
    new label is one of `untouchable` is held back, and one less probable than `min_probability` of
    its label says; so is one below `min_probability_others`. Labels end in `*` for all that begin
    so.
    """

    max_changed_share: Share = 1.0
    untouchable: list[LabelPattern] = Field(default_factory=list)
    min_probability: dict[LabelPattern, Share] = Field(default_factory=dict)
    min_probability_others: Share = 0.0


class RetrySettings(Section):
    """How a passing fault is met: wait `first_seconds`, then twice as long each time, with jitter.

    No wait is longer than `longest_seconds`; after `give_up_seconds` in all the command ends.
    """

    first_seconds: Positive = 0.2
    longest_seconds: Positive = 10.0
    give_up_seconds: Annotated[float, Field(ge=0.0)] = 120.0


class SinkSettings(Section):
    """What every sink has: its URL, how many changes go at once, and how many a second at most."""

    url: str = Field(min_length=1)
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")] | None = None
    batch_rows: Count = 1000
    rows_per_second: Positive | None = None
    retry: RetrySettings = RetrySettings()


class QueueSettings(SinkSettings):
    """RabbitMQ: one persistent message a change into a durable queue, each confirmed.

    `declare: false` takes the queue as somebody else has made it, with arguments of its own.
    """

    declare: bool = True
    queue: str = Field(default="aisle.labels", min_length=1, max_length=255)
    exchange: str = Field(default="", max_length=255)
    heartbeat_seconds: Count = 60

    @field_validator("url")
    @classmethod
    def _has_a_host(cls, url: str) -> str:
        return _with_host(url, "amqp://user:password@host:5672/%2F")


class IndexSettings(SinkSettings):
    """OpenSearch or Elasticsearch: a partial update of the document of a product, by its id."""

    index: str = Field(default="products", pattern=r"^[a-z0-9][a-z0-9._-]*$")
    field: str = Field(default="aisle", min_length=1)
    create_missing: bool = True
    timeout_seconds: Count = 60

    @field_validator("url")
    @classmethod
    def _has_a_host(cls, url: str) -> str:
        return _with_host(url, "opensearch+https://user:password@host:9200")


class FileSettings(SinkSettings):
    """Files, one a chunk of a write, in a local folder or `gs://bucket/folder`."""

    format: Literal["parquet", "csv", "jsonl"] = "parquet"
    batch_rows: Count = 100_000

    @field_validator("url")
    @classmethod
    def _names_a_folder(cls, url: str) -> str:
        if not re.match(r"file:///[^/]|gs://[^/]+", url, re.IGNORECASE):
            raise ValueError(
                f"{shown_url(url)} is no folder; expected file:///data/labels, with three slashes, "
                "or gs://bucket/labels"
            )
        return url


def scheme_of(url: str) -> str:
    """Return what stands before `://`, in lower case; nothing where it is missing."""
    found = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", url)
    return found.group(1).lower() if found else ""


def _kind(value: Any) -> str | None:
    url = value.get("url", "") if isinstance(value, dict) else getattr(value, "url", "")
    scheme = scheme_of(str(url))
    kinds = {"queue": QUEUE_SCHEMES, "index": INDEX_SCHEMES, "files": FILE_SCHEMES}
    return next((kind for kind, schemes in kinds.items() if scheme in schemes), None)


AnySink = Annotated[
    Annotated[QueueSettings, Tag("queue")]
    | Annotated[IndexSettings, Tag("index")]
    | Annotated[FileSettings, Tag("files")],
    Discriminator(
        _kind,
        custom_error_type="value_error_sink",
        custom_error_message="url begins with none of " + ", ".join(SINK_SCHEMES),
    ),
]


class StoreSettings(Section):
    """Where labels go, by URL: a SQL database, or one of the sinks.

    A SQL database (any SQLAlchemy URL) keeps labels and history. With the URL of a sink, or with
    none, `<prefix>/labels.db` (SQLite) does. `sinks` get every change, and so does `url` where it
    is one; a sink with settings of its own is a mapping in `sinks`, else its URL alone.
    A person's label is overwritten only with `overwrite_persons`. `rows_per_second` and `retry`
    are of the database.
    """

    url: str | None = None
    labels_table: TableName = "labels"
    history_table: TableName = "label_history"
    batch_rows: Count | None = None
    rows_per_second: Positive | None = None
    lock_seconds: Count = 30
    overwrite_persons: bool = False
    retry: RetrySettings = RetrySettings()
    gate: GateSettings = GateSettings()
    sinks: list[AnySink] = Field(default_factory=list)

    @field_validator("sinks", mode="before")
    @classmethod
    def _as_mappings(cls, given: Any) -> Any:
        """Turn a sink that is its URL alone into a mapping."""
        if not isinstance(given, list):
            return given
        return [{"url": sink} if isinstance(sink, str) else sink for sink in given]

    @field_validator("url")
    @classmethod
    def _names_a_place(cls, url: str | None) -> str | None:
        if is_sink(url):
            try:
                _SINK.validate_python({"url": url})
            except ValidationError as error:
                raise ValueError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None
        return url

    @property
    def database(self) -> str | None:
        """The SQL database that keeps the history; None for the default one."""
        return None if is_sink(self.url) else self.url

    @property
    def all_sinks(self) -> list[AnySink]:
        """Whatever gets the changes: `url`, where it is a sink, then `sinks`."""
        first = [_SINK.validate_python({"url": self.url})] if is_sink(self.url) else []
        return [*first, *self.sinks]


_SINK: TypeAdapter[AnySink] = TypeAdapter(AnySink)


def is_sink(url: str | None) -> bool:
    """Tell whether a URL is a sink's; a SQL database's is not."""
    return url is not None and scheme_of(url) in SINK_SCHEMES


def shown_url(url: str) -> str:
    """Return a URL as people may see it: without user, password and options.

    >>> shown_url("amqp://shop:s3cret@queue:5672/%2F?x=1")
    'amqp://queue:5672/%2F'
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return f"{scheme_of(url)}://..."
    return f"{parts.scheme}://{host}{port}{parts.path}"


def without_passwords(value: Any) -> Any:
    """Return a setting, or a document of them, whose URLs tell no password.

    >>> without_passwords({"store": {"url": "postgresql://shop:s3cret@db/catalogue"}})
    {'store': {'url': 'postgresql://shop:***@db/catalogue'}}
    """
    if isinstance(value, dict):
        return {key: without_passwords(held) for key, held in value.items()}
    if isinstance(value, list):
        return [without_passwords(held) for held in value]
    if not isinstance(value, str):
        return value
    hidden = re.sub(r"(://[^:/@\s]*):\S*@", r"\1:***@", value)
    return re.sub(r"([?&]\w*password=)[^&\s]*", r"\1***", hidden)


def _with_host(url: str, example: str) -> str:
    """Return a URL that names a host; never repeat one that may hold a password unread."""
    try:
        host = urlsplit(url).hostname
    except ValueError:
        host = None
    if not host:
        raise ValueError(f"{shown_url(url)} names no host; expected {example}")
    return url
