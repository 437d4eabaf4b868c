"""Every error that the project raises, named for what the reader of the message should do.

    CurationError
    ├── ConfigError      fix the run file (or the parameter of the deployment)
    ├── TableError       fix the input, or the stage that wrote it
    ├── StageError       a bug of ours: a stage broke its contract
    ├── ShortfallError   fewer samples survive than were asked for: widen the pool or lower the target
    ├── BudgetError      the budget of tokens or GPU-hours is spent: raise it, what is finished is kept
    ├── JudgeError       a reply could not be read: the chain stays unscored, never zero
    └── TransientError   an engine or the Hub failed for the moment: the only one that is retried

Each takes one message (so that it unpickles in a worker), and the message gives the number, one example and the fix.
"""


class CurationError(Exception):
    """Root of the project's errors."""


class ConfigError(CurationError):
    """The run file asks for something unknown or impossible. Retrying does not help."""


class TableError(CurationError):
    """A table lacks a column, or a file cannot be read. Retrying does not help."""


class StageError(CurationError):
    """A stage lost a row, dropped one without a known reason, or wrote undeclared columns: a bug."""


class ShortfallError(CurationError):
    """Fewer samples survive than the target asks for. Retrying does not help."""


class BudgetError(CurationError):
    """The hard budget of tokens or GPU-hours is spent. A run with a larger budget continues where this one stopped."""


class JudgeError(CurationError):
    """A judge's reply could not be read."""


class TransientError(CurationError):
    """An engine or the Hub failed in a way that retrying may mend."""
