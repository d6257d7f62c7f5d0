"""Titles of an invented shop, put together from the words in configs/sample_catalogue.yaml.

A title follows a small grammar: a form such as `{brand} {adjective} {product}` is filled from pools
of words and of further forms, many titles at a time. A product has a stem; its variants differ in
the tail (colour, size, pack). Only `Generator.random` is drawn from, whose stream NumPy keeps.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
import yaml

Ints = np.ndarray
Texts = np.ndarray  # of str objects

_SYMBOL = re.compile(r"\{(\w+)\}")
_TWICE = re.compile(r"\b(\w++(?: \w++){0,2}?)(?:(?:,? | & | - | \| |/)\1\b)+")  # Bed/Bed
_SKEW = 1.5
_FIXED_SEED = 0
_LAYOUT, _BEST_SELLERS = 0, 1


@dataclass(frozen=True)
class Pool:
    """What a symbol may become: for leaf i, `values[start[i] : start[i] + size[i]]`.

    With `skew` above 1 the first values are the commonest.
    """

    values: Texts
    start: Ints
    size: Ints
    skew: float

    def pick(self, leaves: Ints, random: np.random.Generator) -> Ints:
        """Return one index into `values` per leaf."""
        shares = random.random(len(leaves)) ** self.skew
        return self.start[leaves] + (shares * self.size[leaves]).astype(np.int64)


@dataclass(frozen=True)
class Shop:
    """The catalogue's shelves and words; a leaf is one file, its number is a place in `paths`.

    `weights` add to 1 and say how full a leaf is; a leaf with `few` above 0 has that many records.
    """

    paths: list[str]
    departments: Ints
    weights: np.ndarray
    few: Ints
    near: Pool
    pools: Mapping[str, Pool]
    document: Mapping[str, Any]


@dataclass(frozen=True)
class Titles:
    """Titles with the leaf and the brand of each."""

    leaves: Ints
    titles: Texts
    brands: Texts

    def take(self, rows: Ints | slice) -> Titles:
        return Titles(self.leaves[rows], self.titles[rows], self.brands[rows])

    def __add__(self, other: Titles) -> Titles:
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Titles(*(np.concatenate(pair) for pair in pairs))


def generator(seed: int, stream: int) -> np.random.Generator:
    """Return a source of chance that no other seed and no other stream shares."""
    return np.random.Generator(np.random.PCG64([seed, stream]))


@functools.cache
def load_shop() -> Shop:
    """Read configs/sample_catalogue.yaml."""
    text = resources.files("configs").joinpath("sample_catalogue.yaml").read_text("utf-8")
    document = yaml.safe_load(text)
    names = list(document["departments"])
    leaves = [
        (names.index(shelf["department"]), _path(shelf, leaf), _products(products))
        for shelf in document["shelves"]
        for leaf, products in shelf["leaves"].items()
    ]
    leaves.sort(key=lambda leaf: leaf[:2])
    departments = np.array([department for department, _, _ in leaves])
    few, weights = _fullness(document, departments)
    near = [[names.index(n) for n in document["departments"][name]["near"]] for name in names]
    return Shop(
        paths=[path for _, path, _ in leaves],
        departments=departments,
        weights=weights,
        few=few,
        near=_pool([near[d] for d in departments], 1.0),
        pools={
            **_pools(document, departments),
            **_product_pools(departments, [products for _, _, products in leaves], near),
        },
        document=document,
    )


def best_sellers(shop: Shop) -> Titles:
    """Return titles that depend on no seed: every catalogue has the first of them."""
    random = generator(_FIXED_SEED, _BEST_SELLERS)
    leaves = draw_leaves(shop, shop.document["shares"]["best_sellers"], random)
    made = make_titles(shop, leaves, random)
    return made.take(np.argsort(random.random(len(leaves)), kind="stable"))


def draw_leaves(shop: Shop, number: int, random: np.random.Generator) -> Ints:
    """Return leaves, sorted, each as often as its weight says."""
    drawn = np.searchsorted(np.cumsum(shop.weights), random.random(number), side="right")
    return np.sort(np.minimum(drawn, len(shop.weights) - 1))


def make_titles(shop: Shop, leaves: Ints, random: np.random.Generator) -> Titles:
    """Return a new title for each of `leaves` (sorted); many are variants of one product."""
    shares = shop.document["shares"]
    counts = np.bincount(leaves, minlength=len(shop.paths))
    products = np.ceil(counts * (1 - shares["variants"])).astype(np.int64)
    first = np.cumsum(products) - products
    product = first[leaves] + (random.random(len(leaves)) * products[leaves]).astype(np.int64)
    source = np.repeat(np.arange(len(counts)), products)
    astray = random.random(len(source)) < shares["misfiled"]
    source = np.where(astray, random.random(len(source)) * len(counts), source).astype(np.int64)
    brand = expand(shop.pools, "brand", source, random)
    stem = expand(shop.pools, "stem", source, random, {"brand": brand})
    text = stem[product] + expand(shop.pools, "tail", source[product], random)
    loud = random.random(len(text)) < shares["shouting"]
    return Titles(leaves, _tidy(text, loud), brand[product])


def expand(
    pools: Mapping[str, Pool],
    symbol: str,
    leaves: Ints,
    random: np.random.Generator,
    given: Mapping[str, Texts] | None = None,
) -> Texts:
    """Return a text for `symbol` per leaf; what is `given` (row by row) is taken as it is."""
    given = given or {}
    if symbol in given:
        return given[symbol]
    pool = pools[symbol]
    picked = pool.pick(leaves, random)
    texts = pool.values[picked]
    for choice in np.unique(picked):
        if "{" in (form := pool.values[choice]):
            rows = np.flatnonzero(picked == choice)
            here = {name: values[rows] for name, values in given.items()}
            texts[rows] = _fill(pools, form, leaves[rows], random, here)
    return texts


def _fill(
    pools: Mapping[str, Pool],
    form: str,
    leaves: Ints,
    random: np.random.Generator,
    given: Mapping[str, Texts],
) -> Texts:
    texts = np.full(len(leaves), "", dtype=object)
    for i, part in enumerate(_SYMBOL.split(form)):
        texts = texts + (expand(pools, part, leaves, random, given) if i % 2 else part)
    return texts


def _tidy(texts: Texts, loud: np.ndarray) -> Texts:
    tidy = [_TWICE.sub(r"\1", " ".join(text.split())) for text in texts]
    return np.array(
        [t.upper() if up else t for t, up in zip(tidy, loud, strict=True)], dtype=object
    )


def _path(shelf: Mapping[str, Any], leaf: str) -> str:
    name = shelf["stem"] if leaf == "." else f"{shelf['stem']}_{leaf}"
    return f"{shelf['folder']}/{name}.csv".removeprefix("./")


def _products(text: str) -> list[str]:
    """Return the products in a comma-separated list: `dog bed` is `Dog Bed`, `USB` stays."""
    words = [product.split() for product in text.split(",")]
    return [" ".join(w.capitalize() if w.islower() else w for w in product) for product in words]


def _fullness(document: Mapping[str, Any], departments: Ints) -> tuple[Ints, np.ndarray]:
    """Return the records of the leaves that have few, and the weight of every other leaf."""
    random = generator(_FIXED_SEED, _LAYOUT)
    spread = (1 - random.random(len(departments))) ** -0.7
    few = np.zeros(len(departments), dtype=np.int64)
    chosen = np.argsort(random.random(len(few)), kind="stable")[: document["shares"]["tiny"]]
    few[chosen] = 1 + np.arange(len(chosen)) % 6
    spread[few > 0] = 0
    shares = np.array([d["share"] for d in document["departments"].values()], dtype=float)
    weights = spread * (shares / np.bincount(departments, weights=spread))[departments]
    return few, weights / weights.sum()


def _pools(document: Mapping[str, Any], departments: Ints) -> dict[str, Pool]:
    """Return the pools of words and forms; a department's own words take the common ones' place."""
    own = [d.get("words", {}) for d in document["departments"].values()]
    pools = {
        symbol: _pool([own[d].get(symbol, words) for d in departments], _SKEW)
        for symbol, words in document["words"].items()
    }
    for symbol, forms in document["grammar"].items():
        repeated = [form for form, weight in forms.items() for _ in range(weight)]
        pools[symbol] = _pool([repeated] * len(departments), 1.0)
    return pools


def _product_pools(
    departments: Ints, products: list[list[str]], near: list[list[int]]
) -> dict[str, Pool]:
    rivals: list[list[str]] = [[] for _ in near]
    for department, neighbours in enumerate(near):
        for leaf in np.flatnonzero(np.isin(departments, neighbours)):
            rivals[department] += products[leaf]
    own = _pool(products, 1.0)
    return {"product": own, "twin": own, "rival": _pool([rivals[d] for d in departments], 1.0)}


def _pool(choices: Sequence[list[Any]], skew: float) -> Pool:
    """Lay the choices of all leaves end to end, lists that many leaves share only once."""
    starts: dict[int, int] = {}
    values: list[Any] = []
    for words in choices:
        if id(words) not in starts:
            starts[id(words)] = len(values)
            values += words
    start = np.array([starts[id(words)] for words in choices])
    size = np.array([len(words) for words in choices])
    kind = object if isinstance(values[0], str) else np.int64
    return Pool(np.array(values, dtype=kind), start, size, skew)
