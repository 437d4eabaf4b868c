"""One module per stage: the Prefect task around it, with reuse and retries. Knows Prefect, holds no logic."""
