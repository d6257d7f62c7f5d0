"""Every page opens in a real browser without a complaint, fits the window, and sorts its tables."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from made_up_scores import document, measured, measured_labels
from test_exploration import described

from trainer.comparison import compare, render_comparison
from trainer.exploration_page import render_exploration
from trainer.report import render_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--enable-logging=stderr",
    "--v=0",
]
PROBE = """<script>
const root = document.documentElement;
document.body.dataset.overflow = root.scrollWidth > root.clientWidth;
document.body.dataset.pictures = [...document.querySelectorAll("svg")]
  .filter(svg => svg.getBoundingClientRect().height > 50).length;
const table = document.querySelector("table.sortable");
const first = () => table.tBodies[0].rows[0].cells[0].textContent;
table.querySelector("[role=button]").click();
const up = first();
table.querySelector("[role=button]").click();
document.body.dataset.sorted = up + "|" + first();
</script>"""

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


def report() -> str:
    metrics = measured()
    mistake = {"title": "x", "true": ["shelf_0"], "predicted": "shelf_1", "probability": 0.9}
    return render_report(metrics, {**document(metrics, "m")["context"], "examples": [mistake]})


def report_on_labels() -> str:
    metrics, mistakes = measured_labels()
    return render_report(metrics, {**document(metrics, "m")["context"], "examples": mistakes})


PAGES: dict[str, tuple[Callable[[], str], int, str]] = {
    "report": (report, 7, "shelf_0|shelf_4"),
    "report_of_523_classes": (lambda: render_report(measured(523, 3000), {}), 5, ""),
    "report_on_labels": (report_on_labels, 6, "node_0|node_7"),
    "comparison": (
        lambda: render_comparison(
            compare([document(measured(), "b"), document(measured(right=0.5), "a")], 0.1)
        ),
        4,
        "a|majority class (baseline)",
    ),
    "exploration": (lambda: render_exploration(described()), 6, "shelf_0|shelf_5"),
}


def opened(page: Path, width: int) -> tuple[str, list[str]]:
    """Return the page as the browser sees it once its scripts ran, and what the console said."""
    found = subprocess.run(
        [
            str(CHROMIUM),
            *QUIET,
            f"--user-data-dir={page.parent / 'profile'}",
            f"--window-size={width},900",
            "--dump-dom",
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return found.stdout, [line for line in found.stderr.splitlines() if ":CONSOLE" in line]


def test_the_console_is_heard(tmp_path: Path) -> None:
    """Or the tests below would pass without looking."""
    page = tmp_path / "bad.html"
    page.write_text("<body><script>nothing.here()</script></body>")
    assert "ReferenceError" in opened(page, 1280)[1][0]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_without_a_complaint(name: str, tmp_path: Path) -> None:
    render, pictures, ends = PAGES[name]
    page = tmp_path / "page.html"
    page.write_text(render().replace("</body>", PROBE + "</body>"), encoding="utf-8")
    for width in (1280, 600):
        seen, complaints = opened(page, width)
        assert complaints == []
        assert 'data-overflow="false"' in seen
        assert f'data-pictures="{pictures}"' in seen
        assert ends in seen.split('data-sorted="')[1].split('"')[0]
