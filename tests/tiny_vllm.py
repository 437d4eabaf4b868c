"""vLLM's CPU build, as the tests start it for one of the demo's tiny models."""

from __future__ import annotations

from typing import Any

import pytest

from limo_curation.vllm_config import PROJECT_ENGINE, VllmConfig

WEAK, STRONG = "limo_curation/demo/models/tiny-weak", "limo_curation/demo/models/tiny-strong"


def skip_without_cpu_build() -> None:
    """Skip the module that calls this where the engine is not there, or is none for a processor."""
    if not (PROJECT_ENGINE.parents[1] / ".cpu-done").exists():
        pytest.skip("vLLM's CPU build is not installed: make engine ENGINE=cpu", allow_module_level=True)


def tiny_vllm(model: str, **changes: Any) -> VllmConfig:
    """Return one small replica, in the precision of the weights; a start takes half a minute on a machine at rest."""
    settings: dict[str, Any] = {
        "model": model,
        "python": str(PROJECT_ENGINE),
        "device": "cpu",
        "dtype": "float32",
        "max_model_len": 512,
        "max_num_seqs": 64,
        "kv_cache_memory_bytes": 256 * 2**20,
        "start_timeout_seconds": 400,
    }
    return VllmConfig(**settings | changes)
