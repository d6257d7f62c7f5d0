"""Two objectives in one network: columns of their own, shared layers, batches of both."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from small_models import seen_ngrams

from configs.models import BagOfNgramsSettings, CnnSettings
from pipelines.shards import TFRecordFile
from trainer.dataset import CATEGORIES, LABEL, LABELS, NGRAMS, TOKENS, read_examples
from trainer.fit import Fit
from trainer.labels import LabelReader
from trainer.models import FAMILIES
from trainer.models.family import DataShape, Family
from trainer.objectives import Exclusive, Heads, RuleBased, figures
from trainer.plan import FitPlan, Part
from transforms.categories import make_taxonomy

TAXONOMY = make_taxonomy(["a_x", "a_y", "b_x", "c"], "_", {"main": (0, 1)})
EXCLUSIVE = Exclusive(LabelReader(TAXONOMY, "main", "main"))
RULE_BASED = RuleBased(TAXONOMY.nodes)
BOTH = Heads((EXCLUSIVE, RULE_BASED))
CLASSES, NODES = 3, 6
SHAPE = DataShape(classes=BOTH.columns, vocabulary_size=20, length=7, ngrams=seen_ngrams(50))
SETTINGS = {
    "bag_of_ngrams": BagOfNgramsSettings(embedding_width=4, hidden_units=5),
    "cnn": CnnSettings(
        embedding_width=4, filters=4, kernel_size=2, strides=1, hidden_units=4, dropout=0.0
    ),
}
ROWS = {"exclusive": 90, "rule_based": 50}


def example(number: int, **labels: list[int]) -> bytes:
    lists = {NGRAMS: [number % 50, number % 7], TOKENS: [number % 20, number % 3], **labels}
    features = {
        name: tf.train.Feature(int64_list=tf.train.Int64List(value=values))
        for name, values in lists.items()
    }
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> tuple[Part, Part]:
    """Give 90 exclusive examples and 50 rule-based ones, in two shards each."""
    folder = tmp_path_factory.mktemp("shards")
    made: dict[str, list[str]] = {"exclusive": [], "rule_based": []}
    for name, rows in ROWS.items():
        for shard in range(2):
            numbers = range(shard, rows, 2)
            labels = [
                {LABEL: [n % CLASSES], CATEGORIES: [n % 4, (n + 1) % 4]}
                if name == "exclusive"
                else {LABELS: sorted({n % NODES, n % 2})}
                for n in numbers
            ]
            path = f"{folder}/{name}_train-{shard}.gz"
            rows_of = [example(n, **of) for n, of in zip(numbers, labels, strict=True)]
            write(path, rows_of)
            made[name].append(path)
    return tuple(
        Part(one, made[one.name], made[one.name], ROWS[one.name], ROWS[one.name])
        for one in BOTH.objectives
    )


def write(path: str, rows: list[bytes]) -> None:
    file = TFRecordFile(path, 1)
    file.add(pa.array(rows, pa.large_binary()))
    file.write()


def plan_of(parts: tuple[Part, ...], family: Family, **changes: Any) -> FitPlan:
    values: dict[str, Any] = {
        "heads": BOTH,
        "parts": parts,
        "features": family.features,
        "prepare": lambda batch: family.prepare(batch, SHAPE),
        "batch_size": 10,
        "epochs": 3,
        "patience": 3,
        "answers": "exclusive",
        "watched": "val_accuracy",
        "exclusive_share": 0.5,
        "first": "rule_based",
        "pretrain_epochs": 0,
        "seed": 1,
        "shuffle_buffer": 0,
        "validation_rows": 0,
        "checkpoint_seconds": 300.0,
        "xla": False,
    }
    return FitPlan(**{**values, **changes})


def fit_of(name: str, parts: tuple[Part, ...], folder: Path, **changes: Any) -> Fit:
    family = FAMILIES[name]
    plan = plan_of(parts, family, **changes)
    keras.utils.set_random_seed(3)
    model = family.build(SETTINGS[name], SHAPE)
    model(plan.prepare({family.features[0]: tf.ragged.constant([[0]], tf.int64)}))
    optimizer = family.optimizer(SETTINGS[name], plan.all_steps)
    optimizer.build(model.trainable_variables)
    return Fit(model, optimizer, plan, str(folder), tf.distribute.get_strategy(), {})


def last_layers(model: keras.Model) -> list[np.ndarray]:
    """Return what makes the logits: variables with a column for each of them."""
    found = [v.numpy() for v in model.trainable_variables if v.shape[-1] == BOTH.columns]
    assert found
    return found


def rows_of(targets: Mapping[str, Mapping[str, tf.Tensor]]) -> dict[str, int]:
    return {name: len(next(iter(own.values()))) for name, own in targets.items()}


def test_each_objective_has_columns_of_its_own() -> None:
    logits = tf.constant([np.arange(BOTH.columns)], tf.float16)
    assert BOTH.columns == CLASSES + NODES
    assert BOTH.logits_of("exclusive", logits).numpy().tolist() == [[0, 1, 2]]
    assert BOTH.logits_of("rule_based", logits).numpy().tolist() == [[3, 4, 5, 6, 7, 8]]
    assert BOTH.logits_of("rule_based", logits).dtype == tf.float32


@pytest.mark.parametrize("name", ["exclusive", "rule_based"])
def test_the_gradient_of_a_loss_is_exactly_zero_in_the_others_columns(
    parts: tuple[Part, Part], name: str
) -> None:
    """Also in a batch that holds examples of both: each row has labels of one of the two."""
    plan = plan_of(parts, FAMILIES["cnn"])
    _, targets = next(iter(plan.batches(0)))
    logits = tf.Variable(np.random.default_rng(1).normal(0, 2, (10, BOTH.columns)), dtype="float32")
    with tf.GradientTape() as tape:
        of_both = dict(zip(targets, BOTH.measure(logits, targets), strict=True))
        loss = of_both[name][0]
    slope = tape.gradient(loss, logits).numpy()
    own_columns = slice(0, CLASSES) if name == "exclusive" else slice(CLASSES, None)
    own_rows = slice(0, 5) if name == "exclusive" else slice(5, None)
    assert np.abs(slope[own_rows, own_columns]).min() > 0
    slope[own_rows, own_columns] = 0.0
    assert (slope == 0.0).all()


@pytest.mark.parametrize("family", ["bag_of_ngrams", "cnn"])
@pytest.mark.parametrize("first", ["exclusive", "rule_based"])
def test_training_one_objective_leaves_the_others_head_as_it_was(
    parts: tuple[Part, Part], tmp_path: Path, family: str, first: str
) -> None:
    """The layers below are shared: they do change."""
    fit = fit_of(family, parts, tmp_path, first=first, pretrain_epochs=1)
    before = [v.numpy() for v in fit.model.trainable_variables], last_layers(fit.model)
    for batch in fit.plan.batches(0):
        fit._step(batch)
    own = slice(0, CLASSES) if first == "exclusive" else slice(CLASSES, None)
    other = slice(CLASSES, None) if first == "exclusive" else slice(0, CLASSES)
    for old, new in zip(before[1], last_layers(fit.model), strict=True):
        assert (old[..., other] == new[..., other]).all()
        assert (old[..., own] != new[..., own]).any()
    shared = fit.model.trainable_variables[0].numpy()
    assert (before[0][0] != shared).any()


@pytest.mark.parametrize(
    ("share", "held", "steps"), [(0.5, (5, 5), 10), (0.9, (9, 1), 10), (0.01, (1, 9), 6)]
)
def test_a_batch_holds_the_share_of_each_and_an_epoch_sees_neither_twice(
    parts: tuple[Part, Part], share: float, held: tuple[int, int], steps: int
) -> None:
    plan = plan_of(parts, FAMILIES["bag_of_ngrams"], exclusive_share=share)
    assert [rows for _, rows in plan.mixture(0)] == list(held)
    assert plan.steps(0) == steps
    batches = [rows_of(targets) for _, targets in plan.batches(0)]
    assert batches[0] == {"exclusive": held[0], "rule_based": held[1]}
    assert len(batches) == steps
    for name, rows in ROWS.items():
        assert sum(batch[name] for batch in batches) <= rows


def test_pretraining_holds_one_objective_alone_then_both(parts: tuple[Part, Part]) -> None:
    plan = plan_of(parts, FAMILIES["cnn"], first="exclusive", pretrain_epochs=2)
    assert [plan.steps(epoch) for epoch in range(3)] == [9, 9, 10]
    assert plan.all_steps == 28
    kinds = [rows_of(next(iter(plan.batches(epoch)))[1]) for epoch in range(3)]
    assert kinds == [{"exclusive": 10}, {"exclusive": 10}, {"exclusive": 5, "rule_based": 5}]


def test_a_row_keeps_its_features_beside_its_own_labels(parts: tuple[Part, Part]) -> None:
    """What is put together for one forward pass is what each part holds."""
    plan = plan_of(parts, FAMILIES["cnn"])
    features, targets = next(iter(plan.batches(0)))
    rows = [tuple(row[:2]) for row in features[TOKENS].numpy().tolist()]
    for part, begin in zip(parts, (0, 5), strict=True):
        names, known = (TOKENS, *part.objective.features), set()
        for batch in read_examples(part.train_files, names, batch_size=100):
            made = _labels(part.objective.targets(batch))
            known |= set(zip(map(tuple, batch[TOKENS].to_list()), made, strict=True))
        own = _labels(targets[part.objective.name])
        assert set(zip(rows[begin : begin + 5], own, strict=True)) <= known


def _labels(targets: Mapping[str, tf.Tensor]) -> list[Any]:
    if "label" in targets:
        return targets["label"].numpy().tolist()
    return list(map(tuple, targets["nodes"].numpy().tolist()))


def test_the_history_has_what_was_trained_and_the_best_epoch_trained_both(
    parts: tuple[Part, Part], tmp_path: Path
) -> None:
    fit = fit_of("bag_of_ngrams", parts, tmp_path, pretrain_epochs=1)
    history = fit.run(lambda titles: None)
    of_one = {"rule_based_loss", "rule_based_accuracy", "rule_based_micro_f1"}
    assert set(history[0]) == {"epoch", *of_one, *(f"val_{name}" for name in of_one)}
    for row in history[1:]:
        assert {"loss", "accuracy", "val_loss", "val_accuracy", *of_one} < set(row)
    assert fit.state.best_epoch >= 1
    losses = [row["val_rule_based_loss"] for row in history]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(("watched", "wanted"), [("val_accuracy", max), ("val_loss", min)])
def test_the_best_epoch_is_the_best_of_what_is_watched(
    parts: tuple[Part, Part], tmp_path: Path, watched: str, wanted: Any
) -> None:
    heads = Heads((EXCLUSIVE,))
    fit = fit_of("bag_of_ngrams", parts[:1], tmp_path, heads=heads, watched=watched, epochs=4)
    history = fit.run(lambda titles: None)
    assert fit.best[watched] == wanted(row[watched] for row in history)


def test_figures_are_those_of_scikit_learn() -> None:
    from sklearn.metrics import f1_score, log_loss

    chance = np.random.default_rng(2)
    logits = chance.normal(0, 2, (40, NODES)).astype(np.float32)
    nodes = (chance.random((40, NODES)) < 0.3).astype(np.float32)
    nodes[:, 0] = 1
    sums = RULE_BASED.measure(tf.constant(logits), {"nodes": tf.constant(nodes)})
    found = figures(RULE_BASED, [float(value) for value in sums])
    probabilities = 1 / (1 + np.exp(-logits.astype(np.float64)))
    of_each = [log_loss(nodes[:, i], probabilities[:, i], labels=[0, 1]) for i in range(NODES)]
    assert found["loss"] == pytest.approx(sum(of_each), rel=1e-5)
    assert found["micro_f1"] == pytest.approx(f1_score(nodes, logits > 0, average="micro"))
    first = nodes[np.arange(40), logits.argmax(axis=1)]
    assert found["accuracy"] == pytest.approx(first.mean())


def test_options_that_are_off_ask_nothing_of_an_example_and_make_no_target() -> None:
    batch = {LABEL: tf.constant([0, 2], tf.int64)}
    assert EXCLUSIVE.features == (LABEL,)
    assert set(EXCLUSIVE.targets(batch)) == {"label", "counts"}
    weighted = Exclusive(EXCLUSIVE.reader, weights=np.array([1, 2, 3], np.float32), categories=0.2)
    assert weighted.features == (LABEL, CATEGORIES)
    more = {**batch, CATEGORIES: tf.ragged.constant([[0, 2], [3]], dtype=tf.int64)}
    made = weighted.targets(more)
    assert made["weight"].numpy().tolist() == [1.0, 3.0]
    np.testing.assert_allclose(made["shares"], [[0.8, 0.2, 0], [0, 0, 1]], atol=1e-7)
    uniform = tf.zeros([2, CLASSES])
    loss, rows, _ = weighted.measure(uniform, made)
    assert float(loss) == pytest.approx(4 * np.log(3), rel=1e-6)
    assert float(rows) == 2
