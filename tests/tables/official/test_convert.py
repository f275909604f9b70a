import bz2
import os
import pickle

import numpy as np
import pyarrow.parquet
import pytest
from official_files import (
    ARCHIVE,
    architectures,
    frame,
    members,
    record,
    save,
    tar,
    tree,
)

from ecg_nas.errors import TableError
from ecg_nas.tables.description import TableDescription
from ecg_nas.tables.official.convert import import_table

N = 3
NAMES = ("a.tfrecord", "a.tar", "legacy.pth", "zip.pth", "a.pickle.pbz2")


def content(folder):
    """Small files in all formats, by name."""
    archs = architectures(N)
    cell = ("010001000", "input,maxpool3x3,output")
    frames = [frame(record(f"{i:032x}", 108, *cell)) for i in range(4) for _ in range(3)]
    return {
        "a.tfrecord": b"".join(frames),
        "a.tar": tar(members(archs)),
        "legacy.pth": save(folder / "l", tree(archs), zipped=False).read_bytes(),
        "zip.pth": save(folder / "z", tree(archs), zipped=True).read_bytes(),
        "a.pickle.pbz2": bz2.compress(
            pickle.dumps(tree(archs) | {"arch2infos": dict(enumerate(archs))}, protocol=4)
        ),
    }


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("official")
    made = content(folder)
    for name, data in made.items():
        (folder / name).write_bytes(data)
    unpacked = folder / ARCHIVE
    unpacked.mkdir()
    for name, data in members(architectures(N)).items():
        (unpacked / name).write_bytes(data)
    return folder


def refused(source, out):
    """Return why the file is refused, or ``None``."""
    try:
        import_table(source, out)
    except TableError as error:
        return str(error)
    return None


def check_refused(source, out, match=None):
    with pytest.raises(TableError, match=match) as caught:
        import_table(source, out)
    assert "\n" not in str(caught.value)
    assert str(source) in str(caught.value)
    assert not out.exists()
    assert not list(out.parent.glob(f".{out.name}*"))


def test_every_format_of_the_same_cells_gives_the_same_table(files, tmp_path):
    tables = {}
    for name in (*NAMES[1:], ARCHIVE):
        summary = import_table(files / name, tmp_path / name)
        assert (summary["benchmark"], summary["cells"], summary["runs"]) == (
            "nasbench201",
            N,
            [2, 3],
        )
        assert summary["complete"] is False
        tables[name] = pyarrow.parquet.read_table(tmp_path / name)
        assert summary["columns"] == tables[name].column_names
        facts = TableDescription.from_metadata(tables[name].schema.metadata)
        assert (facts.space, facts.runs, facts.complete) == ("nasbench201", (2, 3), False)
        assert facts.source == summary["source"]
    first, *others = tables.values()
    assert all(table.equals(first) for table in others)
    assert first["arch"].to_pylist() == [arch["200"]["arch_str"] for arch in architectures(N)]


def test_a_tfrecord_gives_a_table_of_nasbench101(files, tmp_path):
    summary = import_table(files / "a.tfrecord", tmp_path / "t")
    assert summary["benchmark"] == "nasbench101"
    table = pyarrow.parquet.read_table(tmp_path / "t")
    assert table["hash"].to_pylist() == [f"{i:032x}" for i in range(4)]
    np.testing.assert_allclose(table["val_acc_108"].to_numpy(), 0.9, rtol=1e-6)
    np.testing.assert_allclose(table["test_acc_108"].to_numpy(), 0.8, rtol=1e-6)
    assert table["n_runs"].to_pylist() == [3] * 4


@pytest.mark.parametrize("name", NAMES)
def test_a_file_cut_off_anywhere_is_refused_or_whole_all_the_same(files, tmp_path, name):
    whole = (files / name).read_bytes()
    expected = tmp_path / "whole"
    import_table(files / name, expected)
    table = pyarrow.parquet.read_table(expected)
    cut = tmp_path / name
    sizes = {*range(40), *np.linspace(40, len(whole), 60, dtype=int, endpoint=False)}
    sizes |= {len(whole) - n for n in range(1, 60, 7)}
    for size in sorted(int(size) for size in sizes):
        cut.write_bytes(whole[:size])
        out = tmp_path / "t"
        if refusal := refused(cut, out):
            assert str(cut) in refusal
            assert "\n" not in refusal
            assert not out.exists()
            continue
        # Only padding was lost, or (a TFRecord does not say how many there are) whole records.
        found = pyarrow.parquet.read_table(out)
        facts = TableDescription.from_metadata(found.schema.metadata)
        assert found.equals(table) or (name == "a.tfrecord" and not facts.complete)
        out.unlink()


