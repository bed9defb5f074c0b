"""The embedded server answers as TensorFlow Serving's documents and code say, case by case."""

from __future__ import annotations

from tests.server import cases, table


def test_rest(server) -> None:
    results = list(table.over_rest(f"127.0.0.1:{server.ports['rest']}"))
    assert len(results) == len(cases.REST) > 40
    assert [(case, wrong) for case, wrong in results if wrong] == []


def test_grpc(server) -> None:
    results = list(table.over_grpc(f"127.0.0.1:{server.ports['grpc']}"))
    assert len(results) == len(cases.GRPC) > 9
    assert [(case, wrong) for case, wrong in results if wrong] == []


def test_the_script_counts_and_tells_what_differs(server, capsys, monkeypatch) -> None:
    places = [
        f"--rest=127.0.0.1:{server.ports['rest']}",
        f"--grpc=127.0.0.1:{server.ports['grpc']}",
    ]
    total = len(cases.REST) + len(cases.GRPC)
    assert table.main(places) == 0
    assert capsys.readouterr().out == f"{total} cases, 0 not as documented\n"
    wrong = cases.predict({"inputs": [1]}, 200, {"outputs": [9.0]}, "nowhere")
    monkeypatch.setattr(cases, "REST", [wrong])
    assert table.main(places[:1]) == 1
    assert "{'outputs': [2.5]}, expected {'outputs': [9.0]}" in capsys.readouterr().out
