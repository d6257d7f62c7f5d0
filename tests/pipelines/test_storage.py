"""The file layer on a local disk: files appear whole, lists are in order, nothing is left over."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from configs.errors import UsageError
from pipelines import fingerprints, listing, storage
from pipelines.listing import FileInfo


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Give a folder with `a.csv`, `x/b.csv`, `x/y/c.csv`, `x/notes.txt` and a hidden file."""
    root = tmp_path / "shop [1]"
    for name in ("a.csv", "x/b.csv", "x/y/c.csv", "x/notes.txt", "x/.hidden.csv"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


def names(root: str | Path, pattern: str = "**") -> list[str]:
    return [file.relative for file in listing.list_files(str(root), pattern)]


def write_half_and_fail(path: Path) -> None:
    with storage.open_output(str(path)) as file:
        file.write(b"half")
        raise ZeroDivisionError


def test_files_below_a_folder_are_listed_by_path_without_hidden_ones(shop: Path) -> None:
    assert names(shop, "**/*.csv") == ["a.csv", "x/b.csv", "x/y/c.csv"]
    assert names(shop, "*.csv") == ["a.csv"]
    assert names(shop) == ["a.csv", "x/b.csv", "x/notes.txt", "x/y/c.csv"]


@pytest.mark.parametrize("pattern", ["**/**/*.csv", "x/../**/*.csv", "**/x/../**/*.csv"])
def test_a_file_that_is_found_by_several_ways_is_listed_once(shop: Path, pattern: str) -> None:
    assert names(shop, pattern) == ["a.csv", "x/b.csv", "x/y/c.csv"]
    assert names(f"{shop}/**/**/*.csv".replace("[1]", "*")) == names(shop, "**/*.csv")


def test_a_single_file_is_listed_by_its_name_and_size(shop: Path) -> None:
    path = str(shop / "x/b.csv")
    assert listing.list_files(path, "**/*.csv") == [FileInfo(path, "b.csv", 7)]


def test_files_of_a_glob_are_named_below_the_folder_they_share(tmp_path: Path) -> None:
    for name in ("shop/ab1.csv", "shop/ab2.csv", "shopping/ab1.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    assert names(tmp_path / "shop/ab*.csv") == ["ab1.csv", "ab2.csv"]
    assert names(tmp_path / "shop*/ab1.csv") == ["shop/ab1.csv", "shopping/ab1.csv"]
    assert names(tmp_path / "nothing*") == []
    assert names(tmp_path / "nowhere") == []


def test_a_file_whose_name_is_not_utf_8_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "caf\udce9.csv").write_text("")
    with pytest.raises(UsageError, match=r"caf\\udce9\.csv': the file's name is not UTF-8"):
        names(tmp_path)


def test_a_relative_folder_is_listed_as_the_same_folder(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shop)
    assert names("x") == names(shop / "x") == ["b.csv", "notes.txt", "y/c.csv"]


def test_a_fingerprint_follows_from_names_and_contents_alone(shop: Path, tmp_path: Path) -> None:
    files = listing.list_files(str(shop))
    moved = shop.rename(tmp_path / "moved")
    again = listing.list_files(str(moved))
    assert fingerprints.content_fingerprint(again) == fingerprints.content_fingerprint(
        [FileInfo(str(moved / file.relative), file.relative, file.size) for file in files]
    )
    before = fingerprints.content_fingerprint(again)
    (moved / "a.csv").write_text("b.csv")
    assert fingerprints.content_fingerprint(listing.list_files(str(moved))) != before
    (moved / "a.csv").write_text("a.csv")
    assert fingerprints.content_fingerprint(listing.list_files(str(moved))) == before
    (moved / "a.csv").rename(moved / "b.csv")
    assert fingerprints.content_fingerprint(listing.list_files(str(moved))) != before


def test_a_file_is_written_with_its_folders(tmp_path: Path) -> None:
    path = tmp_path / "a/b/c.bin"
    storage.write_bytes(str(path), b"\0x")
    assert storage.read_bytes(str(path)) == b"\0x"
    assert [p.name for p in path.parent.iterdir()] == ["c.bin"]


def test_a_file_whose_writing_fails_does_not_appear_and_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "c.bin"
    storage.write_bytes(str(path), b"old")
    with pytest.raises(ZeroDivisionError):
        write_half_and_fail(path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_not_there_before_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "c.bin"
    with storage.open_output(str(path)) as file:
        file.write(b"half")
        assert not storage.exists(str(path))
        assert listing.list_files(str(tmp_path)) == []
    assert storage.exists(str(path))


def test_a_folder_is_moved_whole_and_removed_whole(shop: Path, tmp_path: Path) -> None:
    expected = names(shop)
    target = str(tmp_path / "new/place")
    storage.move_tree(str(shop), target)
    assert names(target) == expected
    assert not shop.exists()
    storage.remove_tree(target)
    storage.remove_tree(target)
    assert not storage.exists(target)


def test_removing_a_link_leaves_what_it_points_to(shop: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(shop, target_is_directory=True)
    storage.remove_tree(str(link))
    assert not link.is_symlink()
    assert (shop / "a.csv").exists()


def test_a_folder_that_cannot_be_made_is_one_line_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    path = str(tmp_path / "file/folder")
    with pytest.raises(UsageError, match="choose another --prefix") as refused:
        storage.make_folder(path)
    assert str(refused.value).startswith(f"{path}: cannot be written (Not a directory)")


def test_a_folder_that_is_there_can_be_made_again_and_nothing_is_left_in_it(tmp_path: Path) -> None:
    storage.make_folder(str(tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def other_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a folder on another disk than `tmp_path` is on."""
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second disk: /dev/shm")
    with tempfile.TemporaryDirectory(dir=other) as folder:
        yield Path(folder)


def test_a_file_moves_to_another_disk_too(tmp_path: Path, other_disk: Path) -> None:
    source, target = other_disk / "dump.csv", tmp_path / "archive" / "dump.csv"
    source.write_text("id,title\n")
    storage.move_file(str(source), str(target))
    assert not source.exists()
    assert target.read_text() == "id,title\n"
    assert list(target.parent.iterdir()) == [target]


def test_a_linked_file_is_the_same_file_and_takes_anothers_place(tmp_path: Path) -> None:
    source, target = tmp_path / "kept", tmp_path / "run" / "shard"
    source.write_text("now")
    target.parent.mkdir()
    target.write_text("before")
    for _ in range(2):
        storage.link_file(str(source), str(target))
        assert target.samefile(source)
        assert list(target.parent.iterdir()) == [target]
    source.unlink()
    assert target.read_text() == "now"


def test_a_file_is_linked_to_another_disk_as_a_copy(tmp_path: Path, other_disk: Path) -> None:
    source, target = other_disk / "kept", tmp_path / "run" / "shard"
    source.write_text("now")
    storage.link_file(str(source), str(target))
    assert source.read_text() == target.read_text() == "now"
    assert list(target.parent.iterdir()) == [target]


def test_a_checksum_is_that_of_the_content(tmp_path: Path) -> None:
    """The value for nine digits: https://reveng.sourceforge.io/crc-catalogue/all.htm (CRC-32C)."""
    path = tmp_path / "digits"
    path.write_bytes(b"123456789")
    expected = base64.b64encode(bytes.fromhex("E3069283")).decode()
    assert fingerprints.checksum(str(path)) == fingerprints.checksum_of(b"123456789") == expected
    assert fingerprints.checksum(str(tmp_path / "none")) is None
