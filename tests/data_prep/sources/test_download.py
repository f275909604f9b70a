"""Downloads against a local server that serves PhysioNet's layout, with faults."""

from __future__ import annotations

import hashlib
import socket
import threading
from dataclasses import replace

import pytest
from physionet_server import FILES, Server

from data_prep import sources
from data_prep.errors import DataError
from data_prep.sources import mitdb
from data_prep.sources._download import download, pinned_sums
from data_prep.sources._transfer import Bounds
from data_prep.sources.mitdb import DS1, DS2, PACED

QUICK = Bounds(timeout_s=2.0, pause_s=0.01, attempts=3)


@pytest.fixture
def server():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.release.set()
        server.shutdown()
        thread.join()


def contents(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def assert_complete(folder) -> None:
    held = contents(folder)
    assert set(held) == {*FILES, "SHA256SUMS.txt"}
    assert FILES.items() <= held.items()


def test_files_arrive_whole_and_progress_is_told(server, tmp_path):
    events = []
    download(
        tmp_path / "a" / "b", list(FILES), url=server.url, on_event=events.append, bounds=QUICK
    )
    assert_complete(tmp_path / "a" / "b")
    assert {event["event"] for event in events} == {"download"}
    assert events[-1]["done"] == events[-1]["total"] == 3
    assert events[-1]["bytes"] >= sum(map(len, FILES.values()))
    assert [event["bytes"] for event in events] == sorted(event["bytes"] for event in events)


def test_what_is_here_is_not_fetched_again(server, tmp_path):
    download(tmp_path, list(FILES), url=server.url, bounds=QUICK)
    (tmp_path / "100.atr").write_bytes(b"damaged")
    server.asked.clear()
    download(tmp_path, list(FILES), url=server.url, bounds=QUICK)
    assert server.asked == {"SHA256SUMS.txt": 1, "100.atr": 1}
    assert_complete(tmp_path)


@pytest.mark.parametrize(
    "faults",
    [
        ["503", "503"],
        ["truncated"],
        ["wrong"],
        ["truncated", "503", "wrong"],
        ["silent"],
        ["stalls"],
    ],
    ids="+".join,
)
def test_a_passing_fault_is_survived(server, tmp_path, faults):
    server.faults["100.dat"] = list(faults)
    bounds = replace(QUICK, timeout_s=0.3, attempts=4)
    download(tmp_path, list(FILES), url=server.url, bounds=bounds)
    assert_complete(tmp_path)
    assert server.asked["100.dat"] == len(faults) + 1


def test_a_passing_fault_of_the_list_is_survived(server, tmp_path):
    server.faults["SHA256SUMS.txt"] = ["503", "truncated"]
    download(tmp_path, list(FILES), url=server.url, bounds=QUICK)
    assert_complete(tmp_path)


def test_a_broken_download_goes_on_where_it_stopped(server, tmp_path):
    server.faults["100.dat"] = ["truncated"]
    download(tmp_path, list(FILES), url=server.url, bounds=QUICK)
    assert server.ranges == [f"bytes={len(FILES['100.dat']) // 2}-"]
    assert_complete(tmp_path)


def test_a_later_call_goes_on_where_an_earlier_one_stopped(server, tmp_path):
    (tmp_path / "100.dat.part").write_bytes(FILES["100.dat"][:1000])
    download(tmp_path, list(FILES), url=server.url, bounds=QUICK)
    assert server.ranges == ["bytes=1000-"]
    assert_complete(tmp_path)


@pytest.mark.parametrize(
    "part", [FILES["100.dat"], FILES["100.dat"] + b"more", b"others"], ids=["all", "more", "others"]
)
def test_any_part_left_behind_ends_well(server, tmp_path, part):
    (tmp_path / "100.dat.part").write_bytes(part)
    download(tmp_path, list(FILES), url=server.url, bounds=QUICK)
    assert_complete(tmp_path)


def test_a_server_without_ranges_is_asked_from_the_start(server, tmp_path):
    server.knows_ranges = False
    server.faults["100.dat"] = ["truncated"]
    download(tmp_path, list(FILES), url=server.url, bounds=QUICK)
    assert_complete(tmp_path)


def test_a_server_that_sends_another_part_does_not_harm(server, tmp_path):
    (tmp_path / "100.dat.part").write_bytes(FILES["100.dat"][:1000])
    server.faults["100.dat"] = ["other part"]
    download(tmp_path, list(FILES), url=server.url, bounds=QUICK)
    assert_complete(tmp_path)


def test_a_line_that_breaks_often_ends_well_as_long_as_bytes_arrive(server, tmp_path):
    server.faults["100.dat"] = ["truncated"] * 8
    download(tmp_path, list(FILES), url=server.url, bounds=QUICK)
    assert_complete(tmp_path)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("503", "answers 503"),
        ("wrong", "not those that its SHA-256"),
        ("silent", "timed out"),
    ],
)
def test_a_lasting_fault_is_one_clear_line_and_leaves_no_half_file(server, tmp_path, fault, reason):
    server.faults["100.dat"] = [fault] * 20
    with pytest.raises(
        DataError, match=rf"100\.dat must be downloadable.*{reason}.*--records"
    ) as e:
        download(tmp_path, list(FILES), url=server.url, bounds=replace(QUICK, timeout_s=0.2))
    assert "\n" not in str(e.value)
    assert server.asked["100.dat"] == 3
    assert not (tmp_path / "100.dat").exists()
    assert not (tmp_path / "SHA256SUMS.txt").exists()  # it would say that all is there


