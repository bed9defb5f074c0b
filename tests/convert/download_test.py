"""Downloads from a local server that breaks off, ignores ranges, lies and changes its file."""

from __future__ import annotations

import base64
import hashlib

import pytest

from perceiver_keras.convert import download as downloads
from perceiver_keras.errors import PerceiverError, UsageError
from tests.convert.server import CONTENT, Server


@pytest.fixture
def server():
    with Server.running() as server:
        yield server


def _fetch(server, folder, **options):
    options = {"tries": 3, "wait_s": 0.0} | options
    return downloads.fetch(f"{server.url}/weights", folder / "weights", **options)


def _names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_comes_once_with_progress(server, tmp_path):
    seen = []
    target = _fetch(server, tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert target.read_bytes() == CONTENT and _names(tmp_path) == ["weights"]
    assert seen[-1] == (len(CONTENT), len(CONTENT)) and seen == sorted(seen)
    _fetch(server, tmp_path)
    assert len(server.requests) == 1


def test_a_break_is_resumed_where_it_happened(server, tmp_path):
    server.break_after = [300_000, 200_000]
    assert _fetch(server, tmp_path).read_bytes() == CONTENT
    ranges = [wanted for _, wanted in server.requests]
    assert ranges == [None, "bytes=300000-", "bytes=500000-"]


def test_what_came_is_kept_for_the_next_run(server, tmp_path):
    server.break_after = [300_000, 100_000]
    with pytest.raises(PerceiverError, match="failed 2 times, last after 400000 bytes.*Run again"):
        _fetch(server, tmp_path, tries=2)
    assert _names(tmp_path) == ["weights.part", "weights.part.json"]
    assert _fetch(server, tmp_path).read_bytes() == CONTENT
    assert server.requests[-1] == ("/weights", "bytes=400000-")


def test_killed_between_the_last_byte_and_the_rename(server, tmp_path):
    server.break_after = [1]
    with pytest.raises(PerceiverError):
        _fetch(server, tmp_path, tries=1)
    (tmp_path / "weights.part").write_bytes(CONTENT)
    assert _fetch(server, tmp_path).read_bytes() == CONTENT


def test_a_server_that_ignores_ranges(server, tmp_path):
    server.ranges = False
    server.break_after = [300_000]
    assert _fetch(server, tmp_path).read_bytes() == CONTENT


def test_a_server_without_etags_is_never_resumed(server, tmp_path):
    server.etag = None
    server.break_after = [300_000]
    assert _fetch(server, tmp_path).read_bytes() == CONTENT
    assert [wanted for _, wanted in server.requests] == [None, None]


def test_a_file_that_changed_meanwhile_starts_over(server, tmp_path):
    server.break_after = [300_000]
    with pytest.raises(PerceiverError):
        _fetch(server, tmp_path, tries=1)
    server.content, server.etag = CONTENT[::-1], '"two"'
    assert _fetch(server, tmp_path).read_bytes() == CONTENT[::-1]


def test_a_file_that_shrank_starts_over(server, tmp_path):
    server.break_after = [300_000]
    with pytest.raises(PerceiverError):
        _fetch(server, tmp_path, tries=1)
    server.content = CONTENT[:1000]
    assert _fetch(server, tmp_path).read_bytes() == CONTENT[:1000]


def test_a_server_that_promises_more_than_it_sends(server, tmp_path):
    server.extra_length = 10
    server.break_after = [len(CONTENT)] * 3
    with pytest.raises(PerceiverError, match="failed 3 times"):
        _fetch(server, tmp_path)
    assert not (tmp_path / "weights").exists()


def test_a_known_hash_is_checked(server, tmp_path):
    digest = hashlib.sha256(CONTENT).hexdigest()
    server.content = CONTENT[:-1] + b"\0"
    with pytest.raises(PerceiverError, match=f"not {digest}: it is damaged or was replaced"):
        _fetch(server, tmp_path, sha256=digest)
    assert _names(tmp_path) == []
    server.content = CONTENT
    assert _fetch(server, tmp_path, sha256=digest).read_bytes() == CONTENT


def test_the_hash_that_googles_storage_sends_is_checked(server, tmp_path):
    md5 = base64.b64encode(hashlib.md5(CONTENT).digest()).decode()
    server.headers = {"x-goog-hash": f"crc32c=AAAAAA==,md5={md5}"}
    server.content = CONTENT[::-1]
    with pytest.raises(PerceiverError, match="damaged or was replaced"):
        _fetch(server, tmp_path)
    server.content, server.break_after = CONTENT, [1000]
    assert _fetch(server, tmp_path).read_bytes() == CONTENT


def test_errors_of_the_server(server, tmp_path):
    server.status = 403
    with pytest.raises(PerceiverError, match="the server said 403"):
        _fetch(server, tmp_path)
    assert len(server.requests) == 1  # asking again would not help
    server.status = 503
    with pytest.raises(PerceiverError, match="failed 3 times.*503"):
        _fetch(server, tmp_path)


def test_being_offline_gives_a_readable_error(tmp_path):
    with pytest.raises(PerceiverError, match="can't be reached.*Offline.*PERCEIVER_CACHE"):
        downloads.fetch("http://127.0.0.1:9/weights", tmp_path / "weights")


@pytest.mark.parametrize(
    ("source", "get"),
    [
        ("deepmind", "curl -O .*/optical_flow_checkpoint.pystate; .* --weights optical_flow_"),
        (
            "huggingface",
            "huggingface-cli download deepmind/optical-flow-perceiver --local-dir optical-flow-perceiver; .*"
            "--init optical-flow-perceiver",
        ),
    ],
)
def test_being_offline_says_where_the_weights_are_to_be_had(tmp_path, source, get):
    with pytest.raises(PerceiverError, match=rf"can't be reached.*connection: {get}") as caught:
        downloads.download("optical_flow", source, cache=tmp_path, base_url="http://127.0.0.1:9")
    assert "\n" not in str(caught.value)


def test_what_is_in_the_cache_is_known(tmp_path, monkeypatch):
    monkeypatch.setenv("PERCEIVER_CACHE", str(tmp_path))
    assert downloads.cached("optical_flow") is None
    folder = tmp_path / "huggingface" / "optical-flow-perceiver"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"")
    assert downloads.cached("optical_flow") is None  # its config.json has not come yet
    (folder / "config.json").write_text("{}")
    assert downloads.cached("optical_flow") == "huggingface"
    (tmp_path / "deepmind").mkdir()
    (tmp_path / "deepmind" / "optical_flow_checkpoint.pystate").write_bytes(b"")
    assert downloads.cached("optical_flow") == "deepmind"


