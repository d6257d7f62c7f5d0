"""What a bad dump gets: one clear line and exit status 2, or a reject and a run that goes on."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from chain import Said, Shop, one_line, predictions, write_dump
from tiny_shop import OpenShop

from pipelines import fingerprints, parquet_rows


@pytest.fixture(scope="module")
def shop(trained_shop: OpenShop) -> Shop:
    """A shop with a trained model."""
    return trained_shop("dumps")


@pytest.fixture
def labelled(shop: Shop, tmp_path: Path) -> Callable[[str, bytes], tuple[Said, str, list[dict]]]:
    """Predict one file; return what was said, the dump's id and the rejects."""

    def run(name: str, content: bytes) -> tuple[Said, str, list[dict]]:
        dump = tmp_path / name
        dump.write_bytes(content)
        dump_id = tmp_path.name.replace("_", "-")
        said = shop("predict", "--dump", dump, "--dump-id", dump_id)
        folder = Path(shop.at().predictions(dump_id), "rejected")
        rejects = [
            r for p in sorted(folder.glob("*.parquet")) for r in pq.read_table(p).to_pylist()
        ]
        return said, dump_id, rejects

    return run


def _goes_on(shop: Shop, said: Said, dump_id: str, ids: list[str], rejected: int) -> None:
    assert said.status == 0, said.err
    assert said.err == ""
    assert said.figures["rejected"] == rejected
    assert said.figures["rows"] == len(ids) + rejected
    assert predictions(shop.at(), dump_id).column("id").to_pylist() == ids
    written = shop("write-labels", "--dump-id", dump_id).figures
    assert written["predictions"] == len(ids)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("dump.csv", b"sku,title\n1,bath towel\n"),
        ("dump.tsv", b"sku\ttitle\n1\tbath towel\n"),
        ("dump.jsonl", b'{"sku": 1, "title": "bath towel"}\n'),
    ],
)
def test_a_dump_without_an_id_column_names_the_columns_it_has(
    shop: Shop, labelled, name: str, content: bytes
) -> None:
    said, dump_id, _ = labelled(name, content)
    one_line(said, name, "no column id", "sku", "dump.id")
    one_line(shop("write-labels", "--dump-id", dump_id), "is not there", "aisle predict")


def test_a_parquet_dump_without_an_id_column_names_the_columns_it_has(
    shop: Shop, tmp_path: Path
) -> None:
    pq.write_table(pa.table({"sku": ["1"], "title": ["bath towel"]}), tmp_path / "dump.parquet")
    said = shop("predict", "--dump", tmp_path / "dump.parquet", "--dump-id", "no-id")
    one_line(said, "dump.parquet", "no column id", "sku")


def test_a_dump_that_is_not_there_or_of_no_known_format(shop: Shop, labelled, tmp_path) -> None:
    one_line(shop("predict", "--dump", tmp_path / "none.csv", "--dump-id", "n"), "no such file")
    one_line(labelled("dump.xlsx", b"PK")[0], "xlsx", "dump.format")
    one_line(labelled("dump.parquet", b"id,title\n1,x\n")[0], "not a parquet file")


def test_another_dump_under_the_same_name_needs_another_name(shop: Shop, labelled) -> None:
    assert labelled("dump.csv", b"id,title\n1,bath towel\n")[0].status == 0
    said, dump_id, _ = labelled("dump.csv", b"id,title\n1,gold ring\n")
    one_line(said, f"predictions/{dump_id} was made from another input", "choose another --dump-id")
    assert "--run-id" not in said.err


