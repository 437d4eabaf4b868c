"""The report of an evaluation: our figures, what sets models apart, and the paper's figures beside them."""

from limo_curation.evaluation.report.markdown import Evaluated, write_report

__all__ = ["Evaluated", "write_report"]