def test_a_folder_that_can_not_be_written(server, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PerceiverError, match="can't be written"):
        downloads.fetch(f"{server.url}/weights", tmp_path / "file" / "weights")


def test_only_web_addresses(tmp_path):
    with pytest.raises(UsageError, match="is not a web address"):
        downloads.fetch("file:///etc/passwd", tmp_path / "weights")


def test_deepmind_names(server, tmp_path):
    path = downloads.download("optical_flow", "deepmind", cache=tmp_path, base_url=server.url)
    assert path == tmp_path / "deepmind" / "optical_flow_checkpoint.pystate"
    assert server.requests == [("/optical_flow_checkpoint.pystate", None)]


@pytest.mark.parametrize("converted", [True, False])
def test_huggingface_names(server, tmp_path, monkeypatch, converted):
    """The .safetensors if the repository has one, else the .bin; the result is the folder."""
    monkeypatch.setenv("PERCEIVER_CACHE", str(tmp_path))
    root = "/deepmind/vision-perceiver-conv/resolve/main"
    if not converted:
        server.missing = {f"{root}/model.safetensors"}
    for _ in range(2):
        folder = downloads.download(
            "imagenet_conv_preprocessing", "huggingface", base_url=server.url
        )
    weights = "model.safetensors" if converted else "pytorch_model.bin"
    assert _names(folder) == sorted(["config.json", weights])
    assert server.requests[-1] == (f"{root}/{weights}", None)
    assert len(server.requests) == (2 if converted else 3)


def test_unknown_presets_and_sources(tmp_path):
    with pytest.raises(UsageError, match="Did you mean 'optical_flow'"):
        downloads.download("optical_flo", "deepmind", cache=tmp_path)
    with pytest.raises(UsageError, match="Did you mean 'deepmind'"):
        downloads.download("optical_flow", "deepmint", cache=tmp_path)


def test_every_released_model_can_be_downloaded():
    from perceiver_keras.convert.names import RELEASED

    assert downloads.DEEPMIND_FILES.keys() == RELEASED.keys()
    assert downloads.HUGGINGFACE_REPOSITORIES.keys() == RELEASED.keys()
