"""Datasets on disk: every kind gives the same samples, and a fault is told with the line it is in."""

from __future__ import annotations

import gzip
import os
import shutil
import struct
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from drawing import sheet, write
from numpy.typing import NDArray

from edge_hwr.datasets import open_crops, open_dataset
from edge_hwr.errors import DatasetError
from edge_hwr.picture import write_picture


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures, one in a folder below, with a further column and a blank line in the table."""
    root = tmp_path / "hand"
    (root / "more").mkdir(parents=True)
    for file, text in (("a.png", "1"), ("more/b.jpg", "2"), ("c.png", "1")):
        page = sheet(48, 48)
        write(page, text, 12, 40)
        write_picture(root / file, page)
    table = "file\ttext\twriter\na.png\t1\tme\n\nmore/b.jpg\t2\tyou\r\nc.png\t1\tme\n"
    (root / "labels.tsv").write_bytes(table.encode())
    return root


def zipped(folder: Path, path: Path, inside: str = "") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*.*")):
            archive.write(file, inside + str(file.relative_to(folder)))
    return path


def idx(values: NDArray[np.uint8]) -> bytes:
    return struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape) + values.tobytes()


def test_a_folder(folder: Path) -> None:
    dataset = open_dataset(folder)
    assert len(dataset) == 3
    assert [(sample.name, sample.text) for sample in dataset] == [("a.png", "1"), ("more/b.jpg", "2"), ("c.png", "1")]
    assert dataset.labels() == ["1", "2"]
    assert all(sample.picture.shape == (48, 48) and sample.picture.dtype == np.uint8 for sample in dataset)
    assert dataset.name == str(folder)


def test_writers_are_told(folder: Path) -> None:
    assert open_dataset(folder).writers == ("me", "you", "me")
    (folder / "labels.tsv").write_text("file\ttext\na.png\t1\nc.png\t1\n")
    assert open_dataset(folder).writers == ("a.png", "c.png")


def test_a_folder_for_each_character(folder: Path) -> None:
    (folder / "labels.tsv").unlink()
    (folder / "more").rename(folder / "2")
    (folder / "é").mkdir()
    shutil.copy(folder / "a.png", folder / "é" / "ä.PNG")
    (folder / "é" / "notes.txt").write_text("none of the pictures")
    (folder / "é" / "._ä.PNG").write_bytes(b"of macOS")
    dataset = open_dataset(folder)
    assert [(sample.name, sample.text) for sample in dataset] == [("2/b.jpg", "2"), ("é/ä.PNG", "é")]
    assert dataset[0].picture.shape == (48, 48)


def test_folders_that_are_called_otherwise_are_told(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "labels.tsv").unlink()
    (folder / "more").rename(folder / "upper_B")
    (folder / "A").mkdir()
    shutil.copy(folder / "a.png", folder / "A")
    assert len(open_dataset(folder)) == 1
    assert "not called by one character are left out: upper_B" in caplog.text


@pytest.mark.parametrize("inside", ["", "answers/mine/"])
def test_a_zip_with_a_folder_for_each_character(
    folder: Path, tmp_path: Path, inside: str, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "labels.tsv").unlink()
    (folder / "more").rename(folder / "2")
    for other in ("é", "upper_B"):
        (folder / other).mkdir()
        shutil.copy(folder / "a.png", folder / other / "ä.PNG")
    (folder / "é" / "notes.txt").write_text("none of the pictures")
    (folder / "é" / "._ä.PNG").write_bytes(b"of macOS")
    from_folder, from_zip = open_dataset(folder), open_dataset(zipped(folder, tmp_path / "hand.zip", inside))
    assert [sample.text for sample in from_zip] == ["2", "é"]
    for expected, sample in zip(from_folder, from_zip, strict=True):
        assert (sample.name, sample.text) == (expected.name, expected.text)
        np.testing.assert_array_equal(sample.picture, expected.picture)
    assert len([message for message in caplog.messages if message.endswith("are left out: upper_B")]) == 2


def test_a_zip_is_what_would_be_unpacked_from_it(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, picture = tmp_path / "odd.zip", (folder / "a.png").read_bytes()
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("./2/a.png", "2//b.png", "3 /c.png", "2/.hidden/4/d.png", ".cache/5/e.png", "1/6/f.png"):
            archive.writestr(name, picture)
        archive.writestr("2/x.png/", b"")
        archive.writestr("__MACOSX/labels.tsv", b"nothing of the kind")
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("2//b.png", picture)
    assert [(sample.name, sample.text) for sample in open_dataset(path)] == [
        ("2/a.png", "2"),
        ("2/b.png", "2"),
        ("3 /c.png", "3"),
    ]
    assert not caplog.messages


def test_a_zip_whose_folders_are_told_by_backslashes(folder: Path, tmp_path: Path) -> None:
    (folder / "characters" / "2").mkdir(parents=True)
    (folder / "characters" / "2" / "first.png").write_bytes((folder / "a.png").read_bytes())
    for name in ("table", "characters"):
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as archive:
            archive.writestr("hand\\", "")
            for file in (folder if name == "table" else folder / name).rglob("*.*"):
                archive.writestr(f"hand\\{file.relative_to(folder)}".replace("/", "\\"), file.read_bytes())
    assert open_dataset(tmp_path / "table.zip").texts == open_dataset(folder).texts
    (sample,) = open_dataset(tmp_path / "characters.zip")
    assert (sample.name, sample.text) == ("2/first.png", "2")


def test_a_table_whose_folders_are_told_by_backslashes(folder: Path, tmp_path: Path) -> None:
    as_it_was = open_dataset(folder)
    table = folder / "labels.tsv"
    table.write_text(table.read_text("utf-8").replace("more/", "more\\"), "utf-8")
    for path in (folder, zipped(folder, tmp_path / "hand.zip", "hand/")):
        assert [(sample.name, sample.text) for sample in open_dataset(path)] == list(
            zip(as_it_was.names, as_it_was.texts, strict=True)
        )
    (folder / "more\\b.jpg").write_bytes((folder / "more" / "b.jpg").read_bytes())
    assert open_dataset(folder).names[1] == "more\\b.jpg"
    table.write_text("file\ttext\n..\\elsewhere.png\t1\n", "utf-8")
    write_picture(tmp_path / "elsewhere.png", sheet(48, 48))
    with pytest.raises(DatasetError, match=r"elsewhere\.png lies outside"):
        open_dataset(folder)


def test_a_zip_of_a_table_whose_names_begin_with_the_place(folder: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "odd.zip", "w") as archive:
        for name in ("labels.tsv", "a.png", "more/b.jpg", "c.png"):
            archive.write(folder / name, f"./{name}")
    assert open_dataset(tmp_path / "odd.zip").texts == open_dataset(folder).texts


def test_a_zip_with_folders_for_characters_in_two_places_is_refused(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "both.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for half in ("train", "test"):
            archive.write(folder / "a.png", f"{half}/2/a.png")
    with pytest.raises(DatasetError, match=r"holds several \(test, train\): unpack it"):
        open_dataset(path)


@pytest.mark.parametrize("text", ['"Order 417 is ""late"""', '"""so"""'])
def test_quoting_as_in_csv_is_no_text(folder: Path, text: str) -> None:
    (folder / "labels.tsv").write_text(f"file\ttext\na.png\t{text}\n", "utf-8")
    with pytest.raises(DatasetError, match=r"line 2: .* is quoted as in CSV"):
        open_dataset(folder)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_picture_whose_name_is_no_utf8_is_told(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    Path(os.fsdecode(os.fsencode(tmp_path / "7") + b"/\xff.png")).write_bytes(b"")
    with pytest.raises(DatasetError, match=r"7/\\xff\.png is no UTF-8: rename it"):
        open_dataset(tmp_path)


def test_light_ink_on_dark_is_warned_of(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    open_crops(folder)
    assert not caplog.messages
    for sample in open_dataset(folder):
        write_picture(folder / sample.name, 255 - sample.picture)
    open_crops(folder)
    assert [message for message in caplog.messages if f"{folder}: its ink looks light on dark" in message]


@pytest.mark.parametrize("inside", ["", "hand/"])
def test_a_zip_of_it(folder: Path, tmp_path: Path, inside: str) -> None:
    from_zip = open_dataset(zipped(folder, tmp_path / "hand.zip", inside))
    assert len(from_zip) == 3
    for expected, sample in zip(open_dataset(folder), from_zip, strict=True):
        assert (sample.name, sample.text) == (expected.name, expected.text)
        np.testing.assert_array_equal(sample.picture, expected.picture)


def test_texts_keep_their_accents_blanks_and_quotes(folder: Path) -> None:
    table = '\ufefffile\ttext\na.png\t"Où ça ? " dit-il\n'
    (folder / "labels.tsv").write_text(table, "utf-8")
    assert open_dataset(folder)[0].text == '"Où ça ? " dit-il'


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("", "header"),
        ("a.png\t1\n", "header"),
        ("file,text\na.png,1\n", "header"),
        ("file\ttext\n", "no samples"),
        ("file\ttext\na.png\t1\nc.png\n", "line 3: needs a file and a text"),
        ("file\ttext\na.png\t1\n\nc.png\t\n", "line 4: needs a file and a text"),
        ("file\ttext\nz.png\t1\n", r"line 2: z\.png is missing"),
        ("file\ttext\nmore\t1\n", "line 2: more is missing"),
        ("file\ttext\n\0.png\t1\n", "line 2: no file is called"),
        ("file\ttext\n../secret.png\t1\n", "line 2: .* outside"),
        ("file\ttext\n/etc/passwd\t1\n", "line 2: .* outside"),
    ],
)
def test_a_table_with_a_fault(folder: Path, tmp_path: Path, table: str, message: str) -> None:
    (folder / "labels.tsv").write_text(table, "utf-8")
    with pytest.raises(DatasetError, match=message) as raised:
        open_dataset(folder)
    assert "\n" not in str(raised.value)
    with pytest.raises(DatasetError, match=message):
        open_dataset(zipped(folder, tmp_path / "hand.zip"))


