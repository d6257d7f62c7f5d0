"""The chain with input, prefix, dump, config and label files in a bucket: the same as on a disk."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from chain import Shop, answers, examples, one_line, open_shop, predictions, write_dump

from configs.settings import Settings
from pipelines import listing, storage

pytestmark = pytest.mark.system

PRODUCTS = [("p1", "Acme wrist watch - black"), ("p2", "bath towel | RED"), ("p3", "gold ring")]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, tiny_settings: Settings) -> Shop:
    return open_shop(tmp_path_factory.mktemp("disk"), tiny_settings)


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dump(tmp_path_factory.mktemp("dump") / "dump.csv", PRODUCTS)


@pytest.fixture(scope="module")
def there(
    bucket: str, tiny_settings: Settings, tiny_catalogue: Path, dump: Path, here: Shop
) -> Shop:
    """A shop whose prefix and config are in the bucket, the catalogue and the dump beside them."""
    for file in listing.list_files(str(tiny_catalogue)):
        storage.write_bytes(f"{bucket}/catalogue/{file.relative}", Path(file.path).read_bytes())
    storage.write_bytes(f"{bucket}/dump.csv", dump.read_bytes())
    rules = {"version": "v1", "rules": [{"name": "a", "label": "baby", "title_contains": "ring"}]}
    storage.write_bytes(f"{bucket}/rules.yaml", yaml.safe_dump(rules).encode())
    settings = tiny_settings.model_dump(mode="json")
    settings["training"]["checkpoint_seconds"] = 0.001
    settings["store"] = {
        "url": f"sqlite:///{here.prefix.parent}/labels-there.db",
        "sinks": [{"url": f"{bucket}/labels", "format": "jsonl"}],
    }
    storage.write_bytes(f"{bucket}/config.yaml", yaml.safe_dump(settings).encode())
    return Shop(f"{bucket}/config.yaml", f"{bucket}/out")  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def walked(
    here: Shop, there: Shop, bucket: str, tiny_catalogue: Path, dump: Path
) -> Iterator[dict[str, Any]]:
    """Both chains, run once for this file; the figures of the one in the bucket."""
    local = here("run", "--input", tiny_catalogue, "--dump", dump, "--dump-id", "night")
    assert local.status == 0, local.err
    typed = ("--input", f"{bucket}/catalogue", "--dump", f"{bucket}/dump.csv", "--dump-id", "night")
    remote = there("run", *typed)
    assert remote.status == 0, remote.err
    assert remote.err == ""
    yield remote.figures
    assert not os.path.exists("gs:")


def _below(folder: str) -> dict[str, bytes]:
    return {f.relative: storage.read_bytes(f.path) for f in listing.list_files(folder)}


def test_the_examples_are_the_same_bytes(here: Shop, there: Shop, walked: dict) -> None:
    found = _below(there.at().tfrecords)
    assert found.pop("COMPLETED")
    assert found == examples(here.at())
    for kind in ("stats", "rejected"):
        assert _below(getattr(there.at(), kind)) == _below(getattr(here.at(), kind))
    vocabulary = "transform_fn/assets/tokens"
    assert _below(there.at().transform_fn)[vocabulary] == _below(here.at().transform_fn)[vocabulary]


def test_every_stage_is_finished_and_nothing_is_left(there: Shop, walked: dict) -> None:
    names = set(_below(there.at().root))
    model = walked["train"]["model"]
    for home in ("tfrecords", f"exports/{model}", f"evaluation/{model}", "predictions/night"):
        assert f"{home}/COMPLETED" in names
    assert f"exports/{model}/model/saved_model.pb" in names
    every = storage.cloud_storage.below(there.at().root)
    assert [
        blob.name for blob in every if "/.work/" in blob.name or "checkpoints" in blob.name
    ] == []


def test_the_labels_are_the_same(here: Shop, there: Shop, walked: dict, bucket: str) -> None:
    parts = listing.list_files(there.at().predictions("night"), "part-*.parquet")
    tables = []
    for part in parts:
        with storage.open_input(part.path) as file:
            tables.append(pq.read_table(file))
    remote = answers(pa.concat_tables(tables).sort_by("id"))
    assert remote.equals(answers(predictions(here.at(), "night")))
    lines = b"".join(_below(f"{bucket}/labels").values()).decode().splitlines()
    told = {change["product_id"]: change["new_label"] for change in map(json.loads, lines)}
    assert told == dict(zip(*(remote.column(c).to_pylist() for c in ("id", "label")), strict=True))


def test_the_figures_are_the_same(here: Shop, there: Shop, walked: dict) -> None:
    model = walked["train"]["model"]
    metrics = json.loads(_below(there.at().evaluation(model))["metrics.json"])
    local = json.loads(_below(here.at().evaluation(model))["metrics.json"])
    assert (metrics["accuracy"], metrics["confusion"]) == (local["accuracy"], local["confusion"])


def test_a_second_run_does_nothing(there: Shop, walked: dict, bucket: str) -> None:
    before = _below(bucket)
    typed = ("--input", f"{bucket}/catalogue", "--dump", f"{bucket}/dump.csv", "--dump-id", "night")
    again = there("run", *typed)
    assert again.status == 0, again.err
    assert all(again.figures[stage]["done_before"] for stage in ("preprocess", "train", "predict"))
    assert _below(bucket) == before


def test_a_glob_and_rules_in_a_bucket_are_read(there: Shop, walked: dict, bucket: str) -> None:
    said = there("preprocess", "--input", f"{bucket}/catalogue/*/*_toys.csv", run_id="toys")
    assert said.status == 0, said.err
    assert said.figures["files"] == 1
    ruled = ("predict", "--dump", f"{bucket}/dump.csv", "--dump-id", "ruled")
    said = there(*ruled, sets=[f"dump.rules={bucket}/rules.yaml"])
    assert said.status == 0, said.err
    assert said.figures["rules"]["version"] == "v1"


def test_a_page_and_a_comparison_are_written_to_a_bucket(there: Shop, walked: dict) -> None:
    for command in ("explore", "report"):
        said = there(command)
        assert said.status == 0, said.err
    names = set(_below(there.at().root))
    assert any(n.startswith("report/") for n in names)
    assert any(n.startswith("exploration/") for n in names)


def test_a_training_in_a_bucket_goes_on_from_its_checkpoint(
    here: Shop, there: Shop, walked: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped when the third state is in the bucket; the rest gives what one fit would have."""
    sets = ["models.bag_of_ngrams.epochs=8", "models.bag_of_ngrams.patience=8"]
    unharmed = here("train", sets=sets).figures
    write, states = storage.write_bytes, []

    def write_and_stop(path: str, content: bytes) -> None:
        write(path, content)
        if path.endswith("/last.json"):
            states.append(json.loads(content))
            if len(states) == 3:
                raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(storage, "write_bytes", write_and_stop)
        stopped = there("train", sets=sets)
    assert stopped.status == 130
    kept = _below(there.at().checkpoints(unharmed["model"]))
    assert f"{states[-1]['checkpoint']}.index" in kept
    assert json.loads(kept["last.json"]) == states[-1]
    went_on = there("train", sets=sets).figures
    assert not went_on["done_before"]
    assert went_on["history"] == unharmed["history"]
    assert not storage.exists(there.at().checkpoints(unharmed["model"]))


