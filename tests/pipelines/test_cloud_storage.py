"""The file layer on Cloud Storage does what it does on a local disk, against a real server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from gcs_server import read_only_server, speaking_to
from servers import free_port

from configs.errors import PassingFault, UsageError
from pipelines import fingerprints, listing, storage

NAMES = [
    "a.csv",
    "x/b.csv",
    "x/y/c.csv",
    "x/notes.txt",
    "x/.hidden.csv",
    ".work/d.csv",
    "xy/b.csv",
    "é & ?/b [1].csv",
]


@pytest.fixture
def pair(bucket: str, tmp_path: Path) -> tuple[str, str]:
    """Give the same files in a local folder and in one of a bucket."""
    remote = f"{bucket}/{tmp_path.name}"
    for root in (str(tmp_path), remote):
        for name in NAMES:
            storage.write_bytes(f"{root}/{name}", name.encode())
    return str(tmp_path), remote


@pytest.mark.parametrize(
    ("root", "pattern"),
    [
        ("", "**"),
        ("", "**/*.csv"),
        ("", "**/**/*.csv"),
        ("", "*.csv"),
        ("", "*/b*.csv"),
        ("", "x/**"),
        ("", "**/y/*"),
        ("/", "**"),
        ("/x", "**"),
        ("/x/", "*.csv"),
        ("/x/b.csv", "**/*.txt"),
        ("/x*/b.csv", "**"),
        ("/**/*.csv", "**"),
        ("/x/[a-c].csv", "**"),
        ("/x/nothing*", "**"),
        ("/nowhere", "**"),
        ("/é & ?/b [1].csv", "**"),
        ("/é & ?", "**"),
    ],
)
def test_files_are_listed_as_on_a_disk(pair: tuple[str, str], root: str, pattern: str) -> None:
    local, remote = (listing.list_files(f"{at}{root}", pattern) for at in pair)
    assert [(f.relative, f.size) for f in remote] == [(f.relative, f.size) for f in local]
    for file in remote:
        assert storage.read_bytes(file.path).endswith(file.relative.encode())


def test_the_same_files_have_the_same_fingerprint(pair: tuple[str, str]) -> None:
    here, there = (fingerprints.content_fingerprint(listing.list_files(root)) for root in pair)
    assert here == there


def test_what_is_there_is_there(pair: tuple[str, str]) -> None:
    for name in (*NAMES, "x", "x/y", "x/", "nowhere", "x/b", "x/b.csv/z"):
        here, there = (storage.exists(f"{root}/{name}") for root in pair)
        assert here == there, name


@pytest.mark.parametrize("size", [0, 1, 100_000, (32 << 20) + 1])
def test_bytes_come_back_as_they_were_written(bucket: str, size: int) -> None:
    content = os.urandom(size)
    storage.write_bytes(f"{bucket}/bytes", content)
    assert storage.read_bytes(f"{bucket}/bytes") == content
    with storage.open_input(f"{bucket}/bytes") as file:
        assert file.peek(4)[:4] == content[:4]
        file.seek(size // 2)
        assert file.read(7) == content[size // 2 : size // 2 + 7]


def test_a_parquet_file_is_written_and_read_in_place(bucket: str) -> None:
    table = pa.table({"n": list(range(1000))})
    with storage.open_output(f"{bucket}/t.parquet") as file:
        pq.write_table(table, file)
    with storage.open_input(f"{bucket}/t.parquet") as file:
        assert pq.read_table(file).equals(table)


def test_a_file_whose_writing_fails_does_not_appear(bucket: str) -> None:
    storage.write_bytes(f"{bucket}/old", b"old")
    for name in ("old", "new"):
        with pytest.raises(ZeroDivisionError):
            _write_half_and_fail(f"{bucket}/{name}")
    assert storage.read_bytes(f"{bucket}/old") == b"old"
    assert not storage.exists(f"{bucket}/new")
    with pytest.raises(FileNotFoundError):
        storage.open_input(f"{bucket}/new")


def _write_half_and_fail(path: str) -> None:
    with storage.open_output(path) as file:
        file.write(b"half")
        raise ZeroDivisionError


def test_a_folder_is_moved_whole_and_removed_whole(pair: tuple[str, str]) -> None:
    _, remote = pair
    storage.move_tree(f"{remote}/x", f"{remote}/new/place")
    assert [f.relative for f in listing.list_files(f"{remote}/new")] == [
        "place/b.csv",
        "place/notes.txt",
        "place/y/c.csv",
    ]
    assert not storage.exists(f"{remote}/x")
    assert storage.read_bytes(f"{remote}/new/place/.hidden.csv") == b"x/.hidden.csv"
    assert storage.exists(f"{remote}/xy/b.csv")
    storage.remove_tree(f"{remote}/a.csv")
    assert not storage.exists(f"{remote}/a.csv")
    storage.remove_tree(remote)
    storage.remove_tree(remote)
    assert not storage.exists(remote)


def test_a_file_is_linked_and_has_the_checksum_of_a_local_one(pair: tuple[str, str]) -> None:
    found = []
    for root in pair:
        storage.link_file(f"{root}/x/b.csv", f"{root}/kept/b.csv")
        storage.remove_tree(f"{root}/x/b.csv")
        assert fingerprints.checksum(f"{root}/x/b.csv") is None
        found.append(
            (storage.read_bytes(f"{root}/kept/b.csv"), fingerprints.checksum(f"{root}/kept/b.csv"))
        )
    assert found[0] == found[1]
    with pytest.raises(FileNotFoundError):
        storage.link_file(f"{pair[1]}/nothing", f"{pair[1]}/kept/nothing")


def test_a_copy_is_fetched_once_and_anew_when_the_content_changed(pair: tuple[str, str]) -> None:
    local, remote = pair
    assert storage.fetched(local) == local
    folder = storage.fetched(remote)
    assert {
        str(p.relative_to(folder)): p.read_bytes() for p in Path(folder).rglob("*") if p.is_file()
    } == {name: name.encode() for name in NAMES}
    assert storage.fetched(remote) == folder
    files = [f"{remote}/x/b.csv", f"{local}/a.csv", f"{remote}/a.csv"]
    copies = storage.fetched_files(files)
    assert copies[1] == files[1]
    assert [Path(copy).read_bytes() for copy in copies] == [b"x/b.csv", b"a.csv", b"a.csv"]
    storage.write_bytes(f"{remote}/a.csv", b"new")
    assert Path(storage.fetched(f"{remote}/a.csv")).read_bytes() == b"new"
    assert storage.fetched(remote) != folder
    with pytest.raises(FileNotFoundError):
        storage.fetched(f"{remote}/nowhere")


def test_a_folder_is_published_when_its_block_ends(bucket: str) -> None:
    with storage.published(f"{bucket}/published") as folder:
        (Path(folder) / "deep").mkdir()
        (Path(folder) / "deep" / "file").write_bytes(b"content")
        assert not storage.exists(f"{bucket}/published")
    assert storage.read_bytes(f"{bucket}/published/deep/file") == b"content"
    assert not Path(folder).exists()


def test_a_bucket_that_is_not_there_is_named(bucket: str) -> None:
    for use in (
        lambda path: storage.exists(path),
        lambda path: listing.list_files(path),
        lambda path: storage.make_folder(path),
        lambda path: storage.write_bytes(path, b"x"),
        lambda path: storage.read_bytes(path),
        lambda path: storage.remove_tree(path),
    ):
        with pytest.raises(UsageError, match="no bucket 'none'"):
            use("gs://none/folder")
    with pytest.raises(UsageError, match="expected gs://bucket/folder"):
        storage.exists("gs://")


def test_a_bucket_that_may_not_be_written_is_named(bucket: str) -> None:
    with read_only_server() as address, speaking_to(address):
        assert not storage.exists("gs://public/folder")
        with pytest.raises(UsageError, match=r"may not do this in bucket 'public'.*--prefix"):
            storage.make_folder("gs://public/folder")


def test_a_server_that_is_down_is_a_passing_fault(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client itself tries for two minutes; the test lets it give up at once."""
    from google.cloud.storage import retry

    monkeypatch.setattr(retry.DEFAULT_RETRY, "_timeout", 0.0)
    with (
        speaking_to(f"http://127.0.0.1:{free_port()}"),
        pytest.raises(PassingFault, match="does not answer"),
    ):
        storage.exists("gs://shop/folder")


def test_nothing_of_the_cloud_is_imported_for_local_paths(tmp_path: Path) -> None:
    code = f"from pipelines import storage; storage.write_bytes({str(tmp_path / 'a')!r}, b'x')\n"
    code += "import sys; print('google.cloud.storage' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