def test_accents_that_are_taken_apart_are_put_together(folder: Path) -> None:
    """File systems and keyboards of macOS take them apart."""
    apart = folder / "e\u0301"
    apart.mkdir()
    (folder / "labels.tsv").unlink()
    write_picture(apart / "1.png", np.full((9, 9), 255, np.uint8))
    assert open_dataset(folder).texts == ("é",)


def test_a_name_that_is_too_long_is_told() -> None:
    with pytest.raises(DatasetError, match="File name too long"):
        open_dataset("a" * 300)


def test_a_table_that_is_not_utf8(folder: Path) -> None:
    (folder / "labels.tsv").write_bytes(b"file\ttext\na.png\t\xe9\n")
    with pytest.raises(DatasetError, match="not UTF-8"):
        open_dataset(folder)


def test_a_link_out_of_the_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / "a.png", tmp_path / "secret.png")
    (folder / "c.png").unlink()
    (folder / "c.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(DatasetError, match=r"line 5: c\.png lies outside"):
        open_dataset(folder)


def test_a_damaged_picture_names_its_file(folder: Path, tmp_path: Path) -> None:
    picture = folder / "more" / "b.jpg"
    picture.write_bytes(picture.read_bytes()[:300])
    for path in (folder, zipped(folder, tmp_path / "hand.zip")):
        dataset = open_dataset(path)
        with pytest.raises(DatasetError, match=r"more/b\.jpg: cut short"):
            list(dataset)


def test_a_picture_that_vanishes_names_its_file(folder: Path) -> None:
    dataset = open_dataset(folder)
    (folder / "c.png").unlink()
    with pytest.raises(DatasetError, match=r"c\.png: No such file"):
        dataset[2]


def test_a_damaged_zip_is_told(folder: Path, tmp_path: Path) -> None:
    path = zipped(folder, tmp_path / "hand.zip")
    content = bytearray(path.read_bytes())
    content[content.find(b"IDAT") + 30] ^= 1
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"a\.png cannot be unpacked"):
        list(open_dataset(path))
    (tmp_path / "cut.zip").write_bytes(content[: len(content) // 2])
    with pytest.raises(DatasetError, match="neither a folder or zip"):
        open_dataset(tmp_path / "cut.zip")
    directory = content.find(b"PK\x01\x02")
    content[directory : directory + 4] = b"none"
    path.write_bytes(content)
    with pytest.raises(DatasetError, match="a zip that is damaged"):
        open_dataset(path)


@pytest.mark.parametrize(("field", "value"), [(6, 99), (8, 0x0800)])
def test_a_zip_that_python_cannot_open_is_told(folder: Path, tmp_path: Path, field: int, value: int) -> None:
    """Of a later version of zip; with names that are called UTF-8 and are none."""
    path = zipped(folder, tmp_path / "hand.zip")
    content = path.read_bytes().replace(b"a.png", b"\xff.png")
    directory = content.find(b"PK\x01\x02") + field
    path.write_bytes(content[:directory] + value.to_bytes(2, "little") + content[directory + 2 :])
    with pytest.raises(DatasetError, match="damaged or cannot be opened") as told:
        open_dataset(path)
    assert len(str(told.value)) < 400


def test_a_zip_of_two_datasets_is_refused(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "both.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for half in ("train", "test"):
            for file in folder.iterdir():
                archive.write(file, f"{half}/{file.name}")
    with pytest.raises(DatasetError, match=r"holds several \(test/labels\.tsv, train/labels\.tsv\): unpack it"):
        open_dataset(path)


def test_a_link_to_itself_is_told(folder: Path) -> None:
    (folder / "a.png").unlink()
    (folder / "a.png").symlink_to("a.png")
    with pytest.raises(DatasetError, match=r"a\.png is a link to itself|a\.png is missing"):
        open_dataset(folder)


@pytest.mark.parametrize("damage", range(60, 400, 20))
def test_a_damaged_stream_is_told(tmp_path: Path, damage: int) -> None:
    noise = np.random.default_rng(0).integers(0, 4, (2, 28, 28), dtype=np.uint8)
    packed = tmp_path / "m.npz"
    np.savez_compressed(packed, x_test=noise, y_test=np.array([7, 3]))
    gzipped = tmp_path / "t10k-images-idx3-ubyte.gz"
    gzipped.write_bytes(gzip.compress(idx(noise)))
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(np.uint8([1, 2]))))
    table = tmp_path / "hand.zip"
    with zipfile.ZipFile(table, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("labels.tsv", "file\ttext\n" + "".join(f"{k}.png\t{k * k}\n" for k in range(300)))
    for path in (packed, gzipped, table):
        content = bytearray(path.read_bytes())
        content[damage : damage + 4] = b"\xff\x00\xff\x7f"
        path.write_bytes(content)
        with pytest.raises(DatasetError, match=path.name):
            open_dataset(path)


def test_what_is_no_dataset_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="No such file"):
        open_dataset(tmp_path / "nowhere")
    with pytest.raises(DatasetError, match=r"no labels\.tsv"):
        open_dataset(tmp_path)
    (tmp_path / "text").write_text("hello")
    with pytest.raises(DatasetError, match="neither a folder or zip"):
        open_dataset(tmp_path / "text")
    with zipfile.ZipFile(tmp_path / "bare.zip", "w") as archive:
        archive.writestr("readme", "hello")
    with pytest.raises(DatasetError, match=r"no labels\.tsv"):
        open_dataset(tmp_path / "bare.zip")


def test_keras_mnist_gives_its_test_half_as_dark_ink_on_paper(tmp_path: Path) -> None:
    pictures = np.zeros((2, 28, 28), np.uint8)
    pictures[1, 3, 4] = 255
    np.savez(tmp_path / "m.npz", x_train=0, y_train=0, x_test=pictures, y_test=np.array([7, 3]))
    dataset = open_dataset(tmp_path / "m.npz")
    assert [sample.text for sample in dataset] == ["7", "3"]
    assert (dataset[1].picture[3, 4], dataset[1].picture[4, 3]) == (0, 255)


def test_an_npz_with_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "m.npz"
    np.savez(path, x_train=np.zeros(3))
    with pytest.raises(DatasetError, match="no x_test"):
        open_dataset(path)
    np.savez(path, x_test=np.zeros((2, 28, 28)), y_test=np.zeros(2))
    with pytest.raises(DatasetError, match="must be uint8"):
        open_dataset(path)
    np.savez(path, x_test=np.array([{}, {}]), y_test=np.zeros(2))
    with pytest.raises(DatasetError, match="damaged, or not an npz"):
        open_dataset(path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DatasetError, match="damaged, or not an npz"):
        open_dataset(path)
    np.savez(path, x_test=np.zeros((2, 28, 28), np.uint8), y_test=np.array(["one", "two"]))
    with pytest.raises(DatasetError, match="whole numbers"):
        open_dataset(path)
    np.savez(path, x_test=np.zeros((0, 28, 28), np.uint8), y_test=np.zeros(0, np.uint8))
    with pytest.raises(DatasetError, match="no samples"):
        open_dataset(path)
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(DatasetError, match="damaged, or not an npz"):
        open_dataset(path)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_emnist_is_turned_upright_and_named_by_its_mapping(tmp_path: Path, suffix: str) -> None:
    pictures = np.zeros((3, 28, 28), np.uint8)
    pictures[0, 2, 9] = 255
    pack = gzip.compress if suffix else bytes
    images = tmp_path / f"emnist-balanced-test-images-idx3-ubyte{suffix}"
    images.write_bytes(pack(idx(pictures)))
    (tmp_path / f"emnist-balanced-test-labels-idx1-ubyte{suffix}").write_bytes(pack(idx(np.uint8([0, 10, 36]))))
    with pytest.raises(DatasetError, match="more than ten classes"):
        open_dataset(images)
    mapping = tmp_path / "emnist-balanced-mapping.txt"
    mapping.write_text("0 48\n10 65\n36 97\n")
    dataset = open_dataset(images)
    assert [sample.text for sample in dataset] == ["0", "A", "a"]
    assert (dataset[0].picture[9, 2], dataset[0].picture[2, 9]) == (0, 255)
    mapping.write_text("0 48\n10 65\n")
    with pytest.raises(DatasetError, match="not a mapping of all"):
        open_dataset(images)


def test_plain_mnist_idx_is_not_turned(tmp_path: Path) -> None:
    pictures = np.zeros((1, 28, 28), np.uint8)
    pictures[0, 2, 9] = 255
    images = tmp_path / "t10k-images-idx3-ubyte"
    images.write_bytes(idx(pictures))
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx(np.uint8([8])))
    sample = open_dataset(images)[0]
    assert (sample.text, sample.picture[2, 9]) == ("8", 0)


