import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import limo_curation
from limo_curation import cli, doctor
from limo_curation.presets import load_config
from limo_curation.sampling.spending import Spending, SpendingRecord
from limo_curation.store import Store
from tests.pilot_run import make_run, pilot_config
from tests.small_run import HOSTILE_QUESTION, SmallRun, make_small_run


def call(*arguments: str) -> Result:
    return CliRunner().invoke(cli.app, list(arguments))


def test_explain_prints_one_line_for_each_step(small_run: SmallRun):
    done = call("explain", small_run.problem_ids["short"], "--store", small_run.store.url)
    assert done.exit_code == 0
    first, *steps = done.stdout.splitlines()
    assert small_run.record.name in first
    assert [step.split()[:2] for step in steps] == [["ingestion", "kept"], ["screening", "dropped"]]
    assert steps[1].endswith("too_short  value 5  threshold 20  evidence: <i>as text</i>")


def test_errors_are_one_line_on_stderr_and_status_one(small_run: SmallRun, tmp_path: Path):
    for arguments in (
        ("explain", "feed", "--store", small_run.store.url),
        ("report", "--run", "mistyped", "--store", small_run.store.url),
        ("report", "--store", str(tmp_path / "absent")),
        ("store", "gc", "--keep", "mistyped", "--store", small_run.store.url),
        ("store", "ls", "--store", "nosuch://x"),
    ):
        done = call(*arguments)
        assert done.exit_code == 1, arguments
        assert done.stdout == ""
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1
    assert not (tmp_path / "absent").exists(), "looking makes no store"


def test_report_names_its_page(small_run: SmallRun, tmp_path: Path):
    done = call("report", "--store", small_run.store.url, "--output", str(tmp_path))
    assert done.stdout == f"report: {tmp_path / 'report.html'}\n"
    assert (tmp_path / "report.html").is_file()


def test_report_stands_in_the_runs_own_folder_by_default(
    small_run: SmallRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    assert (
        call("report", "--store", small_run.store.url).stdout == f"report: runs/{small_run.record.name}/report.html\n"
    )


def test_control_characters_of_evidence_cannot_rewrite_the_terminal():
    row = {"stage": "s", "outcome": "dropped", "chain_id": None, "drop_reason": "r", "value": None, "threshold": None}
    assert "\x1b" not in cli.life_line(row | {"evidence": "\x1b[2Jgone\r\nline"})


def test_store_commands_tell_verify_and_clean(tmp_path: Path):
    run = make_small_run(tmp_path)
    unused = make_small_run(tmp_path, profile="unused").record
    (tmp_path / f"runs/{unused.name}.json").unlink()
    listed = call("store", "ls", "--store", str(tmp_path)).stdout
    assert f"{run.record.name}  finished, 6 stages" in listed
    assert "1 runs, 6 entries, 0 of them used by no run" in listed
    (tmp_path / f"runs/{run.record.name}.json").unlink()
    told = call("store", "gc", "--store", str(tmp_path))
    assert "6 entries would be deleted" in told.stdout
    assert call("store", "verify", "--store", str(tmp_path)).exit_code == 0
    assert "6 entries deleted" in call("store", "gc", "--yes", "--store", str(tmp_path)).stdout
    assert "0 entries" in call("store", "gc", "--store", str(tmp_path)).stdout


def test_run_that_its_budget_ended_says_so_and_what_is_missing(tmp_path: Path):
    store = Store(str(tmp_path))
    config = pilot_config()
    limited = config.model_copy(update={"engine": config.engine.model_copy(update={"max_total_tokens": 1_000})})
    record = make_run(store, limited, rows=100, until="domains")
    SpendingRecord(store, record.name).save(Spending(prompt_tokens={"m": 999}))
    listed = call("store", "ls", "--store", str(tmp_path)).stdout.splitlines()[0]
    rest = "without difficulty generation verification judging selection, 6 stages"
    assert listed == f"{record.name}  unfinished, {rest}"
    SpendingRecord(store, record.name).save(Spending(prompt_tokens={"m": 5}))
    listed = call("store", "ls", "--store", str(tmp_path)).stdout.splitlines()[0]
    spent = "1,004 of 1,000 tokens are spent, a larger budget continues it"
    assert listed == f"{record.name}  unfinished, {spent}, {rest}"


@pytest.mark.parametrize("profile", ["demo", "limo-v1", "limo-v2", "full"])
def test_every_preset_can_be_planned_in_a_fresh_clone(profile: str, tmp_path: Path):
    done = call("plan", profile, "--gpu", "h100", "--gpu", "h200", "--price", "2.5", "--store", str(tmp_path / "none"))
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith(f"plan of {profile}-")
    assert "GPU-hours  h100" in done.stdout
    assert "there is no pilot" in done.stdout
    assert not (tmp_path / "none").exists(), "looking makes no store"


def test_plan_is_carried_over_from_a_pilot_saved_and_compared(tmp_path: Path):
    store = Store(str(tmp_path / "store"))
    run_file = tmp_path / "mine.toml"
    config = pilot_config("mine", path=str(tmp_path / "pool.jsonl"))
    run_file.write_text(
        "[[ingestion.sources]]\n"
        f'name = "pool"\npath = "{tmp_path}/pool.jsonl"\ncolumns = {{ question = "q" }}\n'
        "[decontamination]\nenabled = false\n[generation]\n"
        '[[generation.teachers]]\nmodel = "tiny/teacher-32B"\nnum_attempts = 4\nmax_tokens = 16384\n'
        "[difficulty]\n"
        '[[difficulty.weak]]\nmodel = "tiny/weak-7B"\nnum_attempts = 4\nmax_tokens = 3072\n'
        '[difficulty.strong]\nmodel = "tiny/strong-32B"\nnum_attempts = 32\nmax_tokens = 32768\n'
    )
    (tmp_path / "pool.jsonl").write_text('{"q": "?"}\n' * 20_000)
    pilot = make_run(store, config, rows=2_000)
    options = ("plan", str(run_file), "--store", store.url)
    planned = json.loads(call(*options, "--pilot", pilot.name, "--json", "--save").stdout)
    assert (planned["rows"], planned["rows_from"], planned["pilot"]) == (20_000, "the sources' files", pilot.name)
    assert {one["basis"] for one in planned["solvers"]} == {"pilot"}

    actual = make_run(store, load_config(str(run_file)), rows=20_000, seed=7)
    assert actual.name == planned["run"]
    compared = json.loads(call(*options, "--run", actual.name, "--json").stdout)
    assert {one["verdict"] for one in compared} <= {"within", "below", "above"}
    told = call(*options, "--run", actual.name).stdout
    assert "difficulty: kept" in told
    assert "intervals of 90 %" in told.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--gpu", "tpu"), "known are a100-80gb, h100"),
        (("--price", "1", "--price", "2"), "--price is given 2 times for 1 GPUs"),
        (("--size", "7"), "write MODEL=BILLIONS"),
        (("--size", "m=-7"), "write MODEL=BILLIONS"),
        (("--size", "m=nan"), "write MODEL=BILLIONS"),
        (("--pilot", "mistyped"), "no run 'mistyped'"),
        (("--run", "mistyped"), "no run 'mistyped'"),
    ],
)
def test_plan_refuses_what_it_cannot_use(arguments: tuple[str, ...], message: str, tmp_path: Path):
    done = call("plan", "demo", *arguments, "--store", str(tmp_path / "none"))
    assert done.exit_code == 1
    assert message in done.stderr


