"""Dirt in category files: it costs its own records, no neighbour's. One run reads all of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from chain import open_shop

from configs.settings import Settings

LONG, NULS = b"x" * 10_000_000, b"\0" * 154_143
GOOD = {
    f"{main}/amazon_{main}_{bottom}.csv": "".join(
        ["ad\n", *(f"{bottom} number {i} of {main}\n" for i in range(30))]
    ).encode()
    for main, bottom in (("home", "bath"), ("home", "lamps"), ("baby", "toys"))
}
DIRTY = {
    "void": b"",
    "odd": b"name\nlamp\nsofa\n",
    "latin": b"ad\nlatin one\nb\xe4d two\nlatin three\n",
    "long": b"ad\nlong one\n" + LONG + b"\nlong three\n",
    "nuls": b"ad\nnuls one\n" + NULS + b"\nnuls three\n",
    "quote": b'ad\n"quote 5" wide\nquote two\n"open to the end\nquote 4\n',
}
Reject = dict[str, Any]


class Ran:
    """What a run made of all files: its figures, the titles that it kept, the rejects."""

    def __init__(self, root: Path, settings: Settings) -> None:
        dirty = {f"home/amazon_home_{name}.csv": content for name, content in DIRTY.items()}
        for name, content in {**GOOD, **dirty}.items():
            (root / "in" / name).parent.mkdir(parents=True, exist_ok=True)
            (root / "in" / name).write_bytes(content)
        shop = open_shop(root, settings)
        said = shop("preprocess", "--input", root / "in")
        assert said.status == 0, said.err
        assert "Traceback" not in said.err
        self.figures, self._at = said.figures, shop.at()

    def rejects(self, name: str) -> list[Reject]:
        """Return the rejects of a dirty file, by line."""
        parts = sorted(Path(self._at.rejected).glob("*.parquet"))
        found = [row for part in parts for row in pq.read_table(part).to_pylist()]
        own = [row for row in found if row["source"] == f"home/amazon_home_{name}.csv"]
        return sorted(own, key=lambda row: row["line"])

    def kept(self, word: str) -> set[str]:
        """Return the titles of all examples that begin with a word."""
        shards = sorted(map(str, Path(self._at.tfrecords).glob("exclusive_*")))
        serialised = list(tf.data.TFRecordDataset(shards, "GZIP").as_numpy_iterator())
        spec = {"title": tf.io.FixedLenFeature([], tf.string)}
        titles = tf.io.parse_example(serialised, spec)["title"].numpy()
        return {title.decode() for title in titles if title.decode().split()[0] == word}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, tiny_settings: Settings) -> Ran:
    return Ran(tmp_path_factory.mktemp("dirty"), tiny_settings)


def test_all_that_was_read_is_accounted_for(ran: Ran) -> None:
    of_dirty = {"odd": 2, "latin": 3, "long": 3, "nuls": 3, "quote": 4}
    rejected = sum(len(ran.rejects(name)) for name in DIRTY)
    assert ran.figures["records"] == 90 + sum(of_dirty.values())
    assert ran.figures["rejected"] == 7
    assert rejected == 7 + 1  # the empty file is told of, though no record of it was read
    assert ran.figures["examples"] == ran.figures["records"] - ran.figures["rejected"]


def test_an_empty_file_is_noted_and_the_run_goes_on(ran: Ran) -> None:
    assert ran.figures["empty_files"] == 1
    assert [reject["line"] for reject in ran.rejects("void")] == [0]


def test_a_file_without_the_column_is_rejected_record_by_record(ran: Ran) -> None:
    rejects = ran.rejects("odd")
    assert [(r["line"], r["raw"]) for r in rejects] == [(2, b"lamp\n"), (3, b"sofa\n")]
    assert all("no column ad" in r["reason"] and "name" in r["reason"] for r in rejects)


def test_bytes_that_are_not_utf8_cost_one_record(ran: Ran) -> None:
    (reject,) = ran.rejects("latin")
    assert (reject["line"], reject["raw"]) == (3, b"b\xe4d two\n")
    assert "encoding" in reject["reason"]
    assert ran.kept("latin") == {"latin one", "latin three"}


def test_a_line_of_ten_megabytes_costs_one_record(ran: Ran) -> None:
    (reject,) = ran.rejects("long")
    assert (reject["line"], len(reject["raw"])) == (3, len(LONG) + 1)
    assert "max_record_bytes" in reject["reason"]
    assert ran.kept("long") == {"long one", "long three"}


def test_154143_nuls_cost_one_record(ran: Ran) -> None:
    (reject,) = ran.rejects("nuls")
    assert (reject["line"], reject["raw"]) == (3, NULS + b"\n")
    assert ran.kept("nuls") == {"nuls one", "nuls three"}


def test_a_stray_quote_swallows_no_neighbour(ran: Ran) -> None:
    assert [reject["line"] for reject in ran.rejects("quote")] == [2, 4]
    assert ran.kept("quote") == {"quote two", "quote 4"}