def test_one_lasting_fault_ends_the_other_downloads(server, tmp_path):
    names = [f"{i}.dat" for i in range(40)]
    server.files = dict.fromkeys(names, b"x" * 1000)
    server.listed = dict.fromkeys(names, hashlib.sha256(b"x" * 1000).hexdigest())
    del server.files["1.dat"]
    with pytest.raises(DataError, match=r"1\.dat must exist; the server answers 404"):
        download(tmp_path, names, url=server.url, connections=1, bounds=QUICK)
    assert server.asked.total() < 20
    whole = {name: body for name, body in contents(tmp_path).items() if name in names}
    assert set(whole.values()) <= {b"x" * 1000}
    assert len(whole) < 20


def test_an_interrupted_download_leaves_parts_that_the_next_one_uses(server, tmp_path):
    def interrupt(event):
        if event["name"] == "100.dat" and event["bytes"] > 100_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(tmp_path, ["100.dat"], url=server.url, on_event=interrupt, bounds=QUICK)
    assert not (tmp_path / "100.dat").exists()
    assert (tmp_path / "100.dat.part").stat().st_size > 0
    download(tmp_path, list(FILES), url=server.url, bounds=QUICK)
    assert len(server.ranges) == 1
    assert_complete(tmp_path)


def test_no_server_is_one_clear_line(tmp_path):
    with socket.socket() as taken:  # bound, not listening: connections are refused
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        with pytest.raises(DataError, match=r"cannot be reached.*refused.*--records"):
            download(tmp_path, list(FILES), url=url, bounds=QUICK)


def test_a_login_page_in_place_of_the_list_is_named(server, tmp_path):
    server.listed = {"<html>": "<body>"}
    with pytest.raises(DataError, match="must be a list of SHA-256 checksums"):
        download(tmp_path, list(FILES), url=server.url, bounds=QUICK)
    assert contents(tmp_path) == {}


def test_bad_arguments_are_refused_before_anything_is_asked(server, tmp_path):
    with pytest.raises(DataError, match=r"plain file names; got \.\./up"):
        download(tmp_path, ["../up"], url=server.url)
    with pytest.raises(DataError, match="begin with https"):
        download(tmp_path, ["100.dat"], url="file:///etc/")
    with pytest.raises(DataError, match=r"has no 101\.dat"):
        download(tmp_path, ["101.dat"], url=server.url, bounds=QUICK)
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="can be written"):
        download(tmp_path / "file", ["100.dat"], url=server.url, bounds=QUICK)
    assert server.asked == {"SHA256SUMS.txt": 1}


def test_a_second_process_is_refused_while_the_first_downloads(server, tmp_path):
    refused = []

    def again(event):
        if not refused:
            with pytest.raises(DataError, match="another one does: wait") as error:
                download(tmp_path, list(FILES), url=server.url, bounds=QUICK)
            refused.append(error)

    download(tmp_path, list(FILES), url=server.url, on_event=again, bounds=QUICK)
    assert len(refused) == 1
    assert_complete(tmp_path)


@pytest.mark.parametrize("name", ["100.dat", "SHA256SUMS.txt"])
def test_an_endless_answer_ends_at_the_bound_and_leaves_nothing(server, tmp_path, name):
    server.faults[name] = ["endless"]
    bounds = replace(QUICK, file_bytes=1 << 20)
    with pytest.raises(DataError, match=rf"{name} must have at most 1,048,576 bytes"):
        download(tmp_path, list(FILES), url=server.url, bounds=bounds)
    assert not (tmp_path / f"{name}.part").exists()
    assert not (tmp_path / "SHA256SUMS.txt").exists()


def test_a_file_that_announces_too_much_is_not_begun(server, tmp_path):
    bounds = replace(QUICK, file_bytes=len(FILES["100.dat"]) - 1)
    with pytest.raises(DataError, match="the server sends more"):
        download(tmp_path, ["100.dat"], url=server.url, bounds=bounds)
    assert not (tmp_path / "100.dat.part").exists()


def test_a_drip_is_given_up_though_bytes_arrive(server, tmp_path):
    server.faults["100.dat"] = ["drips"] * 9
    bounds = replace(QUICK, slow_s=0.2)
    with pytest.raises(DataError, match=r"3 attempts failed.*bytes a second only"):
        download(tmp_path, ["100.dat"], url=server.url, bounds=bounds)
    assert server.asked["100.dat"] == 3


