"""The three floors: imports go one way, and the core loads without an orchestrator or an engine."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HEAVY_LIBRARIES = ("torch", "transformers", "prefect", "vllm", "math_verify", "datasets", "matplotlib")


def test_every_import_contract_is_kept() -> None:
    pytest.importorskip("importlinter", reason="import-linter is not installed (extra `dev`)")
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    command = [sys.executable, "-c", code, "--no-logo", "--no-cache"]

    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)

    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    "modules", ["limo_curation", "limo_curation.tables, limo_curation.config", "limo_curation.stage"]
)
def test_core_loads_no_heavy_library(modules: str) -> None:
    code = f"import {modules}, sys; print(*(name for name in {HEAVY_LIBRARIES!r} if name in sys.modules))"

    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )

    assert result.stdout.split() == []
