"""The Polars script as most people would write it first: eager, one step after the other.

The notebook's cleaning line by line, one row per word, ids by a join, lists by group_by. Its
output is that of polars_tuned.py, which an expert would make of it after profiling.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import polars as pl

from benchmarks.catalogue import labelled_files
from benchmarks.polars_tuned import (
    BUCKETS,
    LENGTH,
    MULTIPLIER,
    PAD_AND_UNKNOWN,
    PUNCTUATION,
    SPLITS,
    TITLE,
    VOCABULARY_SIZE,
    read,
)

ROW, WORD = pl.col("row"), pl.col("word")


def clean(title: pl.Expr) -> pl.Expr:
    """Clean as the notebook does, one replacement per line of it."""
    return (
        title.str.to_lowercase()
        .str.replace_all("|", " ", literal=True)
        .str.replace_all("/", " ", literal=True)
        .str.replace_all(" - ", ", ", literal=True)
        .str.replace_all("-", " ", literal=True)
        .str.replace_all('"', "", literal=True)
        .str.strip_chars()
        .str.replace_all(r"\b[a-zA-Z]\b", "")
        .str.replace_all(r"\s+", " ")
    )


def distinct(records: pl.DataFrame) -> pl.DataFrame:
    """Return the distinct cleaned titles with `row`, label and part."""
    cleaned = records.with_columns(clean(TITLE)).filter(TITLE != "")
    products = cleaned.unique("title", keep="first", maintain_order=True).with_row_index("row")
    return products.with_columns(part=TITLE.hash(1) % 10)


def cut_words(products: pl.DataFrame) -> pl.DataFrame:
    """Return one row per word."""
    words = TITLE.str.replace_all(PUNCTUATION, "").str.extract_all(r"\S+")
    return products.select("row", "part", word=words).explode("word").drop_nulls("word")


def most_frequent(words: pl.DataFrame) -> pl.DataFrame:
    """Return the words of the train part by falling count, and their ids."""
    counts = words.filter(SPLITS["train"]).group_by("word").len()
    ranked = counts.sort(["len", "word"], descending=[True, False])
    kept = ranked.head(VOCABULARY_SIZE - PAD_AND_UNKNOWN).select("word")
    return kept.with_row_index("id", offset=PAD_AND_UNKNOWN)


def token_ids(words: pl.DataFrame, vocabulary: pl.DataFrame) -> pl.DataFrame:
    """Return one row per title: the ids of its first words."""
    ids = words.join(vocabulary, on="word", how="left", maintain_order="left")
    known = ids.select("row", tokens=pl.col("id").fill_null(1))
    return known.group_by("row", maintain_order=True).agg(pl.col("tokens").head(LENGTH))


def ngram_ids(words: pl.DataFrame) -> pl.DataFrame:
    """Return one row per title: the buckets of its words, then of its pairs of words."""
    hashed = words.select("row", first=WORD.hash())
    pair = pl.col("first") * MULTIPLIER + pl.col("first").shift(-1)
    pairs = hashed.with_columns(pair=pl.when(ROW.shift(-1) == ROW).then(pair))
    buckets = pairs.with_columns((pl.col("first", "pair") % BUCKETS).cast(pl.Int32))
    lists = buckets.group_by("row", maintain_order=True).agg("first", pl.col("pair").drop_nulls())
    return lists.select("row", ngrams=pl.concat_list("first", "pair"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--config", type=Path, required=True)
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)

    files = labelled_files(args.input, args.config)
    records = read(files, sorted({label for _, label in files}))
    products = distinct(records)
    words = cut_words(products)
    vocabulary = most_frequent(words)
    examples = products.join(token_ids(words, vocabulary), on="row", how="left").join(
        ngram_ids(words), on="row", how="left"
    )
    for split, belongs in SPLITS.items():
        columns = ["title", "label", "tokens", "ngrams"]
        examples.filter(belongs).select(columns).write_parquet(args.output / f"{split}.parquet")
    figures = {
        "records": records.height,
        "distinct": products.height,
        "vocabulary": vocabulary.height,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
