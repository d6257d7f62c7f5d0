"""How product dumps are written, and how their predictions are cut."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from configs.section import Count, Delimiter, Encoding, Section, Shards, enough_shards
from configs.source import Escape, Quoting, check_escape, check_items

_LEAST_SHARDS, _SHARD_BYTES = 8, 40 << 20  # some 400,000 products in memory at once


class DumpSettings(Section):
    """The product dumps: their columns and how the predictions are cut.

    `title_join` names columns that make up the title together, as `source.columns.title_join`;
    `items` says where the records of JSON documents and XML are, as `source.items`; `columns` are
    those of `features.columns` that are headed otherwise here; `header`, `skip_lines` and `escape`
    are as in `source`; `rules` is a YAML file of the analysts' rules (`configs/rules.py`).
    `reuse_scores` takes what the same export said of a title in an earlier dump of the prefix; each
    worker holds that in memory, 50 bytes a title.
    `num_shards`: of the predictions; none: 8, doubled until a shard comes from 40 MiB of the dump
    at most, for the products of a shard are in memory together.
    """

    id: str = "id"
    title: str = "title"
    title_join: list[str] = Field(default_factory=list)
    columns: dict[str, str] = Field(default_factory=dict)
    format: Literal["auto", "csv", "tsv", "jsonl", "json", "xml", "parquet"] = "auto"
    items: str | None = None
    delimiter: Delimiter | None = None
    quoting: Quoting = "rfc4180"
    escape: Escape | None = None
    header: list[str] = Field(default_factory=list)
    skip_lines: Annotated[int, Field(ge=0)] = 0
    encoding: Encoding = "utf-8"
    max_record_bytes: Count = 1 << 20
    top_k: Count = 5
    rules: str | None = None
    reuse_scores: bool = False
    num_shards: Shards | None = None
    batch_rows: Count = 4096

    @model_validator(mode="after")
    def _items_where_they_are(self) -> Self:
        check_items(self.format, self.items)
        check_escape(self.format, self.quoting, self.escape)
        if (self.header or self.skip_lines) and self.format not in ("auto", "csv", "tsv"):
            raise ValueError(f"header and skip_lines are for csv and tsv, not {self.format}")
        return self

    def shards_of(self, size: int) -> int:
        """Return how many shards to make of a dump of so many bytes."""
        return self.num_shards or enough_shards(size, _LEAST_SHARDS, _SHARD_BYTES)
