"""The whole house: from category files to labels in a store, through the command line."""

from __future__ import annotations

import contextlib
import csv
import json
import shutil
import sqlite3
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from chain import Shop, answers, contents, examples, open_shop, predictions, write_dump

from configs.settings import Settings
from transforms.predictions import PREDICTIONS, PROVENANCE

PRODUCTS = [
    ("p1", "Acme wrist watch - black, model 901"),
    ("p2", "Ōsaka gaming laptop, white/grey"),
    ("p3", "bath towel | RED"),
    ("p4", "Norvik digital caliper 6 inch"),
    ("p5", "gold ring"),
    ("p6", "old title of p7's neighbour"),
    ("p7", "bike helmet Sky Blue"),
    ("p6", "Élan smart bulb, olive | green"),
]
IDS = sorted({name for name, _ in PRODUCTS})


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dump(tmp_path_factory.mktemp("dump") / "products.csv", PRODUCTS)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, tiny_settings: Settings) -> Shop:
    return open_shop(tmp_path_factory.mktemp("shop"), tiny_settings)


@pytest.fixture(scope="module")
def chain_options(tiny_catalogue: Path, dump: Path) -> list[object]:
    return ["--input", tiny_catalogue, "--dump", dump, "--dump-id", "night"]


@pytest.fixture(scope="module")
def whole(shop: Shop, chain_options: list[object]) -> dict:
    """The figures of `aisle run`, walked once for this file."""
    said = shop("run", *chain_options)
    assert said.status == 0, said.err
    assert said.err == ""
    return said.figures


@pytest.fixture(scope="module")
def model(whole: dict) -> str:
    return whole["train"]["model"]


def test_the_way_of_the_data_can_be_read_off_the_folders(
    shop: Shop, whole: dict, model: str
) -> None:
    root = Path(shop.at().root)
    assert {p.name for p in root.iterdir()} - {".work", "checkpoints"} == {
        "tfrecords",
        "transform_fn",
        "stats",
        "rejected",
        "exports",
        "evaluation",
        "predictions",
    }
    for folder in ("tfrecords", f"exports/{model}", f"evaluation/{model}", "predictions/night"):
        assert (root / folder / "COMPLETED").is_file()
    for part in ("train", "valid", "test"):
        assert list((root / "tfrecords").glob(f"exclusive_{part}-*-of-00003.tfrecord.gz"))
        assert list((root / "tfrecords").glob(f"rule_based_{part}-*-of-00003.tfrecord.gz"))
    assert (root / "exports" / model / "model" / "saved_model.pb").is_file()
    for unfinished in (".work", "checkpoints"):
        left = [path.name for path in (root / unfinished).rglob("*") if path.is_file()]
        assert [name for name in left if not name.endswith(".lock")] == []


def test_counts_add_up_and_agree_with_the_rejects_and_the_manifest(shop: Shop, whole: dict) -> None:
    counts = whole["preprocess"]
    left_out = counts["rejected"] + counts["duplicates"]
    left_out += counts["dropped_conflicts"] + counts["unlabelled"]
    assert counts["records"] == 480 == counts["examples"] + left_out
    assert counts["rejected"] == 3
    assert counts["titles"] == counts["examples"] == sum(counts["examples_by_split"].values())
    rejects = pa.concat_tables(
        pq.read_table(p) for p in sorted(Path(shop.at().rejected).glob("*.parquet"))
    ).to_pylist()
    assert [(r["source"], r["line"]) for r in rejects] == [
        ("baby/amazon_baby_toys.csv", line) for line in (7, 17, 28)
    ]
    manifest = json.loads(Path(shop.at().tfrecords, "COMPLETED").read_text())
    assert (manifest["stage"], manifest["figures"]["records"]) == ("preprocess", 480)
    with open(f"{shop.at().stats}/categories.csv", newline="") as file:
        told = {row["name"]: row for row in csv.DictReader(file) if row["level"] == "main"}
    # 39 in each of three files, of which `Gift Card` is one and the same
    assert (told["women-fashion"]["records"], told["women-fashion"]["titles"]) == ("120", "115")


def test_every_prediction_says_where_it_comes_from(shop: Shop, whole: dict, model: str) -> None:
    table = predictions(shop.at(), "night")
    assert table.schema.equals(PREDICTIONS)
    assert table.column("id").to_pylist() == IDS
    described = json.loads(Path(shop.at().exports(model), "model.json").read_text())
    for name in PROVENANCE:
        assert set(table.column(name).to_pylist()) == {described[name]}
        assert described[name]
    for row in table.to_pylist():
        assert row["label"] == row["labels"][0]
        assert row["probability"] == row["probabilities"][0]
        assert row["probabilities"] == sorted(row["probabilities"], reverse=True)
        assert len(set(row["labels"])) == len(row["labels"]) == 5
    assert whole["predict"]["repeated_ids"] == 1
    assert whole["predict"]["rows"] == len(PRODUCTS)


