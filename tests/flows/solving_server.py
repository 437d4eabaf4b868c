"""A run that samples from a server which knows the answers of the small files, and what it was asked."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.chat_server import ChatServer, Reply, chat
from tests.flows.small_files import made_up_problem, write_files

PATIENCE_SECONDS = 240.0  # the machine may be busy
RUN_FILE = """
profile = "{profile}"

[[ingestion.sources]]
name = "pool"
path = "{folder}/problems.jsonl.zst"
columns = {{ question = "problem", answer = "answer", source = "source", origin = "id" }}

[decontamination]
enabled = false

[difficulty]
max_solved = {max_solved}
{demand}
[[difficulty.weak]]
model = "weak"
num_attempts = 1
max_tokens = 100
[difficulty.strong]
model = "strong"
num_attempts = 8
max_tokens = 100

[[generation.teachers]]
model = "strong"
num_attempts = 8
max_tokens = 100

[selection]
target_size = 6
when_short = "redistribute"

[engine]
kind = "endpoint"
max_concurrency = 4
urls = {{ weak = ["{url}"], strong = ["{url}"] }}

[execution]
store = "{folder}/store"
output = "{folder}/runs"
chunk_rows = 6
parallel_chunks = 1
gpu_workers = {gpu_workers}
"""
DEMAND = "demand = { problems_per_domain = 2, round_problems = 6, candidates = 2 }"


class SolvingServer(ChatServer):
    """Answers every third attempt of the strong solver rightly, decided by the seed, and none of the weak one's."""

    def __init__(self) -> None:
        super().__init__()
        problems = [made_up_problem(index) for index in range(36)]
        self.answers = {problem["problem"].upper(): problem["answer"] for problem in problems}
        self.lets_go = threading.Event()
        """No reply before it is set, where `holds` says so."""
        self.lets_go.set()
        self.holds: Callable[[], bool] = lambda: True

    def reply_to(self, body: dict[str, Any]) -> Reply:
        with self.lock:
            self.bodies.append(body)
        if self.holds():
            self.lets_go.wait(PATIENCE_SECONDS)
        is_right = body["model"] == "strong" and body["seed"] % 3 == 0
        right = self.answers[body["messages"][-1]["content"].upper()]
        answer = right if is_right else 31_415 + body["seed"] % 97
        text = f"We add. Wait, let me check the sum again. It is \\boxed{{{answer}}}."
        return Reply(200, chat(text))

    def num_repeated(self) -> int:
        """How many requests had been asked before."""
        with self.lock:
            asked = Counter((one["model"], one["messages"][-1]["content"], one["seed"]) for one in self.bodies)
        return sum(number - 1 for number in asked.values())


def write_sampling_run(
    folder: Path,
    url: str,
    *,
    gpu_workers: int = 0,
    profile: str = "shared",
    max_solved: int = 3,
    is_on_demand: bool = False,
) -> Path:
    """Write the small files and a run file that samples from the server at a URL; return the run file's path."""
    folder.mkdir(parents=True, exist_ok=True)
    write_files(folder)
    path = folder / f"{profile}.toml"
    text = RUN_FILE.format(
        folder=folder.as_posix(),
        url=url,
        gpu_workers=gpu_workers,
        profile=profile,
        max_solved=max_solved,
        demand=DEMAND if is_on_demand else "",
    )
    path.write_text(text, encoding="utf-8")
    return path
