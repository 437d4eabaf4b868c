"""Pairs of answers with labels, for answers.py: of test suites, of authors, by construction, of other machines."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import zstandard

from limo_curation.answers.extraction import list_boxes
from measurements.answer_rewritings import Pair, rewritten

MAX_GOLD_CHARACTERS: Final = 80  # longer gold answers are mostly prose
SEED: Final = 0


class PairSet(NamedTuple):
    """Pairs of one origin, and what their label is worth."""

    name: str
    label: str
    pairs: list[Pair]


def read_rows(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    """Read a shared data set row by row."""
    with (folder / f"{name}.jsonl.zst").open("rb") as file:
        text = zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(file).read().decode()
    return (json.loads(line) for line in text.split("\n") if line)


def test_suites(folder: Path) -> list[PairSet]:
    """Return the pairs that libraries' maintainers labelled, a set for each suite; whole outputs stay whole.

    A pair that is labelled both ways (its label depends on a setting of the test) is left out.
    """
    rows = [row for row in read_rows(folder, "answer_pairs") if row["label_kind"].startswith("test-suite")]
    labels: dict[tuple[str, str], set[bool]] = defaultdict(set)
    for row in rows:
        labels[row["pred"], row["gold"]].add(bool(row["equal"]))
    suites: dict[str, list[Pair]] = defaultdict(list)
    for row in rows:
        if len(labels[row["pred"], row["gold"]]) == 1:
            suites[row["source"]].append(Pair(row["pred"], row["gold"], bool(row["equal"]), row["source"]))
    label = {"hendrycks_math:math_equivalence_test": "maintainers, of strings: debatable"}
    return [PairSet(source, label.get(source, "maintainers"), pairs) for source, pairs in sorted(suites.items())]


def near_misses(folder: Path, limit: int) -> list[PairSet]:
    """Rewrite gold answers into equal and into different ones, of each kind about as many."""
    golds = {str(row["answer"]).strip().strip("$").strip() for row in read_rows(folder, "problems") if row["answer"]}
    short = sorted(gold for gold in golds if 0 < len(gold) <= MAX_GOLD_CHARACTERS)
    random.Random(SEED).shuffle(short)  # noqa: S311 (a sample, not a secret)
    by_kind: dict[str, dict[Pair, None]] = defaultdict(dict)
    for gold in short:
        for pair in rewritten(gold):
            by_kind[pair.kind][pair] = None
    chosen = [pair for pair in in_turn(by_kind.values()) if pair.predicted != pair.gold][:limit]
    return [
        PairSet("equivalents", "by construction", [pair for pair in chosen if pair.is_equal]),
        PairSet("near misses", "by construction", [pair for pair in chosen if not pair.is_equal]),
    ]


def in_turn(groups: Iterable[Iterable[Pair]]) -> Iterator[Pair]:
    """Yield the first pair of each group, then the second of each that has one, and so on."""
    waiting = [iter(group) for group in groups]
    while waiting:
        for group in waiting.copy():
            pair = next(group, None)
            if pair is None:
                waiting.remove(group)
            else:
                yield pair


def gsm8k_solutions(folder: Path, limit: int) -> PairSet:
    """Return real model solutions, whole, with their authors' labels (exact match of the final number)."""
    pairs = [
        Pair(row["chain"], row["gold_answer"], bool(row["final_correct"]), "gsm8k")
        for row in read_rows(folder, "chains")
        if row["source"] == "gsm8k_example_solutions"
    ]
    return PairSet("GSM8K solutions", "authors", spread(pairs, limit))


def judged_outputs(folder: Path, limit: int) -> list[PairSet]:
    """Return real answers and whole outputs that other machines judged: agreement with them is no truth."""
    judged = PairSet("judged answers", "other machines", [])
    contested = PairSet("contested answers", "machines that disagree", [])
    for row in read_rows(folder, "answer_pairs"):
        if not row["label_kind"].startswith("test-suite"):
            chosen = contested if row["label_kind"].startswith("CONTESTED") else judged
            chosen.pairs.append(Pair(row["pred"], row["gold"], bool(row["equal"]), row["source"]))
    outputs = PairSet("judged outputs", "other machines", [])
    for row in read_rows(folder, "chains"):
        if row["source"].startswith("skythought_") and row["gold_answer"] and row["chain"]:
            outputs.pairs.append(Pair(row["chain"], row["gold_answer"], bool(row["final_correct"]), row["source"]))
    return [each._replace(pairs=spread(each.pairs, limit)) for each in (judged, contested, outputs)]


def unboxed_texts(folder: Path, limit: int) -> list[PairSet]:
    """Take the boxes off solutions and outputs that have one; what the last held must then be found without it."""
    solutions = PairSet("solutions without boxes", "what the box held", [])
    for row in read_rows(folder, "problems"):
        solutions.pairs.extend(unboxed(str(row["solution"] or ""), row["source"]))
    outputs = PairSet("outputs without boxes", "what the box held", [])
    for row in read_rows(folder, "chains"):
        if row["source"].startswith("skythought_"):
            outputs.pairs.extend(unboxed(str(row["chain"] or "").rpartition("<|end_of_thought|>")[2], row["source"]))
    return [each._replace(pairs=spread(each.pairs, limit)) for each in (solutions, outputs)]


def unboxed(text: str, kind: str) -> Iterator[Pair]:
    """Yield the text without its boxes, with what the last one held; nothing where it has none."""
    boxes = [box for box in list_boxes(text) if r"\boxed" not in box.held]
    for box in reversed(boxes):
        text = text[: box.start] + box.held + text[box.end :]
    if boxes and r"\boxed" not in text:
        yield Pair(text, boxes[-1].held, True, kind)


def spread(pairs: list[Pair], limit: int) -> list[Pair]:
    """Return at most so many pairs, from all over a list that is sorted by source."""
    return pairs[:: max(1, len(pairs) // limit)][:limit]
