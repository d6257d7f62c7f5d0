"""A bucket that is not there or may not be written is one line that names the option to change."""

from __future__ import annotations

from pathlib import Path

import pytest
from chain import Shop, aisle, one_line, open_shop
from gcs_server import read_only_server, speaking_to

from configs.settings import Settings


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, tiny_settings: Settings) -> Shop:
    return open_shop(tmp_path_factory.mktemp("disk"), tiny_settings)


@pytest.mark.parametrize("command", ["preprocess", "train", "evaluate"])
def test_a_bucket_that_is_not_there(here: Shop, tiny_catalogue: Path, bucket: str, command) -> None:
    lost = Shop(here.config, "gs://none/out")  # type: ignore[arg-type]
    options = ["--input", tiny_catalogue] if command == "preprocess" else []
    one_line(lost(command, *options), "gs://none/out", "no bucket 'none'", "--prefix")


def test_an_input_that_is_not_there(here: Shop, bucket: str) -> None:
    one_line(here("preprocess", "--input", "gs://none/catalogue"), "no bucket 'none'", "--input")
    one_line(here("preprocess", "--input", f"{bucket}/nowhere"), "no file or folder", "--input")
    one_line(here("preprocess", "--input", f"{bucket}/*.tsv"), "no file matches this glob")
    one_line(aisle("train", "--config", f"{bucket}/no.yaml"), "cannot be read", "--config")


def test_a_bucket_that_may_not_be_written(here: Shop, tiny_catalogue: Path, bucket: str) -> None:
    shut = Shop(here.config, "gs://public/out")  # type: ignore[arg-type]
    with read_only_server() as address, speaking_to(address):
        said = shut("preprocess", "--input", tiny_catalogue)
    one_line(said, "gs://public/out", "may not", "--prefix")
