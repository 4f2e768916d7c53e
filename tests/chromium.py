"""A page in headless Chromium, driven over its debugging pipe; no package is needed for that."""

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Chromium reads descriptor 3 and writes descriptor 4; copies first, or one may lie on the other.
START = """
import fcntl, os, sys
pipes = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3]]
os.dup2(pipes[0], 3)
os.dup2(pipes[1], 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
# Shared machines are slow to start it.
PATIENCE_S = 120


def find_chromium():
    """Path of the browser, `LUS_KERAS_CHROMIUM` first; None if there is none."""
    named = os.environ.get("LUS_KERAS_CHROMIUM")
    return named or next(filter(None, map(shutil.which, NAMES)), None)


class Page:
    """One tab. `messages` are what the console said, `requests` all addresses asked for."""

    def __init__(self, program, width=1200, height=900):
        self.messages, self.requests, self._number = [], [], 0
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        to_browser, self._out = os.pipe()
        self._in, from_browser = os.pipe()
        self._buffer = b""
        command = [
            *(program, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"),
            *("--disable-dev-shm-usage", "--disable-background-networking", "--hide-scrollbars"),
            *("--remote-debugging-pipe", f"--user-data-dir={self._profile.name}", "about:blank"),
        ]
        self._process = subprocess.Popen(
            [sys.executable, "-c", START, str(to_browser), str(from_browser), *command],
            pass_fds=(to_browser, from_browser),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._session = None
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")
        self.resize(width, height)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self._out)
        os.close(self._in)
        self._process.terminate()
        self._process.wait(30)
        self._profile.cleanup()

    def resize(self, width, height, scale=1):
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=width < 600,
        )

    def open(self, path, fragment=""):
        address = f"{Path(path).resolve().as_uri()}{fragment}"
        # Another fragment of the page that is open would not load it anew.
        for target in ("about:blank", address):
            self.send("Page.navigate", url=target)
            arrived = f"document.readyState + location.href === 'complete' + {json.dumps(target)}"
            deadline = time.monotonic() + PATIENCE_S
            while not self.evaluate(arrived):
                assert time.monotonic() < deadline, f"{target} did not load"
                time.sleep(0.05)

    def evaluate(self, expression):
        found = self.send(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def press(self, key, shift=False):
        named = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}
        code = (named | {"Home": 36, "End": 35, "Delete": 46}).get(key) or ord(key.upper())
        for kind in ("rawKeyDown", "keyUp"):
            self.send(
                "Input.dispatchKeyEvent",
                **{"type": kind, "key": key, "code": key, "modifiers": 8 * shift},
                windowsVirtualKeyCode=code,
            )

    def save_downloads_to(self, folder):
        self.send("Page.setDownloadBehavior", behavior="allow", downloadPath=str(folder))

    def drag(self, points):
        """Presses the mouse at the first point, moves over the others, lets it go."""
        kinds = ["mousePressed", *["mouseMoved"] * (len(points) - 1), "mouseReleased"]
        for kind, (x, y) in zip(kinds, [*points, points[-1]], strict=True):
            self.send(
                "Input.dispatchMouseEvent",
                **{"type": kind, "x": x, "y": y, "button": "left", "buttons": 1, "clickCount": 1},
            )

    def screenshot(self, path, full=False):
        found = self.send("Page.captureScreenshot", captureBeyondViewport=full, **self._clip(full))
        Path(path).write_bytes(base64.b64decode(found["data"]))

    def _clip(self, full):
        if not full:
            return {}
        size = self.send("Page.getLayoutMetrics")["cssContentSize"]
        return {"clip": {**size, "scale": 1}}

    def pdf(self, path):
        found = self.send("Page.printToPDF", printBackground=True)
        Path(path).write_bytes(base64.b64decode(found["data"]))

    def send(self, method, **parameters):
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            self._note(answer)

    def _read(self):
        while b"\0" not in self._buffer:
            part = os.read(self._in, 1 << 20)
            assert part, "Chromium has ended"
            self._buffer += part
        text, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(text)

    def _note(self, event):
        method, said = event.get("method"), event.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(said["request"]["url"])
        elif method == "Runtime.consoleAPICalled":
            self.messages.append(str(said["args"]))
        elif method == "Runtime.exceptionThrown":
            self.messages.append(str(said["exceptionDetails"]))
        elif method == "Log.entryAdded":
            self.messages.append(said["entry"]["text"])
