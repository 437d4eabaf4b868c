"""The deployments: what they name exists, and one of them is run, failed and retried on a real server and worker."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from inspect import signature
from typing import Any

import httpx
import pytest
import yaml

pytest.importorskip("prefect", reason="Prefect is not installed (extra `flows`)")

from limo_curation.config import RunConfig
from limo_curation.evaluation.presets import EVALUATION_PRESETS, load_evaluation
from limo_curation.presets import PRESETS_FOLDER, load_config
from tasks.gpu_workers import DEPLOYMENT
from tests.flows.prefect_runs import wait_until
from tests.flows.prefect_server import Prefect, names_of
from tests.flows.small_files import write_files

DEPLOYMENTS: list[dict[str, Any]] = yaml.safe_load((PRESETS_FOLDER / "prefect.yaml").read_text(encoding="utf-8"))[
    "deployments"
]
CURATING = [deployment for deployment in DEPLOYMENTS if "curate" in deployment["tags"]]
EVALUATING = [deployment for deployment in DEPLOYMENTS if "evaluate" in deployment["tags"]]
STAGES_BEFORE_CHAINS = [
    "ingestion",
    "screening",
    "deduplication",
    "benchmarks",
    "decontamination",
    "novelty",
    "domains",
    "difficulty",
]
FAILED_STAGE_AND_WHAT_FOLLOWS = [
    "recorded_chains",
    "generation",
    "verification",
    "judging",
    "selection",
    "publishing",
    "report",
]


def name_of(deployment: dict[str, Any]) -> str:
    """Return the name by which a run of it is started: the first tag is the flow's name."""
    return f"{deployment['tags'][0]}/{deployment['name']}"


def load_entrypoint(entrypoint: str) -> Any:
    module, _, function = entrypoint.partition(":")
    return getattr(import_module(module), function)


# -- what the file says ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=name_of)
def test_deployment_runs_a_flow_that_exists(deployment: dict[str, Any]) -> None:
    flow = load_entrypoint(deployment["entrypoint"])

    assert flow.name in deployment["tags"]
    assert set(deployment["parameters"]) <= set(signature(flow.fn).parameters)


@pytest.mark.parametrize("deployment", CURATING, ids=name_of)
def test_deployment_curates_with_a_preset_that_loads(deployment: dict[str, Any]) -> None:
    profile = "full" if deployment["name"] == "delta" else deployment["name"]
    assert load_config(deployment["parameters"]["profile"]).profile == profile


def test_every_preset_has_a_deployment_and_full_a_second_one() -> None:
    presets = {path.stem for path in PRESETS_FOLDER.glob("*.toml")}
    assert presets | {"delta"} == {deployment["name"] for deployment in CURATING}


def test_every_preset_of_evaluations_has_a_deployment_that_loads_it() -> None:
    profiles = {deployment["name"]: deployment["parameters"]["profile"] for deployment in EVALUATING}

    assert profiles == {path.stem: path.stem for path in EVALUATION_PRESETS.glob("*.toml")}
    assert all(load_evaluation(profile).profile == profile for profile in profiles)


def test_workers_are_started_by_the_name_that_is_deployed_on_the_pool_with_gpus() -> None:
    (deployment,) = [one for one in DEPLOYMENTS if "generate" in one["tags"]]

    assert f"{load_entrypoint(deployment['entrypoint']).name}/{deployment['name']}" == DEPLOYMENT == name_of(deployment)
    assert deployment["work_pool"]["name"] == "gpu"
    assert "concurrency_limit" not in deployment  # several share a stage


def test_full_runs_once_a_week_and_delta_on_the_other_nights() -> None:
    schedules = {deployment["name"]: deployment["schedules"] for deployment in DEPLOYMENTS if deployment["schedules"]}

    assert set(schedules) == {"full", "delta"}
    (weekly,), (nightly,) = schedules["full"], schedules["delta"]
    assert re.fullmatch(r"\d+ \d+ \* \* 0", weekly["cron"])  # one minute of one weekday
    assert re.fullmatch(r"\d+ \d+ \* \* 1-6", nightly["cron"])
    assert weekly["timezone"]
    assert nightly["timezone"]


@pytest.mark.parametrize("deployment", CURATING + EVALUATING, ids=name_of)
def test_deployment_never_runs_twice_at_once(deployment: dict[str, Any]) -> None:
    assert deployment["concurrency_limit"] == {"limit": 1, "collision_strategy": "ENQUEUE"}


def test_flow_has_one_typed_parameter_for_each_section() -> None:
    schema = load_entrypoint("flows.curate:curate").parameters.model_dump()

    # `demo` is left out on purpose: only the demo's own run file writes its source
    sections = set(RunConfig.model_fields) - {"demo", "profile"}
    assert set(schema["properties"]) == sections | {"profile", "pilot_share"}
    assert schema["properties"]["profile"]["type"] == "string"
    for name in sections:
        section, nothing = schema["properties"][name]["anyOf"]
        assert section["$ref"].startswith("#/definitions/")
        assert nothing == {"type": "null"}
        assert schema["properties"][name]["description"]


