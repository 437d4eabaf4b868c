"""The command `limo-curation`: look at runs and at the store. Runs are started with Prefect's own commands.

Whatever a user can mend is one line on stderr and exit status 1; a traceback is a bug.
"""

from __future__ import annotations

import importlib.util
import json
import math
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from limo_curation.config import ExecutionConfig
from limo_curation.doctor import Check, examine
from limo_curation.errors import ConfigError, CurationError
from limo_curation.housekeeping import collect_garbage, entries, verify_store
from limo_curation.presets import load_config
from limo_curation.run_record import (
    RunRecord,
    explain_problem,
    latest_record,
    list_records,
    load_record,
    load_samples,
    missing_stages,
    record_names,
    spent_budget,
)
from limo_curation.store import Store

if TYPE_CHECKING:
    from limo_curation.forecast.gpus import Gpu


class CurationGroup(TyperGroup):
    """The boundary at which the project's errors become a message and an exit status."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except CurationError as error:
            typer.echo(f"error: {one_line(str(error))}", err=True)
            raise typer.Exit(1) from None


app = typer.Typer(
    name="limo-curation",
    help="Curate reasoning data as LIMO did. Runs are started with Prefect: `prefect deployment run curate/full`.",
    cls=CurationGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
store_app = typer.Typer(help="Look at and clean the store.", no_args_is_help=True)
app.add_typer(store_app, name="store")

StoreOption = Annotated[str, typer.Option("--store", help="The store: a folder or any fsspec URL.")]
RunOption = Annotated[str | None, typer.Option("--run", help="The run's name; default: the latest.")]
DEFAULT_STORE = "runs/store"


@app.command()
def demo() -> None:
    """Run the whole pipeline on synthetic problems with tiny models, on this machine."""
    if importlib.util.find_spec("prefect") is None:
        raise ConfigError('the demo needs Prefect and the local engine: pip install "limo-curation[flows,local]"')
    # its log goes on to the terminal; the two lines that it prints are held back, so that they stand last
    finished = subprocess.run(
        [sys.executable, "-m", "flows.curate", "demo"], check=False, stdout=subprocess.PIPE, encoding="utf-8"
    )
    typer.echo(finished.stdout, nl=False)
    raise typer.Exit(finished.returncode)


@app.command()
def explain(problem_id: str, run: RunOption = None, store: StoreOption = DEFAULT_STORE) -> None:
    """Tell a problem's whole life: which stage kept or dropped it, and why."""
    place = open_store(store)
    record = chosen_record(place, run)
    life = explain_problem(place, record, problem_id)
    typer.echo(f"problem {problem_id} in run {record.name}")
    for row in life.to_dicts():
        typer.echo(life_line(row))


@app.command()
def report(
    run: RunOption = None,
    store: StoreOption = DEFAULT_STORE,
    output: Annotated[Path | None, typer.Option(help="The page's folder; default: the run's own.")] = None,
) -> None:
    """Write a run's report, one self-contained HTML page."""
    from limo_curation.report.html import write_report

    place = open_store(store)
    record = chosen_record(place, run)
    page = write_report(place, record, load_samples(place, record), output or own_folder(record))
    typer.echo(f"report: {page}")


