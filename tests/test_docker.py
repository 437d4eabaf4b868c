"""The container files: a valid composition, no secret in it, and nothing named that does not exist.

The images themselves are not built here.
"""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
DOCKER = ROOT / "docker"
DOCKERFILES = sorted(DOCKER.glob("*.Dockerfile"))
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]


def name_of(path: Path) -> str:
    return path.name


def has_compose() -> bool:
    if shutil.which("docker") is None:
        return False
    return (
        subprocess.run(["docker", "compose", "version"], capture_output=True, timeout=60, check=False).returncode == 0
    )


def test_docker_accepts_the_composition() -> None:
    if not has_compose():
        pytest.skip("the docker command with its compose plugin is not installed")
    passwords = {"POSTGRES_PASSWORD": "unused", "PREFECT_AUTH": "unused:unused"}
    command = ["docker", "compose", "-f", str(DOCKER / "compose.yaml"), "--profile", "gpu", "config", "-q"]

    result = subprocess.run(
        command, env=os.environ | passwords, capture_output=True, text=True, timeout=60, check=False
    )

    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("service", SERVICES)
def test_service_depends_on_what_can_meet_the_condition(service: str) -> None:
    for needed, requirement in SERVICES[service].get("depends_on", {}).items():
        assert needed in SERVICES
        if requirement["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[needed], f"{service} waits for the health of {needed}, which reports none"
        else:
            assert "restart" not in SERVICES[needed], f"{service} waits for the end of {needed}, which restarts"


@pytest.mark.parametrize("service", SERVICES)
def test_service_mounts_declared_volumes_only(service: str) -> None:
    sources = [volume.rsplit(":/", 1)[0] for volume in SERVICES[service].get("volumes", [])]
    defaults = {re.sub(r"\$\{\w+:-(\w+)\}", r"\1", source) for source in sources}

    assert defaults <= set(COMPOSE["volumes"])


@pytest.mark.parametrize("service", SERVICES)
def test_service_takes_secrets_from_outside(service: str) -> None:
    for key, value in SERVICES[service].get("environment", {}).items():
        if re.search("PASSWORD|AUTH|TOKEN|DATABASE", key):
            assert value is None or "${" in value, f"{key} is written into the file"


@pytest.mark.parametrize("path", DOCKERFILES, ids=name_of)
def test_dockerfile_is_built_by_a_service(path: Path) -> None:
    built = {service["build"]["dockerfile"] for service in SERVICES.values() if "build" in service}

    assert f"docker/{path.name}" in built


@pytest.mark.parametrize("path", DOCKERFILES, ids=name_of)
def test_dockerfile_installs_extras_that_exist(path: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    installs = re.findall(r'"\.\[([\w,-]+)\]"', path.read_text(encoding="utf-8"))

    assert installs
    for extras in installs:
        assert set(extras.split(",")) <= set(project["optional-dependencies"])


@pytest.mark.parametrize("path", DOCKERFILES, ids=name_of)
def test_dockerfile_never_mixes_prefect_and_vllm(path: Path) -> None:
    for extras in re.findall(r'"\.\[([\w,-]+)\]"', path.read_text(encoding="utf-8")):
        assert not {"flows", "vllm"} <= set(extras.split(","))


@pytest.mark.parametrize("path", [*DOCKERFILES, DOCKER / "compose.yaml", DOCKER / "deploy.sh"], ids=name_of)
def test_named_files_exist(path: Path) -> None:
    named = re.findall(
        r"\b(?:docker|deployments)/[\w.-]+\.(?:sh|yaml|Dockerfile|example)|constraints\.txt", path.read_text()
    )

    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("path", DOCKERFILES, ids=name_of)
def test_container_does_not_run_as_root(path: Path) -> None:
    users = re.findall(r"^USER (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)

    assert users
    assert users[-1] != "root"


def test_both_images_write_the_shared_volume_as_the_same_user() -> None:
    numbers = {re.search(r"--uid (\d+)", path.read_text(encoding="utf-8")).group(1) for path in DOCKERFILES}

    assert len(numbers) == 1
