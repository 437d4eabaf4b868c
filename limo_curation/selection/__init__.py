"""Selection: exactly the number of samples that was asked for, even over the domains, the same ones every time.

`samples` is the stage. Below it: `candidates` (the best chain of each problem), `filling` (quotas, caps and the token
budget), `diversity` (how near two problems are) and `shortfall` (what is missing where).
"""

from limo_curation.selection.samples import SELECTION, select_samples

__all__ = ["SELECTION", "select_samples"]
