from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limo_curation.errors import TableError
from limo_curation.sampling.spending import Spending, SpendingRecord, run_spending
from limo_curation.store import Store

COUNTS = st.dictionaries(st.sampled_from(["ada", "bob", "eve/7B@main"]), st.integers(0, 10**12))
SPENDINGS = st.builds(Spending, prompt_tokens=COUNTS, completion_tokens=COUNTS, gpu_seconds=COUNTS)


@given(one=SPENDINGS, two=SPENDINGS)
def test_sum_counts_each_models_tokens_and_seconds_once(one: Spending, two: Spending):
    both = one + two
    assert both == two + one
    assert both.total_tokens == one.total_tokens + two.total_tokens
    assert both.gpu_hours == pytest.approx(one.gpu_hours + two.gpu_hours)
    assert both.models == sorted({*one.models, *two.models})


def test_run_has_spent_the_sum_of_its_processes_and_each_sees_the_others(tmp_path: Path):
    store = Store(str(tmp_path))
    first, second = SpendingRecord(store, "run"), SpendingRecord(store, "run")
    first.save(Spending(prompt_tokens={"ada": 1}))
    first.save(Spending(prompt_tokens={"ada": 10}))  # takes the place of the one before
    second.save(Spending(completion_tokens={"ada": 5}, gpu_seconds={"ada": 0.5}))
    SpendingRecord(store, "another").save(Spending(prompt_tokens={"ada": 1_000}))
    assert first.of_others() == Spending(completion_tokens={"ada": 5}, gpu_seconds={"ada": 0.5})
    assert second.of_others() == Spending(prompt_tokens={"ada": 10})
    assert run_spending(store, "run").total_tokens == 15
    assert SpendingRecord(store, "run").of_others().total_tokens == 15, "a new process is not an old one"


def test_half_written_account_of_a_killed_process_is_passed_over(tmp_path: Path):
    store = Store(str(tmp_path))
    SpendingRecord(store, "run").save(Spending(prompt_tokens={"ada": 1}))
    (tmp_path / "spending" / "run" / "0f.json.12ab.tmp").write_text("{")
    assert run_spending(store, "run").total_tokens == 1


@pytest.mark.parametrize("text", ["{", "[]", '{"prompt_tokens": {"ada": -5}}', '{"gpu_seconds": {"ada": "NaN"}}'])
def test_damaged_account_is_refused_since_a_budget_may_not_shrink_unseen(tmp_path: Path, text: str):
    (tmp_path / "spending" / "run").mkdir(parents=True)
    (tmp_path / "spending" / "run" / "0f.json").write_text(text)
    with pytest.raises(TableError, match=r"spending/run/0f\.json is damaged; delete it"):
        run_spending(Store(str(tmp_path)), "run")