@pytest.mark.parametrize(
    "to", ["http://localhost:1/x", "https://example.org/x", "http://physionet.org/x"]
)
def test_a_redirect_to_another_host_is_not_followed(server, tmp_path, to):
    server.faults["100.dat"] = [to]
    with pytest.raises(DataError, match=r"must stay with its server.*sends it to http"):
        download(tmp_path, ["100.dat"], url=server.url, bounds=QUICK)


def test_a_redirect_to_the_same_server_is_followed(server, tmp_path):
    server.faults["100.dat"] = ["/files/mitdb/1.0.0/100.dat"]
    download(tmp_path, list(FILES), url=server.url, bounds=QUICK)
    assert_complete(tmp_path)


def test_what_was_trusted_first_is_what_a_later_list_is_held_against(server, tmp_path):
    download(tmp_path, list(FILES), url=server.url, bounds=QUICK)
    (tmp_path / "100.atr").unlink()
    server.files["100.atr"] = b"others"
    server.listed["100.atr"] = hashlib.sha256(b"others").hexdigest()
    with pytest.raises(DataError, match=r"at the first download.*100\.atr"):
        download(tmp_path, list(FILES), url=server.url, bounds=QUICK)
    assert not (tmp_path / "100.atr").exists()


def test_pinned_sums_are_not_asked_of_the_server(server, tmp_path):
    pinned = dict(server.listed)
    server.files["100.atr"] = b"others"
    server.listed["100.atr"] = hashlib.sha256(b"others").hexdigest()
    with pytest.raises(DataError, match=r"100\.atr.*not those that its SHA-256 stands for"):
        download(tmp_path, list(FILES), url=server.url, pinned=pinned, bounds=QUICK)
    assert not server.asked["SHA256SUMS.txt"]
    assert not (tmp_path / "100.atr").exists()


def test_mitdb_ships_the_published_sums_of_all_its_files():
    names = {f"{name}.{ext}" for name in (*DS1, *DS2, *PACED) for ext in ("hea", "dat", "atr")}
    assert pinned_sums("mitdb").keys() == names


@pytest.mark.real
def test_the_pinned_sums_are_those_of_the_files(mitdb_dir):
    for name, digest in pinned_sums("mitdb").items():
        assert hashlib.sha256((mitdb_dir / name).read_bytes()).hexdigest() == digest


@pytest.fixture
def mitdb_server(server, monkeypatch, tmp_path):
    """Serve 48 small records; the cache is empty and the user has named no folder."""
    names = sorted((*DS1, *DS2, *PACED))
    server.files = {
        f"{name}.{extension}": f"{name} {extension}".encode()
        for name in names
        for extension in ("hea", "dat", "atr")
    }
    server.listed = {name: hashlib.sha256(body).hexdigest() for name, body in server.files.items()}
    monkeypatch.setattr(mitdb, "pinned_sums", lambda source: dict(server.listed))
    monkeypatch.setenv("ECG_NAS_PHYSIONET", f"http://127.0.0.1:{server.server_port}/files/")
    monkeypatch.setenv("ECG_NAS_DATA", str(tmp_path / "not here"))
    monkeypatch.setenv("ECG_NAS_CACHE", str(tmp_path / "cache"))
    return server


def test_mitdb_is_downloaded_once_where_nobody_has_it(mitdb_server, tmp_path):
    events: list[dict] = []
    refs = sources.load("mitdb").records(None, events.append)
    assert [ref.name for ref in refs] == sorted((*DS1, *DS2, *PACED))
    assert refs[0].path == tmp_path / "cache" / "mitdb" / "100"
    assert contents(tmp_path / "cache" / "mitdb").keys() == {*mitdb_server.files, "SHA256SUMS.txt"}
    assert events[0]["event"] == "stage"
    assert str(tmp_path / "cache" / "mitdb") in events[0]["text"]
    assert (events[-1]["done"], events[-1]["total"]) == (144, 144)
    asked = mitdb_server.asked.total()
    assert sources.load("mitdb").records(None) == refs
    assert mitdb_server.asked.total() == asked


def test_a_download_of_mitdb_that_broke_off_goes_on(mitdb_server, tmp_path):
    body = mitdb_server.files.pop("234.atr")
    with pytest.raises(DataError, match=r"234\.atr must exist.*name the folder.*--records"):
        sources.load("mitdb").records(None)
    there = set(contents(tmp_path / "cache" / "mitdb"))
    assert "SHA256SUMS.txt" not in there
    mitdb_server.files["234.atr"] = body
    mitdb_server.asked.clear()
    assert len(sources.load("mitdb").records(None)) == 48
    assert not there & {name for name in mitdb_server.asked if not name.endswith(".txt")}
