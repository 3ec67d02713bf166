"""A headless Chromium that opens pages from disk, as far as tests need one: its DevTools protocol over two pipes."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
PROGRAM = next(filter(None, map(shutil.which, NAMES)), None)
needed = pytest.mark.skipif(PROGRAM is None, reason=f"none of {', '.join(NAMES)}; `apt-get install chromium` has one")
_OPTIONS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage", "--hide-scrollbars",
)  # fmt: skip


class Browser:
    """One page of a browser; `with Browser(folder) as browser`, whose profile lies in the folder."""

    def __init__(self, folder: Path, *, width: int = 1400, height: int = 900, dark: bool = False) -> None:
        self.folder, self.size, self.dark = folder, (width, height), dark
        self.errors: list[str] = []
        self.requests: list[str] = []
        self._number = 0
        self._loaded = False

    def __enter__(self) -> Browser:
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()

        def connect() -> None:  # the browser reads from 3 and writes to 4
            os.dup2(os.dup(to_browser), 3)
            os.dup2(os.dup(from_browser), 4)

        command = [str(PROGRAM), *_OPTIONS, f"--user-data-dir={self.folder}", "--remote-debugging-pipe", "about:blank"]
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(command, preexec_fn=connect, close_fds=False, **quiet)
        os.close(to_browser)
        os.close(from_browser)
        self._input = os.fdopen(self._read, "rb")
        targets = self._send("Target.getTargets")["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        self._session = self._send("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network"):
            self.send(f"{domain}.enable")
        width, height = self.size
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if self.dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._input.close()
        os.close(self._write)

    def send(self, method: str, **parameters: Any) -> dict:
        """The result of a command to the page."""
        return self._send(method, session=self._session, **parameters)

    def open(self, path: Path, fragment: str = "") -> None:
        """Go to a page and wait until it and what it names have been loaded."""
        self._loaded = False
        self.send("Page.navigate", url=path.resolve().as_uri() + fragment)
        while not self._loaded:
            self._note(json.loads(self._next()))

    def value(self, expression: str) -> Any:
        """What an expression gives in the page; a promise's value."""
        parameters = {"expression": expression, "awaitPromise": True, "returnByValue": True}
        result = self.send("Runtime.evaluate", **parameters)
        if "exceptionDetails" in result:
            raise AssertionError(result["exceptionDetails"].get("exception", result["exceptionDetails"]))
        return result["result"].get("value")

    def wait_for(self, expression: str, *, seconds: float = 20) -> None:
        """Until an expression is true in the page."""
        waiting = (
            f"new Promise((done, fail) => {{ const end = Date.now() + {1000 * seconds}; (function look() {{"
            f" if ({expression}) done(true); else if (Date.now() > end) fail(new Error('not in time: ' +"
            f" {json.dumps(expression)})); else setTimeout(look, 10); }})(); }})"
        )
        self.value(waiting)

    def press(self, key: str) -> None:
        """Press a key where the focus is."""
        text = {"text": key} if len(key) == 1 else {}
        for kind in ("keyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=key, **(text if kind == "keyDown" else {}))

    def point_at(self, x: float, y: float) -> None:
        """Move the pointer, in pixels of the window."""
        self.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        """Save what is seen, or the whole page, as a PNG."""
        taken = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(taken["data"]))

    def _send(self, method: str, *, session: str | None = None, **parameters: Any) -> dict:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = json.loads(self._next())
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']}")
                return answer["result"]
            self._note(answer)

    def _next(self) -> bytes:
        content = bytearray()
        while (byte := self._input.read(1)) != b"\0":
            if not byte:
                raise AssertionError("the browser ended")
            content += byte
        return bytes(content)

    def _note(self, event: dict) -> None:
        """Keep errors of scripts and addresses that were asked for."""
        parameters = event.get("params", {})
        self._loaded |= event.get("method") == "Page.loadEventFired"
        if event.get("method") == "Runtime.exceptionThrown":
            self.errors.append(str(parameters["exceptionDetails"]))
        if event.get("method") == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
