import re
import shutil
from pathlib import Path

import polars as pl
import pytest

from limo_curation.report.funnel_picture import draw_funnel
from limo_curation.report.html import MAX_SHOWN_CHARACTERS, cut, duration, write_report
from tests.small_run import HOSTILE_QUESTION, SmallRun


@pytest.fixture(scope="module")
def page(small_run: SmallRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    # the hostile question first, so that it is among the samples that are shown
    hostile_first = pl.when(pl.col("question") == HOSTILE_QUESTION).then(pl.lit("0" * 20)).otherwise("chain_id")
    samples = small_run.samples.with_columns(chain_id=hostile_first)
    return write_report(small_run.store, small_run.record, samples, tmp_path_factory.mktemp("report"))


def test_numbers_of_the_run_stand_in_the_page(page: Path):
    text = page.read_text()
    assert "<b>7</b> problems in, <b>5</b> samples out" in text
    for count in ("ingestion", "too_short", "number_theory", "apache-2.0", "pass rate under the strong solver"):
        assert count in text


def test_hostile_texts_are_shown_not_run(page: Path):
    text = page.read_text()
    assert "&lt;script&gt;document.title=" in text
    assert "{{ 7*7 }}" in text
    assert "&lt;i&gt;as text&lt;/i&gt;" in text
    assert not re.search(r"<script|<img|<b>x|<i>as", text)
    assert text.count("</details>") == text.count("<details")


def test_page_needs_no_network_and_tells_no_secret(page: Path):
    text = page.read_text()
    addresses = set(re.findall(r'(?:src|href)="([^"]*)"', text))
    assert all(address.startswith("#") for address in addresses)
    assert "secret" not in text
    assert "default-src &#39;none&#39;" in text or "default-src 'none'" in text


def test_same_run_gives_the_same_page(page: Path, small_run: SmallRun, tmp_path: Path):
    again = [write_report(small_run.store, small_run.record, small_run.samples, tmp_path / name) for name in "ab"]
    assert again[0].read_bytes() == again[1].read_bytes()


def test_unfinished_run_without_samples_has_a_page_that_says_so(small_run: SmallRun, tmp_path: Path):
    artifacts = {"ingestion": small_run.record.artifacts["ingestion"]}
    unfinished = small_run.record.model_copy(update={"artifacts": artifacts, "finished": False})
    text = write_report(small_run.store, unfinished, small_run.samples.clear(), tmp_path).read_text()
    assert "This run is not finished" in text
    nothing = unfinished.model_copy(update={"artifacts": {}})
    assert (
        "<b>0</b> problems in"
        in write_report(small_run.store, nothing, small_run.samples.clear(), tmp_path).read_text()
    )


@pytest.mark.parametrize("file_format", ["svg", "png"])
def test_picture_has_the_same_bytes_each_time(file_format):
    funnel = pl.DataFrame(
        {"stage": ["ingestion", "selection"], "rows_kept": [2_500_000, 817], "rows_dropped": [0, 2_499_183]}
    )
    assert draw_funnel(funnel, file_format=file_format) == draw_funnel(funnel, file_format=file_format)


def test_long_texts_are_cut_and_say_so():
    assert cut("x" * MAX_SHOWN_CHARACTERS) == "x" * MAX_SHOWN_CHARACTERS
    assert cut("x" * (MAX_SHOWN_CHARACTERS + 2_000)).endswith("… (2,000 more characters)")


@pytest.mark.parametrize(("seconds", "shown"), [(0.5, "0.50 s"), (600, "10 min"), (36_000, "10.0 h")])
def test_durations_have_a_fitting_unit(seconds: float, shown: str):
    assert duration(seconds) == shown


@pytest.mark.browser
def test_page_opens_in_a_browser_and_runs_nothing(page: Path, tmp_path: Path):
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra `dev`)")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no `chromium` on this machine")
    wanted: list[str] = []
    problems: list[str] = []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        view = browser.new_page(viewport={"width": 1100, "height": 900})
        view.on("request", lambda request: wanted.append(request.url))
        view.on("pageerror", lambda error: problems.append(str(error)))
        view.on("dialog", lambda dialog: problems.append("a script ran"))
        view.goto(page.as_uri())
        assert view.title() == "tiny-" + view.title().split("-", 1)[1]
        assert "7 problems in, 5 samples out" in view.inner_text("h1")
        picture = view.locator("figure svg").bounding_box()
        assert picture is not None
        assert picture["width"] > 500
        assert HOSTILE_QUESTION in view.locator("article").first.inner_text()
        assert view.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        view.set_viewport_size({"width": 390, "height": 800})
        assert view.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "too wide for a telephone"
        browser.close()
    assert [url for url in wanted if not url.startswith("file:")] == []
    assert problems == []
