"""Start vLLM's OpenAI-compatible servers for one model, keep them running, and leave none behind.

    config = VllmConfig(model="Qwen/Qwen2.5-Math-7B-Instruct", replicas=8, max_model_len=4096)
    with VllmServers(config, log_folder=Path("runs/limo-v2/logs")) as servers:
        sampler = EndpointSampler({config.requested_name: servers.urls}, max_concurrency=1024, timeout_seconds=3600)
        ...

The servers run in the engine's own environment (`make engine`) and are talked to over HTTP. Each writes to
`replica-N.log` in the log folder. A replica that dies or hangs is started again at the same URL: requests that were
under way there are lost, and whoever samples sends them once more. At the end of the block, and also after `kill -9` of
this process, nothing of them is left (`guarded_process.py`).

Where LIMO_ENGINE_API_KEY is set, the servers ask for it. It reaches them through their environment only.
"""

from __future__ import annotations

import logging
import os
import shlex
import socket
import threading
import time
from pathlib import Path
from typing import Final, Self

from limo_curation.errors import ConfigError, CurationError, TransientError
from limo_curation.sampling.guarded_process import GuardedProcess
from limo_curation.sampling.vllm_command import (
    HOST,
    VLLM_KEY,
    device_of,
    server_command,
    server_environment,
    visible_gpus,
)
from limo_curation.sampling.vllm_health import Pulse, is_healthy
from limo_curation.vllm_config import VllmConfig

SECONDS_BETWEEN_LOOKS: Final = 0.25  # ours, as all numbers here
SECONDS_BETWEEN_PULSES: Final = 30.0
MAX_LIFELESS_SECONDS: Final = 300.0
"""A server that runs, but neither counts a token nor answers for so long, hangs."""
FIRST_BACK_OFF_SECONDS: Final = 1.0  # before the first restart, doubled for each further one
MAX_BACK_OFF_SECONDS: Final = 60.0
NUM_QUOTED_LINES: Final = 30
MAX_QUOTED_BYTES: Final = 4_000

logger = logging.getLogger(__name__)


