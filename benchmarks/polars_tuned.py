"""What a good Polars user would write by hand for this one file layout, on one machine.

Read, clean, keep the first of each title, split by hash, count words in the train part, write ids
of words and of hashed uni- and bi-grams to Parquet. Strings are worked on by the streaming engine,
a few thousand rows at a time on all cores.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import polars as pl

from benchmarks.catalogue import labelled_files, titles

VOCABULARY_SIZE, LENGTH, BUCKETS = 20_000, 31, 2_000_000
PAD_AND_UNKNOWN = 2
MULTIPLIER = 0x5851F42D4C957F2D
PUNCTUATION = r"""[!"#$%&()*+,\-./:;<=>?@\[\\\]^_`{|}~']"""
TITLE, WORDS, PART = pl.col("title"), pl.col("words"), pl.col("part")
SPLITS = {"train": PART < 6, "valid": PART.is_between(6, 7), "test": PART > 7}


def read(files: list[tuple[Path, str]], labels: list[str]) -> pl.DataFrame:
    """Return `title` and `label` of all records; label is the place of the category."""
    frames = [
        read_titles(path).with_columns(label=pl.lit(labels.index(label), pl.Int32))
        for path, label in files
    ]
    return pl.concat(frames, rechunk=False)


def read_titles(path: Path) -> pl.DataFrame:
    """Read one file; one that Polars refuses for a stray quote, with the csv module."""
    try:
        return pl.read_csv(
            path,
            has_header=False,
            skip_lines=1,
            schema={"title": pl.String},
            truncate_ragged_lines=True,
        )
    except (pl.exceptions.ComputeError, pl.exceptions.NoDataError):
        return pl.DataFrame({"title": list(titles(path))}, schema={"title": pl.String})


def clean(title: pl.Expr) -> pl.Expr:
    """Clean as the notebook does; a lone space is not matched, which would cost the most."""
    return (
        title.str.to_lowercase()
        .str.replace_all(r"[|/]", " ")
        .str.replace_many({" - ": ", ", "-": " ", '"': ""}, leftmost=True)
        .str.strip_chars()
        .str.replace_all(r"\b[a-z]\b", "")
        .str.replace_all(r"\s{2,}|[^\S ]", " ")
    )


def distinct(records: pl.DataFrame) -> pl.DataFrame:
    """Return the distinct cleaned titles, each with its first label and its part (0 to 9)."""
    return (
        records.lazy()
        .with_columns(clean(TITLE))
        .filter(TITLE != "")
        .unique("title", keep="first", maintain_order=True)
        .with_columns(part=TITLE.hash(1) % 10)
        .collect(engine="streaming")
    )


def cut_words(products: pl.DataFrame) -> pl.DataFrame:
    """Add `words`, a list of strings."""
    bare = TITLE.str.replace_all(PUNCTUATION, "").str.replace_all(r"\s{2,}", " ")
    words = bare.str.strip_chars().str.split(" ")
    return products.lazy().with_columns(words=words).collect(engine="streaming")


def most_frequent(products: pl.DataFrame) -> pl.Series:
    """Return the words of the train part by falling count; ties go by the word."""
    counts = (
        products.lazy()
        .filter(SPLITS["train"])
        .select(word=WORDS.explode())
        .filter(pl.col("word") != "")
        .group_by("word")
        .len()
    )
    kept = VOCABULARY_SIZE - PAD_AND_UNKNOWN
    ranked = counts.sort(["len", "word"], descending=[True, False]).head(kept)
    return ranked.collect(engine="streaming")["word"]


def features(vocabulary: pl.Series) -> list[pl.Expr]:
    """Return the columns to write: title, label, ids of words, ids of n-grams."""
    codes = WORDS.list.head(LENGTH).cast(pl.List(pl.Enum(vocabulary)), strict=False)
    ids = (pl.element().to_physical() + PAD_AND_UNKNOWN).fill_null(1).cast(pl.Int32)
    unigrams = WORDS.list.eval(pl.element().hash())
    first, second = unigrams.list.head(unigrams.list.len() - 1), unigrams.list.slice(1)
    bucket = (pl.element() % BUCKETS).cast(pl.Int32)
    ngrams = pl.concat_list(unigrams, first * MULTIPLIER + second).list.eval(bucket)
    return [TITLE, pl.col("label"), codes.list.eval(ids).alias("tokens"), ngrams.alias("ngrams")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--config", type=Path, required=True)
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)

    files = labelled_files(args.input, args.config)
    records = read(files, sorted({label for _, label in files}))
    count = records.height
    products = distinct(records)
    del records
    products = cut_words(products)
    vocabulary = most_frequent(products)
    columns = features(vocabulary)
    for split, belongs in SPLITS.items():
        part = products.lazy().filter(belongs).select(columns)
        part.sink_parquet(args.output / f"{split}.parquet", engine="streaming")
    figures = {"records": count, "distinct": products.height, "vocabulary": vocabulary.len()}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
