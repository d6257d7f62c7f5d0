"""Models that see columns beside the title: learned, exported, asked for labels of a dump."""

from __future__ import annotations

import csv
import json
import random
import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from chain import Said, Shop, on_one_and_two_devices, one_line, open_shop, predictions

from configs.loading import parse_settings
from configs.settings import Settings
from trainer.dataset import read_examples, shard_files

KINDS = ("bed", "cup", "lamp", "sock")
SEES = {
    "maker": {"kind": "categorical", "column": "Made by", "top_k": 4},
    "shop": {"kind": "categorical", "top_k": 6, "embedding_width": 4},
    "price": {"kind": "dense"},
    "about": {"kind": "text", "give": ["ids", "ngrams", "bow", "tfidf"], "vocabulary_size": 40,
              "buckets": 50, "embedding_width": 8},
}  # fmt: skip
SETTINGS = {
    "name": "shop",
    "categories": {"source": "columns", "columns": ["kind"]},
    "features": {
        "columns": SEES,
        "tokens": {"vocabulary_size": 400, "length": 8},
        "ngrams": {"buckets": 500, "character_sizes": []},
    },
    "preprocess": {"num_shards": 2},
    "models": {
        "bag_of_ngrams": {"batch_size": 32, "epochs": 4, "members": 1, "embedding_width": 8,
                          "hidden_units": 8},
        "text_cnn": {"batch_size": 32, "epochs": 4, "embedding_width": 8, "filters": 8,
                     "learning_rate": 0.02},
        "bow_mlp": {"batch_size": 32, "epochs": 4, "hidden_units": 8, "learning_rate": 0.02},
        "wide_deep": {"batch_size": 32, "epochs": 4, "embedding_width": 8, "hidden_units": [8]},
    },
    "dump": {"columns": {"maker": "brand"}, "num_shards": 2, "top_k": 2},
    "evaluation": {"baselines": {"rows": 200}},
}  # fmt: skip
MODELS = ("bag_of_ngrams", "text_cnn", "bow_mlp", "wide_deep")


def products(count: int) -> list[dict[str, str]]:
    """Give products whose title says nothing of their kind, and whose columns together do.

    The maker tells beds and cups from lamps and socks, the price each of a pair from the other.
    """
    chance = random.Random(5)
    rows = []
    for number in range(count):
        kind = chance.choice(KINDS)
        rows.append(
            {
                "title": f"thing {number} of {chance.choice(['wool', 'wood', 'tin'])}",
                "kind": kind,
                "Made by": {"b": "Acme", "c": "Acme", "l": "Norvik", "s": "Norvik"}[kind[0]],
                "shop": chance.choice(["north", "south", ""]),
                "price": f"{chance.uniform(1, 9) + 90 * (kind in ('bed', 'lamp')):.2f}",
                "about": f"warm {chance.choice(['red', 'blue'])} {chance.choice(KINDS)}",
            }
        )
    return rows


