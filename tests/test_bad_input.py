"""What bad input gets: one clear line and exit status 2, or a reject and a run that goes on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from chain import Said, Shop, aisle, examples, one_line, open_shop, write_dump
from tiny_shop import OpenShop

from configs.settings import Settings

Files = dict[str, bytes]
HOME = "home/amazon_home_bath.csv"
ROOT = Path(__file__).parents[1]


@pytest.fixture
def shop(tmp_path: Path, tiny_settings: Settings) -> Shop:
    return open_shop(tmp_path / "shop", tiny_settings)


@pytest.fixture
def preprocessed(shop: Shop, tmp_path: Path) -> Callable[[Files], tuple[Said, list[dict]]]:
    """Preprocess a good catalogue with these files added or replaced; return rejects too."""

    def run(files: Files) -> tuple[Said, list[dict]]:
        folder = tmp_path / "catalogue"
        for name, content in {**_good_files(), **files}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        said = shop("preprocess", "--input", folder)
        parts = sorted(Path(shop.at().rejected).glob("*.parquet"))
        return said, [row for part in parts for row in pq.read_table(part).to_pylist()]

    return run


def _good_files() -> Files:
    return {
        f"{main}/amazon_{main}_{bottom}.csv": "".join(
            ["ad\n", *(f"{bottom} number {i} of {main}\n" for i in range(30))]
        ).encode()
        for main, bottom in (("home", "bath"), ("home", "lamps"), ("baby", "toys"))
    }


def _goes_on(said: Said, *, records: int, rejected: int) -> None:
    """The run went on, and what it read is all accounted for."""
    assert said.status == 0, said.err
    assert "Traceback" not in said.err
    counts = said.figures
    assert (counts["records"], counts["rejected"]) == (records, rejected)
    assert counts["examples"] == records - rejected


def _nothing_finished(shop: Shop) -> None:
    assert list(shop.prefix.rglob("COMPLETED")) == []


def test_no_file_matched(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    one_line(shop("preprocess", "--input", tmp_path / "nothing"), "--input", "**/*.csv")
    one_line(shop("preprocess", "--input", tmp_path / "absent"), "absent", "no file")
    one_line(shop("preprocess", "--input", tmp_path / "nothing"), "the folder is empty")
    (tmp_path / "nothing" / "HOME.CSV").write_bytes(b"ad\nlamp\n")
    one_line(shop("preprocess", "--input", tmp_path / "nothing"), "what is there is HOME.CSV")
    for found, files in (
        ("*.tsv", "what is there is HOME.CSV;"),
        ("*/a.csv", "what is there is HOME.CSV;"),
        ("no[w]here/*.csv", "what is there is HOME.CSV;"),
        ("absent/*.csv", f"no file lies in the folder {tmp_path}/nothing/absent;"),
    ):
        said = shop("preprocess", "--input", tmp_path / "nothing" / found)
        one_line(said, f"{found}: no file matches this glob; {files} correct the glob, or")
        assert "**/*.csv" not in said.err
    _nothing_finished(shop)
    one_line(shop("train"), "aisle preprocess")


def test_files_with_nothing_in_them_stop_the_command(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "catalogue").mkdir()
    (tmp_path / "catalogue" / "amazon_home_bath.csv").write_bytes(b"ad\n")
    one_line(shop("preprocess", "--input", tmp_path / "catalogue"), "0 records", "encoding")
    (tmp_path / "catalogue" / "amazon_home_bath.csv").write_bytes(b"name\nlamp\n\0\n")
    said = shop("preprocess", "--input", tmp_path / "catalogue")
    one_line(said, "none of 2 records", "most often: no column ad", "its header is ['name']")
    _nothing_finished(shop)


def test_a_level_that_no_category_has_stops_the_command(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "catalogue").mkdir()
    (tmp_path / "catalogue" / "home-bath.csv").write_bytes(b"ad\nlamp\nsofa\n")
    sets = ["objectives.exclusive.level=sub"]
    said = shop("preprocess", "--input", tmp_path / "catalogue", sets=sets)
    one_line(said, "none of 2 records", "no category at the level sub", "categories.levels.sub")
    _nothing_finished(shop)


def test_a_test_part_without_a_title_is_nothing_to_measure(
    shop: Shop, tiny_catalogue: Path
) -> None:
    sets = ["split.train=0.8", "split.test=0.0"]
    assert shop("preprocess", "--input", tiny_catalogue, sets=sets).status == 0
    assert shop("train", sets=sets).status == 0
    one_line(shop("evaluate", sets=sets), "nothing to measure", "split.test")


@pytest.mark.parametrize(
    "change",
    [
        "text.lower_case=false",
        "features.ngrams.buckets=100",
        "objectives.exclusive.level=full",
        "categories.prefix=amazon",
    ],
)
@pytest.mark.parametrize("command", ["train", "tune", "evaluate"])
def test_examples_of_other_rules_are_refused_and_what_is_finished_stays(
    trained_shop: OpenShop, command: str, change: str
) -> None:
    shop = trained_shop("other-rules")
    key, _, value = change.partition("=")
    said = shop(command, "--force", sets=[change])
    one_line(said, f"{key} is ", value, "were made with", "aisle preprocess")
    assert shop("train").figures["done_before"]


def test_rejects_say_why_and_where_behind_their_number(
    shop: Shop, preprocessed, tmp_path: Path
) -> None:
    said, _ = preprocessed({HOME: b"ad\nbath one\nb\xe4d\nb\xe4d two\n\0\nbath three\n"})
    _goes_on(said, records=65, rejected=3)
    shown = ["rejected", "rejected_most_often", "rejects", "titles"]
    assert [name for name in said.figures if name in shown] == shown
    assert said.figures["rejected_most_often"] == "not valid in the declared encoding"
    assert said.figures["rejects"] == shop.at().rejected
    table = said.out.partition("{")[0]
    assert "not valid in the declared encoding" in table
    again = shop("preprocess", "--input", tmp_path / "catalogue")
    assert again.figures["done_before"]
    assert again.figures["rejects"] == shop.at().rejected


def test_a_category_of_one_title_goes_through_the_chain(shop: Shop, preprocessed) -> None:
    said, rejects = preprocessed({"odd/amazon_odd_lone.csv": b"ad\nthe only one of its kind\n"})
    _goes_on(said, records=91, rejected=0)
    assert rejects == []
    assert shop("train").figures["classes"] == 3
    assert shop("evaluate").status == 0


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["training.modle=cnn"], ["training.modle", "unknown key"]),
        (["trainings.model=cnn"], ["trainings", "unknown key"]),
        (["models.cnn.epochs=many"], ["models.cnn.epochs", "many"]),
        (["preprocess.num_shards=1.5"], ["preprocess.num_shards", "1.5"]),
        (["split.train=0.7"], ["split", "add to 1", "1.1"]),
        (["split.train=-0.1"], ["split.train"]),
        (["training.model=lstm9"], ["training.model", "bag_of_ngrams"]),
        (["source.files=["], ["source.files", "YAML"]),
        (["nonsense"], ["nonsense", "KEY=VALUE"]),
    ],
)
def test_a_wrong_setting_is_named_by_its_path(
    shop: Shop, tiny_catalogue: Path, overrides: list[str], words: list[str]
) -> None:
    for options in (["preprocess", "--input", tiny_catalogue], ["train"]):
        one_line(shop(*options, sets=overrides), *words)
    assert not shop.prefix.exists()


def test_a_config_that_cannot_be_read_is_named(shop: Shop, tmp_path: Path) -> None:
    for content in (b"a: [", b"\xff\xfe\xff", b"- a list\n", b""):
        shop.config.write_bytes(content)
        one_line(shop("train"), str(shop.config))
    shop.config.unlink()
    one_line(shop("train"), str(shop.config), "No such file")


def test_a_prefix_that_cannot_be_written(
    tmp_path: Path, tiny_settings: Settings, tiny_catalogue: Path
) -> None:
    """The tests may run as root, whom no permission stops: the prefix is below a file."""
    shop = open_shop(tmp_path, tiny_settings)
    shop.prefix.write_bytes(b"a file")
    one_line(shop("preprocess", "--input", tiny_catalogue), "cannot be written", "--prefix")
    below = Shop(shop.config, shop.prefix / "deeper")
    one_line(below("preprocess", "--input", tiny_catalogue), "cannot be written", "--prefix")
    assert shop.prefix.read_bytes() == b"a file"


@pytest.mark.parametrize(
    ("prefix", "words"),
    [
        ("s3://b/x", ["paths of s3://", "a local path or gs://bucket/folder"]),
        ("hdfs://host/x", ["paths of hdfs://"]),
        ("file:///data/out", ["write /data/out"]),
    ],
)
def test_a_path_of_another_scheme_is_refused(
    shop: Shop, tmp_path: Path, prefix: str, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for typed in (
        ["preprocess", "--prefix", prefix, "--input", tmp_path],
        ["preprocess", "--input", prefix],
        ["predict", "--dump", prefix, "--dump-id", "d"],
        ["sample", "--folder", prefix],
    ):
        option = typed[typed.index(prefix) - 1]
        one_line(aisle(*typed), f"{option} {prefix}", *words)
    other = [f"features.tokens.vocabulary={prefix}"]
    one_line(shop("preprocess", "--input", tmp_path, sets=other), prefix, *words)
    assert {path.name for path in tmp_path.iterdir()} == {"shop"}


def test_a_folder_for_output_that_cannot_be_written(trained_shop: OpenShop, tmp_path: Path) -> None:
    """As above: below a file, for a root whom no permission stops."""
    shop = trained_shop("shut")
    model = shop("train").figures["model"]
    assert shop("evaluate").status == 0
    file = tmp_path / "file"
    file.write_bytes(b"a file")
    for folder in (file, file / "deeper"):
        said = aisle("sample", "--folder", folder, "--titles", "1600")
        one_line(said, "cannot be written", "--folder")
        for command in ("report", "explore"):
            one_line(shop(command, "--out", folder), "cannot be written", "--out")
    comparison = Path(shop.at().root, "comparison")
    comparison.write_bytes(b"a file")
    one_line(shop("compare", "--model", model), "cannot be written", "--prefix")


def test_a_sample_of_impossible_numbers_is_refused_before_anything_is_written(
    tmp_path: Path,
) -> None:
    for option in ("--dump-rows", "--seed"):
        said = aisle("sample", "--folder", tmp_path / "demo", "--titles", "1600", option, "-1")
        one_line(said, f"{option} is -1", "0 or more")
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_is_not_finished_is_refused_by_the_next_stage(
    shop: Shop, tiny_catalogue: Path, tmp_path: Path
) -> None:
    dump = write_dump(tmp_path / "dump.csv", [("1", "bath towel"), ("2", "gold ring")])
    predict = ("predict", "--dump", dump, "--dump-id", "d")
    write = ("write-labels", "--dump-id", "d")
    one_line(shop("train"), "is not there", "aisle preprocess")
    for command in (("evaluate",), predict):
        one_line(shop(*command), "is not there", "aisle train")
    one_line(shop(*write), "is not there", "aisle predict")
    done = shop("preprocess", "--input", tiny_catalogue)
    Path(shop.at().tfrecords, "COMPLETED").rename(tmp_path / "kept")
    one_line(shop("train"), "is not finished", "aisle preprocess")
    (tmp_path / "kept").rename(Path(shop.at().tfrecords, "COMPLETED"))
    export = shop.at().exports(shop("train").figures["model"])
    Path(export, "COMPLETED").rename(tmp_path / "kept")
    for command in (("evaluate",), predict):
        one_line(shop(*command), "is not finished", "aisle train")
    (tmp_path / "kept").rename(Path(export, "COMPLETED"))
    assert shop(*predict).status == 0
    Path(shop.at().predictions("d"), "COMPLETED").write_bytes(b'{"stage": "pre')
    one_line(shop(*write), "COMPLETED", "--force")
    assert not (shop.prefix / "labels.db").exists()
    other = ["split.key=7"]
    one_line(shop("preprocess", "--input", tiny_catalogue, sets=other), "another config", "--force")
    assert done.figures["records"] == 480


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--no_such_option=1"], ["--no_such_option=1", "Beam"]),
        (["--direct_num_workers=many"], ["direct_num_workers", "many"]),
        (["--runner=NoSuchRunner"], ["NoSuchRunner"]),
        (["stray"], ["stray"]),
    ],
)
def test_an_option_that_beam_does_not_know(
    shop: Shop, tiny_catalogue: Path, options: list[str], words: list[str]
) -> None:
    said = shop("preprocess", "--input", tiny_catalogue, "--", *options)
    one_line(said, *words)
    _nothing_finished(shop)


def test_names_that_are_no_part_of_a_path_are_refused(shop: Shop, tmp_path: Path) -> None:
    dump = write_dump(tmp_path / "dump.csv", [("1", "bath towel")])
    one_line(shop("train", run_id="../up"), "run id", "../up")
    one_line(shop("predict", "--dump", dump, "--dump-id", "a/b"), "dump id", "a/b")


def test_a_chain_asks_for_its_dump_before_it_begins(
    shop: Shop, tiny_catalogue: Path, tmp_path: Path
) -> None:
    chain = ("run", "--input", tiny_catalogue)
    one_line(shop(*chain, "--dump", tmp_path / "none.csv"), "--dump", "none.csv", "no such file")
    one_line(shop(*chain, "--dump-id", "d1"), "--dump-id d1 without --dump")
    odd = write_dump(tmp_path / "odd.csv", [("1", "bath towel")])
    said = shop(*chain, "--dump", odd, sets=["dump.title=name"])
    one_line(said, "odd.csv", "dump.title")
    dump = ("--dump", odd)
    one_line(shop(*chain, *dump, sets=["dump.rules=/nowhere.yaml"]), "/nowhere.yaml")
    one_line(shop(*chain, *dump, "--store", "no url"), "store.url", "database URL")
    assert not shop.prefix.exists()


def test_an_unknown_command_or_option_is_refused_without_a_traceback() -> None:
    for arguments in (["bake"], ["train", "--no-such-option"], ["preprocess"]):
        said = aisle(*arguments)
        assert said.status == 2
        assert said.err.splitlines()[-1].startswith("aisle")
        assert "Traceback" not in said.err


def test_the_refusal_is_one_line_in_a_process_of_its_own(shop: Shop, tmp_path: Path) -> None:
    """What native code or an import might say on the way counts too."""
    typed = [sys.executable, "-m", "aisle", "preprocess", "--input", str(tmp_path / "absent")]
    typed += ["--config", str(shop.config), "--prefix", str(shop.prefix)]
    done = subprocess.run(typed, cwd=ROOT, capture_output=True, text=True, check=False)
    one_line(Said(done.returncode, done.stdout, done.stderr), "absent")
    assert done.stdout == ""


def test_a_refused_rerun_leaves_the_finished_run_as_it_was(
    preprocessed_shop: OpenShop, tmp_path: Path
) -> None:
    shop = preprocessed_shop("refused")
    before = examples(shop.at())
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "amazon_home_bath.csv").write_bytes(b"ad\nbath one\n")
    one_line(shop("preprocess", "--input", tmp_path / "other"), "another input", "--run-id")
    assert examples(shop.at()) == before