def test_the_last_row_of_a_repeated_id_wins(shop: Shop, whole: dict, tmp_path: Path) -> None:
    once = write_dump(tmp_path / "once.csv", [PRODUCTS[-1]])
    assert shop("predict", "--dump", once, "--dump-id", "once").status == 0
    night = answers(predictions(shop.at(), "night")).filter(pa.array([i == "p6" for i in IDS]))
    kept = predictions(shop.at(), "once").select(["id", "title_hash", "label"]).to_pylist()
    assert kept == night.select(["id", "title_hash", "label"]).to_pylist()


def test_the_evaluation_can_be_read_by_machines_and_people(
    shop: Shop, whole: dict, model: str
) -> None:
    folder = Path(shop.at().evaluation(model))
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["examples"] == whole["preprocess"]["examples_by_split"]["test"]
    assert metrics["accuracy"] == whole["evaluate"]["accuracy"]
    page = (folder / "report.html").read_text()
    assert page.lstrip().lower().startswith("<!doctype html>")
    assert 'src="http' not in page
    assert 'href="http' not in page
    assert whole["evaluate"]["report"] == str(folder / "report.html")


def test_the_store_holds_the_label_of_every_product(shop: Shop, whole: dict) -> None:
    stored = _stored(shop)
    table = predictions(shop.at(), "night")
    expected = zip(*(table.column(c).to_pylist() for c in ("id", "label")), strict=True)
    assert {name: label for name, label, *_ in stored} == dict(expected)
    assert whole["write-labels"]["inserted"] == len(IDS)


def test_a_second_run_does_nothing_and_says_so(
    shop: Shop, chain_options: list[object], whole: dict
) -> None:
    before = contents(shop.prefix)
    said = shop("run", *chain_options)
    assert said.status == 0
    for stage in ("preprocess", "train", "evaluate", "predict"):
        assert f"{stage}: finished before, from the same input and config; nothing done" in said.out
        assert said.figures[stage]["done_before"]
    assert said.figures["write-labels"]["unchanged"] == len(IDS)
    assert said.figures["write-labels"]["inserted"] == 0
    assert contents(shop.prefix) == before


def test_all_titles_can_be_learned_from_and_none_measured_with(
    shop: Shop, tiny_catalogue: Path, dump: Path, tmp_path: Path
) -> None:
    every = Shop(shop.config, tmp_path / "every")
    options = ["--input", tiny_catalogue, "--dump", dump, "--dump-id", "night"]
    said = every("run", *options, sets=["split={train: 1, valid: 0, test: 0}"])
    assert said.status == 0
    assert "evaluate" not in said.figures
    assert "model, not measured: split.test is 0" in said.out
    assert said.figures["predict"]["predictions"] == len(IDS)
    assert {name.split("-")[0] for name in examples(every.at())} == {
        "exclusive_train",
        "rule_based_train",
    }


def test_stage_by_stage_makes_the_same_bytes_as_the_chain(
    shop: Shop, tiny_catalogue: Path, dump: Path, whole: dict, model: str
) -> None:
    store = f"sqlite:///{shop.prefix}/steps.db"
    for command, *options in (
        ("preprocess", "--input", tiny_catalogue),
        ("train",),
        ("evaluate",),
        ("predict", "--dump", dump, "--dump-id", "night"),
        ("write-labels", "--dump-id", "night", "--store", store),
    ):
        said = shop(command, *options, run_id="steps")
        assert said.status == 0, said.err
        assert said.figures["seconds"] >= 0
    assert examples(shop.at("steps")) == examples(shop.at())
    assert contents(shop.at("steps").stats) == contents(shop.at().stats)
    assert contents(shop.at("steps").rejected) == contents(shop.at().rejected)
    again = answers(predictions(shop.at("steps"), "night"))
    assert again.equals(answers(predictions(shop.at(), "night")))
    figures = [
        json.loads(Path(shop.at(r).evaluation(model), "metrics.json").read_text())
        for r in ("monday", "steps")
    ]
    assert figures[0]["accuracy"] == figures[1]["accuracy"]
    assert figures[0]["confusion"] == figures[1]["confusion"]


def test_the_same_dump_made_anew_and_written_again_changes_nothing(
    shop: Shop, dump: Path, whole: dict
) -> None:
    folder, stored = shop.at().predictions("night"), _stored(shop)
    before = contents(folder, "part-*")
    again = shop("predict", "--dump", dump, "--dump-id", "night", "--force")
    assert not again.figures["done_before"]
    assert contents(folder, "part-*") == before
    for _ in range(2):
        figures = shop("write-labels", "--dump-id", "night").figures
        assert (figures["inserted"], figures["changed"]) == (0, 0)
        assert figures["unchanged"] == len(IDS)
    assert _stored(shop) == stored
    assert _rows(shop, "SELECT count(*) FROM label_history") == [(len(IDS),)]


