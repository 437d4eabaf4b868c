"""Words that a template leaves open beside numbers: units, given names, and what stands for a person.

All in small letters. A sign in place of two words that mean different things makes one template of two different
problems, while a word that is missing here only parts a template. So what has another meaning, too, is left out:
"Taylor" of a series, "Mark" where a point is to be marked, 角 (a tenth of a yuan, and an angle).
"""

from __future__ import annotations

from typing import Final


def words(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


UNITS: Final = words(
    """
    kilometer kilometers kilometre kilometres meter meters metre metres centimeter centimeters centimetre
    centimetres millimeter millimeters millimetre millimetres mile miles inch inches kilogram kilograms gram grams
    milligram milligrams ounce ounces liter liters litre litres milliliter milliliters millilitre millilitres gallon
    gallons quart quarts pint pints hour hours minute minutes seconds day days week weeks month months year years
    dollar dollars cent cents euro euros rupee rupees yuan
    """
)
"""Masked wherever they stand: "how many hours" and "how many minutes" ask for the same."""

UNITS_BEHIND_NUMBERS: Final = words(
    """
    km cm mm dm kg mg ml lb lbs oz ft yd mi mph kmh kmph hr hrs min mins sec secs foot feet yard yards pound pounds
    ton tons tonne tonnes acre acres degree degrees
    """
)
"""Masked right behind a number only: elsewhere they are a product of variables, a part of the body, a power."""

HAN_UNITS: Final = words(
    """
    千米 公里 厘米 分米 毫米 平方米 平方千米 平方公里 平方厘米 平方分米 立方米 立方厘米 立方分米
    公顷 千克 公斤 毫升 小时 分钟 美元
    """
)
HAN_UNITS_BEHIND_DIGITS: Final = frozenset("元米克吨秒升天年斤")
"""Masked right behind digits or a question for a number: behind Han numerals they may be words (二元一次方程)."""

HAN_QUESTIONS: Final = frozenset(["多少", "几"])
"""Stand where the number would stand that is asked for."""

HAN_NAMES: Final = frozenset(f"小{name}" for name in "明红华刚军丽亮强芳东林兰英李王张伟杰玲敏静娟勇涛峰龙虎花玉宁")

PERSONS: Final = words("he she him her his hers himself herself")
"""Change with the name, so they get its sign."""

TITLES: Final = words("mr mrs ms miss dr")
"""The capitalised word behind one is a name, whatever it is."""

GIVEN_NAMES: Final = words(
    """
    aaron adam adrian aidan alan albert alex alexander alexandra alexis alfred alice alicia alison allan allison
    alyssa amanda amelia amir amy ana andre andrea andrew andy angela angelina anita ann anna anne annie anthony
    antonio ariana arthur ashley audrey ava barbara barry beatrice becky belinda bella ben benjamin benny bernard
    bernardo bert beth betty bianca billy blake bob bobby bonnie boris brad bradley brandon brenda brian brianna
    bridget brittany bruce bruno bryan caleb calvin cameron carla carlos carly carmen caroline carolyn catherine
    cathy celine charles charlie charlotte chelsea cheryl chloe chris christina christine christopher cindy claire
    clara claudia colin connie connor corey craig cynthia damian dan dana daniel danielle danny dave david deborah
    debbie dennis derek diana diane diego dima dmitry donald donna doris dorothy doug douglas dylan eddie eduardo
    edward eleanor elena eli elijah elizabeth ella ellen ellie elsa emilio emily emma eric erica erik erin ethan
    eugene eva evan evelyn felix fiona francesca francisco fred freddy gabriel gary geoffrey george georgia gerald
    gina gloria gordon greg gregory greta gretchen hannah harold harriet harry heather hector heidi helen helena
    henry herbert howard hugo ian igor irene isaac isabel isabella ivan jack jackie jackson jacob jake james jamie
    jan jane janet janice jared jason javier jay jean jeff jeffrey jenna jennifer jenny jeremy jerome jerry jesse
    jessica jill jim jimmy joan joanna joe joel joey johanna john johnny jon jonah jonathan jose joseph josh joshua
    joyce juan judith judy julia julian juliana julie julio justin karen karl kate katherine kathleen kathy katie
    katy kayla keith kelly kelsey ken kendra kenneth kenny kevin kim kimberly kolya kristen kristin kyle larry laura
    lauren lawrence layla leah leila lena leo leon leonard leslie liam lily linda lindsay lisa liz logan lola louis
    louise lucy luis luke lydia madeline madison maggie malcolm mandy manuel marco marcus margaret maria marie
    marilyn mario martha marvin mary masha matt matthew maurice maya megan melanie melinda melissa mia michael
    michelle miguel mike miranda mitchell molly monica morgan nancy naomi natalie natasha nate nathan neil nicholas
    nick nicole nikita nina noah nora oliver olivia oscar owen pablo pamela patricia patrick paul paula pedro peggy
    peter petya philip phillip phoebe polly priya rachel ralph randy raymond rebecca renee ricardo richard rick rita
    rob robert roberto rodney roger ron ronald rosa rosie roy russell ruth ryan sabrina sally sam samantha sammy
    samuel sandra sara sarah sasha scott sean sebastian sergey seth shane shannon sharon sheila shirley sofia sonia
    sophia sophie stacy stan stanley stella stephanie stephen steve steven stuart sue susan susie tanya tara ted
    terry theodore theresa thomas tiffany tim timothy tina toby todd tom tommy tony tracy travis trevor tyler
    valerie vanessa vanya vasya veronica vicky victoria vincent vivian walter wanda wayne wendy william xavier
    yannick yolanda zach zachary zack zoe
    """
)
"""Common in English problems; names of mathematicians and words of other meaning are left out."""
