r"""Tell a number's unit from the number: `5 cm^{2}`, `€1,000.99`, `3 square feet`, `12 red apples`, `5万`.

Units are whitelisted, and so are Chinese measure words. An English plural that is not known (`apples`) counts as the
name of what is counted, unless a word in front of it could change the number (`5 hundred apples`, `3 tenths`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

UNITS: Final = {
    alias: unit
    for unit, aliases in {
        "°": "° degrees degree deg 度",
        "°C": "°C 摄氏度",
        "°F": "°F",
        "rad": "rad radians radian 弧度",
        "%": "% percent pct",
        "nm": "nm nanometers",
        "mm": "mm millimeters millimeter millimetres 毫米",
        "cm": "cm centimeters centimeter centimetres centimetre 厘米",
        "dm": "dm 分米",
        "m": "m meters meter metres metre 米",
        "km": "km kilometers kilometer kilometres kilometre 千米 公里",
        "in": "inches inch",
        "ft": "ft feet foot",
        "yd": "yd yards yard",
        "mi": "mi miles mile",
        "mg": "mg 毫克",
        "g": "g grams gram 克",
        "kg": "kg kilograms kilogram 千克 公斤",
        "t": "tonnes tons ton 吨",
        "lb": "lb lbs pounds pound",
        "oz": "oz ounces ounce",
        "s": "s sec seconds second 秒 秒钟",
        "min": "min mins minutes minute 分钟",
        "h": "h hr hrs hours hour 小时",
        "day": "days day 天 日",
        "week": "weeks week 周 星期",
        "month": "months month 月 个月",
        "year": "years year yrs 年",
        "years old": "岁",
        "L": "L liters liter litres litre 升",
        "mL": "mL ml milliliters 毫升",
        "dollar": "＄ dollars dollar USD 美元",
        "euro": "€ euros euro EUR 欧元",
        "sterling": "£ GBP",
        "yen": "yen",
        "cup": "cups cup",
        "gal": "gallons gallon gal",
        "qt": "quarts quart",
        "pt": "pints pint",
        "cent": "cents cent ¢",
        "yuan": "yuan 元 块 块钱",
        "jiao": "角",
        "fen": "分",
        "km/h": "km/h kmph kph km/hr 千米/时 千米/小时 公里/小时",
        "mph": "mph",
        "m/s": "m/s 米/秒",
        "m/min": "m/min 米/分 米/分钟",
        "km/s": "km/s",
        "J": "joules joule",
        "kJ": "kJ",
        "N": "newtons newton",
        "V": "volts volt",
        "W": "watts watt",
        "Hz": "Hz hertz",
        "Pa": "Pa pascals",
        "kPa": "kPa",
        "eV": "eV",
        "keV": "keV",
        "MeV": "MeV",
        "Å": "Å angstroms",
        "mol": "moles",
        "point": "points point",
        "unit": "units unit",
        "time": "times 次 倍",
        "person": "people persons person men women children 人 名 位",
        "thing": "个 只 本 颗 页 张 支 枝 件 条 辆 棵 套 箱 袋 瓶 盒 头 匹 朵 台 座 间 层 组 种 道 题 步 根 粒 块 架 艘"
        " 把 杯 碗 盆 篮 筐 桶 家 所 班 场 轮 段 片 句 首 封 份 株 ways way 种方法",
    }.items()
    for alias in aliases.split()
}
AMBIGUOUS: Final = frozenset("mgshL")
"""Units that may as well be variables: `5m`."""
GENERIC: Final = frozenset({"unit", "unit2", "unit3", "thing", "time", "person", "point", "years old"})
"""What is counted rather than measured: against another unit they say nothing."""
POWER_WORDS: Final = {"square ": "2", "sq ": "2", "平方": "2", "cubic ": "3", "cu ": "3", "立方": "3"}
MULTIPLIERS: Final = {
    "hundred": 100,
    "thousand": 1_000,
    "million": 10**6,
    "billion": 10**9,
    "trillion": 10**12,
    "万": 10**4,
    "百万": 10**6,
    "千万": 10**7,
    "亿": 10**8,
}
MULTIPLIER_WORD: Final = "hundred|thousand|million|billion|trillion|百万|千万|万|亿"
UNIT: Final = re.compile(
    r"(?P<multiplier>百万|千万|万|亿)?(?P<power_word>square |cubic |sq\.? |cu |平方|立方)?(?P<unit>"
    + "|".join(re.escape(alias) for alias in sorted(UNITS, key=len, reverse=True))
    + r")(?:\^\{(?P<power>[23])\})?"
)
TAIL_CHARACTERS: Final = 40
UNIT_TAIL: Final = re.compile(
    r"(?:°[CF]|(?<![A-Za-z])(?:square |cubic |sq\.? |cu )[A-Za-z]{1,20}"
    r"|(?<![A-Za-z\\])[A-Za-z]{1,20}(?:/[A-Za-z]{1,10})?"
    r"|(?<![^\x00-\x7f])[^\x00-\x7f]{1,8}(?:/[^\x00-\x7f]{1,4})?|%)(?:\^\{[23]\})?$"
)
MULTIPLIER_TAIL: Final = re.compile(rf" ?(?<![A-Za-z])({MULTIPLIER_WORD})$")
CURRENCY: Final = re.compile(r"(?P<unit>＄|€|£|USD|EUR|GBP|Rs\.?) ?(?=[0-9.])")
COUNTED: Final = re.compile(r"(?:[a-z]{3,20} ){0,2}[a-z]{2,19}s")
CHANGING_WORD: Final = re.compile(
    r"[a-z]*(?:ths?|rds|illions?)|(?:hundred|thousand|dozen|score|pair|couple|quarter|second|square|cube|digit|percent"
    r"|percentage|base|factorial|root|radical|power|crore|lakh|half|halve|time|unit|divide)s?|gross|squared|cubed|minus"
    r"|plus|less|more|fewer|per|over|mod|choose|and|or|to|than|not|each|thus|hence|is|has|equals|the|least|most|about"
    r"|nearly|almost|times|below|above|twice|thrice|double|triple|one|two|three|four|five|six|seven|eight|nine|ten"
)


@dataclass(frozen=True, slots=True)
class Quantity:
    """The text of a number, and what stands with it."""

    number: str
    unit: str
    """In one spelling, with its power: `cm2`."""
    factor: int = 1
    """1,000,000 in `5 million`."""
    is_doubtful: bool = False
    """Whether the unit may be a variable, as in `5m`."""


def split_quantity(text: str) -> Quantity | None:
    """Return the number and the unit that a normalised text consists of; None where it has no unit."""
    currency = CURRENCY.match(text)
    if currency is not None:
        return Quantity(text[currency.end() :], UNITS.get(currency["unit"], currency["unit"]))
    tail = UNIT_TAIL.search(text, max(0, len(text) - TAIL_CHARACTERS))
    unit = UNIT.fullmatch(tail[0]) if tail is not None else None
    if tail is None or unit is None:
        return multiplied(text, "") or counted(text)
    number = text[: tail.start()]
    name = UNITS[unit["unit"]] + (unit["power"] or POWER_WORDS.get((unit["power_word"] or "").replace(".", ""), ""))
    if not number.strip():
        return None
    if unit["multiplier"]:
        return Quantity(number.rstrip(), name, MULTIPLIERS[unit["multiplier"]])
    is_doubtful = unit["unit"] in AMBIGUOUS and not number.endswith(" ")
    return multiplied(number.rstrip(), name) or Quantity(number.rstrip(), name, is_doubtful=is_doubtful)


def multiplied(text: str, unit: str) -> Quantity | None:
    """Return the number in front of `million`, `万` and the like."""
    match = MULTIPLIER_TAIL.search(text, max(0, len(text) - TAIL_CHARACTERS))
    if match is None or not text[: match.start()]:
        return None
    return Quantity(text[: match.start()], unit, MULTIPLIERS[match[1]])


def counted(text: str) -> Quantity | None:
    """Return the number in front of a plural that is no known unit."""
    number, _, words = text.partition(" ")
    is_plural = len(words) <= TAIL_CHARACTERS and COUNTED.fullmatch(words) is not None
    if not is_plural or any(CHANGING_WORD.fullmatch(word) for word in words.split()):
        return None
    return Quantity(number, words)