class VllmServers:
    """The replicas of one model, running inside of a `with` block, and only once."""

    def __init__(self, config: VllmConfig, *, log_folder: Path, gpus: tuple[str, ...] | None = None) -> None:
        """Describe them.

        Args:
            config: what is served.
            log_folder: where each replica writes `replica-N.log`.
            gpus: those that they may use, named as in CUDA_VISIBLE_DEVICES; None: all that this process sees.
        """
        self.config = config
        self.log_folder = log_folder
        self.gpus = gpus
        self._replicas: list[Replica] = []
        self._stopping = threading.Event()

    def __enter__(self) -> Self:
        """Start all replicas and wait until each is healthy.

        Raises:
            ConfigError: the engine's environment is missing, a port is taken, there are too few GPUs, or a server ended
                before it was healthy, or wasn't in time: then its last lines are quoted.
            TransientError: another thread called `stop` in the meantime.
        """
        self._replicas = self._plan_replicas()
        try:
            for replica in self._replicas:
                replica.start()
            while not all(replica.is_settled.is_set() for replica in self._replicas):
                self.check()  # one that fails at once is not hidden behind one that loads for minutes
                time.sleep(SECONDS_BETWEEN_LOOKS)
            self.check()
            if self._stopping.is_set():
                raise TransientError(f"the servers of {self.config.requested_name} were stopped while they started")
        except BaseException:  # Ctrl-C too
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End all servers.

        Raises:
            TransientError: a process of theirs can't be killed.
        """
        self.stop()
        for replica in self._replicas:
            if replica.failure is not None and replica.is_stuck:
                raise replica.failure

    def stop(self) -> None:
        """End all servers, from any thread, also while they start; the block is left where it ends."""
        self._stopping.set()
        for replica in self._replicas:
            replica.join()

    @property
    def urls(self) -> tuple[str, ...]:
        """The base URL of each replica. They stay the same when a replica is started again."""
        return tuple(f"http://{HOST}:{replica.port}/v1" for replica in self._replicas)

    @property
    def num_restarts(self) -> tuple[int, ...]:
        """How often each replica was started again."""
        return tuple(replica.num_restarts for replica in self._replicas)

    @property
    def has_failed(self) -> bool:
        """Whether a replica has failed for good."""
        return any(replica.failure is not None for replica in self._replicas)

    def check(self) -> None:
        """Raise what a replica failed with, if one has failed for good."""
        for replica in self._replicas:
            if replica.failure is not None:
                raise replica.failure

    def _plan_replicas(self) -> list[Replica]:
        config, inherited = self.config, dict(os.environ)
        interpreter = config.interpreter()
        if not os.access(interpreter, os.X_OK):
            raise ConfigError(
                f"vLLM's environment is missing: there is no interpreter {interpreter}; run `make engine`"
            )
        gpus = visible_gpus(inherited) if self.gpus is None else self.gpus
        device = device_of(config, gpus)
        self.log_folder.mkdir(parents=True, exist_ok=True)
        return [
            Replica(
                config,
                name=f"replica {index} of {config.requested_name}",
                port=port,
                command=server_command(config, device=device, port=port),
                environment=server_environment(
                    config,
                    device=device,
                    gpus=gpus[index * config.num_engines :][: config.num_engines],
                    inherited=inherited,
                ),
                log=self.log_folder / f"replica-{index}.log",
                stopping=self._stopping,
            )
            for index, port in enumerate(choose_ports(config.port, config.replicas))
        ]


class Replica:
    """One server, and the thread that keeps it running."""

    def __init__(
        self,
        config: VllmConfig,
        *,
        name: str,
        port: int,
        command: list[str],
        environment: dict[str, str],
        log: Path,
        stopping: threading.Event,
    ) -> None:
        self.port = port
        self.num_restarts = 0
        self.is_settled = threading.Event()
        """Set once it is healthy for the first time, or has failed for good."""
        self.failure: CurationError | None = None
        self.is_stuck = False
        """Whether the failure is a process that can't be killed."""
        self._config, self._name, self._log = config, name, log
        self._command, self._environment = command, environment
        self._stopping = stopping
        self._thread = threading.Thread(target=self._keep_running, name=name, daemon=True)

    def start(self) -> None:
        """Begin to start the server."""
        self._thread.start()

    def join(self) -> None:
        """Wait until nothing of the server is left; `stopping` was set before."""
        if self._thread.ident is not None:
            self._thread.join()

    def _keep_running(self) -> None:
        try:
            trouble = self._run_once()
            while trouble and self.is_settled.is_set() and self.num_restarts < self._config.max_restarts:
                delay = min(FIRST_BACK_OFF_SECONDS * 2**self.num_restarts, MAX_BACK_OFF_SECONDS)
                logger.warning("vLLM: %s %s; it is started again in %g s", self._name, trouble, delay)
                if self._stopping.wait(delay):
                    return
                self.num_restarts += 1
                trouble = self._run_once()
            if trouble:
                told = f"{self._name} {trouble}, after {self.num_restarts} restarts. {self._last_lines()}"
                # a server that never answered was asked for something impossible
                self.failure = TransientError(told) if self.is_settled.is_set() else ConfigError(told)
        except TransientError as error:
            self.failure, self.is_stuck = error, True
        except OSError as error:
            self.failure = ConfigError(f"{self._name} can't be started: {error}")
        finally:
            if self.failure is not None:
                logger.error("vLLM: %s", self.failure)
            self.is_settled.set()

    def _run_once(self) -> str:
        """Start the server and watch it; return what went wrong, or nothing where it was to stop."""
        with self._log.open("a", encoding="utf-8") as log:
            log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {shlex.join(self._command)}\n")
        with GuardedProcess(
            self._command,
            environment=self._environment,
            log=self._log,
            stop_seconds=self._config.stop_timeout_seconds,
        ) as server:
            return self._await_health(server) or self._watch(server)

    def _await_health(self, server: GuardedProcess) -> str:
        give_up_at = time.monotonic() + self._config.start_timeout_seconds
        while not self._stopping.wait(SECONDS_BETWEEN_LOOKS):
            if not server.is_alive:
                return f"ended with exit status {server.stop()} before it was healthy"
            if is_healthy(self.port):
                self.is_settled.set()
                break
            if time.monotonic() > give_up_at:
                return f"was not healthy within {self._config.start_timeout_seconds:g} s"
        return ""

    def _watch(self, server: GuardedProcess) -> str:
        pulse = Pulse(self.port, model=self._config.requested_name, key=self._environment.get(VLLM_KEY, ""))
        alive_at = felt_at = time.monotonic()
        while not self._stopping.wait(SECONDS_BETWEEN_LOOKS):
            if not server.is_alive:
                return f"ended with exit status {server.stop()}"
            if time.monotonic() - felt_at < SECONDS_BETWEEN_PULSES:
                continue
            felt_at = time.monotonic()
            if pulse.beats():
                alive_at = time.monotonic()
            elif time.monotonic() - alive_at > MAX_LIFELESS_SECONDS:
                return f"shows no sign of life for {MAX_LIFELESS_SECONDS:g} s"
        return ""

    def _last_lines(self) -> str:
        with self._log.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - MAX_QUOTED_BYTES))
            lines = log.read().decode(errors="replace").splitlines()[-NUM_QUOTED_LINES:]
        quoted = "\n".join(lines)
        key = self._environment.get(VLLM_KEY)
        return f"The end of {self._log}:\n{quoted.replace(key, '***') if key else quoted}"


def choose_ports(first: int, number: int) -> list[int]:
    """Return ports to listen at: `first` and those after it, or free ones for 0.

    vLLM itself does not notice a taken port where another vLLM has it: both would get a part of the requests.

    Raises:
        ConfigError: one of them is taken.
    """
    wanted = [first + index if first else 0 for index in range(number)]
    sockets = [socket.socket() for _ in wanted]
    try:
        for one, port in zip(sockets, wanted, strict=True):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that linger are no obstacle
            try:
                one.bind((HOST, port))
            except (OSError, OverflowError) as error:
                raise ConfigError(f"port {port} can't be used ({error}): choose another, or 0 for free ones") from None
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