# -- a server, a worker, a failure and its retry -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prefect]:
    """Return a server with the deployments and a worker for the pool `cpu`, all of it gone afterwards."""
    folder = tmp_path_factory.mktemp("server")
    prefect = Prefect(folder, {"LIMO_DATA": str(folder)})
    with prefect.running("server", "start", "--host", "127.0.0.1", "--port", prefect.port):
        wait_until(prefect.is_healthy, seconds=120, what="the server")
        prefect.do("sh", "docker/deploy.sh")
        with prefect.running("worker", "start", "--pool", "cpu"):
            yield prefect


@pytest.mark.prefect
@pytest.mark.slow
def test_deploying_again_changes_nothing_but_the_time(prefect: Prefect) -> None:
    before = prefect.deployments()
    prefect.do("sh", "docker/deploy.sh")

    assert prefect.deployments() == before
    assert set(before) == set(map(name_of, DEPLOYMENTS))
    pools = {name: deployment["work_pool_name"] for name, deployment in before.items()}
    assert pools == {name_of(deployment): deployment["work_pool"]["name"] for deployment in DEPLOYMENTS}
    (weekly,), (nightly,) = before["curate/full"]["schedules"], before["curate/delta"]["schedules"]
    assert (weekly["schedule"]["cron"], nightly["schedule"]["cron"]) == ("0 2 * * 0", "0 2 * * 1-6")
    assert {schedule["schedule"]["timezone"] for schedule in (weekly, nightly)} == {"UTC"}
    assert {name for name, deployment in before.items() if deployment["schedules"]} == {"curate/full", "curate/delta"}


@pytest.mark.prefect
@pytest.mark.slow
def test_deployments_with_a_schedule_get_their_next_runs(prefect: Prefect) -> None:
    deployed = {deployment["id"]: name for name, deployment in prefect.deployments().items()}

    def awaited() -> set[str]:
        planned = {"flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}
        runs = httpx.post(f"{prefect.api}/flow_runs/filter", json=planned, timeout=30).json()
        return {deployed[run["deployment_id"]] for run in runs if run["auto_scheduled"]}

    # the server's scheduler fails where SQLAlchemy is newer than Prefect knows
    wait_until(lambda: awaited() == {"curate/full", "curate/delta"}, seconds=120, what="the scheduled runs")


@pytest.mark.prefect
@pytest.mark.slow
def test_retried_flow_run_redoes_the_failed_stage_and_what_follows(prefect: Prefect) -> None:
    folder = prefect.folder
    write_files(folder)
    chains = folder / "chains.jsonl.zst"
    chains.rename(folder / "not-yet-here")
    execution = f'{{"store": "{folder}/store", "output": "{folder}/runs", "part_rows": 20}}'

    printed = prefect.do(
        *("prefect", "--no-prompt", "deployment", "run", "curate/recorded"),
        *("--param", 'selection={"target_size": 6, "when_short": "redistribute"}'),
        *("--param", f"execution={execution}"),
    )
    (flow_run_id,) = set(re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", printed))
    failed = prefect.wait_for(flow_run_id, "FAILED")
    before = prefect.task_runs(flow_run_id, last="difficulty")
    (folder / "not-yet-here").rename(chains)
    prefect.do("prefect", "--no-prompt", "flow-run", "retry", flow_run_id)
    prefect.wait_for(flow_run_id, "COMPLETED")
    after = prefect.task_runs(flow_run_id, last="report")

    known = {run["id"]: run for run in before}
    reused = [run for run in after if run["id"] not in known and run["state_name"] == "Cached"]
    done = [run for run in after if run["id"] not in known and run["state_name"] != "Cached"]
    print_runs("the first attempt", before)
    print_runs("the retry", reused + done)
    assert f"no file {chains}; mend the path or fetch the file" in failed["message"]
    assert whole_stages(before) == STAGES_BEFORE_CHAINS
    assert [when(run) for run in after if run["id"] in known] == [
        when(run) for run in before
    ]  # none was executed again
    assert names_of(reused) == STAGES_BEFORE_CHAINS
    assert whole_stages(done) == FAILED_STAGE_AND_WHAT_FOLLOWS
    assert len(list((folder / "runs").glob("recorded-*/report.html"))) == 1


def when(run: dict[str, Any]) -> tuple[str, int, str, str]:
    """Return what would differ if a task run had been executed once more."""
    return run["id"], run["run_count"], run["start_time"], run["end_time"]


def whole_stages(runs: list[dict[str, Any]]) -> list[str]:
    """Return the names without those of parts, such as `screening 0-20`."""
    return [name for name in names_of(runs) if " " not in name]


def print_runs(title: str, runs: list[dict[str, Any]]) -> None:
    print(f"\n{title}:")
    for run in runs:
        print(f"  {run['name']:<22} {run['state_name']:<10} begun {run['start_time'][11:23]}  id {run['id'][-12:]}")
