"""What preprocessing writes: in which parts, for which objectives, in how many shards."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from configs.section import Count, Level, Section, Shards, Share, enough_shards

_LEAST_SHARDS = 32
_SHARD_BYTES = 10 << 20  # of input; a step holds a few times fifty that of each shard in work
_RECORD_BYTES = 100


class SplitSettings(Section):
    """Shares of the distinct titles; a title's part follows from its text and `key` alone."""

    train: Share = 0.6
    valid: Share = 0.2
    test: Share = 0.2
    key: Annotated[int, Field(ge=0, lt=1 << 63)] = 20_190_401

    @model_validator(mode="after")
    def _adds_to_one(self) -> Self:
        total = self.train + self.valid + self.test
        if abs(total - 1.0) > 1e-9:
            raise ValueError(f"train + valid + test must add to 1, got {total:g}")
        if not self.train:
            raise ValueError("train must be above 0")
        return self


class ExclusiveSettings(Section):
    """One class per title at `level`; `conflicts` says what becomes of a title in several.

    `first`: by file and line; `deepest`: of those with most parts the first, for shops that name
    `Men` beside `Men > Shoes`; `drop`: none; `all`: an example of each.
    """

    level: Level = "main"
    conflicts: Literal["first", "deepest", "drop", "all"] = "first"


class ObjectiveSettings(Section):
    """The two objectives that preprocessing writes; `rule_based: false` leaves the second out."""

    exclusive: ExclusiveSettings = ExclusiveSettings()
    rule_based: bool = True


class PreprocessSettings(Section):
    """Shape of the output of preprocessing and of the batches that flow through it.

    `num_shards`: of each objective and split; none: 32, doubled until a shard comes from 10 MiB of
    input at most. Steps hold a few shards in memory at once, so that memory stays the same.
    `batch_rows`: of a step; none: 32,768, or up to 131,072 with more shards, so that what a batch
    has of each is not too small. `rows`: for a quick run, about how many records to take: the
    first ones of each file, the same number of each, and one at least; none: all. `incremental`
    keeps what was made of each file and of all titles beside the runs, and applies what files that
    are new or changed make different; not with `rows`.
    """

    rows: Count | None = None
    num_shards: Shards | None = None
    batch_rows: Count | None = None
    compression_level: Annotated[int, Field(ge=0, le=3)] = 1
    incremental: bool = False

    def shards_of(self, size: int) -> int:
        """Return how many shards to make of an input of so many bytes.

        >>> [PreprocessSettings().shards_of(mebibytes << 20) for mebibytes in (1, 320, 321, 3200)]
        [32, 32, 64, 512]
        """
        if self.num_shards is not None:
            return self.num_shards
        return enough_shards(self.taken_of(size), _LEAST_SHARDS, _SHARD_BYTES)

    def taken_of(self, size: int) -> int:
        """Return about how many bytes are taken of an input of so many."""
        return size if self.rows is None else min(size, self.rows * _RECORD_BYTES)

    def batch_rows_of(self, shards: int) -> int:
        """Return how many rows to put into a batch that is cut into so many shards."""
        return self.batch_rows or min(max(32_768, 1_024 * shards), 131_072)
