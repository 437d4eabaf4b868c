"""Prefect's settings of a run, which must stand before Prefect is imported: the flow's module sets them."""

import importlib.util

if importlib.util.find_spec("prefect") is not None:
    import flows.curate  # noqa: F401
