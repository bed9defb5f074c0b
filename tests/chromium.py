"""A headless Chromium, driven over its DevTools protocol through two pipes: no driver, no port and no library."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MISSING = "there is no Chromium here: `apt-get install chromium`, or put one on the PATH"
FLAGS = (
    "--headless=new", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu",
    "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--hide-scrollbars", "--autoplay-policy=no-user-gesture-required",
)  # fmt: skip
SECONDS = 30.0
# Chromium reads from 3 and writes to 4. A shell does not pass numbers above 9, and a fork of this process with code in
# it is not safe among threads.
START = """
import fcntl, os, sys
pipes = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3]]
for pipe, number in zip(pipes, (3, 4)):
    os.dup2(pipe, number)
os.execv(sys.argv[3], sys.argv[3:])
"""


def binary() -> str | None:
    """The first Chromium on the PATH."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Broken(AssertionError):
    """The page threw, or what was waited for did not come."""


class Tab:
    """One page. Attributes: `problems`, what it threw or logged as an error; `asked`, the addresses that it asked."""

    def __init__(self, browser: Browser) -> None:
        self._browser, self.problems, self.asked = browser, [], []
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        attached = browser.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        browser.tabs[self._session] = self
        for domain in ("Page", "Runtime", "Log", "DOM"):
            self.call(f"{domain}.enable")
        self.call("Network.enable", maxPostDataSize=1)  # else each request comes here, too

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol."""
        return self._browser.call(method, self._session, **parameters)

    def event(self, method: str, parameters: dict[str, Any]) -> None:
        """Keeps what a test may want to know."""
        if method == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            self.problems.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            entry = parameters["entry"]
            self.problems.append(f"{entry['text']} ({entry.get('url', '')})")
        elif method == "Network.requestWillBeSent":
            self.asked.append(parameters["request"]["url"])

    def open(self, address: str, width: int = 1200, height: int = 900, dark: bool = False) -> None:
        """Goes to an address, with a window of that size and the colours that people prefer."""
        self.shape(width, height, dark)
        self.call("Page.navigate", url=address)
        self.wait("document.readyState === 'complete'")

    def shape(self, width: int, height: int, dark: bool = False) -> None:
        """Changes the window's size and the preferred colours."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def run(self, script: str) -> Any:
        """The value of an expression, awaited."""
        answer = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True,
            userGesture=True,
        )  # fmt: skip
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise Broken(details.get("exception", {}).get("description", details["text"]))
        return answer["result"].get("value")

    def wait(self, condition: str, seconds: float = SECONDS) -> None:
        """Waits until an expression is true."""
        end = time.monotonic() + seconds
        while not self.run(f"Promise.resolve({condition}).then(Boolean)"):
            if time.monotonic() > end:
                shown = self.run("document.body ? document.body.innerText : ''")
                raise Broken(f"{condition} did not become true; the page shows:\n{shown}")
            time.sleep(0.03)

    def text(self, selector: str) -> str:
        """What people read in the first element of a kind."""
        return self.run(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''")

    def click(self, selector: str) -> None:
        """Clicks the first element of a kind, which must be there and not disabled."""
        self.wait(f"document.querySelector({json.dumps(selector)})?.disabled === false")
        self.run(f"document.querySelector({json.dumps(selector)}).click()")

    def files(self, selector: str, paths: Sequence[Path]) -> None:
        """Chooses files, as dropping them does."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(path) for path in paths])

    def fill(self, selector: str, text: str) -> None:
        """Puts a text into a field."""
        field = f"document.querySelector({json.dumps(selector)})"
        self.run(f"{field}.value = {json.dumps(text)}; {field}.dispatchEvent(new Event('input'))")

    def press(self, key: str, code: int, text: str = "") -> None:
        """One key, down and up."""
        known = {"key": key, "code": key, "windowsVirtualKeyCode": code, "text": text}
        self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", **known)
        self.call("Input.dispatchKeyEvent", type="keyUp", **known)

    def picture(self, path: Path) -> Path:
        """Saves the whole page as a PNG."""
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))
        return path

    def close(self) -> None:
        """Closes the page."""
        self.call("Page.close")


class Browser:
    """A process of Chromium; `tabs` by their session."""

    def __init__(self, process: subprocess.Popen, read: int, write: int) -> None:
        self._process, self._read, self._write = process, read, write
        self._parts, self._number, self._answers = [], 0, {}
        self.tabs: dict[str, Tab] = {}

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol, and its answer."""
        self._number += 1
        number = self._number
        message = {"id": number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + 2 * SECONDS
        while number not in self._answers:
            self._hear(end - time.monotonic(), method)
        answer = self._answers.pop(number)
        if "error" in answer:
            raise Broken(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def _hear(self, seconds: float, method: str) -> None:
        if not select.select([self._read], [], [], max(0.0, seconds))[0]:
            raise Broken(f"Chromium does not answer {method}")
        part = os.read(self._read, 1 << 20)
        if not part:
            raise Broken(f"Chromium has ended with {self._process.wait(5)}")
        self._parts.append(part)
        if b"\0" not in part:
            return
        *whole, rest = b"".join(self._parts).split(b"\0")
        self._parts = [rest]
        for text in whole:
            found = json.loads(text)
            if "id" in found:
                self._answers[found["id"]] = found
            elif found.get("sessionId") in self.tabs:
                self.tabs[found["sessionId"]].event(found["method"], found["params"])


@contextlib.contextmanager
def chromium(*flags: str) -> Iterator[Browser]:
    """Starts one, and ends it."""
    path = binary()
    assert path, MISSING
    # As root it starts only without its sandbox; it sees nothing but our own page.
    root = ("--no-sandbox",) if os.geteuid() == 0 else ()
    to_read, to_write = os.pipe()
    from_read, from_write = os.pipe()
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as folder:
        words = [path, *FLAGS, *root, *flags, f"--user-data-dir={folder}", "about:blank"]
        process = subprocess.Popen(
            [sys.executable, "-S", "-c", START, str(to_read), str(from_write), *words],
            pass_fds=(to_read, from_write),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(from_write)
        try:
            yield Browser(process, from_read, to_write)
        finally:
            # Without its pipes it ends; a profile to be thrown away needs no orderly end.
            os.close(to_write)
            os.close(from_read)
            process.kill()
            process.wait()
