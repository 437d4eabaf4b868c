"""Measure how often the domain is right, how well its confidence says so, and how fast it is told.

    LIMO_DATA=... python -m measurements.domains [--quick] [--json]

Truth are the labels that people gave (`limo_curation/domains/labels.py`); they do not tell counting from chance, so
both are one class. Each row is judged by a model that has seen neither it nor a near-duplicate or variant of it.

    peer    TF-IDF of words and pairs of words, logistic regression (scikit-learn), on the same folds
    ours    networks of the same code and settings as those whose weights the project carries

Speed is that of the weights the project carries, in one thread: problems for each second of processor time.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from limo_curation.domains.labels import NUM_FOLDS, read_labelled
from limo_curation.domains.network import classify_texts
from limo_curation.domains.training import (
    CLASSES,
    NUM_NETWORKS,
    best_temperature,
    classes_of,
    cross_validate,
    figures_of,
    is_judged,
    report_of,
)
from limo_curation.folding import texts_of
from measurements.deduplication import processor

NUM_RUNS: Final = 3  # of which the fastest counts: others use the machine too
WARM_UP_ROWS: Final = 100


def main() -> None:
    """Print the figures, and with --json one JSON object on the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one fold of five, one network")
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    arguments = parser.parse_args()
    if "LIMO_DATA" not in os.environ:
        sys.exit("LIMO_DATA is not set: it names the folder with the labelled problems")
    rows = read_labelled(Path(os.environ["LIMO_DATA"]))
    folds = [0] if arguments.quick else list(range(NUM_FOLDS))
    ours = measure_ours(rows, folds, num_networks=1 if arguments.quick else NUM_NETWORKS)
    peer = measure_peer(rows, folds)
    speed = measure_speed(rows["question"])
    show(ours, peer, speed)
    if arguments.json:
        ratios = {name: round((1 - peer[name]) / (1 - ours[name]), 3) for name in ("accuracy", "macro_f1")}
        figures = {"ours": ours, "peer": peer, "problems_per_core_second": speed, "errors_of_peer_to_ours": ratios}
        print(json.dumps({**figures, "machine": {"processor": processor(), "cores": os.cpu_count()}}))


def measure_ours(rows: pl.DataFrame, folds: Sequence[int], *, num_networks: int) -> dict[str, Any]:
    """Return the figures of the project's networks on the folds."""
    scores = cross_validate(rows, folds=folds, num_networks=num_networks)
    held_out = (is_judged(rows) & rows["fold"].is_in(folds)).to_numpy()
    temperature = best_temperature(scores[held_out], classes_of(rows)[held_out])
    return {"temperature": temperature, **report_of(rows, scores, temperature)}


def measure_peer(rows: pl.DataFrame, folds: Sequence[int]) -> dict[str, Any]:
    """Return the figures of TF-IDF and logistic regression on the folds, trained on people's labels."""
    judged = rows.filter(is_judged(rows))
    classes = classes_of(judged)
    found = np.full(judged.height, -1)
    for fold in folds:
        held_out = (judged["fold"] == fold).to_numpy()
        found[held_out] = predict_as_peer(judged["question"].to_list(), classes, held_out)
    was_judged = found >= 0
    return figures_of(classes[was_judged], found[was_judged])


def predict_as_peer(
    texts: Sequence[str], classes: npt.NDArray[np.int64], held_out: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int64]:
    """Return the classes of the texts that are held out by what the others teach."""
    text: Any = importlib.import_module("sklearn.feature_extraction.text")  # ships no types
    linear: Any = importlib.import_module("sklearn.linear_model")
    vectorizer = text.TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    known = vectorizer.fit_transform([one for one, is_out in zip(texts, held_out, strict=True) if not is_out])
    asked = vectorizer.transform([one for one, is_out in zip(texts, held_out, strict=True) if is_out])
    model = linear.LogisticRegression(C=10, max_iter=300).fit(known, classes[~held_out])
    found: npt.NDArray[np.int64] = model.predict(asked)
    return found


def measure_speed(questions: pl.Series) -> int:
    """Return the problems that one core classifies in a second."""
    classify_texts(texts_of(questions.head(WARM_UP_ROWS)))
    seconds: list[float] = []
    for _ in range(NUM_RUNS):
        since = time.thread_time()
        classify_texts(texts_of(questions))
        seconds.append(time.thread_time() - since)
    return round(questions.len() / min(seconds))


def show(ours: dict[str, Any], peer: dict[str, Any], speed: int) -> None:
    """Print a table of both, then what is known of ours only."""
    print(f"{ours['rows']:,} problems\n{'':30} accuracy  macro-F1")
    for name, one in (
        ("peer", peer),
        ("ours", ours),
        *((f"ours, {key}", one) for key, one in ours["languages"].items()),
    ):
        print(f"{name:30} {one['accuracy']:8.4f}  {one['macro_f1']:8.4f}")
    print(f"\n{'':44} precision  recall      F1   called (in this order)")
    for (name, one), counts in zip(ours["classes"].items(), ours["confusion"], strict=True):
        told = "  ".join(f"{count:6,}" for count in counts)
        print(f"{name:44} {one['precision']:9.4f} {one['recall']:7.4f} {one['f1']:7.4f}   {told}")
    print(f"\ncalibration error {ours['calibration_error']:.4f} at temperature {ours['temperature']}")
    for source, one in ours["sources"].items():
        print(f"{source:44} {one['rows']:6,} problems, accuracy {one['accuracy']:.4f}")
    print(f"{speed:,} problems a second on one core; classes: {', '.join(CLASSES)}")


if __name__ == "__main__":
    main()
