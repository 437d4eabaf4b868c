"""A run's report: one self-contained HTML page, and the picture of the funnel."""
