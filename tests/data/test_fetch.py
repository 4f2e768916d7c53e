"""What is fetched is whole and verified or not there at all; no test leaves this machine."""

import hashlib
import shutil
import socket
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner
from filelock import FileLock

from lus_keras.cli import main
from lus_keras.core.config import PublicDescription, describe_dataset
from lus_keras.core.config.descriptions import LabelTable
from lus_keras.core.errors import ConfigError, DataError
from lus_keras.data import download as work
from lus_keras.data.download import download, sources

CONTENT = {
    "videos/a.avi": b"a" * 300_000,
    "videos/b +(1).avi": b"b" * 1000,
    "videos/c.avi": b"c" * 50_000,
}


class Server(ThreadingHTTPServer):
    """Serves `CONTENT`, with faults by path, and counts what was asked for."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.faults = {}
        self.asked = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        from urllib.parse import unquote

        path = unquote(self.path).removeprefix("/moved").lstrip("/")
        self.server.asked.append(path)
        fault = self.server.faults.get(path)
        if isinstance(fault, list):
            fault = fault.pop(0) if fault else None
        content = CONTENT.get(path, b"")
        if fault == "redirect" and not self.path.startswith("/moved"):
            self.send_response(302)
            self.send_header("Location", f"/moved{self.path}")
            self.end_headers()
            return
        if fault == "loop" or fault == "to-file":
            self.send_response(302)
            self.send_header("Location", self.path if fault == "loop" else "file:///etc/hostname")
            self.end_headers()
            return
        self.send_response(404 if fault == "absent" else 200)
        if fault == "portal":
            content = b"<html>Please log in</html>"
        if fault == "same-size":
            content = bytes(len(content))
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if fault == "cut":
            content = content[: len(content) // 2]
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(download, "PAUSE_S", 0)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def source_at(url):
    from urllib.parse import quote

    files = tuple(
        work.Remote(path, len(data), hashlib.sha256(data).hexdigest(), f"{url}/{quote(path)}")
        for path, data in CONTENT.items()
    )
    return work.Source("toy", "Toy", "https://toy", "0" * 40, "CC0", "Toy 2020", files, ())


def files_in(folder):
    """Contents by path; whatever is hidden is no part of the data set."""
    found = (p for p in folder.rglob("*") if p.is_file() and p.name != ".fetch.lock")
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in found}


def test_every_file_comes_to_its_place_and_only_once(server, tmp_path):
    source = source_at(server.url)
    done = []
    first = work.fetch(source, to=tmp_path, progress=lambda *counts: done.append(counts))
    assert (first.present, first.copied, first.downloaded) == (0, 0, 3)
    assert files_in(tmp_path) == CONTENT and done == [(1, 3), (2, 3), (3, 3)]
    assert sorted(server.asked) == sorted(CONTENT)
    again = work.fetch(source, to=tmp_path)
    assert (again.present, again.downloaded) == (3, 0) and len(server.asked) == 3


def test_the_cache_is_the_default_place(server, cache):
    assert work.fetch(source_at(server.url)).folder == cache / "toy"
    assert files_in(cache / "toy") == CONTENT


def test_a_transfer_that_breaks_off_is_tried_again(server, tmp_path):
    server.faults["videos/a.avi"] = ["cut", "cut"]
    assert work.fetch(source_at(server.url), to=tmp_path).downloaded == 3
    assert files_in(tmp_path) == CONTENT and server.asked.count("videos/a.avi") == 3


def test_redirects_are_followed_and_the_bytes_verified(server, tmp_path):
    server.faults["videos/c.avi"] = "redirect"
    assert work.fetch(source_at(server.url), to=tmp_path).downloaded == 3
    assert files_in(tmp_path) == CONTENT


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ("cut", "the transfer was interrupted, 3 times"),
        ("absent", "404 Client Error"),
        ("portal", "have a different sha256 and were discarded"),
        ("same-size", "have a different sha256 and were discarded"),
        ("loop", "Exceeded 30 redirects"),
        ("to-file", "No connection adapters were found"),
    ],
)
def test_a_file_that_cannot_be_had_is_named_and_the_others_are_kept(server, tmp_path, fault, cause):
    server.faults["videos/a.avi"] = fault
    source = source_at(server.url)
    with pytest.raises(DataError) as caught:
        work.fetch(source, to=tmp_path)
    first, second = str(caught.value).splitlines()
    assert "1 of 3 files could not be fetched; the others are verified and kept" in first
    assert "videos/a.avi" in second and cause in second
    rest = {path: data for path, data in CONTENT.items() if path != "videos/a.avi"}
    assert files_in(tmp_path) == rest
    server.faults.clear()
    again = work.fetch(source, to=tmp_path)
    assert (again.present, again.downloaded) == (2, 1) and files_in(tmp_path) == CONTENT


def test_a_damaged_file_in_place_is_replaced_only_by_a_verified_one(server, tmp_path):
    source = source_at(server.url)
    work.fetch(source, to=tmp_path)
    (tmp_path / "videos/c.avi").write_bytes(bytes(50_000))
    server.faults["videos/c.avi"] = "absent"
    with pytest.raises(DataError):
        work.fetch(source, to=tmp_path)
    assert (tmp_path / "videos/c.avi").read_bytes() == bytes(50_000)
    server.faults.clear()
    assert work.fetch(source, to=tmp_path).downloaded == 1
    assert files_in(tmp_path) == CONTENT


def test_what_a_killed_call_left_is_cleared(server, tmp_path):
    (tmp_path / ".fetch-old").mkdir()
    (tmp_path / ".fetch-old" / "half").write_bytes(b"a" * 10)
    work.fetch(source_at(server.url), to=tmp_path)
    assert files_in(tmp_path) == CONTENT


def test_without_a_server_the_call_soon_gives_up(tmp_path, monkeypatch):
    """Four files: three are tried, the fourth is not."""
    monkeypatch.setattr(download, "PAUSE_S", 0)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        source = source_at(f"http://127.0.0.1:{free.getsockname()[1]}")
    source = replace(source, files=(*source.files, replace(source.files[0], path="videos/d.avi")))
    with pytest.raises(DataError) as caught:
        work.fetch(source, to=tmp_path)
    lines = str(caught.value).splitlines()
    assert [line.rpartition(": ")[2] for line in lines[1:]] == [
        *["no answer, 3 times."] * 3,
        "not tried, because no server answered.",
    ]


def test_offline_asks_nobody_and_says_what_goes_where(server, tmp_path):
    source = source_at(server.url)
    work.fetch(source, to=tmp_path)
    (tmp_path / "videos/a.avi").unlink()
    server.asked.clear()
    with pytest.raises(DataError) as caught:
        work.fetch(source, to=tmp_path, offline=True)
    assert server.asked == []
    first, second = str(caught.value).splitlines()
    assert "1 of 3 files are missing" in first and f"copy them to {tmp_path}" in first
    assert second == f"{tmp_path / 'videos/a.avi'}: is missing."


def test_a_copy_at_hand_is_used_first_and_verified_as_well(server, tmp_path):
    own = tmp_path / "own"
    for path, data in CONTENT.items():
        (own / path).parent.mkdir(parents=True, exist_ok=True)
        (own / path).write_bytes(data)
    (own / "videos/c.avi").write_bytes(bytes(50_000))
    to = tmp_path / "to"
    result = work.fetch(source_at(server.url), to=to, own_copy=own)
    assert (result.copied, result.downloaded) == (2, 1) and server.asked == ["videos/c.avi"]
    assert files_in(to) == CONTENT
    shutil.rmtree(to)
    with pytest.raises(DataError, match="1 of 3 files are missing"):
        work.fetch(source_at(server.url), to=to, own_copy=own, offline=True)


def test_labels_are_taken_from_a_copy_and_their_version_is_told(server, tmp_path):
    """No table is downloaded: the hash of the whole one is not known, and nothing is unverified."""
    known = {hashlib.sha256(b"some rows").hexdigest(): "the rows of 3 videos"}
    source = replace(source_at(server.url), tables=(LabelTable(path="labels.csv", known=known),))
    own, to = tmp_path / "own", tmp_path / "to"
    own.mkdir()
    (missing,) = work.fetch(source, to=to, own_copy=own).tables
    assert missing.startswith("labels.csv, the labels, is missing: copy it from https://toy to ")
    assert "labels.csv" not in server.asked
    (own / "labels.csv").write_bytes(b"some rows")
    (copied,) = work.fetch(source, to=to, own_copy=own).tables
    assert copied.startswith("labels.csv, the labels: copied; its sha256 is ")
    assert copied.endswith("…: the rows of 3 videos.")
    assert (to / "labels.csv").read_bytes() == b"some rows"
    (to / "labels.csv").write_bytes(b"all rows")
    (there,) = work.fetch(source, to=to, own_copy=own).tables
    assert "was there" in there and there.endswith("not a known one: not verified.")
    assert (to / "labels.csv").read_bytes() == b"all rows"


def test_two_calls_do_not_meet(server, tmp_path):
    with (
        FileLock(tmp_path / ".fetch.lock"),
        pytest.raises(DataError, match="another process is downloading"),
    ):
        work.fetch(source_at(server.url), to=tmp_path)


def test_a_folder_that_cannot_be_made_is_a_clear_error(server, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be written"):
        work.fetch(source_at(server.url), to=tmp_path / "file" / "sub")


def test_a_full_disk_is_a_clear_error_that_keeps_what_is_there(server, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    source = source_at(server.url)
    work.fetch(source, to=tmp_path)
    (tmp_path / "videos/a.avi").unlink()
    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(DataError, match="No space left on device"):
        work.fetch(source, to=tmp_path)
    assert set(files_in(tmp_path)) == set(CONTENT) - {"videos/a.avi"}


# The public sources, as they are described


@pytest.mark.parametrize("name", work.NAMES)
def test_a_source_is_pinned_licensed_and_listed_by_hash(name):
    source = work.find_source(name)
    assert len(source.commit) == 40 and set(source.commit) <= set("0123456789abcdef")
    assert "CC BY" in source.license and "https://doi.org/" in source.citation
    assert len({remote.path for remote in source.files}) == len(source.files) > 0
    assert len(source.tables) == 1
    assert all(len(digest) == 64 for table in source.tables for digest in table.known)
    for remote in source.files:
        assert len(remote.sha256) == 64 and remote.size > 0
        assert remote.url.startswith("https://raw.githubusercontent.com/")
        assert source.commit in remote.url and " " not in remote.url and "+" not in remote.url


def test_an_unknown_source_gets_the_nearest_known_one():
    with pytest.raises(ConfigError, match="Did you mean 'covid-blues'"):
        work.find_source("covid_blues")
    with pytest.raises(ConfigError, match=r"Known: covid-blues, pocus\."):
        describe_dataset("nothing", PublicDescription)


def test_a_list_that_leaves_the_folder_is_refused(monkeypatch):
    monkeypatch.setattr(sources.csv, "DictReader", lambda _: [{"path": "../x"}])
    with pytest.raises(ConfigError, match="lies outside the data set"):
        work.find_source("pocus")


# The command


def run(*arguments, stdin=None):
    return CliRunner().invoke(main, ["data", "fetch", *map(str, arguments)], input=stdin)


@pytest.fixture
def toy(server, monkeypatch):
    monkeypatch.setattr(work, "find_source", lambda name: source_at(server.url))
    return server


def test_nothing_is_asked_for_before_the_license_is_accepted(toy, tmp_path):
    result = run("toy", "--to", tmp_path)
    assert result.exit_code == 2 and "--accept-license" in result.output
    assert "License: CC0" in result.output and "Cite: Toy 2020" in result.output
    assert toy.asked == [] and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("answer", "code", "asked"), [("y\n", 0, 3), ("n\n", 2, 0)])
def test_on_a_terminal_the_license_is_asked_for(toy, tmp_path, monkeypatch, answer, code, asked):
    monkeypatch.setattr("lus_keras.cli.fetch._asks", lambda: True)
    result = run("toy", "--to", tmp_path, stdin=answer)
    assert result.exit_code == code and len(toy.asked) == asked


def test_the_flag_accepts_and_the_result_is_told(toy, tmp_path):
    result = run("toy", "--to", tmp_path, "--accept-licence")
    assert result.exit_code == 0, result.output
    assert "0 files were present, 0 copied, 3 downloaded; all verified." in result.output
    toy.faults["videos/a.avi"] = "absent"
    (tmp_path / "videos/a.avi").unlink()
    result = run("toy", "--to", tmp_path, "--accept-licence")
    assert result.exit_code == 3 and "404" in result.output
