"""Python's own audit hook proves it: an attack makes us open its file and do nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.convert import attacks

# Runs in a fresh process, because an audit hook can't be removed. The readers are used once before the
# hook watches, so that their own imports are done by then.
WATCH = """
import json, os, sys
from pathlib import Path
from perceiver_keras.convert.kind import kind_of
from perceiver_keras.convert.pickles import load_pickle
from perceiver_keras.convert.torch_bin import load_torch_bin
from perceiver_keras.errors import PerceiverError

readers = {".pickle": load_pickle, ".bin": load_torch_bin}
honest, hostile = ([p for p in sorted(Path(d).iterdir())] for d in sys.argv[1:3])
events, watching = [], False

def hook(event, arguments):
    if watching and event not in HARMLESS:
        events.append([event, repr(arguments)[:200]])

HARMLESS = {"object.__getattr__", "sys._getframe"}
sys.addaudithook(hook)
for path in honest + hostile[:1] + hostile[-1:]:
    try:
        readers[path.suffix](path)
    except PerceiverError:
        pass
loaded, seen = [], {}
for path in honest + hostile:
    events.clear()
    name, reader = os.fspath(path), readers[path.suffix]
    watching = True
    try:
        reader(name)
        loaded.append(path.name)
    except PerceiverError:
        pass
    watching = False
    seen[path.name] = [e for e in events if not (e[0] == "open" and path.name in e[1])]
events.clear()
watching = True
__import__("colorsys")  # the hook does see an import
watching = False
print(json.dumps({"loaded": loaded, "seen": seen, "control": [e[0] for e in events]}))
"""


def test_attacks_cause_no_import_no_call_and_no_other_file(tmp_path):
    honest, hostile = tmp_path / "honest", tmp_path / "hostile"
    honest.mkdir()
    hostile.mkdir()
    data = Path(__file__).parent / "data"
    for name in ("jax_0_10_haiku_0_0_17.pickle", "torch_2_13.bin"):
        (honest / name).write_bytes((data / name).read_bytes())
    for name, content in attacks.pickles().items():
        (hostile / f"{name}.pickle").write_bytes(content)
    for name, content in attacks.torch_bins().items():
        (hostile / f"{name}.bin").write_bytes(content)
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", WATCH, str(honest), str(hostile)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(root), "PATH": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["loaded"] == sorted(path.name for path in honest.iterdir())
    assert len(report["seen"]) == 2 + len(attacks.pickles()) + len(attacks.torch_bins())
    assert {name: events for name, events in report["seen"].items() if events} == {}
    assert "import" in report["control"]
    assert not (tmp_path / attacks.MARKER).exists()
