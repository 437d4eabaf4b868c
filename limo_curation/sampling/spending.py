"""What sampling has cost a run, kept so that resumes, retries and workers share one budget.

    <store>/spending/<run>/<worker>.json         tokens and GPU-seconds of one process, by model

Each process writes a file of its own, so nobody waits for a lock, and the run has spent the sum of them. A process
that is killed leaves what it had counted a few seconds before.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Annotated, Final, TypeVar

from pydantic import Field, ValidationError

from limo_curation.errors import TableError
from limo_curation.files import without_credentials
from limo_curation.store import Record, Store

SPENDING_FOLDER: Final = "spending"

Tokens = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Number = TypeVar("Number", int, float)


class Spending(Record):
    """Tokens that engines read and wrote, and the seconds that GPUs were held for it, each by model."""

    prompt_tokens: dict[str, Tokens] = Field(default={})
    completion_tokens: dict[str, Tokens] = Field(default={})
    gpu_seconds: dict[str, Seconds] = Field(default={})

    def __add__(self, other: Spending) -> Spending:
        """Return what both have cost together."""
        return Spending(
            prompt_tokens=added(self.prompt_tokens, other.prompt_tokens),
            completion_tokens=added(self.completion_tokens, other.completion_tokens),
            gpu_seconds=added(self.gpu_seconds, other.gpu_seconds),
        )

    @property
    def total_tokens(self) -> int:
        """Prompt and completion tokens of all models together."""
        return sum(self.prompt_tokens.values()) + sum(self.completion_tokens.values())

    @property
    def gpu_hours(self) -> float:
        """GPU-hours of all models together."""
        return sum(self.gpu_seconds.values()) / 3_600

    @property
    def models(self) -> list[str]:
        """The models that cost something, sorted."""
        return sorted(self.prompt_tokens.keys() | self.completion_tokens.keys() | self.gpu_seconds.keys())


class SpendingRecord:
    """One process's account of a run, and its view of the others'."""

    def __init__(self, store: Store, run_name: str) -> None:
        """Open a new account.

        Args:
            store: where the run's results are.
            run_name: of `run_record.run_name`, which a resumed run keeps.
        """
        self.store = store
        self.run_name = run_name
        self._file = f"{uuid.uuid4().hex}.json"
        self._saved = Spending()

    def save(self, own: Spending) -> None:
        """Write what this process has spent, if that has changed."""
        if own != self._saved:
            text = own.model_dump_json(indent=1)
            self.store.write_bytes(f"{SPENDING_FOLDER}/{self.run_name}/{self._file}", text.encode())
            self._saved = own

    def of_others(self) -> Spending:
        """Return what all other processes of the run, earlier and present ones, have spent.

        Raises:
            TableError: one of the accounts is damaged.
        """
        return added_accounts(self.store, self.run_name, but=self._file)


def run_spending(store: Store, run_name: str) -> Spending:
    """Return what a run has spent in all its processes; nothing where it never sampled.

    Raises:
        TableError: one of the accounts is damaged.
    """
    return added_accounts(store, run_name)


def added_accounts(store: Store, run_name: str, *, but: str | None = None) -> Spending:
    """Add up the accounts of a run, without one of them."""
    folder = f"{SPENDING_FOLDER}/{run_name}"
    total = Spending()
    for name in store.list(folder):
        if not name.endswith(".json") or name == but:  # a killed writer may have left other files there
            continue
        text = store.read_bytes(f"{folder}/{name}")
        if text is None:  # cleaned up in this moment
            continue
        try:
            total += Spending.model_validate_json(text)
        except ValidationError:
            place = without_credentials(f"{store.url}/{folder}/{name}")
            raise TableError(f"the account {place} is damaged; delete it, which forgets what it had counted") from None
    return total


def added(one: Mapping[str, Number], two: Mapping[str, Number]) -> dict[str, Number]:
    """Add two counts by model."""
    return {**one, **{model: one[model] + count if model in one else count for model, count in two.items()}}
