"""A part after any change of its rows is the part that all rows together make."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pyarrow as pa

from configs.features import NgramSettings, TokenSettings
from configs.preprocess import SplitSettings
from transforms.example_bytes import pack_int64, unpack_int64
from transforms.graphs import title_features
from transforms.title_batches import count_tokens
from transforms.title_parts import (
    ChangedPart,
    TitleFeatures,
    add_counts,
    change_part,
    empty_part,
    no_counts,
    token_ids,
)
from transforms.titles import CLEANED
from transforms.tokens import TOKEN_COUNTS, TOKENS

SPLIT = SplitSettings(train=0.5, valid=0.25, test=0.25)
TOKENS_OF = TokenSettings(length=3)
BUCKETS = NgramSettings().buckets
WORDS = ["red", "ring", "gold", "mat", "a-b", "x"]
# Where the files of these numbers stand.
ORDER = np.array([3, 0, 5, 1, 4, 2])
Row = tuple[int, int, int, str, str]  # key, file, line, category, text


def features_of(titles: pa.RecordBatch) -> TitleFeatures:
    return title_features(titles, TOKENS_OF, NgramSettings(), SPLIT)


def batch(rows: list[Row]) -> pa.RecordBatch:
    columns = list(zip(*rows, strict=True)) or [()] * len(CLEANED)
    arrays = [pa.array(c, f.type) for c, f in zip(columns, CLEANED, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=CLEANED)


def some_row(chance: random.Random, file: int, line: int) -> Row:
    """Few texts, so that many rows share one; of two texts each pair shares a key."""
    number = chance.randrange(40)
    text = " ".join(random.Random(number).choices(WORDS, k=number % 6 + 1))
    return (hash_of(text), file, line, chance.choice(["a", "a_b", "c\x1fa"]), text)


def hash_of(text: str) -> int:
    return (sum(text.encode()) // 2) * 0x9E3779B97F4A7C15 % (1 << 62)


def titles_of(changed: ChangedPart) -> list[tuple]:
    part = changed.part
    tokens = part.dictionary.column("token").to_pylist()
    places = part.titles.column(TOKENS).to_pylist()
    names = [name for name in part.titles.schema.names if name != TOKENS]
    columns = [part.titles.column(name).to_pylist() for name in names]
    words = [tuple(tokens[place] for place in row) for row in places]
    return [(*map(str, row), word) for *row, word in zip(*columns, words, strict=True)]


def rows_of(changed: ChangedPart) -> set[tuple]:
    texts = changed.part.titles.column("text").to_pylist()
    title, *others = (column.to_pylist() for column in changed.rows.columns)
    return set(zip((texts[number] for number in title), *others, strict=True))


def counted(counts: pa.RecordBatch) -> dict[bytes, int]:
    return dict(zip(*(column.to_pylist() for column in counts.columns), strict=True))


def test_changes_one_after_the_other_end_where_all_rows_would() -> None:
    """Files come at any place in the order, and change."""
    chance = random.Random(7)
    part, rows = empty_part()
    files: dict[int, list[Row]] = {}
    counts, tokens, seen = Counter(), no_counts(), b""
    for _ in range(25):
        number = chance.randrange(6)
        before = files.pop(number, [])
        now = [some_row(chance, number, line) for line in range(chance.randrange(30))]
        now = sorted({*chance.sample(before, len(before) // 2), *now}, key=lambda row: row[2])
        now = list({row[2]: row for row in now}.values())
        files[number] = now
        every = batch([row for of_file in files.values() for row in of_file])
        whole = change_part(*empty_part(), batch([]), every, ORDER, features_of)
        gone = batch([row for row in before if row not in now])
        came = batch([row for row in now if row not in before])
        changed = change_part(part, rows, gone, came, ORDER, features_of)
        assert titles_of(changed) == titles_of(whole)
        assert rows_of(changed) == rows_of(whole)
        counts.update(changed.counts)
        assert +counts == +whole.counts
        tokens = add_counts(tokens, [count_tokens(changed.gone, TOKENS_OF, SPLIT)], [changed.came])
        assert counted(tokens) == counted(count_tokens(whole.part.titles, TOKENS_OF, SPLIT))
        seen = changed.seen(seen, SPLIT, BUCKETS)
        assert seen == whole.seen(b"", SPLIT, BUCKETS)
        part, rows = changed.part, changed.rows
    nothing = change_part(part, rows, every, batch([]), ORDER, features_of)
    assert nothing.part.titles.num_rows == nothing.rows.num_rows == 0


def test_ngrams_that_no_title_has_any_more_are_not_seen() -> None:
    rows = batch(
        [(0, 0, 1, "a", "red ring"), (0, 0, 2, "a", "gold mat"), (0, 0, 3, "b", "red ring")]
    )
    first = change_part(*empty_part(), batch([]), rows, ORDER, features_of)
    bits = [first.seen(b"", SPLIT, BUCKETS)]
    for gone in (rows.slice(2, 1), rows.slice(0, 1)):
        changed = change_part(first.part, first.rows, gone, batch([]), ORDER, features_of)
        bits.append(changed.seen(bits[-1], SPLIT, BUCKETS))
        first = changed
    only = change_part(*empty_part(), batch([]), rows.slice(1, 1), ORDER, features_of)
    assert bits[0] == bits[1] != bits[2] == only.seen(b"", SPLIT, BUCKETS)


def test_tokens_get_their_rank_and_those_outside_the_vocabulary_one() -> None:
    row = (1, 0, 1, "a", "ring gold unheard ring")
    part = change_part(*empty_part(), batch([]), batch([row]), ORDER, features_of).part
    ids = token_ids(part, pa.array([b"gold", b"red", b"ring"], pa.binary()))
    places = part.titles.column(TOKENS).to_pylist()
    assert [ids[place] for place in places[0]] == [4, 2, 1]


def test_numbers_are_unpacked_as_they_were_packed() -> None:
    lists = [[], [0, 127, 128], [2**28, 2**40 + 1], [5], []]
    packed = pack_int64(pa.array(lists, pa.list_(pa.int64())))
    assert unpack_int64(packed).tolist() == [n for numbers in lists for n in numbers]
    assert unpack_int64(packed.slice(2, 2)).tolist() == [*lists[2], *lists[3]]
    assert unpack_int64(packed.slice(0, 0)).tolist() == []


def test_counts_of_nothing_are_nothing() -> None:
    assert no_counts().schema == TOKEN_COUNTS
    assert add_counts(no_counts(), [], []).num_rows == 0
