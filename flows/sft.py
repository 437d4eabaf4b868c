"""Fine-tune a student on a published set, plan first.

    python -m flows.sft tiny-cpu runs/demo-01234567/dataset          here and now
    prefect deployment run sft/tiny -p dataset=runs/demo-01234567/dataset

A run is found by its samples, student and training section: started again after a kill it goes on from its last
checkpoint, and a finished one is found. On several machines, each runs this flow with its own `hardware.machine_rank`.
"""

from __future__ import annotations

import os
import sys

# must stand before Prefect is imported; a deployment sets the first two in its job variables
os.environ.setdefault("PREFECT_LOGGING_EXTRA_LOGGERS", "limo_curation")
os.environ.setdefault("PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW", "ignore")
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")

from prefect import flow

from limo_curation.errors import CurationError
from limo_curation.sft.config import HardwareConfig, TrainingConfig
from limo_curation.sft.presets import load_sft_config
from tasks.sft import sft as fine_tune


@flow(name="sft", flow_run_name="sft-{profile}")
def sft(
    profile: str = "tiny-cpu",
    dataset: str | None = None,
    student: str | None = None,
    training: TrainingConfig | None = None,
    hardware: HardwareConfig | None = None,
    output: str | None = None,
) -> str:
    """Fine-tune a student.

    Args:
        profile: a preset's name (a TOML in `deployments/sft/`) or the path of a TOML file.
        dataset: folder of a published set, or its repository on the Hub as `owner/name@revision`. This and all that
            follow take the place of the preset's.
        student: Hub id or local folder.
        training: method, rate, epochs, batch, cut-off, share that is held out.
        hardware: processes, sharding, offload, micro batch; changes no result but by rounding.
        output: folder in which the run gets its own.

    Returns:
        The folder of the fine-tuned student, which transformers and vLLM load.

    Raises:
        ConfigError: no such preset, set or student; or it does not fit: the message has the number that doesn't, and
            the preset that would.
        TableError: samples that can't be trained on whole.
        TransientError: the training died on its way, also after retries.
    """
    config = load_sft_config(
        profile, training=training, hardware=hardware, dataset=dataset, student=student, output=output
    )
    model = fine_tune(config)
    print(f"model: {model}")  # noqa: T201  what a user of the script looks for
    return str(model)


if __name__ == "__main__":
    try:
        sft(
            profile=sys.argv[1] if len(sys.argv) > 1 else "tiny-cpu", dataset=sys.argv[2] if len(sys.argv) > 2 else None
        )
    except CurationError as error:
        sys.exit(f"{type(error).__name__}: {error}")
