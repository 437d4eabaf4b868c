"""Which text of a chain is its final answer."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limo_curation.answers import extract_answer
from limo_curation.answers.extraction import list_boxes, plain_boxes


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"First \boxed{3}, but after the correction \boxed{4}.", "4"),
        (r"\boxed{\frac{1}{\sqrt{2}}}", r"\frac{1}{\sqrt{2}}"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"a stray { and then \boxed {7}", "7"),
        (r"\boxed 5 it is", "5"),
        (r"\boxed{\boxed{6}}", r"\boxed{6}"),
        (r"escaped once too often: \\boxed{3}, no, \\boxed{4}", "4"),
        (r"the roots are \boxed{2} and \boxed{3}.", "2, 3"),
        (r"\boxed{8}. Checking once more: \boxed{8}", "8"),
    ],
)
def test_last_closed_box_counts(text: str, answer: str) -> None:
    assert extract_answer(text) == answer


def test_box_that_is_cut_off_does_not_hide_the_one_before() -> None:
    assert extract_answer(r"So \boxed{12}. In other words \boxed{\frac{24}{") == "12"


def test_empty_box_is_no_answer() -> None:
    assert extract_answer(r"Write it as \boxed{}.") is None


def test_box_while_thinking_does_not_count_once_there_is_a_final_part() -> None:
    assert extract_answer(r"<think>maybe \boxed{1}</think> It is \boxed{2}.") == "2"
    assert extract_answer(r"<think>maybe \boxed{1}</think> I could not finish.") is None


def test_box_while_thinking_counts_where_nothing_follows() -> None:
    assert extract_answer("<think>so \\boxed{1}</think>\n") == "1"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("3 + 4 = 7\n#### 7", "7"),
        ("The answer is 4. No: the answer is 5.", "5"),
        ("**Final answer:** $x^2$ for all x", "x^2"),
        ("The answer is: (B)", "B"),
        ("The answer is 3.5.", "3.5"),
        ("所以答案是 $\\frac{1}{2}$。", r"\frac{1}{2}"),
        ("综上，答案为：12。", "12"),
    ],
)
def test_markers_and_phrases_count_without_a_box(text: str, answer: str) -> None:
    assert extract_answer(text) == answer


@pytest.mark.parametrize(
    "text",
    [
        "",
        "We compute 3 + 4 = 7 and are done.",
        "The answer is not 5.",
        "The answer is hard to find since nothing is given about the side lengths",
        "The final answer is boxed as requested.",
        "What is the answer?",
        "I hope the answer is correct.",
        "Round your answer to 2 decimal places, in units of $m$.",
        "The final answers are:\n\n1. the price is $5$\n2. the area is $7$",
        "answer = result - w",
        "答案是不知道",
        "#### Conclusion\nWe are done.",
        "#### Step 2: find x\nand so on",
        "#### $n = 7$\n" + "This one is long. " * 10,
        "$g(x)=2x$ for some $a>0$",
        "odd $n$",
        "答案：(1) 3；(2) 5",
        "1 000",
    ],
)
def test_nothing_is_guessed(text: str) -> None:
    assert extract_answer(text) is None


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("It is \\boxed{255}. Together that is more. Final Answer: The final answer is $10,455$.", "10,455"),
        ("Final Answer: \\boxed{6}. I hope it is correct.", "6"),
        ("It is \\boxed{6}. The final answer is boxed as requested.", "6"),
        ("It is \\boxed{6}. I hope the answer is correct.", "6"),
    ],
)
def test_final_answer_behind_a_box_comes_before_it(text: str, answer: str) -> None:
    assert extract_answer(text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"\boxed{1} apples and \boxed{2} pears", "1, 2"),
        (r"\boxed{(3, 3)} \text{ for part (a) and } \boxed{(1, 1)}", "(3, 3), (1, 1)"),
        (r"\boxed{1} is wrong, so it is \boxed{2}", "2"),
        (r"\boxed{1} and so on. In the end \boxed{2}", "2"),
    ],
)
def test_boxes_are_one_list_only_where_and_joins_them(text: str, answer: str) -> None:
    assert extract_answer(text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"So it is \boxed{7}.<|im_end|>", "7"),
        (r"So it is \boxed{7}.<|im_start|>user and \boxed{8}?", "7"),
        (r"<|im_start|>assistant So it is \boxed{7}.<|im_end|><|im_start|>user \boxed{9}", "7"),
        (r"<|im_start|>user \boxed{9}?<|im_end|><|im_start|>assistant So \boxed{7}.<|im_end|>", "7"),
        ("The answer is 7.<|eot_id|>The answer is 8.", "7"),
        (r"<|begin_of_thought|>\boxed{3}<|end_of_thought|><|begin_of_solution|>\boxed{7}<|end_of_solution|>", "7"),
    ],
)
def test_what_a_chat_template_puts_behind_does_not_count(text: str, answer: str) -> None:
    assert extract_answer(text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Answer $9$", "9"),
        ("Answer \\[ 9 \\]", "9"),
        ("**Answer:** 5", "5"),
        ("**Answer**: 5", "5"),
        ("The answers are $2$ and $-3$.", "2, -3"),
        ('The final answer is \\"$12 $ and $13 $\\". I hope it is correct.', "12, 13"),
        ("The answer is $28$ percent.", r"28\%"),
        ("The answer is $10,455 in total.", "$10,455"),
        ("The answer is 9 boys.", "9"),
        ("The answer is 27 miles from the city.", "27 miles"),
        ("The answer is 5 million people.", "5 million"),
        ("The answer is 7!/4.", "7!/4"),
        ("Final Answer: The largest $n$ is 34.", "34"),
        ("The answer is $\\$5$.", "\\$5"),
        ("The zero matrix: $\\begin{pmatrix}0\\end{pmatrix}$", "\\begin{pmatrix}0\\end{pmatrix}"),
        ("The answer is $4 \\times 5 \\times 6 = 120$.", "120"),
        ("The answer is $x + 2y = 5$.", "x + 2y = 5"),
        ("The answer is even.", "even"),
        ("$5$ is our answer.", "5"),
        ("The answer is for sure D, it can't be A or B", "D"),
        ("the correct option is (B).", "B"),
        ("The answer is (B) 12.", "(B) 12"),
        ("The answer is (B) it can never be a square.", "B"),
        ("Yes, we can. Answer: yes, because it is even", "yes"),
        ("la réponse est 12.", "12"),
        ("<think>1</think> <answer> 5 </answer>", "5"),
        ("<answer>\\(\\frac{1}{2}\\)</answer>", "\\frac{1}{2}"),
        ("<answer>It is \\boxed{5}.</answer>", "5"),
        ("We add.\n\n### Final Answer\n\nThe area is $5$.", "5"),
        ("We add.\n\n**Final Answer**\n\n5", "5"),
        ("The answer is no.", "no"),
        ("The answer is no solution.", "no solution"),
        ("The answer is 10:30 am.", "10:30 am"),
        ("The answer is 1/2 (one half).", "1/2"),
        ("因此，选项 B 正确。", "B"),
        ("故选：C。", "C"),
        ("因此选（B）。", "B"),
        ("所以答案应该是 12 或 15。", "12 或 15"),
        ("答案：每份应该是 (\\frac{2}{5}) 吨。", "(\\frac{2}{5})"),
    ],
)
def test_phrases_announce_answers_in_many_ways(text: str, answer: str) -> None:
    assert extract_answer(text) == answer


def test_last_phrase_with_an_answer_behind_it_counts() -> None:
    assert extract_answer("The answer is 4. I hope this answer is correct.") == "4"
    assert extract_answer("The answer is 4. But the answer is not 4, as we saw.") is None


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Therefore, Ann has **99** marbles.", "99"),
        ("5 * 6 = 30. So the total length of the 5 ropes is 30 m.", "30 m"),
        ("P = 2/3 Therefore, the probability that she wins is 2/3.", "2/3"),
        ("Therefore, there are 12 distinct ways that meet the three conditions.", "12"),
        ("So, the pair $(x, y)$ that solves the system is $(7, 6)$.", "(7, 6)"),
        ("Thus, the speed is 12π inches per second.", None),
        ("Thus, $V = 4 \\times 30 = 120$.", "120"),
        ("Therefore, he pays $7.78 for it.", "7.78"),
        ("Thus, the number of all ways that take more than 3 steps is:\n\\[\n2^4 = 16\n\\]", "16"),
        ("Therefore, the roots are\n$$x = 1, 2$$", "x = 1, 2"),
        ("Thus, the first number that is greater than 125 is 129.", "129"),
        ("a very long sentence " * 40 + "$y = 6$ So, the pair is $(7, 6)$.", "(7, 6)"),
        ("So it rises by 100%. I hope it is correct.", "100%"),
        ("We find that $x < 3$.", "x < 3"),
        ("The solution is $x \\le 5$", "x \\le 5"),
        ("Hence it lasts 5 million years.", "5 million"),
        ("So he ate 3 quarters of it.", "3 quarters"),
        ("It can't be A, therefore I think it's B", "B"),
        ("因此，她一共有**858颗**糖果。", "858"),
        ("5 - 2 = 3页 因此，数学作业多 **3页**。", "3"),
        ("所以，水将在300分钟内放完。", "300分钟"),
        ("答：他有12个苹果。", "12"),
        ("综上，$a=2$或$a=-3$。", "a=2, a=-3"),
        ("So the ratio is 3:2.", "3:2"),
        ("Donc, il a 79 g de cire.", "79 g"),
        ("Por lo tanto, la probabilidad es de **25%**.", "25%"),
        ("Итак, всего 12 дней.", "12"),
        ("لذا، الناتج هو **66**.", "66"),
        ("इसलिए, दुकान में अब 67 कमीजें हैं।", "67"),
        ("I think it's A because I want it to be", "A"),
    ],
)
def test_last_sentence_that_concludes_counts(text: str, answer: str | None) -> None:
    assert extract_answer(text) == answer


@pytest.mark.parametrize(
    "text",
    [
        "So we have to try all 3 cases to see which",  # cut off
        "Therefore, at least 3 of the points lie on a line.",
        "Therefore, there are 3 such numbers: 2, 4 and 8.",
        "Therefore, x is 5. It remains to check the other side.",  # not the last sentence
        "Therefore, the line from $A$ to $B_2$ is longer.",
        "He ate 3 apples.",
        "Therefore, x = 5 and y = 3.",
        "因此最小值为-5，此时x=2。",
        "Thus, this holds. \n\\[ x = 3 \\]",
        "Therefore, x cannot be 5.",
        "So it is a square.",
        "Therefore, 3 of the 8 pens are red.",
        "Therefore, it takes place at 8:00 am.",
    ],
)
def test_sentence_that_is_no_plain_conclusion_is_not_read(text: str) -> None:
    assert extract_answer(text) is None


def test_extraction_is_linear_in_long_and_deep_texts() -> None:
    deep = r"\boxed{" + "{" * 10_000 + "1" + "}" * 10_000 + "}"
    assert extract_answer("work " + deep) == deep[7:-1]
    assert extract_answer("so it goes, " * 800_000 + r"\boxed{1}") == "1"


@pytest.mark.parametrize(
    "unit",
    [
        r"\boxed{",
        "the answer is ",
        "answer to ",
        "$",
        "so, ",
        r"\boxed{1} and ",
        "####",
        " ",
        "<|im_end|>",
        "</think>",
        "故选",
        "<answer> ",
        "\n# Answer\n",
    ],
)
def test_repeated_marks_cost_linear_time(unit: str) -> None:
    def seconds(times: int) -> float:
        started = time.process_time()
        extract_answer(unit * times)
        return time.process_time() - started

    few = 300_000 // len(unit)
    assert seconds(8 * few) < 40 * seconds(few) + 0.2  # a quadratic one takes 64 times as long


@given(st.text())
def test_any_text_is_survived(text: str) -> None:
    answer = extract_answer(text)
    assert answer is None or answer


@given(st.text(alphabet=st.characters(exclude_characters="\\{}<", exclude_categories=["Cs"]), min_size=1))
def test_what_is_boxed_is_found(held: str) -> None:
    assert extract_answer(f"so \\boxed{{{held}}} holds") == (held.strip() or None)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("He has 3 + 4 = 7 pens.\nA: 7", "7"),
        ("He has 3 + 4 = 7 pens.\nA: 1,200 \n", "1,200"),
        ("A: 7\nB: 8\nBoth fit.", None),  # not the last line
        ("Let point A: 7 be given.", None),  # not a line of its own
        ("The answer is 8.\n#### 9\nA: 7", "9"),
    ],
)
def test_a_last_line_that_is_marked_as_the_answer_counts(text: str, answer: str | None) -> None:
    assert extract_answer(text) == answer


pieces = st.sampled_from(
    [r"\boxed{", r"\boxed {", "{", "}", r"\{", r"\}", "1", " ", r"\frac{1}{2}", r"\\", "\\", "a", r"\boxed 5"]
)


@given(st.lists(pieces, max_size=12).map("".join))
def test_fast_and_careful_reading_of_boxes_agree(text: str) -> None:
    fast = plain_boxes(text)
    assert fast is None or fast == list_boxes(text)
