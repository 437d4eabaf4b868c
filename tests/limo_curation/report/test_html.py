import re
import shutil
from pathlib import Path

import polars as pl
import pytest

from limo_curation.forecast.forecast import Interval, save_forecast
from limo_curation.forecast.gathering import gather_evidence
from limo_curation.forecast.gpus import gpu_named
from limo_curation.forecast.making import make_forecast
from limo_curation.report.funnel_picture import draw_funnel
from limo_curation.report.html import MAX_SHOWN_CHARACTERS, cut, duration, plan_and_outcome, write_report
from limo_curation.sampling.spending import Spending, SpendingRecord
from limo_curation.store import Store
from tests.pilot_run import make_run, pilot_config
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


def test_plan_that_was_kept_stands_beside_what_came_of_it(tmp_path: Path):
    store, config = Store(str(tmp_path)), pilot_config()
    record = make_run(store, config, rows=3_000, until="difficulty")
    evidence = gather_evidence(config, store, pilot=record, rows=3_000)
    forecast = make_forecast(config, evidence, gpus=[(gpu_named("h100"), 2.0)], pilot="<i>mine</i>")
    exact = Interval(low=1, middle=2, high=3)
    stages = tuple(one.model_copy(update={"rows_kept": exact}) for one in forecast.stages)
    save_forecast(store, forecast.model_copy(update={"stages": stages, "notes": ("<b>a note</b>",)}))
    section = plan_and_outcome(store, record)
    assert section is not None
    rows = {row[0]: row[1:] for row in section["rows"]}
    assert rows["ingestion: kept"] == ("rows", "2 (1 .. 3)", "3,000", "above")
    assert rows["selection: kept"] == ("rows", "2 (1 .. 3)", "–", "open")
    assert rows["strong: wrote"][3] == "within"
    assert "ingestion: kept (above)" in section["words"]


def test_page_shows_the_plan_without_trusting_its_texts(small_run: SmallRun, tmp_path: Path):
    store = Store(str(tmp_path / "store"))
    shutil.copytree(small_run.store.root, store.root)
    without = write_report(store, small_run.record, small_run.samples, tmp_path / "a").read_text()
    assert 'id="plan"' not in without
    evidence = gather_evidence(pilot_config(), store, pilot=None, rows=7)
    forecast = make_forecast(pilot_config(), evidence, gpus=[(gpu_named("h100"), None)], pilot="<i>mine</i>")
    notes = ("<img src=x>",)
    save_forecast(store, forecast.model_copy(update={"run": small_run.record.name, "notes": notes}))
    pages = [write_report(store, small_run.record, small_run.samples, tmp_path / name).read_text() for name in "bc"]
    assert pages[0] == pages[1]
    assert 'id="plan"' in pages[0]
    assert "&lt;i&gt;mine&lt;/i&gt;" in pages[0]
    assert "<img" not in pages[0]


def test_page_of_a_run_that_its_budget_ended_says_what_is_missing(tmp_path: Path, small_run: SmallRun):
    store = Store(str(tmp_path / "store"))
    shutil.copytree(small_run.store.root, store.root)
    artifacts = {name: small_run.record.artifacts[name] for name in ("ingestion", "screening")}
    config = small_run.record.config | {"engine": {"max_gpu_hours": 2.0}}
    stopped = small_run.record.model_copy(update={"artifacts": artifacts, "config": config, "finished": False})
    SpendingRecord(store, stopped.name).save(Spending(gpu_seconds={"m": 7_300.0}))
    text = write_report(store, stopped, small_run.samples.clear(), tmp_path / "page").read_text()
    assert "Its budget ended it: 2.03 of 2 GPU-hours are spent." in text
    assert "Missing: deduplication, decontamination, novelty, domains, difficulty, generation" in text


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