def test_verify_fails_on_a_damaged_entry(tmp_path: Path):
    run = make_small_run(tmp_path)
    part = next((Path(run.record.artifacts["selection"].uri) / "kept").iterdir())
    part.write_bytes(b"")
    done = call("store", "verify", "--store", str(tmp_path))
    assert done.exit_code == 1
    assert "selection/" in done.stdout


def test_doctor_says_ok_or_missing_and_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(doctor, "EXTRAS", {"flows": ("no-such-library",)})
    done = call("doctor", "--store", str(tmp_path / "store"))
    assert done.exit_code == 0, "an absent extra is no failure"
    assert 'missing  extra flows  no-such-library (absent) -> pip install "limo-curation[flows]"' in done.stdout
    assert all(line.split()[0] in ("ok", "missing") for line in done.stdout.splitlines())
    assert not (tmp_path / "store").exists()


def test_doctor_fails_on_a_store_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch):
    done = call("doctor", "--store", "/proc/store")
    assert done.exit_code == 1
    assert "missing  store" in done.stdout


def test_doctor_writes_to_a_store_elsewhere_and_leaves_nothing():
    store = Store("memory://doctor")
    assert doctor.check_store(store).is_ok
    assert store.list("") == []


def test_demo_passes_the_exit_status_through_and_prints_the_two_lines_last(monkeypatch: pytest.MonkeyPatch):
    started: list[list[str]] = []

    def run(command: list[str], *, check: bool, stdout: int, encoding: str) -> subprocess.CompletedProcess[str]:
        started.append(command)
        return subprocess.CompletedProcess(command, 3, "report: a.html\ndataset: b\n")

    monkeypatch.setattr(cli.subprocess, "run", run)
    monkeypatch.setattr(cli.importlib.util, "find_spec", lambda name: object())
    done = call("demo")
    assert done.exit_code == 3
    assert done.stdout.splitlines()[-2:] == ["report: a.html", "dataset: b"]
    assert started == [[sys.executable, "-m", "flows.curate", "demo"]]


def test_demo_without_prefect_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cli.importlib.util, "find_spec", lambda name: None)
    done = call("demo")
    assert done.exit_code == 1
    assert "limo-curation[flows,local]" in done.stderr


def test_command_starts_without_heavy_libraries():
    program = "import json, sys; import limo_curation.cli; print(json.dumps(sorted(sys.modules)))"
    root = Path(limo_curation.__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=root)
    heavy = {"torch", "transformers", "prefect", "matplotlib", "jinja2", "huggingface_hub", "sympy", "numba"}
    assert heavy.isdisjoint(json.loads(done.stdout))


def test_hostile_question_is_found_by_its_id(small_run: SmallRun):
    done = call(
        "explain",
        small_run.problem_ids[HOSTILE_QUESTION],
        "--run",
        small_run.record.name,
        "--store",
        small_run.store.url,
    )
    assert done.stdout.count("chain ") == 4