def test_idx_files_with_a_fault(tmp_path: Path) -> None:
    images, labels = tmp_path / "t-images-idx3-ubyte", tmp_path / "t-labels-idx1-ubyte"
    whole = idx(np.zeros((2, 4, 4), np.uint8))
    images.write_bytes(whole)
    with pytest.raises(DatasetError, match="labels are missing"):
        open_dataset(images)
    labels.write_bytes(idx(np.uint8([1])))
    with pytest.raises(DatasetError, match="2 images, but 1 labels"):
        open_dataset(images)
    for content, message in [
        (whole[:-1], "cut short"),
        (whole[:9], "damaged"),
        (b"\0\0\x0d" + whole[3:], "not an idx3 file of bytes"),
        (struct.pack(">HBB3I", 0, 8, 3, *[2**32 - 1] * 3), "cut short"),
    ]:
        images.write_bytes(content)
        with pytest.raises(DatasetError, match=message):
            open_dataset(images)
    packed = tmp_path / "t-images-idx3-ubyte.gz"
    packed.write_bytes(whole)
    (tmp_path / "t-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(np.uint8([1, 2]))))
    with pytest.raises(DatasetError, match="damaged"):
        open_dataset(packed)


def test_the_public_sets(data: Path) -> None:
    mnist = open_dataset(data / "mnist" / "mnist.npz")
    assert (len(mnist), mnist.labels()) == (10_000, list("0123456789"))
    assert np.median([sample.picture.mean() for sample, _ in zip(mnist, range(100), strict=False)]) > 180
    cells = open_dataset(data / "sudoku_photos" / "cells.zip")
    assert len(list(cells)) == 108
    assert cells[0].picture.shape == (64, 64)
