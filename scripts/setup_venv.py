"""Install exactly a lock and this project into `.venv`; do nothing if that is done already.

The lock is that of the Python that runs this: requirements.lock for 3.10, one of requirements-modern*.lock for a newer
one. With PERCEIVER_STACK=modern the environment is `.venv-modern`.

Standard library only, because it runs before anything is installed. A stamp, written last, has the
hash of everything that the setup depends on; a marker, written first, shows that a setup was
interrupted.
"""

from __future__ import annotations

import ast
import contextlib
import fcntl
import hashlib
import json
import os
import re
import runpy
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# What only tests read, in a folder of its own. KServe's needs do not fit the other packages, and with
# kubernetes-validate at hand TFX's import takes two seconds more.
SCHEMAS = "requirements-schemas.lock"
INPUTS = ("setup.py", "pyproject.toml", SCHEMAS)  # and the lock
LOCKS = {
    "classic": "requirements.lock",
    "modern": "requirements-modern.lock",
    "core": "requirements-modern-core.lock",  # without the pipeline, which can't be installed everywhere
}
MAKE_VENV = ("-m", "venv", "--clear")  # with pip: TFX builds wheels with `python -m pip`
LARGE_WHEEL_TIMEOUT = "300"  # seconds; tensorflow alone is 450 MB


class SetupError(Exception):
    """The setup cannot continue; the message says why."""


def say(text: str) -> None:
    print(f"[setup] {text}", file=sys.stderr, flush=True)


def venv_of(root: Path) -> Path:
    """The environment that is made; one that was asked for by name does not replace the default one."""
    return root / (".venv-modern" if os.environ.get("PERCEIVER_STACK") == "modern" else ".venv")


def schemas_of(root: Path) -> Path:
    """Where the packages are of which tests read the schemas; no process finds them by itself."""
    return venv_of(root) / "schemas"


def lock_of(root: Path) -> Path:
    """The lock for this Python and this machine."""
    if sys.version_info < (3, 11):
        return root / LOCKS["classic"]
    return root / LOCKS["core" if no_pipeline(root) else "modern"]


def no_pipeline(root: Path) -> str:
    """Why TFX can't be installed here; "" if it can."""
    return runpy.run_path(str(root / "perceiver_keras" / "stack.py"))["no_pipeline"]()


def wanted_stamp(root: Path) -> dict[str, str]:
    """The stamp of a finished environment; it has the root because scripts contain absolute paths."""
    digest = hashlib.sha256()
    for name in (lock_of(root).name, *INPUTS):
        digest.update((root / name).read_bytes() + b"\0")
    return {
        "inputs": digest.hexdigest(),
        # An editable install maps the top-level packages that existed when it was made.
        "packages": " ".join(sorted(init.parent.name for init in root.glob("*/__init__.py"))),
        "python": "{}.{}.{}".format(*sys.version_info[:3]),
        "root": str(root),
    }