def test_dumps_of_every_format_get_the_same_answers(
    shop: Shop, whole: dict, tmp_path: Path
) -> None:
    ids, titles = zip(*PRODUCTS, strict=True)
    with open(tmp_path / "products.tsv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter="\t").writerows(
            [("title", "id"), *zip(titles, ids, strict=True)]
        )
    rows = [json.dumps({"id": i, "title": t, "more": 1}) for i, t in PRODUCTS]
    (tmp_path / "products.jsonl").write_text("\n".join(rows))
    pq.write_table(pa.table({"id": ids, "title": titles}), tmp_path / "products.parquet")
    expected = answers(predictions(shop.at(), "night"))
    for form in ("tsv", "jsonl", "parquet"):
        said = shop("predict", "--dump", tmp_path / f"products.{form}", "--dump-id", form)
        assert said.status == 0, said.err
        assert said.figures["repeated_ids"] == 1
        assert answers(predictions(shop.at(), form)).equals(expected), form


def test_the_export_alone_answers_as_the_examples_do(
    shop: Shop, whole: dict, model: str, tmp_path: Path
) -> None:
    """Raw titles through the graph and their TFRecords give the same; nothing else is there."""
    import tensorflow as tf

    shards = sorted(Path(shop.at().tfrecords).glob("exclusive_test-*"))
    serialised = list(tf.data.TFRecordDataset(list(map(str, shards)), "GZIP").as_numpy_iterator())
    title = {"title": tf.io.FixedLenFeature([], tf.string)}
    titles = tf.io.parse_example(serialised, title)["title"]
    expected = predictions(shop.at(), "night")
    lone = tmp_path / "lone"
    shutil.copytree(Path(shop.at().exports(model), "model"), lone)
    whole_run, hidden = Path(shop.at().root), tmp_path / "hidden"
    shutil.move(whole_run, hidden)
    try:
        assert not whole_run.exists()
        loaded, again = (tf.saved_model.load(str(lone)) for _ in range(2))
        from_titles, from_examples = loaded.score(titles), loaded.score_examples(serialised)
        last = dict(PRODUCTS)
        found, twice = (m(tf.constant([last[i] for i in IDS])) for m in (loaded, again))
    finally:
        shutil.move(hidden, whole_run)
    assert len(serialised) > 50
    difference = np.abs(from_titles["probabilities"] - from_examples["probabilities"])
    assert difference.max() <= 1e-6
    assert (from_titles["classes"].numpy() == from_examples["classes"].numpy()).all()
    assert (found["probabilities"].numpy() == twice["probabilities"].numpy()).all()
    assert [x.decode() for x in found["label"].numpy()] == expected.column("label").to_pylist()
    told = np.array(expected.column("probabilities").to_pylist())
    assert np.abs(found["probabilities"].numpy() - told).max() <= 1e-6


@pytest.mark.parametrize("rule", ["drop", "all"])
def test_a_title_of_several_classes_goes_by_the_rule(
    rule: str, shop: Shop, tiny_catalogue: Path, whole: dict
) -> None:
    """`Gift Card` stands in every file: `first` keeps it once, `drop` never, `all` once a class."""
    sets = [f"objectives.exclusive.conflicts={rule}"]
    said = shop("preprocess", "--input", tiny_catalogue, run_id=f"rule-{rule}", sets=sets)
    counts, first = said.figures, whole["preprocess"]
    left_out = counts["duplicates"] + counts["dropped_conflicts"] + counts["unlabelled"]
    assert counts["records"] == counts["examples"] + counts["rejected"] + left_out
    classes = 6  # main categories of the tiny catalogue
    of_gift_card = {"drop": 0, "all": classes}[rule]
    found = Counter(_titles(shop, f"rule-{rule}"))
    assert found["gift card"] == of_gift_card
    assert Counter(_titles(shop, "monday"))["gift card"] == 1
    assert counts["examples"] == first["examples"] - 1 + of_gift_card
    assert counts["conflicting_titles"] == first["conflicting_titles"] == 1


def _titles(shop: Shop, run_id: str) -> list[str]:
    import tensorflow as tf

    shards = sorted(map(str, Path(shop.at(run_id).tfrecords).glob("exclusive_*")))
    spec = {"title": tf.io.FixedLenFeature([], tf.string)}
    serialised = list(tf.data.TFRecordDataset(shards, "GZIP").as_numpy_iterator())
    return [t.decode() for t in tf.io.parse_example(serialised, spec)["title"].numpy()]


def _stored(shop: Shop) -> list[tuple]:
    return _rows(shop, "SELECT product_id, label, probability, updated_at FROM labels")


def _rows(shop: Shop, sql: str) -> list[tuple]:
    with contextlib.closing(sqlite3.connect(f"{shop.prefix}/labels.db")) as connection:
        return sorted(connection.execute(sql).fetchall())
