"""Errors cross process boundaries, and what catches one of them must catch no other."""

import inspect
import pickle

import pytest

from limo_curation import errors
from limo_curation.errors import CurationError

NAMES = [
    "ConfigError",
    "TableError",
    "StageError",
    "ShortfallError",
    "BudgetError",
    "JudgeError",
    "TransientError",
]


@pytest.mark.parametrize("name", ["CurationError", *NAMES])
def test_error_survives_pickling_with_its_message(name: str) -> None:
    error = getattr(errors, name)("pool.jsonl: row 7: no question; mend the line\n例")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert copy.args == error.args
    assert str(copy) == str(error)


def test_tree_is_as_drawn_at_the_top_of_the_module() -> None:
    defined = {name for name, value in vars(errors).items() if inspect.isclass(value)}
    assert defined == {"CurationError", *NAMES}
    drawn = [line.split()[1] for line in (errors.__doc__ or "").splitlines() if line.strip().startswith(("├", "└"))]
    assert drawn == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_siblings_do_not_catch_each_other(name: str) -> None:
    # retrying on TransientError must not retry a ConfigError, and so on
    assert getattr(errors, name).__bases__ == (CurationError,)