def read_stamp(venv: Path) -> dict[str, str] | None:
    """The stamp of a finished setup, or None."""
    try:
        stamp = json.loads((venv / "setup-stamp.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return stamp if isinstance(stamp, dict) else None


def must_recreate(venv: Path, wanted: Mapping[str, str]) -> str:
    """Why `venv` must be created again, or "" if it can be updated."""
    if (venv / "setup-in-progress").exists():
        return "the last setup was interrupted"
    stamp = read_stamp(venv)
    if stamp and stamp.get("root") != wanted["root"]:
        return "the folder was moved or copied"
    if stamp and stamp.get("python") != wanted["python"]:
        return f"it was made with Python {stamp.get('python')}"
    return ""


@contextlib.contextmanager
def only_one(root: Path) -> Iterator[None]:
    """Hold the setup's lock. The kernel releases it when the process ends, even if it is killed."""
    with open(root / ".venv.lock", "w", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another setup is running in this folder: waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def pip_settings(listing: str) -> dict[str, str]:
    """`pip config list` as one dict; the environment overrides [install], which overrides [global]."""
    found: dict[str, tuple[int, str]] = {}
    order = {":env:": 0, "install": 1, "global": 2}
    for line in listing.splitlines():
        match = re.fullmatch(r"(:env:|install|global)\.([a-z-]+)=(.+)", line.strip())
        if not match:
            continue
        section, key, text = match.groups()
        try:
            value = str(ast.literal_eval(text))
        except (ValueError, SyntaxError):
            continue
        if key not in found or order[section] < found[key][0]:
            found[key] = (order[section], value)
    return {key: value for key, (_, value) in found.items()}


def uv_environment(pip: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """The environment in which uv does what pip is configured to do. uv's own variables are kept."""
    for_uv = {"UV_HTTP_TIMEOUT": LARGE_WHEEL_TIMEOUT, "UV_PYTHON_DOWNLOADS": "never"}
    if "index-url" in pip:
        for_uv["UV_DEFAULT_INDEX"] = pip["index-url"]
    extra = [url for url in pip.get("extra-index-url", "").split() if url.startswith("http")]
    if extra:
        for_uv["UV_INDEX"] = " ".join(extra)
        for_uv["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # as pip chooses
    links = [x for x in pip.get("find-links", "").split() if "://" in x or Path(x).exists()]
    if links:
        for_uv["UV_FIND_LINKS"] = ",".join(links)
    if "trusted-host" in pip:
        for_uv["UV_INSECURE_HOST"] = pip["trusted-host"]
    if "cert" in pip:
        for_uv["SSL_CERT_FILE"] = pip["cert"]
    if "proxy" in pip:
        for_uv["HTTPS_PROXY"] = for_uv["HTTP_PROXY"] = pip["proxy"]
    return {**for_uv, **clean_environment(environ)}


def clean_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` without what would direct an installation to another place than .venv."""
    astray = {"PYTHONHOME", "PYTHONPATH", "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "VIRTUAL_ENV"}
    return {key: value for key, value in environ.items() if key not in astray}


def run(*command: str | Path, env: Mapping[str, str] | None = None, cwd: Path = ROOT) -> bool:
    """Run a command; its output goes to stderr. True if it succeeded."""
    words = [str(word) for word in command]
    env = clean_environment(os.environ) if env is None else env
    try:
        return subprocess.run(words, env=env, cwd=cwd, stdout=sys.stderr).returncode == 0
    except OSError as error:
        say(f"{words[0]}: {error.strerror}")
        return False


def base_python() -> Path:
    """The interpreter behind this one: a .venv cannot be created again by its own python."""
    named = Path(sys.base_prefix, "bin", "python{}.{}".format(*sys.version_info[:2]))
    return named if named.exists() else Path(sys.executable).resolve()


def runs(python: Path) -> bool:
    """Whether the interpreter at `python` exists, runs and has pip."""
    try:
        command = [python, "-m", "pip", "--version"]
        return subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        return False


def uv_and_environment(root: Path) -> tuple[Path | None, dict[str, str]]:
    """uv in the environment at the locked version (None if pip cannot install it), and its variables."""
    python = venv_of(root) / "bin" / "python"
    env = clean_environment(os.environ)
    listing = subprocess.run(
        [python, "-m", "pip", "config", "list"], env=env, capture_output=True, text=True
    ).stdout
    lock = lock_of(root).read_text(encoding="utf-8")
    pin = re.search(r"^uv==\S+$", lock, re.MULTILINE)
    uv = venv_of(root) / "bin" / "uv"
    if not run(python, "-m", "pip", "install", "-qq", pin.group() if pin else "uv", env=env):
        say("uv is unavailable: using pip, which takes a few minutes longer")
        return None, env
    return uv, uv_environment(pip_settings(listing), os.environ)


def install(root: Path) -> None:
    """Install the lock, then the project itself (editable)."""
    python = venv_of(root) / "bin" / "python"
    uv, env = uv_and_environment(root)
    # As pip does. Else, where PYTHONDONTWRITEBYTECODE is set, every process would compile all that it imports.
    env = {"UV_COMPILE_BYTECODE": "1"} | env
    lock = lock_of(root)
    count = len(pins(root))
    quiet = [] if sys.stderr.isatty() else ["--quiet"]
    size = 1.9 if lock.name == LOCKS["core"] else 2.6
    say(f"installing {count} packages ({size} GB on disk; one to five minutes the first time)")
    if why := no_pipeline(root):
        say(f"without the pipeline (`perceiver run`): {why}")
    apart = ["--target", schemas_of(root), "--upgrade"]
    for named in (["-r", lock], ["-r", root / SCHEMAS, *apart]):
        fast = [uv, "pip", "install", *quiet, "--python", python, "--no-deps", *named]
        slow = [python, "-m", "pip", "install", "-qq", "--no-deps", *named]
        if not (uv and run(*fast, env=env)):
            if uv:
                say("uv failed (see its output above): trying pip")
            if not run(*slow):
                raise SetupError("the packages could not be installed; see pip's output above")
    say("installing perceiver-keras itself (editable: changes here take effect at once)")
    here = ["--no-deps", "--no-build-isolation", "--editable", root]
    fast = [uv, "pip", "install", *quiet, "--python", python, *here]
    slow = [python, "-m", "pip", "install", "--quiet", *here]
    if not (uv and run(*fast, env=env)) and not run(*slow):
        raise SetupError("the project itself could not be installed; see the output above")
    check_installed(root)


def pins(root: Path) -> list[str]:
    """All that is installed, each as name==version."""
    return [
        line for path in (lock_of(root), root / SCHEMAS) for line in path.read_text("utf-8").split()
    ]


def check_installed(root: Path) -> None:
    """Check that the environment has every line of the lock, and the project."""
    program = (
        "import importlib.metadata as m, json, re, sys\n"
        "sys.path.append(sys.argv[1])\n"
        "norm = lambda s: re.sub(r'[-_.]+', '-', s).lower()\n"
        "print(json.dumps({norm(d.metadata['Name']): d.version for d in m.distributions()}))"
    )
    python = venv_of(root) / "bin" / "python"
    done = subprocess.run(
        [python, "-c", program, schemas_of(root)],
        env=clean_environment(os.environ),
        capture_output=True,
        text=True,
        cwd=root / "scripts",
    )
    if done.returncode:
        raise SetupError(f"the new environment does not work: {done.stderr.strip()}")
    have = json.loads(done.stdout)
    wrong = [line for line in pins(root) if have.get(line.split("==")[0]) != line.split("==")[1]]
    if wrong or "perceiver-keras" not in have:
        raise SetupError(f"not installed as locked: {', '.join(wrong) or 'perceiver-keras'}")


def set_up(root: Path = ROOT) -> None:
    """Bring the environment up to date. Safe to interrupt, to repeat and to run twice at once."""
    venv = venv_of(root)
    wanted = wanted_stamp(root)
    with only_one(root):
        marker = venv / "setup-in-progress"
        if read_stamp(venv) == wanted and not marker.exists():
            return
        start = time.monotonic()
        why = must_recreate(venv, wanted)
        base = base_python()
        if why or not runs(venv / "bin" / "python"):
            say(
                f"creating {venv.name} with Python {wanted['python']}" + (f": {why}" if why else "")
            )
            if not run(base, *MAKE_VENV, venv):
                raise SetupError(f"{base} cannot create a virtual environment in {venv}")
        else:
            say(f"{venv.name} differs from {lock_of(root).name}: bringing it up to date")
        marker.touch()
        install(root)
        aside = venv / f"setup-stamp.json.tmp-{os.getpid()}"
        aside.write_text(json.dumps(wanted), encoding="utf-8")
        os.replace(aside, venv / "setup-stamp.json")
        marker.unlink()
        say(f"ready in {time.monotonic() - start:.0f} s")


def main() -> int:
    try:
        set_up()
    except SetupError as error:
        say(f"failed: {error}. Fix that and run the same command again.")
        return 1
    except OSError as error:
        say(f"failed: {error}. Is the disk full, or the folder read-only?")
        return 1
    except KeyboardInterrupt:
        say("stopped. The next run will start over.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
