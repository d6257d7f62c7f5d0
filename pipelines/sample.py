"""Write the files of an invented shop, and product dumps of it: as large and as dirty as asked.

The layout and the dirt are those of a real feed (names that need renaming, CR LF, byte order marks,
stray quotes, NULs); every word is invented. Same arguments, same bytes.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from configs.errors import UsageError
from pipelines import storage
from pipelines.sample_titles import (
    Ints,
    Shop,
    Titles,
    best_sellers,
    draw_leaves,
    generator,
    load_shop,
    make_titles,
)

_CATALOGUE, _DIRT, _DUMP = 2, 3, 4
_LEAST_PER_FILE = 3
_NULS = 5_000
_HUGE = 70_000
_GAP = 6  # records between two places of dirt, more than the longest of them takes


def check_numbers(titles: int, dump_rows: int, seed: int) -> None:
    """Raise `UsageError` for numbers of which no catalogue or no dump can be made."""
    least = _LEAST_PER_FILE * len(load_shop().paths)
    if titles < least:
        raise UsageError(f"titles is {titles}, expected at least {least}: ask for more titles")
    for option, number in (("--dump-rows", dump_rows), ("--seed", seed)):
        if number < 0:
            raise UsageError(f"{option} is {number}, expected 0 or more")


def write_catalogue(folder: str, *, titles: int = 60_000, seed: int = 1) -> dict[str, int]:
    """Write `titles` records in one file per leaf below `folder`; return counts of what is there.

    `records` counts what was meant as one: a stray quote may swallow those behind it
    (`swallowed`). Raises `UsageError` if there are not three titles for each file.
    """
    shop = load_shop()
    check_numbers(titles, 0, seed)
    stocked = _stock(shop, titles, generator(seed, _CATALOGUE))
    random = generator(seed, _DIRT)
    shapes, counts = _shapes(shop, random)
    ends = np.cumsum(np.bincount(stocked.leaves, minlength=len(shop.paths)))
    lines, dirt = _soil(shop, list(stocked.titles), ends, random)
    for path, shape, start, end in zip(shop.paths, shapes, [0, *ends[:-1]], ends, strict=True):
        content = shape.encode(lines[start:end])
        storage.write_bytes(f"{folder.rstrip('/')}/{path}", content)
    return {"files": len(shop.paths), "records": len(lines), **counts, **dirt}


def write_dump(path: str, *, rows: int = 5_000, seed: int = 2) -> dict[str, int]:
    """Write a product dump, a CSV file with the columns id, title, brand; return counts.

    Some titles stand in every catalogue too; some rows have no id or no title; some ids come
    twice with another title.
    """
    shop, random = load_shop(), generator(seed, _DUMP)
    known = round(rows * shop.document["shares"]["best_seller_rows"])
    sellers = best_sellers(shop)
    again = (random.random(known) * len(sellers.titles)).astype(np.int64)
    made = make_titles(shop, draw_leaves(shop, rows - known, random), random)
    made = (made + sellers.take(again)).take(_shuffled(rows, random))
    ids = [f"SKU-{row:07d}" for row in range(1, rows + 1)]
    texts = list(made.titles)
    counts = _spoil_rows(ids, texts, shop.document["dump"], random)
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["id", "title", "brand"])
    writer.writerows(zip(ids, texts, made.brands, strict=True))
    storage.write_bytes(path, buffer.getvalue().encode())
    return {"rows": rows, "known_titles": known, **counts}


@dataclass(frozen=True)
class _Shape:
    """How a file is written: its first line and what ends its lines."""

    header: str
    end: str

    def encode(self, lines: list[str]) -> bytes:
        r"""Return the file's bytes; a `\r\r` at a line's end stands for a CR alone."""
        text = self.end.join([self.header, *lines, ""])
        return text.replace(f"\r\r{self.end}", "\r").encode("utf-8", "surrogateescape")


def _shapes(shop: Shop, random: np.random.Generator) -> tuple[list[_Shape], dict[str, int]]:
    shares, header = shop.document["shares"], shop.document["header"]
    crlf = random.random(len(shop.paths)) < shares["crlf"]
    marked = random.random(len(shop.paths)) < shares["byte_order_mark"]
    headers = [header] * len(shop.paths)
    short, tabbed = _shuffled(len(headers), random)[:2]
    headers[short], headers[tabbed] = header[:1], f"\t{header}"
    shapes = [
        _Shape(f"\ufeff{h}" if mark else h, "\r\n" if cr else "\n")
        for h, mark, cr in zip(headers, marked, crlf, strict=True)
    ]
    counts = {"crlf_files": int(crlf.sum()), "byte_order_marks": int(marked.sum())}
    return shapes, counts | {"short_headers": 1, "tab_headers": 1}


def _stock(shop: Shop, number: int, random: np.random.Generator) -> Titles:
    """Return the titles of all files, by leaf: new ones, and copies here and elsewhere."""
    sellers = best_sellers(shop)
    sellers = sellers.take(slice(min(len(sellers.titles), number // 20)))
    leaves = np.repeat(np.arange(len(shop.paths)), _sizes(shop, number - len(sellers.titles)))
    kind, shares = random.random(len(leaves)), shop.document["shares"]
    kind[np.flatnonzero(np.diff(leaves, prepend=-1))] = 1  # each file begins with a new title
    repeated = kind < shares["repeated"]
    elsewhere = ~repeated & (kind < shares["repeated"] + shares["elsewhere"])
    new = make_titles(shop, leaves[~repeated & ~elsewhere], random)
    here = _copies(new, new.leaves, leaves[repeated], random)
    near = shop.near.values[shop.near.pick(leaves[elsewhere], random)]
    there = _copies(new, shop.departments[new.leaves], near, random)
    there = Titles(leaves[elsewhere], there.titles, there.brands)
    everything = new + here + there + sellers
    return everything.take(np.lexsort((random.random(number), everything.leaves)))


def _copies(new: Titles, keys: Ints, wanted: Ints, random: np.random.Generator) -> Titles:
    """Return for each of `wanted` one of the titles whose key (sorted) it is."""
    first, last = (np.searchsorted(keys, wanted, side=side) for side in ("left", "right"))
    return new.take(first + (random.random(len(wanted)) * (last - first)).astype(np.int64))


def _sizes(shop: Shop, records: int) -> Ints:
    """Share `records` out by weight, one at least to each leaf."""
    sizes = np.maximum(shop.few, 1)
    sizes += np.floor(shop.weights * (records - sizes.sum())).astype(np.int64)
    heaviest = np.argsort(-shop.weights, kind="stable")
    sizes[heaviest[: records - sizes.sum()]] += 1
    return sizes


def _shuffled(number: int, random: np.random.Generator) -> Ints:
    return np.argsort(random.random(number), kind="stable")


def _middle(title: str, new: str) -> str:
    """Put `new` for the space nearest the end of the title's first half."""
    head, _, tail = title[: len(title) // 2].rpartition(" ")
    return head + new + tail + title[len(title) // 2 :]


def _accents_lost(title: str) -> str:
    return re.sub("[aeiouy]", "\udce9", title, count=1) + " \udcae"


_TITLE_DIRT: Mapping[str, Callable[[str], str]] = {
    "line_break": lambda title: _middle(title, "\r\n" if len(title) % 2 else "\n"),
    "odd_separator": lambda title: _middle(title, "\u0085" if len(title) % 2 else "\u2028"),
    "empty": lambda title: "",
    "blank": lambda title: "\n    \n",
    "latin_1": _accents_lost,
    "nul": lambda title: "\0" * _NULS,
    "huge": lambda title: f"{title} " * (_HUGE // len(title) + 1),
}
_LINE_DIRT: Mapping[str, Callable[[str], str]] = {
    "extra_columns": lambda title: re.sub(",? ", ", ", title.replace('"', ""), count=3),
    "lone_cr": lambda title: _quote(title) + "\r\r",
}


def _soil(
    shop: Shop, titles: list[str], ends: Ints, random: np.random.Generator
) -> tuple[list[str], dict[str, int]]:
    """Return one line (or what passes for one) per title, and how often each kind of dirt."""
    places = _places(ends, random)
    counts = {k: max(1, round(v * len(titles))) for k, v in shop.document["dirt"].items()}
    at = {kind: [next(places) for _ in range(count)] for kind, count in counts.items()}
    for kind, spoil in _TITLE_DIRT.items():
        for i in at[kind]:
            titles[i] = spoil(titles[i])
    lines = [_quote(title) for title in titles]
    for kind, spoil in _LINE_DIRT.items():
        for i in at[kind]:
            lines[i] = spoil(titles[i])
    counts["swallowed"] = sum(_open_quote(lines, titles, i) for i in at["stray_quote"])
    return lines, counts


def _places(ends: Ints, random: np.random.Generator) -> Iterator[int]:
    """Yield places in random order, each followed by `_GAP` records of its own file."""
    starts = [0, *ends[:-1]]
    all_places = np.concatenate(
        [np.arange(start, end - _GAP, _GAP) for start, end in zip(starts, ends, strict=True)]
    )
    return iter(all_places[_shuffled(len(all_places), random)].tolist())


def _open_quote(lines: list[str], titles: list[str], i: int) -> int:
    """Open a quote at line i that only the next quoted line ends; return how many it swallows."""
    after = i + 1 + len(titles[i]) % 3
    for k in range(i, after + 1):
        lines[k] = re.sub('[",]', "", titles[k])
    lines[i] = f'"{lines[i]}, {len(titles[i])}'
    lines[after] = f'"{lines[after]}, {len(titles[after])}"'
    return after - i


def _quote(title: str) -> str:
    if title and not any(mark in title for mark in ',"\r\n'):
        return title
    return '"' + title.replace('"', '""') + '"'


def _spoil_rows(
    ids: list[str], texts: list[str], shares: Mapping[str, float], random: np.random.Generator
) -> dict[str, int]:
    """Give rows another row's id, no id, or no title; a row suffers one of these at most."""
    order = iter(_shuffled(len(ids), random).tolist())
    counts = {kind: round(share * len(ids)) for kind, share in shares.items()}
    for _ in range(counts["repeated_id"]):
        first, second = sorted((next(order), next(order)))
        ids[second] = ids[first]
    for _ in range(counts["missing_id"]):
        ids[next(order)] = ""
    for _ in range(counts["empty_title"]):
        texts[next(order)] = ""
    return counts
