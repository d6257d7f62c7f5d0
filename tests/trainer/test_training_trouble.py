"""What goes wrong in a training: one line that says what and where, and nothing good is lost."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chain import Shop, contents, one_line
from tiny_shop import OpenShop
from watcher import Watcher

MANY_STEPS = ["models.bag_of_ngrams.batch_size=4", "training.checkpoint_seconds=0.0001"]


@pytest.fixture
def interrupted(own: Shop, monkeypatch: pytest.MonkeyPatch) -> tuple[Shop, list[str]]:
    """Give a shop whose training was interrupted in its second epoch, and its settings."""
    sets = [*MANY_STEPS, "training.objectives=[rule_based]"]
    _interrupt(own, sets, monkeypatch, titles=500)
    return own, sets


def _interrupt(shop: Shop, sets: list[str], monkeypatch: pytest.MonkeyPatch, titles: int) -> None:
    """Press Ctrl-C after so many titles."""
    with monkeypatch.context() as patched:
        Watcher(titles).watch(patched)
        assert shop("train", sets=sets).status == 130


def _last(shop: Shop) -> Path:
    found = list(Path(shop.at().root).glob("checkpoints/*/last.json"))
    assert len(found) == 1
    return found[0]


def _weights_are_numbers(last: Path) -> bool:
    import tensorflow as tf

    prefix = str(last.parent / json.loads(last.read_text())["checkpoint"])
    reader = tf.train.load_checkpoint(prefix)
    found = [reader.get_tensor(name) for name in reader.get_variable_to_shape_map()]
    numbers = [value for value in found if getattr(value, "dtype", None) == "float32"]
    assert numbers
    return all(bool(tf.reduce_all(tf.math.is_finite(value))) for value in numbers)


def test_a_loss_that_is_no_number_stops_training_and_says_where(own: Shop) -> None:
    sets = ["models.bag_of_ngrams.dense_learning_rate=1.0e+30"]
    said = own("train", sets=sets)
    one_line(said, "the loss is", "step", "of epoch 1", "lower models.bag_of_ngrams.learning_rate")
    assert "checkpoint" not in said.err  # none was written
    assert not list(Path(own.at().root).glob("exports/*/COMPLETED"))


def test_weights_that_are_no_numbers_are_not_saved_over_good_ones(tmp_path: Path) -> None:
    import keras

    from trainer.checkpoints import Checkpoints, FitState

    model = keras.Sequential([keras.Input([2]), keras.layers.Dense(1)])
    checkpoints = Checkpoints(str(tmp_path), model, keras.optimizers.SGD(), {})
    assert checkpoints.kept is None
    assert checkpoints.save(FitState(step=1))
    before = contents(tmp_path)
    model.layers[0].bias.assign([float("nan")])
    assert not checkpoints.save(FitState(step=2))
    assert contents(tmp_path) == before
    assert checkpoints.restore().step == 1
    assert model.layers[0].bias.numpy().tolist() == [0.0]


def test_what_a_killed_write_left_is_taken_away(tmp_path: Path) -> None:
    """TensorFlow writes a checkpoint into a folder beside it, which a kill leaves there."""
    import keras

    from trainer.checkpoints import Checkpoints, FitState

    model = keras.Sequential([keras.Input([2]), keras.layers.Dense(1)])
    checkpoints = Checkpoints(str(tmp_path), model, keras.optimizers.SGD(), {})
    for left in ("last-1-2_temp", "last-1-3_temp"):
        (tmp_path / left).mkdir()
        (tmp_path / left / "part-00000-of-00001.data-00000-of-00001").write_bytes(b"half")
    assert checkpoints.save(FitState(epoch=1, step=3))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["last-1-3.data-00000-of-00001", "last-1-3.index", "last.json"]


def test_the_last_good_checkpoint_survives_a_loss_that_is_no_number(
    interrupted: tuple[Shop, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Training that goes on from good weights and breaks leaves these."""
    shop, sets = interrupted
    before = _last(shop).read_bytes()
    from trainer.objectives import RuleBased

    whole = RuleBased.measure

    def broken(self: RuleBased, logits: Any, targets: Any) -> list[Any]:
        sums = whole(self, logits, targets)
        return [sums[0] * float("nan"), *sums[1:]]

    monkeypatch.setattr(RuleBased, "measure", broken)
    one_line(shop("train", sets=sets), "the loss is nan between steps", "of epoch 2", "last good")
    assert _last(shop).read_bytes() == before
    assert _weights_are_numbers(_last(shop))
    monkeypatch.undo()
    assert [row["epoch"] for row in shop("train", sets=sets).figures["history"]] == [1, 2, 3]


def _cut_short(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _changed(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0x55] * 8) + content[middle + 8 :]


