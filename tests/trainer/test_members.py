"""Several networks fitted apart, of which the export gives the mean."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from chain import Shop, one_line, open_shop
from small_models import SHAPE, small_model, small_settings
from watcher import Watcher

from configs.loading import load_settings
from configs.models import BagOfNgramsSettings, CnnSettings
from configs.settings import Settings
from trainer.members import MeanOfMembers, fit_kinds, mean_history
from trainer.models import FAMILIES
from trainer.train import Fitted, fit_model, hparams_id

SETS = ["models.bag_of_ngrams.members=3", "models.bag_of_ngrams.epochs=2"]
KINDS = ["features.ngrams.character_sizes=[3]", "models.bag_of_ngrams.members=3"]
TITLES = ["acme bath towel", "", "gaming laptop", "of words that nobody knows", "wrist watch"]


def fitted(shop: Shop, folder: Path, *sets: str) -> Fitted:
    return fit_model(load_settings(shop.config, sets), shop.at(), str(folder), {})


def weights_of(model: keras.Model) -> list[np.ndarray]:
    return [variable.numpy() for variable in model.trainable_variables]


def answers(shop: Shop, said: Any) -> np.ndarray:
    """Return what the export says of some titles: probabilities by class, in one order."""
    export = tf.saved_model.load(f"{shop.at().exports(said.figures['model'])}/model")
    found = export.signatures["serving_default"](title=tf.constant(TITLES))
    order = np.argsort(found["labels"].numpy(), axis=1)
    return np.take_along_axis(found["probabilities"].numpy(), order, axis=1)


def test_few_titles_have_four_members_many_have_one() -> None:
    flagship = BagOfNgramsSettings()
    titles = [1, 50_000, 50_001, 100_000, 100_001, 10_000_000]
    assert [flagship.members_of(n) for n in titles] == [4, 4, 3, 2, 1, 1]
    assert BagOfNgramsSettings(members=2).members_of(10_000_000) == 2
    assert CnnSettings().members_of(10) == 1


@pytest.mark.parametrize("members", ["0", "-1", "2.5", "many"])
def test_a_number_of_members_that_is_none_is_one_line(own: Shop, members: str) -> None:
    said = own("train", sets=[f"models.bag_of_ngrams.members={members}"])
    one_line(said, "models.bag_of_ngrams.members")


def test_the_logits_are_the_mean_of_those_of_the_members() -> None:
    family, settings = FAMILIES["bag_of_ngrams"], small_settings("bag_of_ngrams")
    members = [small_model("bag_of_ngrams") for _ in range(3)]
    ragged = tf.ragged.constant([[1, 2, 3], [], [7]], tf.int64)
    batch = family.prepare({"ngrams": ragged}, SHAPE)
    for number, model in enumerate(members):
        model.linear.bias.assign([number, 0.0, 2.0 * number, 1.0])
    mean = MeanOfMembers(members)
    expected = np.mean([model(batch).numpy() for model in members], axis=0)
    np.testing.assert_allclose(mean(batch).numpy(), expected, rtol=1e-6)
    assert expected[0].tolist() == pytest.approx([1.0, 0.0, 2.0, 1.0])
    constants = [v for v in mean.variables if v.name == "row"]
    assert len(constants) == 1, "64 MiB that all members share"
    assert len(mean.trainable_variables) == 3 * len(members[0].trainable_variables)
    assert settings.members == 1


@dataclasses.dataclass(frozen=True)
class Scored:
    """What a fit says of itself, and what it was asked to see."""

    number: int
    words_alone: bool
    best: dict[str, float]


@pytest.mark.parametrize(
    ("kinds", "members", "worse", "fitted_as", "kept"),
    [
        (1, 3, 0.5, [(0, False), (1, False), (2, False)], [0, 1, 2]),
        (2, 1, 0.5, [(0, False)], [0]),
        (2, 2, 0.01, [(0, False), (1, True)], [0, 1]),
        (2, 2, 0.02, [(0, False), (1, True), (2, False)], [0, 2]),
        (2, 4, -0.1, [(0, False), (1, True), (2, False), (3, True)], [0, 1, 2, 3]),
        (2, 4, 0.1, [(0, False), (1, True), (2, False), (3, False), (4, False)], [0, 2, 3, 4]),
    ],
)
def test_every_second_member_sees_words_alone_unless_they_are_much_worse(
    kinds: int,
    members: int,
    worse: float,
    fitted_as: list[tuple[int, bool]],
    kept: list[int],
) -> None:
    asked = []

    def fit(number: int, words_alone: bool) -> Scored:
        asked.append((number, words_alone))
        return Scored(number, words_alone, {"val_accuracy": 0.8 - worse * words_alone})

    assert [one.number for one in fit_kinds(members, kinds == 2, fit)] == kept
    assert asked == fitted_as


@pytest.fixture(scope="module")
def with_characters(
    tmp_path_factory: pytest.TempPathFactory, tiny_settings: Settings, tiny_catalogue: Path
) -> Shop:
    """Give a shop whose examples hold n-grams of characters too."""
    shop = open_shop(tmp_path_factory.mktemp("kinds"), tiny_settings)
    assert shop("preprocess", "--input", tiny_catalogue, sets=KINDS).status == 0
    return shop


@pytest.mark.parametrize(("worse", "alone"), [(1.0, [1]), (-1.0, [])])
def test_members_of_both_kinds_are_fitted_and_what_was_left_out_is_in_no_export(
    worse: float,
    alone: list[int],
    with_characters: Shop,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever words alone are worse by is allowed, then nothing is."""
    settings = load_settings(with_characters.config, KINDS)
    monkeypatch.setattr("trainer.members._WORSE_ALONE", worse)
    found = fit_model(settings, with_characters.at(), str(tmp_path), {})
    assert found.members == 3
    kinds = [member.bag.even_alone for member in found.model.members]
    assert [number for number, even_alone in enumerate(kinds) if even_alone] == alone
    assert len({member.bag.table.numpy().tobytes() for member in found.model.members}) == 3


