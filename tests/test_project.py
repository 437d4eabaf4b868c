"""What holds for every file of the project, whichever stage it belongs to."""

import ast
import re
from pathlib import Path

import pytest

from limo_curation.presets import load_config

ROOT = Path(__file__).parent.parent
MAX_LINES = 400
MODULES = sorted(path for floor in ("limo_curation", "tasks", "flows") for path in (ROOT / floor).rglob("*.py"))
SCRIPTS = sorted((ROOT / "measurements").rglob("*.py"))
PRESETS = sorted((ROOT / "deployments").glob("*.toml"))
README = (ROOT / "README.md").read_text(encoding="utf-8")


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_module_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), "begin the file with a docstring"


@pytest.mark.parametrize("path", [*MODULES, *SCRIPTS], ids=relative)
def test_module_can_be_read_in_one_sitting(path: Path) -> None:
    num_lines = len(path.read_text(encoding="utf-8").splitlines())

    assert num_lines <= MAX_LINES, f"{num_lines} lines: split it where a reader would pause"


@pytest.mark.parametrize("path", PRESETS, ids=relative)
def test_preset_is_a_valid_run_under_its_own_name(path: Path) -> None:
    assert load_config(path.stem).profile == path.stem


@pytest.mark.parametrize("path", PRESETS, ids=relative)
def test_readme_names_every_preset(path: Path) -> None:
    assert f"`{path.stem}`" in README


def test_readme_tree_names_only_what_exists() -> None:
    tree = re.search(r"## Where things live\n+```\n(.*?)```", README, re.DOTALL)
    assert tree is not None, "README.md has no file tree under `## Where things live`"

    missing = [path for path in paths_of_tree(tree.group(1)) if not (ROOT / path).exists()]

    assert missing == []


def paths_of_tree(tree: str) -> list[str]:
    """Return the paths of an indented tree: two spaces a level, a folder ends in `/`, the first word is the name."""
    folders: list[str] = []
    paths: list[str] = []
    for line in tree.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        name = line.split()[0]
        paths.append("".join([*folders[:depth], name]))
        folders[depth:] = [name]
    return paths