def write(path: Path, rows: Iterable[dict[str, str]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = list(rows)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture(scope="module")
def settings() -> Settings:
    return parse_settings(SETTINGS)


def preprocessed(root: Path, settings: Settings) -> Shop:
    write(root / "in" / "shop.csv", products(1200))
    shop = open_shop(root, settings)
    said = shop("preprocess", "--input", root / "in")
    assert said.status == 0, said.err
    return shop


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> Shop:
    """A shop whose examples are written, and nothing more."""
    return preprocessed(tmp_path_factory.mktemp("columns"), settings)


def copy_of(shop: Shop, root: Path) -> Shop:
    shutil.copytree(shop.config.parent, root)
    return Shop(root / shop.config.name, root / shop.prefix.name)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, examples: Shop) -> Shop:
    return copy_of(examples, tmp_path_factory.mktemp("models") / "shop")


def trained(shop: Shop, model: str, *more: str) -> Said:
    said = shop("train", sets=[f"training.model={model}", *more])
    assert said.status == 0, said.err
    return said


@pytest.mark.parametrize("model", MODELS)
def test_a_model_learns_what_only_the_columns_say(shop: Shop, model: str) -> None:
    seeing = trained(shop, model).figures
    blind = trained(shop, model, "training.columns.names=[]").figures
    assert seeing["val_accuracy"] > 0.95
    assert blind["val_accuracy"] < 0.5
    assert seeing["model"] != blind["model"]


def test_a_model_sees_only_the_columns_that_it_is_let(shop: Shop) -> None:
    """The maker alone tells two kinds from two."""
    said = trained(shop, "wide_deep", "training.columns.names=[maker]").figures
    assert 0.35 < said["val_accuracy"] < 0.7
    export = Path(shop.at().exports(said["model"]))
    assert list(json.loads((export / "model.json").read_text())["columns"]) == ["maker"]
    signature = tf.saved_model.load(str(export / "model")).signatures["score"]
    assert set(signature.structured_input_signature[1]) == {"title", "maker"}


def test_an_export_alone_answers_as_it_does_for_the_examples(
    tmp_path: Path, examples: Shop
) -> None:
    """One path: raw titles and columns in, with everything but the export deleted."""
    shop = copy_of(examples, tmp_path / "alone")
    said = trained(shop, "wide_deep")
    files = shard_files(shop.at(), "test")
    (serialised,) = read_examples(files, None, batch_size=10_000)
    (titles,) = read_examples(files, ("title",), batch_size=10_000)
    rows = {row["title"]: row for row in products(1200)}
    raw = [rows[title.decode()] for title in titles["title"].numpy()]
    shutil.move(f"{shop.at().exports(said.figures['model'])}/model", tmp_path / "model")
    shutil.rmtree(tmp_path / "alone")
    loaded = tf.saved_model.load(str(tmp_path / "model"))
    found = loaded.signatures["score"](
        title=tf.constant([f" {row['title'].upper()}" for row in raw]),
        maker=tf.constant([f"\u00a0{row['Made by']} " for row in raw]),
        shop=tf.constant([row["shop"] for row in raw]),
        price=tf.constant([float(row["price"]) for row in raw]),
        about=tf.constant([row["about"].title() for row in raw]),
    )
    expected = loaded.score_examples(serialised)
    assert len(raw) > 200
    np.testing.assert_allclose(found["probabilities"], expected["probabilities"], atol=1e-6)
    np.testing.assert_array_equal(found["classes"], expected["classes"])


def test_a_loaded_export_can_be_called_with_the_columns_in_their_order(shop: Shop) -> None:
    model = trained(shop, "bag_of_ngrams").figures["model"]
    export = shop.at().exports(model)
    loaded = tf.saved_model.load(f"{export}/model")
    product = {"maker": ["Acme"], "shop": [""], "price": [95.0], "about": ["warm"]}
    order = json.loads(Path(export, "model.json").read_text())["columns"]
    label = loaded(tf.constant(["thing"]), *(tf.constant(product[name]) for name in order))["label"]
    assert label.numpy().tolist() == [b"bed"]


DUMP = [
    {"id": "1", "title": "thing 1", "brand": "Acme", "shop": "north", "price": "95", "about": ""},
    {"id": "2", "title": "thing 2", "brand": " Norvik", "shop": "", "price": "4.5", "about": "red"},
    {"id": "3", "title": "thing 3", "brand": "never seen", "shop": "x", "price": "", "about": "?"},
    {"id": "4", "title": "thing 4", "brand": "", "shop": "", "price": "cheap", "about": ""},
]


def test_a_dump_gives_its_columns_to_the_model(shop: Shop, tmp_path: Path) -> None:
    """A value never seen, a missing number, an empty text are answered; no number is a reject."""
    model = trained(shop, "wide_deep").figures["model"]
    said = shop(
        "predict", "--dump", write(tmp_path / "dump.csv", DUMP), "--dump-id", "a",
        sets=["training.model=wide_deep"],
    )  # fmt: skip
    assert said.status == 0, said.err
    assert (said.figures["predictions"], said.figures["rejected"]) == (3, 1)
    found = predictions(shop.at(), "a")
    assert found.column("label").to_pylist()[:2] == ["bed", "sock"]
    signature = tf.saved_model.load(f"{shop.at().exports(model)}/model").signatures["score"]
    alone = signature(
        title=tf.constant(["thing 3"]), maker=tf.constant(["never seen"]), shop=tf.constant(["x"]),
        price=tf.constant([float("nan")]), about=tf.constant(["?"]),
    )  # fmt: skip
    third = found.column("probabilities").to_pylist()[2]
    assert np.isfinite(third).all()
    np.testing.assert_allclose(third, alone["probabilities"].numpy()[0, :2], atol=1e-6)
    rejects = [
        row
        for path in Path(shop.at().predictions("a"), "rejected").glob("*.parquet")
        for row in pq.read_table(path).to_pylist()
    ]
    assert [(row["line"], row["reason"]) for row in rejects] == [(5, "price is not a number")]


def test_beside_columns_a_title_without_a_word_is_labelled_and_an_empty_one_is_none(
    shop: Shop, tmp_path: Path
) -> None:
    """As in training: there only what cleaning leaves nothing of is a reject."""
    trained(shop, "wide_deep")
    rows = [DUMP[0] | {"id": title, "title": title} for title in ("thing 1", "!!!", "x", "-")]
    said = shop(
        "predict", "--dump", write(tmp_path / "dump.csv", rows), "--dump-id", "wordless",
        sets=["training.model=wide_deep"],
    )  # fmt: skip
    assert said.status == 0, said.err
    found = predictions(shop.at(), "wordless")
    assert sorted(found.column("id").to_pylist()) == ["!!!", "thing 1"]
    assert said.figures["rejected"] == 2


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_a_dump_without_a_column_is_refused(shop: Shop, tmp_path: Path, form: str) -> None:
    trained(shop, "wide_deep")
    rows = [{name: value for name, value in row.items() if name != "brand"} for row in DUMP]
    path = tmp_path / f"dump.{form}"
    if form == "csv":
        write(path, rows)
    elif form == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        pq.write_table(pa.Table.from_pylist(rows), path)
    said = shop("predict", "--dump", path, "--dump-id", "b", sets=["training.model=wide_deep"])
    one_line(said, str(path), "brand", "dump.columns")


@pytest.mark.system
def test_two_devices_learn_columns_as_one_does(shop: Shop) -> None:
    models = {
        name: [f"training.model={name}", f"models.{name}.epochs=2"]
        for name in ("bow_mlp", "wide_deep")
    }
    models["wide_deep"].append("models.wide_deep.dropout=0.0")
    for name, found in on_one_and_two_devices(shop, models).items():
        for alone, together in zip(found["one"], found["two"], strict=True):
            assert together == pytest.approx(alone, rel=1e-3, abs=1e-3), name


def test_evaluation_and_comparison_say_what_the_model_saw(shop: Shop) -> None:
    trained(shop, "wide_deep")
    said = shop("evaluate", sets=["training.model=wide_deep"])
    assert said.status == 0, said.err
    assert said.figures["accuracy"] > 0.95
    assert said.figures["baselines"]["logistic regression"] > 0.95
    metrics = json.loads(Path(said.figures["report"]).with_name("metrics.json").read_text())
    assert metrics["context"]["columns"] == sorted(SEES)
    assert "title, about, maker, price, shop" in Path(said.figures["report"]).read_text()


def test_a_search_tries_models_with_their_columns(shop: Shop) -> None:
    tuning = {
        "ranges": {"training.columns.hidden_units": {"choices": [0, 8]}}, "trials": 2, "epochs": 4,
    }  # fmt: skip
    sets = ["training.model=bow_mlp", f"tuning={json.dumps(tuning)}"]
    said = shop("tune", sets=sets)
    assert said.status == 0, said.err
    assert said.figures["best"] > 0.95


@pytest.mark.parametrize(
    ("sets", "words"),
    [
        (["training.columns.names=[colour]"], ["training.columns.names", "'colour'", "maker"]),
        (["features.columns.size={kind: dense}"], ["features.columns.size", "aisle preprocess"]),
        (["features.columns.maker.top_k=1"], ["features.columns.maker.top_k is 1", "2 values"]),
        (["features.columns.about.vocabulary_size=5"], ["vocabulary_size is 5", "7 values"]),
        (["training.model=text_cnn", "training.xla=true"], ["training.xla", "names to []"]),
    ],
)
def test_what_cannot_be_learned_is_one_line(shop: Shop, sets: list[str], words: list[str]) -> None:
    one_line(shop("train", sets=sets), *words)


def test_how_wide_an_embedding_is_needs_no_new_examples(shop: Shop) -> None:
    wider = "features.columns.shop.embedding_width=6"
    said = shop("preprocess", "--input", shop.config.parent / "in", sets=[wider])
    assert said.figures["done_before"]
    assert (
        trained(shop, "wide_deep").figures["model"]
        != (trained(shop, "wide_deep", wider).figures["model"])
    )