def test_words_alone_are_the_even_buckets() -> None:
    """Buckets of characters are odd: other ones make no difference then."""
    family, settings = FAMILIES["bag_of_ngrams"], small_settings("bag_of_ngrams")
    for shape, sees_characters in (
        (SHAPE, True),
        (dataclasses.replace(SHAPE, words_alone=True), False),
    ):
        model = family.build(settings, shape)
        batch = tf.ragged.constant([[2, 4, 7], [2, 4, 9], [2, 6, 9]], tf.int64)
        prepared = family.prepare({"ngrams": batch}, shape)
        model(prepared)
        numbers = np.random.default_rng(1)
        model.bag.table.assign(numbers.normal(size=model.bag.table.shape))
        first, other_character, other_word = model(prepared).numpy()
        assert np.allclose(first, other_character) != sees_characters
        assert not np.allclose(other_character, other_word)


def test_the_history_is_the_mean_of_the_members_that_came_so_far() -> None:
    histories = [
        [{"epoch": 1, "loss": 4.0}, {"epoch": 2, "loss": 2.0}, {"epoch": 3, "loss": 1.0}],
        [{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.0}],
    ]
    assert mean_history(histories) == [
        {"epoch": 1, "loss": 3.0},
        {"epoch": 2, "loss": 1.5},
        {"epoch": 3, "loss": 1.0},
    ]


