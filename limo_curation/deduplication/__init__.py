"""Deduplication: exact, near and variant pairs among problems.

`problems` is the stage, `pairs` and `signatures` are for whoever wants only those. Below them, from the whole to the
detail: `finding` (a pool of any size), `spilling` (what does not fit into memory), `matching` (one partition),
`banding`, `similarity` and `sketching` (two texts).
"""

from limo_curation.deduplication.pairs import duplicate_pairs
from limo_curation.deduplication.problems import DEDUPLICATION
from limo_curation.deduplication.signatures import optimal_bands, signatures, to_datasketch

__all__ = ["DEDUPLICATION", "duplicate_pairs", "optimal_bands", "signatures", "to_datasketch"]
