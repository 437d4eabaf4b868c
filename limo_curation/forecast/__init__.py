"""The plan of a run before it: rows, tokens, GPU-hours, money and disk, with intervals; and the plan against the run.

In the order in which to read them:

    forecast.py     what a plan says, and where it is kept
    gathering.py    what it rests on: this store's counts (counted.py, rows.py), a pilot (evidence.py), or guesses.py
    simulation.py   draws the run some thousand times
    making.py       sums the draws up: rows, tokens, GPU-hours (throughput.py, models.py, gpus.py), disk
    outcome.py      the plan against what came of it
    tables.py       both as text
"""