def test_members_differ_and_the_first_is_what_one_alone_would_be(own: Shop, tmp_path: Path) -> None:
    several = fitted(own, tmp_path / "several", *SETS)
    alone = fitted(own, tmp_path / "alone", SETS[1], "models.bag_of_ngrams.members=1")
    assert isinstance(several.model, MeanOfMembers)
    first, *others = several.model.members
    for ours, theirs in zip(weights_of(first), weights_of(alone.model), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for other in others:
        changed = zip(weights_of(first), weights_of(other), strict=True)
        assert not any(np.array_equal(ours, theirs) for ours, theirs in changed)
    assert several.parameters == 3 * alone.parameters
    assert len(several.history) == len(alone.history) == 2


def test_the_figures_and_the_export_are_of_the_mean(own: Shop, tmp_path: Path) -> None:
    said = own("train", sets=SETS)
    assert said.status == 0, said.err
    assert said.figures["members"] == 3
    assert [row["epoch"] for row in said.figures["history"]] == [1, 2]
    again = fitted(own, tmp_path / "again", *SETS)
    part = again.setup.plan.parts[0]
    logits, labels, counted = [], [], []
    for features, targets in again.setup.plan.validation(part):
        logits.append(np.mean([m(features).numpy() for m in again.model.members], axis=0))
        labels.append(targets["exclusive"]["label"].numpy())
        counted.append(targets["exclusive"]["counts"].numpy())
    right = (np.concatenate(logits).argmax(axis=1) == np.concatenate(labels)) * np.concatenate(
        counted
    )
    accuracy = right.sum() / np.concatenate(counted).sum()
    assert said.figures["val_accuracy"] == pytest.approx(accuracy)
    assert again.best["val_loss"] == pytest.approx(said.figures["val_loss"], rel=1e-5)
    members = [m.trainable_variables for m in again.model.members]
    assert said.figures["parameters"] == sum(int(np.prod(v.shape)) for m in members for v in m)


def test_a_training_killed_in_a_later_member_does_not_fit_the_first_again(
    own: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sets = [*SETS, "training.checkpoint_seconds=0.0001"]
    other = Shop(own.config, tmp_path / "undisturbed")
    shutil.copytree(own.at().root, other.at().root)
    of_member = _counted(monkeypatch, other, sets) // 3
    undisturbed = other("train", sets=sets)  # is done: says what it was
    seen = _counted(monkeypatch, own, sets, stop_after=of_member + of_member // 2 + 1)
    folder = Path(own.at().checkpoints(hparams_id(load_settings(own.config, sets))))
    state = json.loads((folder / "last.json").read_text())
    assert (state["epoch"], state["step"]) == (2, 0)
    assert (folder / "member-1" / "last.json").exists()
    rest = _counted(monkeypatch, own, sets)
    assert rest < 2 * of_member, "the first member was fitted again"
    assert seen + rest >= 3 * of_member
    said = own("train", sets=sets)
    both = zip(said.figures["history"], undisturbed.figures["history"], strict=True)
    assert all(ours == pytest.approx(theirs) for ours, theirs in both)
    np.testing.assert_allclose(answers(own, said), answers(other, undisturbed), rtol=1e-5)
    assert not folder.exists()


def _counted(
    monkeypatch: pytest.MonkeyPatch, shop: Shop, sets: list[str], stop_after: int = 0
) -> int:
    """Train, return how many titles were stepped over; stop after so many, if not 0."""
    watcher = Watcher(stop_after or float("inf"))
    with monkeypatch.context() as patched:
        watcher.watch(patched)
        said = shop("train", sets=sets)
    assert said.status == (130 if stop_after else 0), said.err
    return watcher.seen


def test_a_member_of_other_examples_is_forgotten(
    own: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the first member left nothing: a kill may come before it does."""
    sets = [*SETS, "training.checkpoint_seconds=0.0001"]
    _counted(monkeypatch, own, sets, stop_after=300)
    folder = Path(own.at().checkpoints(hparams_id(load_settings(own.config, sets))))
    folder.rename(folder.parent / "moved")
    shutil.copytree(folder.parent / "moved", folder / "member-2")
    shutil.rmtree(folder.parent / "moved")
    manifest = Path(own.at().tfrecords, "COMPLETED")
    known = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**known, "input_fingerprint": "of files that came since"}))
    said = own("train", sets=sets)
    assert said.status == 0
    assert "the checkpoint is of other examples, forgotten" in said.err


def test_examples_in_one_shard_can_be_trained_on(own: Shop, tiny_catalogue: Path) -> None:
    sets = ["preprocess.num_shards=1"]
    assert own("preprocess", "--input", tiny_catalogue, run_id="one", sets=sets).status == 0
    said = own("train", run_id="one", sets=[*sets, *SETS])
    assert said.status == 0, said.err
    assert said.figures["val_accuracy"] > 0.5
