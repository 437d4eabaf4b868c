"""What several of the core's test rooms use."""

import pytest

from tests.small_run import SmallRun, make_small_run


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> SmallRun:
    """Return a finished run of tiny stages; tests only read it."""
    return make_small_run(tmp_path_factory.mktemp("store"))
