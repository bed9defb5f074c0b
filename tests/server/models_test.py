"""Versions come and go: nothing accepted is lost, nothing half-loaded answers, and what is broken is told."""

from __future__ import annotations

import asyncio
import re
import shutil
import threading
import time
import types
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
from tensorflow_serving.apis import get_model_status_pb2, model_management_pb2

from perceiver_keras.server import models as the_models
from perceiver_keras.server.metrics import Metrics
from perceiver_keras.server.models import Models
from perceiver_keras.server.settings import Limits, ModelSource
from perceiver_keras.server.status import Code, ServingError
from tests.server import tiny_models
from tests.server.running import running


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Two SavedModels, loaded often and hence with one signature; the bias of the second is 3."""
    folder, bias, only = tmp_path_factory.mktemp("two"), tiny_models.BIAS, ("serving_default",)
    return [tiny_models.save(folder / str(i), bias + i, only) for i in (0, 1)]


def answer(found, **where) -> tuple[float, int]:
    """(y of x = 0, which is the bias, and the version that answered)."""
    response = found.predict(where.pop("model", "m"), x=np.float32([0]))
    return response.outputs["y"].float_val[0], response.model_spec.version.value


def wait_for(told, seconds=30.0) -> None:
    end = time.monotonic() + seconds
    while not told():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def states(found, model="m") -> dict[int, str]:
    asked = get_model_status_pb2.GetModelStatusRequest()
    asked.model_spec.name = model
    rows = found.management.GetModelStatus(asked).model_version_status
    return {row.version: row.State.Name(row.state) for row in rows}


def break_(folder, how: str) -> None:
    if how == "no variables":
        shutil.rmtree(folder / "variables")
    elif how == "cut graph":
        (folder / "saved_model.pb").write_bytes((folder / "saved_model.pb").read_bytes()[:500])
    elif how == "cut variables":
        (path,) = folder.glob("variables/*.data-*")
        path.write_bytes(b"")
    else:
        (folder / "assets.extra").mkdir()
        (folder / "assets.extra" / "tf_serving_warmup_requests").write_bytes(
            b"no record of any kind"
        )


def test_swaps_under_load_lose_nothing_and_broken_versions_never_answer(two, tmp_path) -> None:
    """Each answer has the bias of the version that it names: none came from another, or from half of one."""
    base = tmp_path / "m"
    tiny_models.publish(two[1], base, 1)
    kinds = ["", "no variables", "", "cut graph", "cut variables", "", "warm-up"]
    with running([ModelSource(name="m", base_path=str(base))]) as found:
        answers, errors, stop = [], [], threading.Event()

        def ask():
            while not stop.is_set():
                try:
                    answers.append(answer(found))
                except grpc.RpcError as error:
                    errors.append(error)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for version, kind in enumerate(kinds, 2):
            aside = shutil.copytree(two[version % 2], tmp_path / "aside")
            if kind:
                break_(aside, kind)
            aside.rename(base / str(version))
            words = f"m version {version} is {'skipped' if kind else 'available'}"
            wait_for(lambda words=words: any(line.startswith(words) for line in found.said))
        time.sleep(0.1)
        stop.set()
        for thread in threads:
            thread.join()
        assert errors == []
        assert {version for _, version in answers} == {1, 2, 4, 7}
        assert all(bias == tiny_models.BIAS + version % 2 for bias, version in answers)
        wait_for(lambda: set(states(found).values()) == {"AVAILABLE", "END"})
        assert {v for v, state in states(found).items() if state == "AVAILABLE"} == {7}


@pytest.mark.parametrize("how", ["no variables", "cut variables"])
def test_a_restart_finds_the_newest_good_version_and_repairs_are_noticed(
    two, tmp_path, how
) -> None:
    base = tmp_path / "m"
    for version in (1, 2):
        tiny_models.publish(two[0], base, version)
    broken = tiny_models.publish(two[1], base, 3)
    break_(broken, how)
    with running([ModelSource(name="m", base_path=str(base))]) as found:
        assert answer(found) == (2.0, 2)
        (line,) = (line for line in found.said if "version 3 is skipped" in line)
        assert str(broken) in line
        status, told = found.ask("/v1/models/m/versions/3")
        assert status == 200 and told["model_version_status"][0]["state"] == "END"
        assert told["model_version_status"][0]["status"]["error_code"] != "OK"
        shutil.copytree(two[1] / "variables", broken / "variables", dirs_exist_ok=True)
        wait_for(lambda: answer(found) == (3.0, 3))
        shutil.rmtree(broken)  # a rollback: the older one is served again
        wait_for(lambda: answer(found) == (2.0, 2))
        shutil.rmtree(base)  # a folder that is gone ends nothing
        time.sleep(0.3)
        assert answer(found) == (2.0, 2)


def test_policies_labels_and_reloads(two, tmp_path) -> None:
    base = tmp_path / "m"
    for version in (1, 2, 3):
        tiny_models.publish(two[version % 2], base, version)
    specific = ModelSource(name="m", base_path=str(base), policy="specific", versions=(1, 2))
    with running([specific]) as found:
        assert states(found) == {1: "AVAILABLE", 2: "AVAILABLE"}
        asked = model_management_pb2.ReloadConfigRequest()
        rows = asked.config.model_config_list.config
        row = rows.add(name="m", base_path=str(base))
        row.model_version_policy.specific.versions.extend([2, 3])
        row.version_labels["new"] = 3
        with pytest.raises(grpc.RpcError) as caught:
            found.management.HandleReloadConfigRequest(asked)
        assert caught.value.code() == grpc.StatusCode.FAILED_PRECONDITION
        assert states(found) == {1: "AVAILABLE", 2: "AVAILABLE"}
        row.version_labels.clear()
        found.management.HandleReloadConfigRequest(asked)
        wait_for(lambda: states(found) == {1: "END", 2: "AVAILABLE", 3: "AVAILABLE"})
        row.version_labels["new"] = 3
        row.version_labels["old"] = 2
        rows.add(name="again", base_path=str(base))
        found.management.HandleReloadConfigRequest(asked)
        body = {"inputs": [0]}
        for label, bias in (("old", 2.0), ("new", 3.0)):
            path = f"/v1/models/m/labels/{label}:predict"
            assert found.ask(path, body) == (200, {"outputs": [bias]})
        assert answer(found, model="again") == (3.0, 3)
        del rows[0]
        found.management.HandleReloadConfigRequest(asked)
        assert found.ask("/v1/models/m:predict", body)[0] == 404
        assert answer(found, model="again") == (3.0, 3)


def test_the_time_of_loading_is_a_model_s_own(tmp_path, monkeypatch) -> None:
    def slow(*given):
        time.sleep(0.5)
        return types.SimpleNamespace(close=lambda: None)

    monkeypatch.setattr(the_models, "LoadedModel", slow)
    monkeypatch.setattr(the_models, "warm_up", lambda *given: 0)
    said, sources = [], []
    for name in "abcd":
        (tmp_path / name / "1").mkdir(parents=True)
        sources.append(ModelSource(name=name, base_path=str(tmp_path / name)))

    async def main():
        models = Models(sources, Limits(), Metrics(), said.append)
        await models.look()
        await models.close()

    asyncio.run(main())
    seconds = [
        float(found[1]) for found in map(re.compile(r"available \((.*) s\)").search, said) if found
    ]
    assert len(seconds) == 4 and all(0.5 <= each < 1.5 for each in seconds), said


def test_a_version_stays_open_for_who_uses_it(two, tmp_path) -> None:
    base = tmp_path / "m"
    tiny_models.publish(two[0], base, 1)
    source = ModelSource(name="m", base_path=str(base))

    async def main():
        models = Models([source], Limits(), Metrics(), lambda line: None)
        await models.look()
        with models.using("m", None, None) as version:
            tiny_models.publish(two[1], base, 2)
            await models.look()
            assert (version.state, version.loaded is None) == (the_models.UNLOADING, False)
            with pytest.raises(ServingError) as caught, models.using("m", 1, None):
                pass
            assert caught.value.code == Code.NOT_FOUND
            signature = version.loaded.signatures["serving_default"]
            assert version.loaded.run(signature, {"x": np.float32([0])})["y"].tolist() == [2.0]
        assert (version.state, version.loaded) == (the_models.END, None)
        await models.close()

    asyncio.run(main())


def test_a_model_that_moves_answers_from_the_old_folder_until_the_new_one_can(
    two, tmp_path
) -> None:
    """As long as a folder has no version, or a broken one, which may have the same number."""
    here, there = (ModelSource(name="m", base_path=str(tmp_path / at)) for at in ("here", "there"))
    old = tiny_models.publish(two[0], tmp_path / "here", 1)
    gone = ModelSource(name="other", base_path=there.base_path)

    async def main():
        models = Models([here, gone], Limits(), Metrics(), lambda line: None)

        def told() -> tuple[str, list[tuple[int, int]]]:
            states = [(one.number, one.state) for one in models.status("m", None, None)]
            with models.using("m", None, None) as version:
                return version.loaded.folder, states

        await models.look()
        with models.using("m", None, None) as first:
            pass
        await models.reload([there])
        assert told() == (str(old), [(1, the_models.AVAILABLE)])
        new = tiny_models.publish(two[1], tmp_path / "there", 1)
        saved = (new / "saved_model.pb").read_bytes()
        (new / "saved_model.pb").write_bytes(b"no graph")
        await models.look()
        both = [(1, the_models.AVAILABLE), (1, the_models.END)]
        assert told() == (str(old), both) and models.ready()
        await models.reload([here])  # back again: what was loaded all the time is not loaded again
        assert told() == (str(old), [(1, the_models.AVAILABLE)])
        with models.using("m", None, None) as version:
            assert version is first
        await models.reload([there])
        assert told() == (str(old), both)
        (new / "saved_model.pb").write_bytes(saved)
        with models.using("m", None, None):
            await models.look()
            assert told() == (str(new), [(1, the_models.AVAILABLE)])
            assert (first.state, first.loaded is None) == (the_models.UNLOADING, False)
        assert (first.state, first.loaded) == (the_models.END, None)
        await models.reload([here])
        assert told() == (str(old), [(1, the_models.AVAILABLE)])
        await models.close()

    asyncio.run(main())


def test_while_models_exchange_their_folders_every_request_is_answered(two, tmp_path) -> None:
    sources = []
    for bias, name in enumerate("mn"):
        tiny_models.publish(two[bias], tmp_path / name, 1)
        sources.append(ModelSource(name=name, base_path=str(tmp_path / name)))
    asked = model_management_pb2.ReloadConfigRequest()
    for name, at in ("mn", "nm"):
        asked.config.model_config_list.config.add(name=name, base_path=str(tmp_path / at))
    with running(sources) as found, ThreadPoolExecutor(1) as pool:
        reload = pool.submit(found.management.HandleReloadConfigRequest, asked)
        seen = {answer(found)}
        while not reload.done():
            seen.add(answer(found))
        assert reload.result() is not None and seen <= {(2.0, 1), (3.0, 1)}
        assert answer(found) == (3.0, 1) and answer(found, model="n") == (2.0, 1)


def test_without_any_version_the_server_runs_and_says_not_found(tmp_path) -> None:
    with running([ModelSource(name="m", base_path=str(tmp_path / "none"))]) as found:
        assert found.ask("/v1/models/m:predict", {"inputs": [0]})[0] == 404
        assert not found.server.models.ready()