@pytest.mark.parametrize("part", ["train", "valid"])
@pytest.mark.parametrize("spoil", [_cut_short, _changed, lambda content: b""])
def test_a_damaged_shard_is_named_with_the_place_in_it(
    own: Shop, part: str, spoil: Callable[[bytes], bytes]
) -> None:
    shard = sorted(Path(own.at().tfrecords).glob(f"exclusive_{part}-*"))[1]
    shard.write_bytes(spoil(shard.read_bytes()))
    said = own("train")
    one_line(said, shard.name, "damaged at byte", f"of {shard.stat().st_size}", "(record ")
    assert "aisle preprocess --force" in said.err


@pytest.mark.parametrize("part", ["train", "valid", "test"])
@pytest.mark.parametrize("spoil", [_cut_short, _changed, lambda content: b""])
def test_an_evaluation_of_a_damaged_shard_says_so(
    trained_shop: OpenShop, part: str, spoil: Callable[[bytes], bytes]
) -> None:
    """An empty one of the train part is only read by the baselines, which learn from the rest."""
    shop = trained_shop("damaged")
    shard = sorted(Path(shop.at().tfrecords).glob(f"exclusive_{part}-*"))[1]
    shard.write_bytes(spoil(shard.read_bytes()))
    said = shop("evaluate")
    if part == "train" and not shard.stat().st_size:
        assert said.status == 0
    else:
        one_line(said, shard.name, "damaged at byte", "aisle preprocess --force")


def test_a_missing_shard_is_noticed(own: Shop) -> None:
    sorted(Path(own.at().tfrecords).glob("exclusive_train-*"))[1].unlink()
    one_line(own("train"), "a shard is missing", "aisle preprocess --force")


def test_a_checkpoint_of_another_config_is_refused_and_left_alone(
    interrupted: tuple[Shop, list[str]],
) -> None:
    """Somebody moved it there: the folder's name says one config, what lies in it another."""
    shop, sets = interrupted
    last = _last(shop)
    other = [*sets, "training.seed=2"]
    shop("train", sets=other)
    from configs.loading import load_settings
    from trainer.train import hparams_id

    target = Path(shop.at().checkpoints(hparams_id(load_settings(shop.config, other))))
    shutil.rmtree(Path(shop.at().exports(target.name)))
    shutil.copytree(last.parent, target)
    one_line(shop("train", sets=other), str(target), "of another config", "--force")
    assert (target / "last.json").read_bytes() == last.read_bytes()
    said = shop("train", "--force", sets=other)
    assert said.status == 0
    assert [row["epoch"] for row in said.figures["history"]] == [1, 2, 3]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"epoch": 1}'])
def test_what_is_no_checkpoint_is_refused(own: Shop, content: bytes) -> None:
    from configs.loading import load_settings
    from trainer.train import hparams_id

    folder = Path(own.at().checkpoints(hparams_id(load_settings(own.config))))
    folder.mkdir(parents=True)
    (folder / "last.json").write_bytes(content)
    one_line(own("train"), "last.json", "not a checkpoint of this version", "--force")


def test_a_checkpoint_of_other_examples_is_forgotten_and_that_is_said(
    interrupted: tuple[Shop, list[str]],
) -> None:
    shop, sets = interrupted
    manifest = Path(shop.at().tfrecords, "COMPLETED")
    known = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**known, "input_fingerprint": "of files that came since"}))
    said = shop("train", sets=sets)
    assert said.status == 0
    assert "the checkpoint is of other examples, forgotten" in said.err
    assert len(said.err.splitlines()) == 1
    assert [row["epoch"] for row in said.figures["history"]] == [1, 2, 3]


@pytest.mark.parametrize(
    ("sets", "words"),
    [
        (["training.class_weights={lone: 2.0, baby-: 3.0}"], ["'baby-'", "the examples have"]),
        (["training.class_weights={lone: 0}"], ["training.class_weights", "above 0"]),
        (["training.class_weights=ballanced"], ["training.class_weights", "balanced", "sqrt"]),
        (["training.label_smoothing.uniform=1.5"], ["training.label_smoothing.uniform", "1.5"]),
        (["training.label_smoothing={uniform: 0.5, categories: 0.5}"], ["below 1"]),
        (["training.hierarchy=joint"], ["level is main", "full"]),
        (["training.objectives=[rule_based]", "training.target=ordinal"], ["add exclusive"]),
        (["training.objectives=[rule_based]", "objectives.rule_based=false"], ["no examples"]),
        (["training.monitor=val_micro_f1"], ["val_micro_f1", "val_accuracy"]),
        (["training.objectives=[]"], ["training.objectives"]),
        (["training.joint.exclusive_share=1.0"], ["training.joint.exclusive_share"]),
        (
            [
                "training.objectives=[exclusive, rule_based]",
                "training.joint={schedule: pretrain, pretrain_epochs: 3}",
            ],
            ["pretrain_epochs is 3", "models.bag_of_ngrams.epochs is 3"],
        ),
    ],
)
def test_a_setting_that_cannot_be_is_named(
    written: Shop, sets: list[str], words: list[str]
) -> None:
    one_line(written("train", sets=sets), *words)
