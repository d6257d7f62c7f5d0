"""Where everything lies: the one place that turns a prefix, a run and a name into paths.

`prefix` is a local folder or `gs://bucket/folder`; paths are strings joined with `/`, so that
both are written the same way. By default it is `$AISLE_PREFIX`, else `aisle_data`.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Literal

from configs.errors import UsageError

Objective = Literal["exclusive", "rule_based"]
Split = Literal["train", "valid", "test"]
SPLITS: tuple[Split, ...] = ("train", "valid", "test")
PREFIX_VARIABLE = "AISLE_PREFIX"
COMPLETED = "COMPLETED"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.=-]{0,127}")


def default_prefix() -> str:
    """Return `$AISLE_PREFIX`, or the folder `aisle_data` of the current directory."""
    return os.environ.get(PREFIX_VARIABLE) or "aisle_data"


def check_name(kind: str, name: str) -> str:
    """Return `name` if it can be one part of a path; raise `UsageError` if not."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{kind} {name!r}: use letters, digits, '_', '-', '.' and '=', beginning with a "
            "letter or digit, 128 at most"
        )
    return name


def shard_name(objective: Objective, split: Split, index: int, of: int) -> str:
    """Return for example `exclusive_train-00003-of-00016.tfrecord.gz`."""
    return f"{objective}_{split}-{index:05d}-of-{of:05d}.tfrecord.gz"


@dataclass(frozen=True)
class PrefixArtifacts:
    """The paths that the runs below a prefix share.

    A dump goes from `inbox` to `scoring/<dump_id>`, and ends in `archive/<dump_id>` or, with the
    reason, in `quarantine/<dump_id>`.
    """

    prefix: str

    def __post_init__(self) -> None:
        if not self.prefix:
            raise UsageError("prefix: expected a folder or gs://bucket/folder, got nothing")

    @property
    def champion(self) -> str:
        """The model that labels new dumps, and those that did before it."""
        return f"{self._root}/champion.json"

    @property
    def catalogue(self) -> str:
        return f"{self._root}/catalogue"

    @property
    def products(self) -> str:
        return f"{self._root}/products"

    @property
    def inbox(self) -> str:
        return f"{self._root}/inbox"

    def scoring(self, dump_id: str) -> str:
        return f"{self._root}/scoring/{check_name('dump id', dump_id)}"

    def archive(self, dump_id: str) -> str:
        return f"{self._root}/archive/{check_name('dump id', dump_id)}"

    def quarantine(self, dump_id: str) -> str:
        return f"{self._root}/quarantine/{check_name('dump id', dump_id)}"

    def backfill(self, name: str) -> str:
        return f"{self._root}/backfill/{check_name('backfill', name)}"

    @property
    def _root(self) -> str:
        return self.prefix.rstrip("/")


@dataclass(frozen=True)
class RunArtifacts:
    """The paths of one run below a prefix.

    >>> RunArtifacts("gs://shop/aisle", "nightly").tfrecords
    'gs://shop/aisle/runs/nightly/tfrecords'
    """

    prefix: str
    run_id: str

    def __post_init__(self) -> None:
        check_name("run id", self.run_id)
        if not self.prefix:
            raise UsageError("prefix: expected a folder or gs://bucket/folder, got nothing")

    @property
    def root(self) -> str:
        return f"{self.prefix.rstrip('/')}/runs/{self.run_id}"

    @property
    def tfrecords(self) -> str:
        return f"{self.root}/tfrecords"

    @property
    def transform_fn(self) -> str:
        return f"{self.root}/transform_fn"

    @property
    def stats(self) -> str:
        return f"{self.root}/stats"

    @property
    def rejected(self) -> str:
        return f"{self.root}/rejected"

    @property
    def work(self) -> str:
        """Where stages write before they publish; nothing is ever read from here by another."""
        return f"{self.root}/.work"

    def shards(self, objective: Objective, split: Split) -> str:
        """Return the glob of an objective's shards of one part."""
        return f"{self.tfrecords}/{objective}_{split}-*.tfrecord.gz"

    def checkpoints(self, hparams_id: str) -> str:
        return f"{self.root}/checkpoints/{check_name('hparams id', hparams_id)}"

    def exports(self, hparams_id: str) -> str:
        return f"{self.root}/exports/{check_name('hparams id', hparams_id)}"

    @property
    def evaluations(self) -> str:
        """The folder of all evaluations, one folder a model."""
        return f"{self.root}/evaluation"

    @property
    def report(self) -> str:
        """Where the comparison of models is written."""
        return f"{self.root}/report"

    @property
    def exploration(self) -> str:
        return f"{self.root}/exploration"

    def evaluation(self, hparams_id: str) -> str:
        return f"{self.evaluations}/{check_name('hparams id', hparams_id)}"

    def tuning(self, name: str) -> str:
        return f"{self.root}/tuning/{check_name('name of a search', name)}"

    def search(self, name: str) -> str:
        """Where a search keeps its trials, so that it can go on; the outcome is in `tuning`."""
        return f"{self.root}/searches/{check_name('name of a search', name)}"

    @property
    def cleaned_files(self) -> str:
        """Where preprocessing keeps what it made of each file, for all runs of the prefix."""
        return f"{self.prefix.rstrip('/')}/cache/cleaned"

    @property
    def kept_parts(self) -> str:
        """Where preprocessing keeps what it made of each part, for all runs of the prefix."""
        return f"{self.prefix.rstrip('/')}/cache/parts"

    def predictions(self, dump_id: str) -> str:
        return f"{self.root}/predictions/{check_name('dump id', dump_id)}"

    def comparison(self, hparams_id: str) -> str:
        """Return where the gate says how a model did against the champion."""
        return f"{self.root}/comparison/{check_name('hparams id', hparams_id)}"

    @property
    def label_store_url(self) -> str:
        """The default label store: a SQLite file in the prefix, shared by its runs.

        In a URL a `?` begins the options, and `%` a character that is written by its number.
        """
        path = f"{self.prefix.rstrip('/')}/labels.db"
        return "sqlite:///" + path.replace("%", "%25").replace("?", "%3F")