@pytest.mark.parametrize("name", NAMES)
def test_a_file_with_bytes_changed_never_breaks_the_reader(files, tmp_path, name):
    whole = (files / name).read_bytes()
    rng = np.random.default_rng(0)
    spoiled = tmp_path / name
    for place in rng.integers(len(whole), size=40):
        data = bytearray(whole)
        data[place] ^= int(rng.integers(1, 256))
        spoiled.write_bytes(data)
        refusal = refused(spoiled, tmp_path / "t")
        assert refusal is None or "\n" not in refusal


class Command:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def test_a_malicious_file_of_any_kind_is_refused_and_does_nothing(tmp_path):
    made = tmp_path / "made"
    evil = {"total_archs": 1, "arch2infos": {0: Command(f"mkdir {made}")}}
    pickled = bz2.compress(pickle.dumps(evil, protocol=4))
    archs = architectures(1)
    sources = {
        "member.tar": tar(members(archs) | {"000000.pickle.pbz2": pickled}),
        "meta.tar": tar(members(archs) | {"meta.pickle.pbz2": pickled}),
        "a.pickle.pbz2": pickled,
        "legacy.pth": save(tmp_path / "l", evil, zipped=False).read_bytes(),
        "zip.pth": save(tmp_path / "z", evil, zipped=True).read_bytes(),
    }
    for name, data in sources.items():
        (tmp_path / name).write_bytes(data)
        check_refused(tmp_path / name, tmp_path / "t", match=r"posix\.system")
        assert not made.exists()


def test_weights_are_passed_over(tmp_path):
    import torch

    archs = architectures(2)
    for arch in archs:
        for run in arch["200"]["all_results"].values():
            run["net_state_dict"] = {
                "w": torch.ones(4, 3),
                "n": torch.tensor(2),
                "p": torch.nn.Parameter(torch.ones(2)),
            }
    for zipped in (False, True):
        source = save(tmp_path / f"{zipped}.pth", tree(archs), zipped=zipped)
        assert import_table(source, tmp_path / "t")["cells"] == 2


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is empty"),
        (b"PAR1rest", "Parquet"),
        (b"\x1f\x8b\x08", "unpack"),
        (b"<!DOCTYPE html><html>", "a web page: the download went wrong"),
        (b"PK\x03\x04rest", "torch.save"),
        (b"BZh91AY&SY", "cannot be read"),
        (bz2.compress(b"Hello"), "cannot be read"),
        (pickle.dumps({"a": 1}), "a pickle of something else"),
        (b"version https://git-lfs.github.com/spec/v1", "starts with b'version '"),
    ],
)
def test_a_file_of_another_kind_says_what_it_looks_like(tmp_path, data, says):
    source = tmp_path / "file"
    source.write_bytes(data)
    check_refused(source, tmp_path / "t", match=says)


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    check_refused(tmp_path / "empty", tmp_path / "t", match=r"meta\.pickle\.pbz2")


def test_an_archive_may_hold_other_files(tmp_path):
    archs = architectures(1)
    (tmp_path / "a.tar").write_bytes(
        tar({"._000000.pickle.pbz2": b"mac", "README": b"text"} | members(archs))
    )
    assert import_table(tmp_path / "a.tar", tmp_path / "t")["cells"] == 1


def test_the_official_file_is_never_written_over(files):
    before = (files / "a.tar").read_bytes()
    with pytest.raises(TableError, match="another file"):
        import_table(files / "a.tar", files / "a.tar")
    assert (files / "a.tar").read_bytes() == before


@pytest.mark.parametrize("name", [*NAMES, ARCHIVE])
def test_progress_reaches_its_total(files, tmp_path, name):
    events = []
    import_table(files / name, tmp_path / "t", on_event=events.append)
    assert all(0 <= event["done"] <= event["total"] for event in events)
    assert events[-1]["done"] == events[-1]["total"]
    assert {event["name"] for event in events} == {name}


def test_the_same_file_gives_the_same_bytes(files, tmp_path):
    for name in ("a.tar", "a.tfrecord"):
        for out in ("one", "two"):
            import_table(files / name, tmp_path / out)
        assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
