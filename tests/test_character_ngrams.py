"""N-grams of characters beside those of words: for small inputs by default, and told apart."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from chain import Shop, examples, one_line, open_shop

from configs.features import NgramSettings
from configs.settings import Settings
from pipelines.made_with import made_character_sizes
from trainer.dataset import read_examples, shard_files
from transforms.text import hash_characters, hash_ngrams, ngram_buckets

OPEN = "features.ngrams.character_sizes=null"


@pytest.fixture(scope="module")
def shop(
    tmp_path_factory: pytest.TempPathFactory, tiny_settings: Settings, tiny_catalogue: Path
) -> Shop:
    """Give a shop whose tiny catalogue was preprocessed with the sizes left open."""
    made = open_shop(tmp_path_factory.mktemp("characters"), tiny_settings)
    said = made("preprocess", "--input", tiny_catalogue, sets=[OPEN])
    assert said.status == 0, said.err
    return made


def test_a_small_input_has_characters_a_large_one_has_not(tiny_settings: Settings) -> None:
    settings = NgramSettings()
    assert settings.of_input(8 << 20).character_sizes == [3, 4, 5]
    assert settings.of_input((8 << 20) + 1).character_sizes == []
    assert NgramSettings(character_sizes=[2]).of_input(1 << 40).character_sizes == [2]
    assert NgramSettings(character_sizes=[]).of_input(1).character_sizes == []
    left_open = tiny_settings.model_copy(
        update={
            "features": tiny_settings.features.model_copy(update={"ngrams": settings}),
            "preprocess": tiny_settings.preprocess.model_copy(update={"rows": 1000}),
        }
    )
    assert left_open.of_input(1 << 40).features.ngrams.character_sizes == [3, 4, 5], "few rows"


def test_words_have_the_even_buckets_and_characters_the_odd_ones() -> None:
    tokens = tf.ragged.constant([["red", "watch"], [], ["tv"]])
    found = ngram_buckets(tokens, sizes=[1, 2], character_sizes=[3], buckets=5001)
    words = hash_ngrams(tokens, sizes=[1, 2], buckets=2500)
    characters = hash_characters(tokens, sizes=[3], buckets=2500)
    for row, of_words, inner in zip(
        found.to_list(), words.to_list(), characters.to_list(), strict=True
    ):
        assert row == [2 * bucket for bucket in of_words] + [2 * bucket + 1 for bucket in inner]
    alone = ngram_buckets(tokens, sizes=[1, 2], character_sizes=[], buckets=5001)
    assert alone.to_list() == hash_ngrams(tokens, sizes=[1, 2], buckets=5001).to_list()


def test_what_was_left_open_is_kept_with_the_examples(shop: Shop) -> None:
    artifacts = shop.at()
    assert made_character_sizes(artifacts) == [3, 4, 5]
    made = json.loads(Path(artifacts.stats, "made_with.json").read_text())
    assert made["features"]["ngrams"]["character_sizes"] == [3, 4, 5]
    files = shard_files(artifacts, "train")
    batches = read_examples(files, ["ngrams"], batch_size=1000)
    grams = np.concatenate([batch["ngrams"].values.numpy() for batch in batches])
    assert 0.5 < (grams % 2).mean() < 0.95, "most n-grams are of characters"


def test_the_same_open_setting_trains_and_another_is_refused(shop: Shop) -> None:
    sets = ["models.bag_of_ngrams.members=2", "models.bag_of_ngrams.epochs=2"]
    said = shop("train", sets=[OPEN, *sets])
    assert said.status == 0, said.err
    assert said.figures["val_accuracy"] > 0.9
    refused = shop("train", sets=["features.ngrams.character_sizes=[]", *sets])
    one_line(refused, "features.ngrams.character_sizes is []", "were made with [3, 4, 5]")


def test_a_misspelt_word_is_answered_by_the_export(shop: Shop) -> None:
    """Of `towelz` and `blankett` training saw the characters, not the words."""
    said = shop("train", sets=[OPEN])
    assert said.status == 0, said.err
    export = tf.saved_model.load(f"{shop.at().exports(said.figures['model'])}/model")
    answer = export.signatures["serving_default"]
    right = answer(title=tf.constant(["bath towel", "gaming laptop", "wrist watch"]))["label"]
    wrong = answer(title=tf.constant(["bathh towelz", "gamingg laptopz", "wristt watchz"]))["label"]
    assert right.numpy().tolist() == wrong.numpy().tolist()
    assert len(set(right.numpy())) > 1


def test_runs_that_keep_parts_write_the_same_bytes(shop: Shop, tiny_catalogue: Path) -> None:
    """With Beam, without it, and with a file that changed since the run before."""
    sets = [OPEN, "preprocess.incremental=true"]
    said = shop("preprocess", "--input", tiny_catalogue, run_id="kept", sets=sets)
    assert said.status == 0, said.err
    assert examples(shop.at("kept")) == examples(shop.at())
    changed = shop.prefix.parent / "changed"
    shutil.copytree(tiny_catalogue, changed)
    file = sorted(changed.glob("*/*.csv"))[0]
    file.write_text(file.read_text() + "a title that came since\n")
    for run_id, own in (("again", sets), ("whole", [OPEN])):
        said = shop("preprocess", "--input", changed, run_id=run_id, sets=own)
        assert said.status == 0, said.err
    assert examples(shop.at("again")) == examples(shop.at("whole"))
    assert examples(shop.at("again")) != examples(shop.at())