def test_the_chain_reads_a_dump_for_its_fingerprint_once(
    shop: Shop, tiny_catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Right before it is labelled: what is found out before a training may be another by then."""
    dump = write_dump(tmp_path / "dump.csv", [("1", "bath towel")])
    read, digests = [], fingerprints.content_digests
    monkeypatch.setattr(
        fingerprints,
        "content_digests",
        lambda files: (read.extend(file.path for file in files), digests(files))[1],
    )
    chain = ("run", "--input", tiny_catalogue, "--dump", dump, "--dump-id", "once")
    assert shop(*chain).status == 0
    assert read.count(str(dump)) == 1


@pytest.mark.parametrize("command", [["evaluate"], ["predict", "--dump-id", "nix"]])
def test_a_model_that_is_not_there_is_answered_with_those_that_are(
    shop: Shop, tmp_path: Path, command: list[str]
) -> None:
    (tmp_path / "d.csv").write_bytes(b"id,title\n1,bath towel\n")
    dump = ["--dump", tmp_path / "d.csv"] if command[0] == "predict" else []
    exports = [path.name for path in Path(shop.at().exports("x")).parent.iterdir()]
    one_line(shop(*command, *dump, "--model", "nix"), "exports/nix is not there", *exports)


def test_an_empty_dump_stops_the_command(labelled) -> None:
    one_line(labelled("dump.csv", b"")[0], "dump.csv", "empty")


def test_a_dump_of_no_products_is_labelled_and_written(shop: Shop, labelled) -> None:
    """A night without new products is no error: only the header came."""
    said, dump_id, _ = labelled("dump.csv", b"id,title\n")
    assert said.status == 0, said.err
    assert said.figures["predictions"] == 0
    written = shop("write-labels", "--dump-id", dump_id)
    assert written.status == 0, written.err
    assert written.figures["predictions"] == 0


def test_a_dump_of_which_not_one_row_could_be_read_stops_the_command(
    shop: Shop, labelled, tmp_path: Path
) -> None:
    rows = [b"id,title", b"1,gr\xf6\xdfe", b"2,b\xe4d", b"3,", b""]
    said, dump_id, _ = labelled("dump.csv", b"\n".join(rows))
    one_line(said, "dump.csv", "none of 3 rows", "most often: not valid in the declared encoding")
    assert "config" in said.err
    assert not Path(shop.at().predictions(dump_id)).exists()
    one_line(shop("write-labels", "--dump-id", dump_id), "is not there", "aisle predict")


WORDLESS = ["—", "!!!", "😀", "x", "-", " ' "]


def test_a_title_of_which_no_word_is_left_is_a_reject(shop: Shop, labelled) -> None:
    """The last row of an id decides, here too."""
    rows = [f"w{number},{title}" for number, title in enumerate(WORDLESS)]
    rows = ["id,title", "1,bath towel", *rows, "2,bath towel", "2,—", "3,—", "3,犬", "4,7"]
    said, dump_id, rejects = labelled("dump.csv", "\n".join(rows).encode())
    assert said.status == 0, said.err
    assert said.figures["rejected_most_often"] == "no word of the title is left after cleaning"
    counts = [said.figures[name] for name in ("rows", "rejected", "repeated_ids", "predictions")]
    assert counts == [len(rows) - 1, len(WORDLESS) + 1, 2, 3]
    assert sorted(predictions(shop.at(), dump_id).column("id").to_pylist()) == ["1", "3", "4"]
    assert [(r["source"], r["line"]) for r in rejects] == [
        ("dump.csv", line) for line in [*range(3, 3 + len(WORDLESS)), 10]
    ]
    assert json.loads(rejects[0]["raw"]) == ["w0", "—"]
    assert shop("write-labels", "--dump-id", dump_id).figures["inserted"] >= 0


@pytest.mark.parametrize("reuse", ["true", "false"])
def test_a_dump_without_a_word_stops_the_command(shop: Shop, tmp_path: Path, reuse: str) -> None:
    """Rules come after: to them such a row is none."""
    rule = {"name": "any", "label": "baby", "title_matches": "."}
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"version": "v1", "rules": [rule]}))
    dump = write_dump(tmp_path / "dump.csv", [("1", "—"), ("2", "!!!"), ("2", "—")])
    sets = [f"dump.rules={tmp_path / 'rules.yaml'}", f"dump.reuse_scores={reuse}"]
    said = shop("predict", "--dump", dump, "--dump-id", f"wordless-{reuse}", sets=sets)
    one_line(said, "dump.csv", "none of 3 rows got a label", "most often: no word of the title")
    assert not Path(shop.at().predictions(f"wordless-{reuse}")).exists()


def test_rejects_of_a_dump_say_why_and_where(shop: Shop, labelled) -> None:
    said, dump_id, rejects = labelled("dump.csv", b"id,title\n1,bath towel\n2,\n3,\n,ring\n")
    folder = f"{shop.at().predictions(dump_id)}/rejected"
    assert said.figures["rejected_most_often"] == "no title"
    assert said.figures["rejects"] == folder
    assert len(rejects) == said.figures["rejected"] == 3
    assert "rejected_most_often" in said.out.partition("{")[0]


def test_a_dump_without_rejects_says_nothing_of_them(labelled) -> None:
    said, _, _ = labelled("dump.csv", b"id,title\n1,bath towel\n")
    assert said.figures["rejected"] == 0
    assert not {"rejected_most_often", "rejects"} & set(said.figures)


def test_bad_rows_of_a_csv_dump_are_rejects(shop: Shop, labelled) -> None:
    rows = [b"id,title", b"1,bath towel", b"2,", b",gold ring", b"3,a,b", b'4,"wide 5" lamp']
    rows += [b"5,b\xe4d", b"6," + b"\0" * 154_143, b"7," + b"x" * 10_000_000, b"8,bike helmet", b""]
    said, dump_id, rejects = labelled("dump.csv", b"\n".join(rows))
    _goes_on(shop, said, dump_id, ["1", "8"], rejected=7)
    assert [r["line"] for r in rejects] == [3, 4, 5, 6, 7, 8, 9]


def test_bad_rows_of_a_jsonl_dump_are_rejects(shop: Shop, labelled) -> None:
    """Each line stands for itself: not an object, no text, bytes of no character, too deep."""
    good = [json.dumps({"id": i, "title": f"bath towel {i}"}).encode() for i in (1, 2)]
    bad = [b"[1, 2]", b'{"id": 3', b'{"id": 4, "title": null}', b'{"id": null, "title": "x"}']
    bad += [b'{"id": 5, "title": "b\xe4d"}', b"\0" * 154_143, b"[" * 1_000_000, b""]
    said, dump_id, rejects = labelled("dump.jsonl", b"\n".join([good[0], *bad, good[1]]))
    _goes_on(shop, said, dump_id, ["1", "2"], rejected=len(bad))
    assert [r["line"] for r in rejects] == list(range(2, 2 + len(bad)))


def test_a_nul_or_a_long_title_is_a_reject_in_every_format(shop: Shop, labelled) -> None:
    rows = [{"id": "1", "title": "a\0b"}, {"id": "2", "title": "x" * 10_000_000}]
    rows.append({"id": "3", "title": "gold ring"})
    content = "\n".join(json.dumps(row) for row in rows).encode()
    said, dump_id, rejects = labelled("dump.jsonl", content)
    _goes_on(shop, said, dump_id, ["3"], rejected=2)
    assert [r["line"] for r in rejects] == [1, 2]


@pytest.mark.parametrize(
    "titles",
    [
        pa.array([["a"], ["b"]]),
        pa.array([{"text": "a"}, {"text": "b"}]),
    ],
)
def test_a_parquet_column_that_is_no_text_is_named(
    shop: Shop, tmp_path: Path, titles: pa.Array
) -> None:
    pq.write_table(pa.table({"id": [1, 2], "title": titles}), tmp_path / "dump.parquet")
    said = shop("predict", "--dump", tmp_path / "dump.parquet", "--dump-id", "nested")
    one_line(said, "dump.parquet", "title")


def test_a_parquet_dump_damaged_far_behind_its_start_is_one_line(
    shop: Shop, labelled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_rows, "_ROWS_AT_ONCE", 100)
    rows = pa.table({"id": range(300), "title": [f"towel {n * 7919 % 300}" for n in range(300)]})
    content = io.BytesIO()
    pq.write_table(rows, content, row_group_size=100)
    begin = pq.ParquetFile(content).metadata.row_group(2).column(1).data_page_offset
    damaged = bytearray(content.getvalue())
    damaged[begin + 30 : begin + 90] = b"\xff" * 60
    said, dump_id, _ = labelled("dump.parquet", bytes(damaged))
    one_line(said, "--dump", "dump.parquet", "get it again")
    assert not Path(shop.at().predictions(dump_id)).exists()


def test_bytes_of_no_character_in_parquet_are_rejects(shop: Shop, tmp_path: Path) -> None:
    titles = pa.array([b"bath towel", b"b\xe4d", None], pa.binary())
    for name, column in (
        ("binary", titles),
        ("string", pa.Array.from_buffers(pa.string(), 3, titles.buffers())),
    ):
        pq.write_table(pa.table({"id": [1, 2, 3], "title": column}), tmp_path / f"{name}.parquet")
        said = shop("predict", "--dump", tmp_path / f"{name}.parquet", "--dump-id", name)
        _goes_on(shop, said, name, ["1"], rejected=2)
