"""Rules of the analysts: which label a product gets, and what is told of each rule."""

from __future__ import annotations

import datetime
from pathlib import Path

import pyarrow as pa
import pytest

from configs.errors import UsageError
from configs.rules import RuleBook, load_rules
from transforms.rules import apply_rules, report

BOOK = """
version: "7"
rules:
  - {name: gift, label: Gifts, title_contains: GIFT card, priority: 1}
  - {name: acme, label: Tools, column_is: {brand: Acme}}
  - {name: size, label: Tools, title_matches: '^\\d+ mm\\b', priority: 2}
  - {name: never, label: Toys, title_contains: unicorn}
  - {name: old, label: Toys, title_contains: a, until: 2020-01-01}
"""
TODAY = datetime.date(2020, 1, 2)


def book(tmp_path: Path, text: str = BOOK) -> RuleBook:
    path = tmp_path / "rules.yaml"
    path.write_text(text, encoding="utf-8")
    return load_rules(path)


def products(titles: list[str], brands: list[str | None]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"title": titles, "brand": brands})


def predictions(rows: int) -> pa.RecordBatch:
    shares = pa.array([0.5] * rows, pa.float32())
    return pa.RecordBatch.from_pydict({"label": ["Tools"] * rows, "probability": shares})


def test_the_highest_priority_decides_and_all_is_told(tmp_path: Path) -> None:
    rules = book(tmp_path).in_force(TODAY)
    titles = ["Acme Gift Card", "8 mm gift card", "drill", "a drill", "gift cards"]
    brands = ["Acme", None, "Acme", "acme", None]
    found, counts = apply_rules(products(titles, brands), predictions(5), rules, "7")
    assert found.column("label").to_pylist() == ["Gifts", "Tools", "Tools", "Tools", "Gifts"]
    named = ["gift@7", "size@7", "acme@7", None, "gift@7"]
    assert found.column("rule").to_pylist() == named
    assert found.column("source").to_pylist() == ["rule" if name else "model" for name in named]
    assert found.column("probability").to_pylist() == [1.0, 1.0, 1.0, 0.5, 1.0]
    told = report(counts, rules, "7")
    assert told["never_fire"] == ["never"]
    assert told["rules"]["gift"] == {"touched": 2, "changed": 2, "overruled": 1}
    assert told["rules"]["acme"] == {"touched": 1, "changed": 0, "overruled": 1}
    assert told["disagree"] == [
        {"rules": ["gift", "acme"], "rows": 1},
        {"rules": ["size", "gift"], "rows": 1},
    ]


def test_a_rule_holds_on_its_last_day_and_not_after(tmp_path: Path) -> None:
    rules = book(tmp_path)
    for day, holds in ((datetime.date(2020, 1, 1), True), (TODAY, False)):
        assert ("old" in [rule.name for rule in rules.in_force(day)]) is holds


def test_a_title_of_eight_megabytes_is_read_to_its_end(tmp_path: Path) -> None:
    rules = book(tmp_path).in_force(TODAY)
    found, _ = apply_rules(
        products(["x" * (8 << 20) + " Unicorn", "'; DROP TABLE labels"], [None, None]),
        predictions(2),
        rules,
        "7",
    )
    assert found.column("rule").to_pylist() == ["never@7", None]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("version: x\nrules: [{name: a, label: b}]", "has no condition"),
        ("version: x\nrules: [{name: a, label: b, title_matches: '('}]", "not an RE2 pattern"),
        ("rules: []", "version: it must be set"),
        ("version: x\nrules: [{nme: a}]", "rules.0.nme: unknown key; known here: "),
        ("version: [", "not valid YAML"),
        (
            "version: x\nrules:\n- &r {name: a, label: b, title_contains: c}\n- *r",
            "two rules are called 'a'",
        ),
    ],
)
def test_a_wrong_rule_is_one_line(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refusal:
        book(tmp_path, text)
    assert says in str(refusal.value)
    assert "\n" not in str(refusal.value)