def test_a_search_in_a_bucket_goes_on_with_more_trials(there: Shop, walked: dict) -> None:
    sets = ['tuning.ranges={"models.bag_of_ngrams.hidden_units": {"choices": [4, 8]}}']
    for trials in (1, 2):
        said = there("tune", "--name", "s", sets=[*sets, f"tuning.trials={trials}"])
        assert said.status == 0, said.err
        assert said.figures["trials"] == trials
    assert "best.yaml" in _below(there.at().tuning("s"))
    kept = [name for name in _below(there.at().search("s")) if name.endswith("record.json")]
    assert len(kept) == 2


def test_a_store_in_a_bucket_is_refused(there: Shop, walked: dict, bucket: str) -> None:
    said = there("write-labels", "--dump-id", "night", "--store", f"sqlite:///{bucket}/labels.db")
    one_line(said, "not a file on this machine", "store.url")


def test_incremental_runs_keep_their_parts_in_the_bucket(
    here: Shop, there: Shop, bucket: str, walked: dict
) -> None:
    """The second changes nothing, and takes all from what the first kept."""
    for run_id, known in (("first", 0), ("second", 12)):
        sets = ["preprocess.incremental=true"]
        said = there("preprocess", "--input", f"{bucket}/catalogue", run_id=run_id, sets=sets)
        assert said.status == 0, said.err
        assert said.figures["files_known"] == known
        found = _below(there.at(run_id).tfrecords)
        assert found.pop("COMPLETED")
        assert found == examples(here.at())
        assert _below(there.at(run_id).stats) == _below(here.at().stats)
    kept = listing.list_files(there.at().kept_parts)
    assert [file.relative for file in kept if file.relative.endswith("/CURRENT")]
