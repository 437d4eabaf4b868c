"""A stage's source digest follows the code behind the stage, and nothing else."""

from __future__ import annotations

import textwrap
from pathlib import Path

from limo_curation.provenance import (
    SHARED_FLOOR,
    code_files,
    digest_of_files,
    imported_modules,
    library_versions,
    module_file,
    source_digest,
)


def names(module: str) -> set[str]:
    return {file.name for file in code_files(module)}


def test_code_behind_a_stage_is_found_through_its_imports() -> None:
    assert {"chains.py", "steps.py", "extraction.py", "symbolic.py"} <= names("limo_curation.verification")


def test_the_shared_floor_is_no_part_of_a_stage() -> None:
    assert not names("limo_curation.verification") & {"config.py", "errors.py", "store.py", "stage.py", "tables.py"}


def test_data_files_beside_the_code_count_as_code() -> None:
    assert any("data" in file.parts for file in code_files("limo_curation.judging.rules"))


def test_stages_that_share_no_code_have_different_digests() -> None:
    assert source_digest("limo_curation.screening") != source_digest("limo_curation.novelty")


def test_relative_imports_and_imports_inside_functions_are_followed(tmp_path: Path) -> None:
    source = """
    from . import extraction
    from ..tables import DOMAINS
    def late():
        from limo_curation.answers.symbolic import something
        import limo_curation.domains
    """
    file = tmp_path / "module.py"
    file.write_text(textwrap.dedent(source))
    found = imported_modules(file, package="limo_curation.answers")
    assert {
        "limo_curation.answers.extraction",
        "limo_curation.tables",
        "limo_curation.answers.symbolic",
        "limo_curation.domains",
    } <= found


def test_a_changed_line_changes_the_digest(tmp_path: Path) -> None:
    file = tmp_path / "stage.py"
    file.write_text("x = 1\n")
    before = digest_of_files([file])
    file.write_text("x = 2\n")
    assert digest_of_files([file]) != before


def test_versions_name_the_libraries_that_results_depend_on() -> None:
    assert {"polars", "datasketch", "sympy", "math-verify"} <= set(library_versions())


def test_everything_that_the_contract_stands_on_is_part_of_the_floor() -> None:
    waiting, seen = {"limo_curation.runner", "limo_curation.stage"}, set[str]()
    while waiting:
        name = waiting.pop()
        path = module_file(name)
        if path is not None and name not in seen:
            seen.add(name)
            waiting |= imported_modules(path, package=name.rpartition(".")[0])
    assert seen - {"limo_curation"} <= SHARED_FLOOR
    assert all(module_file(name) is not None for name in SHARED_FLOOR)
