"""A Chromium without a window, which shows a page at a width, light or dark; the page is in a frame of that width."""

import json
import re
import shutil
import subprocess
from html import escape, unescape
from pathlib import Path
from typing import Any, Literal

Scheme = Literal["light", "dark"]
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
# As Chromium's own settings number them.
PREFERRED: dict[Scheme, int] = {"dark": 0, "light": 1}
# A window is never as narrow as a phone; a frame is, and its page is measured from outside.
FRAME = """<!doctype html><meta charset="utf-8"><meta name="color-scheme" content="light dark"><body style="margin:0">
<iframe style="border:0;width:{width}px;height:{height}px;color-scheme:light dark" srcdoc="{page}"></iframe>
<script>
const measure = () => {{
  const window_ = document.querySelector("iframe").contentWindow, page = window_.document;
  page.querySelectorAll("details").forEach(one => one.setAttribute("open", ""));
  const style = element => window_.getComputedStyle(element);
  const beyond = [...page.body.querySelectorAll("*")].filter(one => {{
    const box = one.getBoundingClientRect();
    return box.width > 1 && (box.right > window_.innerWidth + 0.5 || box.left < -0.5);
  }});
  const found = {{
    inner: window_.innerWidth,
    scroll: page.scrollingElement.scrollWidth,
    height: page.scrollingElement.scrollHeight,
    paper: style(page.body).backgroundColor,
    ink: style(page.body).color,
    beyond: beyond.map(one => one.tagName + " " + one.textContent.trim().slice(0, 40)),
    loaded: window_.performance.getEntriesByType("resource").map(one => one.name),
  }};
  document.body.setAttribute("data-found", JSON.stringify(found));
}};
addEventListener("load", measure);
</script>"""


def browser() -> str | None:
    """The Chromium of this machine; None if it has none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def measured(page: str, folder: Path, width: int, scheme: Scheme, height: int = 2000) -> dict[str, Any]:
    """What the browser says of a page: widths, height, colours, what is beyond its edges or loaded; all opened."""
    done = _chromium(framed(page, folder, width, height), folder, scheme, "--dump-dom")
    found = re.search(r'data-found="([^"]*)"', done.stdout)
    assert found, done.stderr
    measures: dict[str, Any] = json.loads(unescape(found[1]))
    return measures


def framed(page: str, folder: Path, width: int, height: int) -> Path:
    """A file with the page in a frame."""
    path = folder / "framed.html"
    path.write_text(FRAME.format(width=width, height=height, page=escape(page)), encoding="utf-8")
    return path


def _chromium(path: Path, folder: Path, scheme: Scheme, *options: str) -> subprocess.CompletedProcess[str]:
    found = browser()
    assert found is not None
    settings = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        f"--user-data-dir={folder / 'profile'}",
        f"--blink-settings=preferredColorScheme={PREFERRED[scheme]}",
        "--window-size=1400,1000",
    ]
    return subprocess.run(
        [found, *settings, *options, path.as_uri()], capture_output=True, text=True, check=True, timeout=120
    )
