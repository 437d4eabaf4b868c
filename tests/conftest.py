"""What every test may use: a Prefect that is isolated from the user's own, and the shared data sets.

Prefect reads its settings when it is first imported, so they are written here, before any test module is loaded. A
temporary PREFECT_HOME is needed beside the test harness, which isolates the database but not the stored results.
"""

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

PREFECT_HOME = tempfile.mkdtemp(prefix="limo-curation-prefect-")
atexit.register(shutil.rmtree, PREFECT_HOME, ignore_errors=True)
SERVER_STARTUP_SECONDS = 120

os.environ.update(
    PREFECT_HOME=PREFECT_HOME,
    PREFECT_SERVER_ANALYTICS_ENABLED="false",
    PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS=str(SERVER_STARTUP_SECONDS),
    DO_NOT_TRACK="1",
)
# a server that the user's shell points to must not receive the runs of tests
for name in ("PREFECT_API_URL", "PREFECT_API_KEY", "PREFECT_API_AUTH_STRING", "PREFECT_PROFILE"):
    os.environ.pop(name, None)


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """Start one temporary server with an empty database for all tests marked `prefect`."""
    testing = pytest.importorskip("prefect.testing.utilities", reason="Prefect is not installed (extra `flows`)")
    with testing.prefect_test_harness(server_startup_timeout=SERVER_STARTUP_SECONDS):
        yield


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Return the folder with the shared data sets, or skip the test."""
    value = os.environ.get("LIMO_DATA")
    if not value:
        pytest.skip("LIMO_DATA is not set: it names the folder with the shared data sets")
    folder = Path(value)
    if not folder.is_dir():
        pytest.skip(f"LIMO_DATA is {value!r}, which is no folder")
    return folder
