"""Texts that the tests of deduplication share."""

FARM = (
    "A farmer in the valley has 12 cows and 30 hens, and every cow eats 4 bales of hay a week while the hens eat none. "
    "How many bales of hay are eaten on the farm in 3 weeks?"
)
FARM_COMMA = FARM.replace("cows and", "cows, and")
FARM_OTHER_NUMBERS = FARM.replace("12", "17").replace("4", "5")
FARM_SWAPPED = FARM.replace("12 cows and 30 hens", "30 cows and 12 hens")
ZH = (
    "山谷里的农场养着12头牛和30只鸡，其中每一头牛每周都要吃掉4捆干草，而所有的鸡都完全不吃干草，"
    "请问在接下来的三周之内，这个农场里所有的牛一共需要吃掉多少捆干草？请写出答案。"
)
ZH_COMMA = ZH.replace("牛和", "牛，和")
ZH_OTHER_NUMBERS = ZH.replace("12", "17").replace("4", "5")
# windows over one text: each is close to the next, but the first and the last have little in common
WORDS = [
    "copper",
    "river",
    "lantern",
    "meadow",
    "violin",
    "harbour",
    "timber",
    "falcon",
    "granite",
    "orchard",
    "saddle",
]
WORDS += ["beacon", "marble", "thistle", "anchor", "walnut", "candle", "ferry", "hammer", "pepper"]
UNLIKE = "Find every prime below 100 that is one more than a square."
WINDOWS = [" ".join(WORDS[start : start + 14]) for start in (0, 1, 3)]