@app.command()
def sensitivity(
    run: RunOption = None,
    step: Annotated[float, typer.Option(min=0.001, max=0.999, help="Share of its value by which a knob moves.")] = 0.1,
    only: Annotated[list[str] | None, typer.Option(help="A knob or a section, such as judging (repeat it).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
    store: StoreOption = DEFAULT_STORE,
    output: Annotated[Path | None, typer.Option(help="The report's folder; default: the run's own.")] = None,
) -> None:
    """Tell how many samples of a finished run change when each of its numbers moves; the report shows it too."""
    from limo_curation.report.html import write_report
    from limo_curation.sensitivity.measuring import measure_sensitivity
    from limo_curation.sensitivity.outcome import as_text, save_sensitivity

    place = open_store(store)
    record = chosen_record(place, run)
    folder = output or own_folder(record)
    found = measure_sensitivity(place, record, step=step, only=only or [])
    file = save_sensitivity(found, folder)
    page = write_report(place, record, load_samples(place, record), folder)
    typer.echo(found.model_dump_json(indent=1) if as_json else f"{as_text(found)}\nsensitivity: {file}, report: {page}")


@app.command()
def plan(
    profile: Annotated[str, typer.Argument(help="A preset's name or the path of a TOML file.")],
    pilot: Annotated[
        str | None, typer.Option(help="A run of this store whose shares and tokens are carried over.")
    ] = None,
    rows: Annotated[int | None, typer.Option(min=1, help="Candidate rows; default: as the sources tell.")] = None,
    gpu: Annotated[list[str] | None, typer.Option(help="A kind of GPU (repeat it); default: h100.")] = None,
    price: Annotated[list[float] | None, typer.Option(min=0, help="Of a GPU's hour: one, or one for each GPU.")] = None,
    size: Annotated[list[str] | None, typer.Option(help="MODEL=BILLIONS of parameters, where we can't tell.")] = None,
    run: Annotated[str | None, typer.Option(help="A run, to compare with the plan that was saved for it.")] = None,
    save: Annotated[bool, typer.Option("--save", help="Keep the plan, for the report and for --run.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Tell before a run what it will keep and cost, with intervals; with --run, how that came out."""
    from limo_curation.forecast.forecast import save_forecast, saved_forecast
    from limo_curation.forecast.gathering import gather_evidence
    from limo_curation.forecast.making import make_forecast
    from limo_curation.forecast.outcome import outcomes
    from limo_curation.forecast.tables import outcome_text, plan_text

    place, config = open_store(store), load_config(profile)
    if run is not None:
        record = load_record(place, run)
        forecast = saved_forecast(place, run)
        compared = outcomes(forecast, place, record)
        lines = json.dumps([one.model_dump() | {"verdict": one.verdict} for one in compared], indent=1)
        typer.echo(lines if as_json else outcome_text(forecast, compared))
        return
    evidence = gather_evidence(config, place, pilot=load_record(place, pilot) if pilot else None, rows=rows)
    forecast = make_forecast(
        config,
        evidence,
        gpus=planned_gpus(gpu or ["h100"], price or []),
        pilot=pilot,
        billions=sizes_in_billions(size or []),
    )
    typer.echo(forecast.model_dump_json(indent=1) if as_json else plan_text(forecast))
    if save:
        save_forecast(place, forecast)


@app.command()
def memory(
    profile: Annotated[str, typer.Argument(help="A preset of sft, such as limo-32b, or the path of a TOML file.")],
    gpus: Annotated[int | None, typer.Option(min=1, help="Of all machines; default: the preset's processes.")] = None,
    gpu: Annotated[str, typer.Option(help="Their kind.")] = "h100",
    gpu_gb: Annotated[float | None, typer.Option(min=1, help="Memory of each; default: the kind's.")] = None,
    host_gb: Annotated[
        float | None, typer.Option(min=1, help="Memory of the main machine; default: not looked at.")
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="A published set, whose rows are measured; default: LIMO's.")
    ] = None,
) -> None:
    """Tell what a fine-tuning needs of memory and time; exit status 1 if it does not fit, with what would."""
    from limo_curation.sft.plan import check_fits, plan_for, plan_text
    from limo_curation.sft.presets import load_sft_config

    config = load_sft_config(profile, dataset=dataset)
    made = plan_for(config, gpu=gpu, num_gpus=gpus, gpu_gb=gpu_gb, host_gb=host_gb)
    typer.echo(plan_text(made))
    check_fits(made)


@app.command()
def calibrate(
    profile: Annotated[str, typer.Argument(help="A preset's name or a run file whose section judging has judges.")],
    labels: Annotated[
        str, typer.Argument(help="Labelled chains: .jsonl or .csv with chain_id, question, chain, level.")
    ],
    output: Annotated[Path, typer.Option(help="The calibration's file; picture and grades stand beside it.")],
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Measure a run file's judges, and the rules, on chains whose level people have set."""
    from limo_curation.judging.calibration import calibrate as measure
    from limo_curation.judging.calibration_summary import describe, write_all
    from limo_curation.judging.hand_written import read_labelled
    from limo_curation.progress import shown_in_terminal_or_log
    from limo_curation.sampling.assembly import assemble_sampler

    config, labelled = load_config(profile), read_labelled(labels)
    judge = config.judging.judge
    if judge is None:
        raise ConfigError(f"{profile} has no [judging.judge]; name the judges to calibrate there")
    with assemble_sampler(config, open_store(store), run=f"calibrate-{config.profile}") as (sampler, _):
        if sampler is None:
            raise ConfigError(f"{profile}: judging is switched off; set judging.enabled = true to calibrate its judges")
        with shown_in_terminal_or_log():
            calibration, graded = measure(labelled, config=judge, sampler=sampler)
    picture = write_all(calibration, graded, output)
    for line in describe(calibration, judge):
        typer.echo(line)
    typer.echo(f"a run file names it under [judging.judge]: calibration = {json.dumps(str(output))}")
    typer.echo(f"calibration: {output}, picture: {picture}")


@app.command()
def doctor(store: StoreOption = DEFAULT_STORE) -> None:
    """Check this machine: each line says ok or missing, and what to do."""
    checks = examine(open_store(store))
    for check in checks:
        typer.echo(check_line(check))
    if any(not check.is_ok and not check.is_optional for check in checks):
        raise typer.Exit(1)


@store_app.command("ls")
def list_store(store: StoreOption = DEFAULT_STORE) -> None:
    """List the runs and how many entries they use."""
    place = open_store(store)
    records = list_records(place)
    used = {(artifact.stage, artifact.key) for record in records for artifact in record.artifacts.values()}
    for record in records:
        typer.echo(f"{record.name}  {standing(place, record)}, {len(record.artifacts)} stages")
    found = list(entries(place))
    unused = sum((stage, key) not in used for stage, key, _ in found)
    typer.echo(f"{len(records)} runs, {len(found)} entries, {unused} of them used by no run")


@store_app.command("verify")
def verify(store: StoreOption = DEFAULT_STORE) -> None:
    """Read everything and compare it with its checksums; exit status 1 if something is damaged."""
    place = open_store(store)
    damaged = verify_store(place)
    for line in damaged:
        typer.echo(line)
    typer.echo(f"{len(damaged)} damaged entries" + ("; the next run does their work again" if damaged else ""))
    if damaged:
        raise typer.Exit(1)


@store_app.command("gc")
def clean_store(
    keep: Annotated[list[str] | None, typer.Option(help="A run to keep (repeat it); default: all runs.")] = None,
    unfinished: Annotated[
        bool, typer.Option("--unfinished", help="Also half-done work that could be resumed.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Delete; without it, only tell.")] = False,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Delete what no kept run uses. Not while a run is under way."""
    place = open_store(store)
    deleted = collect_garbage(place, keep or record_names(place), with_unfinished=unfinished, is_dry_run=not yes)
    for name in deleted:
        typer.echo(name)
    typer.echo(f"{len(deleted)} entries " + ("deleted" if yes else "would be deleted; add --yes to delete them"))


def open_store(url: str) -> Store:
    """Return the store at a URL.

    Raises:
        ConfigError: the URL's kind is unknown or its library is not installed.
    """
    try:
        return Store(url)
    except (ImportError, ValueError) as error:
        raise ConfigError(f"--store {url}: {error}") from None


def chosen_record(store: Store, name: str | None) -> RunRecord:
    """Return the named run's record, or the latest."""
    return latest_record(store) if name is None else load_record(store, name)


def own_folder(record: RunRecord) -> Path:
    """Return the folder that the run itself writes its report to."""
    execution = ExecutionConfig.model_validate(record.config.get("execution", {}))
    return Path(execution.output) / record.name


def standing(store: Store, record: RunRecord) -> str:
    """Say whether a run is finished, and if not whether its budget ended it and what is missing."""
    if record.finished:
        return "finished"
    spent = spent_budget(store, record)
    budget = f", {spent}, a larger budget continues it" if spent else ""
    return f"unfinished{budget}, without {' '.join(missing_stages(record))}"


def planned_gpus(names: Sequence[str], prices: Sequence[float]) -> list[tuple[Gpu, float | None]]:
    """Return each GPU with the price of an hour.

    Raises:
        ConfigError: an unknown GPU, or prices that can't be told apart.
    """
    from limo_curation.forecast.gpus import gpu_named

    if prices and len(prices) not in (1, len(names)):
        raise ConfigError(f"--price is given {len(prices)} times for {len(names)} GPUs; give one, or one for each")
    of_each = [None] * len(names) if not prices else [*prices] * (len(names) if len(prices) == 1 else 1)
    return [(gpu_named(name), price) for name, price in zip(names, of_each, strict=True)]


def sizes_in_billions(given: Sequence[str]) -> dict[str, float]:
    """Return the parameters of models from `MODEL=BILLIONS`.

    Raises:
        ConfigError: something else was given.
    """
    sizes: dict[str, float] = {}
    for item in given:
        model, _, number = item.rpartition("=")
        try:
            sizes[model] = float(number)
        except ValueError:
            sizes[model] = 0.0
        if not model or not 0 < sizes[model] < math.inf:
            raise ConfigError(f"--size {item}: write MODEL=BILLIONS, such as Qwen/QwQ-32B=32.8")
    return sizes


def life_line(row: dict[str, Any]) -> str:
    """Return one step of a row's life as a line."""
    parts = [f"  {row['stage']:<16} {row['outcome']:<8}"]
    if row["chain_id"] is not None:
        parts.append(f"chain {row['chain_id']}")
    if row["drop_reason"] is not None:
        parts.append(row["drop_reason"])
    parts += [f"{name} {row[name]:g}" for name in ("value", "threshold") if row[name] is not None]
    if row["evidence"] is not None:
        parts.append(f"evidence: {one_line(row['evidence'])}")
    return "  ".join(parts).rstrip()


def check_line(check: Check) -> str:
    """Return one check of the doctor as a line."""
    state = "ok" if check.is_ok else "missing"
    advice = "" if check.is_ok else f" -> {check.advice}"
    return f"{state:<8} {check.name:<12} {one_line(check.found)}{advice}"


def one_line(text: str) -> str:
    """Return text on one line, without the control characters with which it could rewrite the terminal."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())
