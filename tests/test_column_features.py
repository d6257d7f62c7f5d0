"""Further columns as features: learned on training titles, the same numbers as by hand."""

from __future__ import annotations

import csv
import math
import random
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from chain import Said, Shop, examples, one_line, open_shop

from configs.columns import outputs_of
from configs.loading import parse_settings
from configs.settings import Settings
from trainer.dataset import parse_examples

FEATURES = {
    "maker": {"kind": "categorical", "column": "Made by", "top_k": 2},
    "price": {"kind": "dense"},
    "weight": {"kind": "dense", "default": 1.5},
    "about": {
        "kind": "text",
        "give": ["ids", "ngrams", "bow", "tfidf"],
        "vocabulary_size": 6,
        "length": 3,
        "buckets": 50,
    },
}
WORDS = ["soft", "red", "cot-bed", "Oak", "warm", "x2"]
MAKERS = ["Acme", " Acme", "Norvik", "Élan", "", "Ōsaka"]


def catalogue() -> list[dict[str, str]]:
    """Give 300 records; each fifth title repeats the one before with other values."""
    chance = random.Random(3)
    rows = []
    for number in range(300):
        words = chance.choices(WORDS, [6, 5, 4, 3, 2, 1], k=chance.randrange(6))
        title = f"thing {number - 1 if number % 5 == 4 else number}"
        rows.append(
            {
                "title": title,
                "kind": chance.choice("ab"),
                "Made by": chance.choices(MAKERS, [5, 4, 6, 3, 2, 1])[0],
                "price": chance.choice(["", f"{chance.uniform(1, 99):.2f}", "1e2"]),
                "weight": chance.choice(["", "0.5", " 2 "]),
                "about": " ".join(words),
            }
        )
    return rows


SETTINGS = {
    "name": "shop",
    "categories": {"source": "columns", "columns": ["kind"]},
    "features": {"columns": FEATURES, "tokens": {"vocabulary_size": 20}},
    "preprocess": {"num_shards": 2, "batch_rows": 100},
}


@pytest.fixture(scope="module")
def settings() -> Settings:
    return parse_settings(SETTINGS)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> tuple[Shop, Said]:
    root = tmp_path_factory.mktemp("columns")
    rows = catalogue()
    (root / "in").mkdir()
    with (root / "in" / "shop.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows([*rows, {**rows[0], "title": "bad", "price": "7 kg"}])
    shop = open_shop(root, settings)
    said = shop("preprocess", "--input", root / "in")
    assert said.status == 0, said.err
    return shop, said


def read(shop: Shop, settings: Settings, split: str) -> list[dict]:
    """Return the examples of a part, with their title's record."""
    first: dict[str, dict[str, str]] = {}
    for row in catalogue():
        first.setdefault(row["title"], row)
    columns = settings.features.columns
    found = []
    for path in sorted(Path(shop.at().tfrecords).glob(f"exclusive_{split}-*")):
        for example in tf.data.TFRecordDataset(str(path), "GZIP"):
            parsed = parse_examples(example[None], ("title", *outputs_of(columns)), columns)
            values = {name: value.numpy()[0] for name, value in parsed.items()}
            plain = {n: v.tolist() for n, v in values.items() if n != "title"}
            found.append({**plain, "record": first[values["title"].decode()]})
    return found


@pytest.fixture(scope="module")
def parts(ran: tuple[Shop, Said], settings: Settings) -> dict[str, list[dict]]:
    return {split: read(ran[0], settings, split) for split in ("train", "valid", "test")}


def test_categories_are_the_most_frequent_of_the_training_titles(parts: dict) -> None:
    makers = [row["record"]["Made by"].strip() for row in parts["train"]]
    ((first, n), (second, m), (_, less)) = Counter(filter(None, makers)).most_common(3)
    assert n > m > less
    ids = {"": 0, first: 2, second: 3}
    for row in [*parts["train"], *parts["test"]]:
        assert row["maker"] == ids.get(row["record"]["Made by"].strip(), 1)


@pytest.mark.parametrize(("name", "default"), [("price", None), ("weight", 1.5)])
def test_numbers_are_scaled_by_mean_and_deviation_of_the_training_titles(
    parts: dict, name: str, default: float | None
) -> None:
    def number(row: dict) -> float | None:
        text = row["record"][name]
        return float(text) if text else default

    known = [value for row in parts["train"] if (value := number(row)) is not None]
    mean = sum(known) / len(known)
    deviation = math.sqrt(sum((value - mean) ** 2 for value in known) / len(known))
    for row in [*parts["train"], *parts["valid"]]:
        value = number(row)
        expected = 0.0 if value is None else (value - mean) / deviation
        assert row[name] == pytest.approx(expected, abs=1e-4)


def words_of(row: dict) -> list[str]:
    """Clean and cut as the title is: `cot-bed` is two words."""
    return row["record"]["about"].lower().replace("-", " ").split()


def test_words_have_ids_n_grams_and_tf_idf_weights(parts: dict) -> None:
    train = [words_of(row) for row in parts["train"]]
    counts = Counter(word for words in train for word in words)
    ranked = [word for word, _ in counts.most_common(4)]
    ids = {word: number for number, word in enumerate(ranked, 2)}
    documents = Counter(word for words in train for word in set(words))
    for row in [*parts["train"], *parts["test"]]:
        words = words_of(row)
        assert sorted(row["about_ids"]) == sorted(ids.get(word, 1) for word in words[:3]), words
        assert len(row["about_ngrams"]) == max(0, 2 * len(words) - 1)
        assert all(0 <= gram < 50 for gram in row["about_ngrams"])
        known = [word for word in words if word in ids]
        weights = {
            ids[word]: known.count(word)
            / len(known)
            * (math.log((1 + len(train)) / (1 + documents[word])) + 1)
            for word in known
        }
        found = dict(zip(row["about_bow"], row["about_tfidf"], strict=True))
        assert found == pytest.approx(weights, rel=1e-5)


def test_what_is_no_number_is_a_reject(ran: tuple[Shop, Said]) -> None:
    assert ran[1].figures["rejected"] == 1
    parts = Path(ran[0].at().rejected).glob("*.parquet")
    (reject,) = (row for part in parts for row in pq.read_table(part).to_pylist())
    assert (reject["line"], reject["reason"]) == (302, "price is not a number")
    assert b"7 kg" in reject["raw"]


def test_the_same_run_gives_the_same_bytes(ran: tuple[Shop, Said]) -> None:
    shop = ran[0]
    again = shop("preprocess", "--input", shop.config.parent / "in", run_id="again")
    assert again.status == 0
    assert examples(shop.at("again")) == examples(shop.at())


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"tokens": {"kind": "dense"}}, ["'tokens' is taken"]),
        ({"Price": {"kind": "dense"}}, ["features.columns.Price"]),
        ({"x": {"kind": "text"}, "x_ids": {"kind": "dense"}}, ["'x_ids'", "rename one"]),
        ({"x": {"kind": "number"}}, ["features.columns.x", "number"]),
        ({"x": {"kind": "dense", "top_k": 3}}, ["top_k", "unknown key"]),
        ({"x": {"kind": "categorical", "top_k": 0}}, ["top_k", "0"]),
    ],
)
def test_a_wrong_feature_is_named(tmp_path: Path, columns: dict, words: list[str]) -> None:
    shop = Shop(tmp_path / "config.yaml", tmp_path / "out")
    shop.config.write_text(str({"name": "shop", "features": {"columns": columns}}))
    one_line(shop("train"), *words)
