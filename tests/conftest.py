"""What many tests share: quiet logs, a tiny catalogue in the Amazon layout, and its settings."""

from __future__ import annotations

import gc
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from changing_shop import begun, first_prefix, incremental, without
from clusters import flink_cluster
from tiny_shop import preprocessed_shop, trained_shop

from aisle.quiet import set_environment
from cluster.flink import FlinkCluster
from configs.loading import load_settings
from configs.settings import Settings
from pipelines import progress

__all__ = [
    "begun",
    "first_prefix",
    "incremental",
    "preprocessed_shop",
    "trained_shop",
    "without",
]

set_environment()
# Where a machine is slow, no test finds more on standard error than where it is fast.
progress._SECONDS_BETWEEN_LINES = 1e9

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
TITLES_A_FILE = 40
THINGS = {
    "amazon_women-fashion_watches_wrist": ["wrist watch", "analog quartz watch", "leather strap"],
    "amazon_women-fashion_jewelry_rings": ["gold ring", "silver band", "engagement ring"],
    "amazon_women-fashion_shoes": ["ankle boot", "running shoe", "high heel pump"],
    "amazon_baby_toys": ["rattle set", "bath book", "stacking cups"],
    "amazon_baby_safety": ["baby gate", "outlet cover", "bed rail"],
    "amazon_computers_laptops": ["gaming laptop", "notebook computer", "chrome laptop"],
    "amazon_computers_printers": ["laser printer", "ink cartridge", "label printer"],
    "amazon_smart-home_lighting": ["smart bulb", "wifi light strip", "smart lamp"],
    "amazon_home-kitchen_bath_towels": ["bath towel", "hand towel set", "cotton wash cloth"],
    "amazon_industrial_scientific-tests-measurements": ["digital caliper", "pressure gauge"],
    "amazon_fan-shop_clothing": ["team jersey", "fan hoodie", "league cap"],
    "amazon_aports-outdoors_cycling": ["bike helmet", "bicycle pump", "cycling glove"],
}
BRANDS = ["Acme", "Norvik", "Élan", "B&W", "Ōsaka", "Tri-Star"]
COLOURS = ["black", "RED", "Sky Blue", "white/grey", "olive | green"]


def pytest_collection_finish() -> None:
    """Set apart what the imports made: each stage ends with a full collection, which read it."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def tiny_catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder of 12 files with 40 records each, headed `ad`; 480 records, 3 of them bad.

    In each file one title repeats another, one spans two lines in quotes, and one, `Gift Card`,
    stands in all files. The baby's toys have a stray quote, a blank line and a NUL.
    """
    root = tmp_path_factory.mktemp("tiny") / "catalogue"
    chance = random.Random(20_190_401)
    for name, things in THINGS.items():
        folder = root / name.split("_")[1]
        folder.mkdir(parents=True, exist_ok=True)
        records = [_record(chance, things, number) for number in range(TITLES_A_FILE)]
        records[10] = records[3]
        records[20] = f'"{things[0].title()}\nin a box of {len(name)}"'
        records[30] = "Gift Card"
        if name == "amazon_baby_toys":
            records[5], records[15], records[25] = '"Rattle 5" wide', "", "Rattle\0set"
        (folder / f"{name}.csv").write_bytes("\n".join(["ad", *records, ""]).encode())
    return root


def _record(chance: random.Random, things: list[str], number: int) -> str:
    thing = things[number % len(things)]
    title = f"{chance.choice(BRANDS)} {thing} - {chance.choice(COLOURS)}, model {number}"
    return '"' + title + f' {number}"" long"'


@pytest.fixture(scope="session")
def tiny_settings() -> Settings:
    """Give the settings of `configs/amazon_ads.yaml`, made small."""
    overrides = (
        "features.ngrams.buckets=5000",
        "features.ngrams.character_sizes=[]",
        "features.tokens.vocabulary_size=200",
        "features.tokens.length=8",
        "preprocess.num_shards=3",
        "preprocess.batch_rows=100",
        "training.shuffle_buffer=100",
        "models.bag_of_ngrams.batch_size=32",
        "models.bag_of_ngrams.epochs=3",
        "models.bag_of_ngrams.members=1",
        "models.bag_of_ngrams.embedding_width=8",
        "models.bag_of_ngrams.hidden_units=8",
        "models.cnn.batch_size=32",
        "models.cnn.epochs=1",
        "models.cnn.embedding_width=8",
        "models.cnn.filters=8",
        "models.cnn.kernel_size=2",
        "models.cnn.strides=1",
        "models.cnn.hidden_units=8",
        "dump.num_shards=2",
        "pipeline.workers=1",
    )
    return load_settings(CONFIGS / "amazon_ads.yaml", overrides)


@pytest.fixture(scope="session")
def _storage_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    from gcs_server import storage_server

    with storage_server(tmp_path_factory.mktemp("buckets") / "data") as address:
        yield address


@pytest.fixture(scope="module")
def bucket(_storage_address: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """Give a folder of a bucket on a real server of the Cloud Storage API, one a test file."""
    from gcs_server import BUCKET, speaking_to

    with speaking_to(_storage_address):
        yield f"gs://{BUCKET}/{request.path.stem}"


@pytest.fixture(scope="session")
def flink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlinkCluster]:
    """Give a Flink cluster on loopback, one for all tests that ask."""
    yield from flink_cluster(tmp_path_factory.mktemp("flink"))
