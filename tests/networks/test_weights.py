"""Weight files: every way one can be wrong gets one clear line, and nothing is ever unpickled."""

import contextlib
import hashlib
import http.server
import os
import pickle
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from liveflight.core.contracts import LiveflightError
from liveflight.networks import weights

STATE = {"features.0.weight": torch.arange(6.0).reshape(2, 3), "features.0.bias": torch.ones(2)}


def refusal(path: Path) -> str:
    """Return the text with which reading a file is refused: one line that names it."""
    with pytest.raises(LiveflightError) as caught:
        weights.read(path)
    text = str(caught.value)
    assert "\n" not in text
    assert str(path) in text
    return text


def saved(path: Path, value: object = STATE, **how: bool) -> Path:
    if path.suffix == ".safetensors":
        save_file(STATE, path)
    else:
        torch.save(value, path, **how)
    return path


@pytest.mark.parametrize("name", ["a.safetensors", "a.pth", "a.pt", "a.PTH"])
def test_all_formats_give_the_same_tensors(tmp_path, name):
    assert_same(weights.read(saved(tmp_path / name)))


def test_files_older_than_torchs_zip_format_are_read(tmp_path):
    assert_same(weights.read(saved(tmp_path / "a.pth", _use_new_zipfile_serialization=False)))


def assert_same(state: dict[str, torch.Tensor]) -> None:
    assert set(state) == set(STATE)
    assert all(torch.equal(state[name], STATE[name]) for name in STATE)


def test_a_missing_file(tmp_path):
    assert refusal(tmp_path / "a.pth").endswith("cannot be read: No such file or directory")


def test_a_file_below_a_file(tmp_path):
    (tmp_path / "a").touch()
    assert refusal(tmp_path / "a" / "b.pth").endswith("cannot be read: Not a directory")


def test_a_folder(tmp_path):
    (tmp_path / "a.pth").mkdir()
    assert refusal(tmp_path / "a.pth").endswith("is not a file but a folder or a device")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_that_nobody_writes_to_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "a.pth")
    assert refusal(tmp_path / "a.pth").endswith("is not a file but a folder or a device")


@pytest.mark.parametrize("name", ["a.onnx", "a", "a.h5"])
def test_another_suffix(tmp_path, name):
    (tmp_path / name).write_bytes(b"x")
    assert refusal(tmp_path / name).endswith("its name must end in .safetensors, .pth, .pt")


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
def test_an_empty_file(tmp_path, name):
    (tmp_path / name).touch()
    assert "has 0 bytes; 1 to 2147483648 are allowed" in refusal(tmp_path / name)


def test_a_file_too_large_to_be_weights(tmp_path):
    with (tmp_path / "a.pth").open("wb") as file:
        file.truncate(weights.MAX_BYTES + 1)  # sparse: takes no room
    assert "has 2147483649 bytes" in refusal(tmp_path / "a.pth")


@pytest.mark.parametrize("old_format", [False, True])
@pytest.mark.parametrize("part", [0.02, 0.5, 0.95])
def test_a_truncated_torch_file(tmp_path, part, old_format):
    path = saved(tmp_path / "a.pth", _use_new_zipfile_serialization=not old_format)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    assert "cannot be read as weights: it is truncated" in refusal(path)


@pytest.mark.parametrize("part", [0.05, 0.5, 0.95])
def test_a_truncated_safetensors_file(tmp_path, part):
    path = saved(tmp_path / "a.safetensors")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    assert "cannot be read as weights: it is truncated" in refusal(path)


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n" * 40, b"PK\x03\x04" * 40, b"\xff" * 400])
def test_a_foreign_file(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert "cannot be read as weights" in refusal(tmp_path / name)


class Malice:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("how", ["torch", "old torch", "pickle"])
def test_code_in_a_file_is_never_run(tmp_path, how):
    path, marker = tmp_path / "a.pth", tmp_path / "it-ran"
    state = {**STATE, "classifier": Malice(marker)}
    if how == "pickle":
        path.write_bytes(pickle.dumps(state))
    else:
        torch.save(state, path, _use_new_zipfile_serialization=how == "torch")
    assert "holds more than plain tensors (which is never unpickled)" in refusal(path)
    assert not marker.exists()


@pytest.mark.parametrize("value", [[1.0, 2.0], torch.ones(3), 7])
def test_a_file_that_holds_no_table(tmp_path, value):
    text = refusal(saved(tmp_path / "a.pth", value))
    assert f"holds one {type(value).__name__}, not a table of named tensors" in text


def test_a_training_checkpoint_is_told_what_is_in_the_way(tmp_path):
    text = refusal(saved(tmp_path / "a.pth", {"state_dict": STATE, "epoch": 3}))
    assert text.endswith("is not a plain state dict: its 'state_dict' is a dict, not a tensor")


SHAPES = {"features.0.weight": (2, 3), "features.0.bias": (2,)}


def test_fitting_tensors_with_ignored_ones_beside_them():
    state = {**STATE, "classifier.0.weight": torch.ones(9), "x.counter": torch.tensor(1)}
    assert weights.misfit(state, SHAPES, ("classifier.", ".counter")) is None


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"features.0.bias": torch.ones(3)}, "features.0.bias is (3,), not (2,)"),
        ({"features.0.weight": torch.ones(2, 3, 1)}, "features.0.weight is (2, 3, 1), not (2, 3)"),
        (
            {"features.0.bias": torch.ones(2, dtype=torch.int8)},
            "features.0.bias is torch.int8 (torch.strided), not plain floating point",
        ),
        (
            {"features.0.weight": torch.ones(2, 3).to_sparse()},
            "features.0.weight is torch.float32 (torch.sparse_coo), not plain floating point",
        ),
        (
            {"features.0.bias": torch.ones(2, device="meta")},
            "features.0.bias is torch.float32 (torch.strided), not plain floating point",
        ),
        ({"features.9.weight": torch.ones(1)}, "'features.9.weight' is not part of it"),
    ],
)
def test_tensors_that_do_not_fit(change, text):
    assert weights.misfit({**STATE, **change}, SHAPES, ("classifier.",)) == text


