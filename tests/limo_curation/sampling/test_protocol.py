"""A request's identity is its content on one revision of a model; a seed follows from solver, problem and attempt."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limo_curation.engine_config import Solver
from limo_curation.sampling import SampleRequest
from limo_curation.sampling.protocol import model_folder, request_for, solver_name

SOLVER = Solver(model="ada", num_attempts=4, max_tokens=100)
BASE = SampleRequest("ada", "1 + 1 = ?", temperature=0.6, top_p=0.95, max_tokens=100, seed=7, attempt=0)
ids = st.text(alphabet="0123456789abcdef", min_size=20, max_size=20)


@pytest.mark.parametrize(
    "changed",
    [
        replace(BASE, question="1 + 1 = ? "),
        replace(BASE, temperature=0.7),
        replace(BASE, top_p=1.0),
        replace(BASE, max_tokens=101),
        replace(BASE, seed=8),
        replace(BASE, json_schema="{}"),
        replace(BASE, system_prompt=""),  # an empty system prompt is one more message than none
    ],
)
def test_key_changes_with_every_field_that_changes_the_text(changed: SampleRequest) -> None:
    assert changed.key("ada@1") != BASE.key("ada@1")


def test_key_changes_with_the_revision_and_not_with_the_attempts_number() -> None:
    assert BASE.key("ada@1") != BASE.key("ada@2")
    assert BASE.key("ada@1") == replace(BASE, attempt=3).key("ada@1")
    assert len(BASE.key("ada@1")) == 32


def test_same_weights_in_another_folder_have_the_same_key() -> None:
    assert BASE.key("ada@1") == replace(BASE, model="/other/machine/ada").key("ada@1")


def test_key_is_the_one_that_caches_hold_already() -> None:
    assert BASE.key("ada@1") == "73bf66453684a20179822ccf8d11bf93"  # changing it would throw every cache away


@given(problem_id=ids, num_attempts=st.integers(1, 40))
def test_attempts_on_one_problem_have_different_seeds(problem_id: str, num_attempts: int) -> None:
    requests = [request_for(SOLVER, problem_id=problem_id, question="?", attempt=k) for k in range(num_attempts)]
    assert len({one.seed for one in requests}) == num_attempts
    assert all(0 <= one.seed < 2**31 for one in requests)  # vLLM and numpy both take these


@given(problem_ids=st.lists(ids, min_size=2, max_size=10, unique=True), data=st.data())
def test_seeds_do_not_depend_on_the_order_of_the_problems(problem_ids: list[str], data: st.DataObject) -> None:
    def seeds(order: list[str]) -> dict[str, int]:
        return {one: request_for(SOLVER, problem_id=one, question="?", attempt=0).seed for one in order}

    in_order = seeds(problem_ids)
    assert seeds(data.draw(st.permutations(problem_ids))) == in_order
    assert len(set(in_order.values())) == len(problem_ids)


def test_solvers_seed_changes_every_request() -> None:
    other = SOLVER.model_copy(update={"seed": 1})
    for attempt in range(4):
        one = request_for(SOLVER, problem_id="p", question="?", attempt=attempt)
        assert one.seed != request_for(other, problem_id="p", question="?", attempt=attempt).seed


def test_request_carries_the_solvers_settings() -> None:
    solver = Solver(model="ada", num_attempts=4, max_tokens=9, temperature=0, top_p=0.5, system_prompt="Be brief.")
    made = request_for(solver, problem_id="p", question="Why?", attempt=2)
    assert (made.temperature, made.top_p, made.max_tokens, made.attempt) == (0, 0.5, 9, 2)
    assert made.messages() == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
    assert BASE.messages() == [{"role": "user", "content": "1 + 1 = ?"}]


def test_local_models_are_named_without_the_folders_before_them(tmp_path: Path) -> None:
    folder = tmp_path / "weights" / "grace"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    assert solver_name(SOLVER.model_copy(update={"model": str(folder)})) == "grace"
    assert solver_name(SOLVER.model_copy(update={"model": "owner/name@revision"})) == "owner/name@revision"


def test_demo_models_are_found_from_any_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = model_folder("limo_curation/demo/models/tiny-weak")
    assert found is not None
    assert (found / "model.safetensors").is_file()
    assert model_folder("owner/name") is None
