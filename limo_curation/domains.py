"""Domains: which of the six a problem belongs to, by the words in it (English and Chinese).

Each domain has a list of patterns with weights; the domain with the highest sum wins, and a problem without any is
algebra, the domain that holds plain word problems. A label that a person gave the problem comes before the rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl

from limo_curation.ledger import StageResult
from limo_curation.problem_config import DomainsConfig
from limo_curation.stage import RowStage
from limo_curation.tables import CLASSIFIED, DOMAINS, DROPPED, TEMPLATED

# (weight, pattern): 3 settles it, 1 is a hint. Written from the chapter headings of school and contest curricula.
PATTERNS: Final[dict[str, tuple[tuple[int, str], ...]]] = {
    "algebra": (
        (2, r"\b(polynomial|quadratic|root of|roots of|matrix|matrices|eigenvalue|vector space|system of equations)\b"),
        (2, r"多项式|方程|不等式|矩阵|数列|函数"),
        (
            1,
            r"\b(solve for|equation|inequality|function|sequence|logarithm|percent|price|cost|average)\b|\\log",
        ),
    ),
    "geometry": (
        (3, r"\b(triangle|circle|quadrilateral|parallelogram|trapezoid|rhombus|tetrahedron|circumcircle|incircle)s?\b"),
        (3, r"三角形|圆|四边形|平行四边形|梯形|棱锥|椭圆|双曲线|抛物线"),
        (2, r"\b(rectangle|square with|polygon|hexagon|pentagon|cube|sphere|cylinder|cone|angle|perimeter|radius)s?\b"),
        (2, r"\\(triangle|angle|perp|parallel)\b|面积|周长|体积|直线|平面|角"),
        (2, r"\\overline\s*\{\s*(?-i:[A-Z])"),  # a segment; \overline{abc} is a number by its digits
        (1, r"\b(area|volume|length of|diagonal|diameter|perpendicular|tangent line)\b"),
    ),
    "number_theory": (
        (3, r"(^|[^\\a-z])primes?\b"),  # not the sign \prime
        (3, r"\b(divisible|divisor|remainder|modulo|greatest common|least common|congruen\w+|coprime)s?\b"),
        (3, r"\b(divides|is divided by|relatively prime|repeating decimal|unit'?s digit|ones digit|base \$?\d)\b"),
        (3, r"\\(pmod|bmod|gcd)\b|素数|质数|余数|整除|公约数|公倍数|约数"),
        (2, r"\b(integers? (solutions?|n\b)|digits?|multiples?|factors of|perfect (square|cube)|base[- ]\w+)\b"),
        (1, r"\\mid\b"),  # divides, but also the bar of a set
    ),
    "combinatorics": (
        (3, r"\bhow many (ways|different|distinct|possible|arrangements|subsets|permutations|combinations)\b"),
        (3, r"\b(in how many (\w+ )?ways|number of (\w+ )?(ways|subsets|arrangements|sequences|paths))\b"),
        (3, r"\bhow many (\w+ )?(sequences|triples|functions|paths|handshakes)\b|\\[dt]?binom"),
        (3, r"\b(permutations?|combinations?|arrangements?|pigeonhole|binomial coefficient|graph with)\b"),
        (3, r"排列|组合|多少种|几种|种不同|个不同|[排走选取站坐涂分放]法|抽屉|染色|棋盘"),
        (2, r"\b(tournament|checkerboard|chessboard|pascal's triangle|distinguishable|rearrange\w*|round-robin)\b"),
        (1, r"\b(choose|select|arranged?|colou?r(ed|ing)?|seated|committee)\b"),
    ),
    "probability_and_statistics": (
        (4, r"\b(probability|probabilities|expected value|variance|standard deviation|random variable)\b"),
        (4, r"\b(certain event|likely|odds|survey|correlation|percentile|quartile)\b"),
        (4, r"概率|期望|方差|标准差|随机|中位数|可能性|骰子|硬币|抽样|样本|众数"),
        (2, r"\b(at random|randomly|dice|die is|coin|median|mean of|normal distribution|sample)\b"),
    ),
    "calculus_and_analysis": (
        (4, r"\\(int|lim|partial|iint|oint|nabla)(_|\b)|\b[a-z]'{1,3}(\(|\s*[=+-])|\\prime|\\frac\{d\b"),
        (4, r"\b(derivative|integral|differentiable|converges?|antiderivative|differentiat\w*|general solution)\b"),
        (4, r"\b(initial value|taylor|laplace|fourier|analytic function|linear approximation|critical points?)\b"),
        (4, r"导数|积分|极限|微分|收敛|切线|单调|极[大小]?值"),
        (2, r"\b(limit|differential equation|continuous|rate of change|slope of the tangent|series)\b|\\sum_\{n"),
        (2, r"\b(maximi[sz]es?|minimi[sz]es?|curve|diverges?|velocity|acceleration)\b"),
    ),
}


def classify_problems(problems: pl.DataFrame, *, config: DomainsConfig) -> StageResult:
    """Give each problem its domain; nothing is dropped.

    A source's label counts where its kind is trusted and `labels` maps it; otherwise the rules decide.
    """
    label = pl.col("domain_label").str.to_lowercase().str.strip_chars()
    trusted = pl.col("domain_label_kind").is_in(config.trusted_label_kinds)
    labelled = pl.when(trusted).then(label.replace_strict(dict(config.labels), default=None, return_dtype=pl.String))
    kept = problems.with_columns(
        domain=pl.coalesce(labelled, domain_by_rules(pl.col("question"))),
        domain_by=pl.when(labelled.is_not_null()).then(pl.lit("source")).otherwise(pl.lit("rules")),
        domain_confidence=pl.lit(None, pl.Float64),
    )
    return StageResult(kept, DROPPED.empty())


def classify_domains(texts: Sequence[str]) -> list[str]:
    """Return the domain of each text, one of `tables.DOMAINS`."""
    frame = pl.Series("question", texts, pl.String).to_frame()
    return frame.select(domain_by_rules(pl.col("question"))).to_series().to_list()


def domain_by_rules(question: pl.Expr) -> pl.Expr:
    """Return the domain with the highest weighted count of matches; the first of `DOMAINS` wins a tie."""
    scores = [score(question, PATTERNS[domain]) for domain in DOMAINS]
    winner = pl.concat_list(scores).list.arg_max()
    return winner.replace_strict(dict(enumerate(DOMAINS)), return_dtype=pl.String)


def score(question: pl.Expr, patterns: tuple[tuple[int, str], ...]) -> pl.Expr:
    """Return the weighted number of matches in a question."""
    return pl.sum_horizontal(
        question.fill_null("").str.count_matches(f"(?i){pattern}").cast(pl.Int64) * weight
        for weight, pattern in patterns
    )


DOMAIN_STAGE: Final = RowStage("domains", TEMPLATED, CLASSIFIED, (), classify_problems)