def test_a_missing_tensor():
    assert weights.misfit({}, SHAPES, ()) == "features.0.weight is missing"


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"TORCH_HOME": "/somewhere/torch"},
        {"TORCH_HOME": "~/mine"},
        {"XDG_CACHE_HOME": "/cache"},
        {"XDG_CACHE_HOME": "~/cache", "TORCH_HOME": "/torch"},
    ],
)
def test_the_cache_is_torch_hubs(monkeypatch, environment):
    for name in ("TORCH_HOME", "XDG_CACHE_HOME", "TORCH_HUB"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    expected = Path(torch.hub.get_dir(), "checkpoints", "net-0123abcd.pth")
    assert weights.hub_file("https://a.b/c/net-0123abcd.pth") == expected


BODY = b"weights, let us say" * 1000
DIGEST = hashlib.sha256(BODY).hexdigest()[:8]


@contextlib.contextmanager
def serving(body: bytes, length: int, status: int = 200) -> Iterator[str]:
    """Serve `body` on the loopback for every path, announced as `length` bytes.

    Where the path says `stall`, the missing bytes never come."""
    over = threading.Event()

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()
            if length > len(body) and "stall" in self.path:
                over.wait(30)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Path:
    """Set an empty hub cache, and return its folder for downloads, which does not exist yet."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("no_proxy", "*")
    return tmp_path / "hub" / "checkpoints"


def failure(url: str) -> list[str]:
    with pytest.raises(LiveflightError) as caught:
        weights.cached_or_downloaded("net", url, None)
    return str(caught.value).split("\n")


def test_a_download_arrives_whole_under_its_name(hub):
    told: list[tuple[int, int]] = []
    with serving(BODY, len(BODY)) as host:
        path = weights.cached_or_downloaded(
            "net", f"{host}/net-{DIGEST}.pth", lambda done, total: told.append((done, total))
        )
    assert path == hub / f"net-{DIGEST}.pth"
    assert path.read_bytes() == BODY
    assert told[-1] == (len(BODY), len(BODY))
    assert list(hub.iterdir()) == [path]


def test_a_file_at_hand_is_not_downloaded(hub):
    hub.mkdir(parents=True)
    (hub / "net-0123abcd.pth").write_bytes(b"mine")
    url = "http://127.0.0.1:9/net-0123abcd.pth"
    assert weights.cached_or_downloaded("net", url, None).read_bytes() == b"mine"


def test_no_network_is_three_lines(hub):
    with serving(b"", 0) as host:
        pass  # a port that nobody listens on any more
    url = f"{host}/net-0123abcd.pth"
    tried, by_hand, without = failure(url)
    path = hub / "net-0123abcd.pth"
    assert tried.startswith(
        f"no weights for net: {path} is not there, and {url} could not be downloaded ("
    )
    assert "refused" in tried.lower()
    assert by_hand == (
        "put net-0123abcd.pth there by hand, or name a .pth or .safetensors with --weights FILE"
    )
    assert without == "or fly without it: liveflight --network efficientnet_lite0"
    assert list(hub.iterdir()) == []


def test_a_download_with_the_wrong_hash_is_thrown_away(hub):
    with serving(BODY, len(BODY)) as host:
        tried, *_ = failure(f"{host}/net-00000000.pth")
    assert f"(what came has SHA-256 {DIGEST}..., not 00000000...)" in tried
    assert list(hub.iterdir()) == []


def test_a_download_that_breaks_off_is_thrown_away(hub):
    with serving(BODY, len(BODY) + 1) as host:
        tried, *_ = failure(f"{host}/net-{DIGEST}.pth")
    assert f"(it broke off after {len(BODY)} of {len(BODY) + 1} bytes)" in tried
    assert list(hub.iterdir()) == []


def test_a_silent_server_is_given_up(hub, monkeypatch):
    monkeypatch.setattr(weights, "TIMEOUT_S", 0.1)
    with serving(b"", 100) as host:
        tried, *_ = failure(f"{host}/stall/net-{DIGEST}.pth")
    assert "timed out" in tried
    assert list(hub.iterdir()) == []


def test_an_endless_download_is_given_up(hub, monkeypatch):
    monkeypatch.setattr(weights, "MAX_BYTES", len(BODY) - 1)
    with serving(BODY, len(BODY)) as host:
        tried, *_ = failure(f"{host}/net-{DIGEST}.pth")
    assert f"(more than {len(BODY) - 1} bytes came)" in tried
    assert list(hub.iterdir()) == []


def test_a_server_that_says_no(hub):
    with serving(b"", 0, status=404) as host:
        tried, *_ = failure(f"{host}/net-{DIGEST}.pth")
    assert "404" in tried


def test_a_cache_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "hub").write_text("not a folder")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    tried, *_ = failure("http://127.0.0.1:9/net-0123abcd.pth")
    assert str(tmp_path / "hub") in tried


def test_giving_up_a_download_leaves_nothing(hub):
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with serving(BODY, len(BODY)) as host, pytest.raises(KeyboardInterrupt):
        weights.cached_or_downloaded("net", f"{host}/net-{DIGEST}.pth", stop)
    assert list(hub.iterdir()) == []
