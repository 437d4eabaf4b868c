"""The English of the demo: several wordings for every kind of problem.

Each kind (see `kinds.py`) has four wordings. The first three are used for the problem pool, the last one for the
benchmarks only, so that no problem of the pool shares a phrase of eight words with a benchmark by accident. In a
wording, `{a}`, `{b}` and `{c}` are the numbers of the problem, `{name}` and `{other}` two people, `{thing}` a plural.
"""

NAMES: tuple[str, ...] = (
    "Anna", "Ben", "Clara", "David", "Elena", "Farid", "Grace", "Hugo",
    "Irina", "Jonas", "Kemal", "Lucia", "Maya", "Nikhil", "Olga", "Pedro",
)  # fmt: skip

THINGS: tuple[str, ...] = (
    "apples", "books", "cards", "coins", "lamps", "marbles",
    "pencils", "plums", "ribbons", "shells", "stamps", "tiles",
)  # fmt: skip

COMMON_TEMPLATE: str = (
    "A farmer fences a rectangular field that is {a} meters long and {b} meters wide. "
    "What is the area of the field in square meters?"
)

ALGEBRA: dict[str, tuple[str, str, str, str]] = {
    "shared_total": (
        "{name} has {a} {thing} and buys {b} more at the market. How many {thing} does {name} have afterwards?",
        "A basket holds {a} {thing} when {name} drops another {b} into it. What is the new number of {thing}?",
        "Let x be the number of {thing} on a shelf. If x - {a} = {b}, what must the value of x be?",
        "After {name} gave away {a} {thing}, exactly {b} stayed behind. Determine how many there were at first.",
    ),
    "amount_left": (
        "{name} owned {a} {thing} and sold {b} of them to {other}. How many {thing} does {name} still own?",
        "Of the {a} {thing} in a box, {b} were found to be broken. Count the {thing} that are not broken.",
        "The unknown y satisfies the linear equation y + {b} = {a}. Solve the equation and give the value of y.",
        "{other} needs {a} {thing} for a project but only brought {b}. Determine how many are missing.",
    ),
    "total_price": (
        "One box of {thing} costs {a} dollars. {name} orders {b} boxes for the shop. How many dollars is that?",
        "{name} saves {a} dollars every week. What amount in dollars has {name} saved after {b} weeks?",
        "A printer makes {a} pages in one minute. At this speed, find the number of pages made in {b} minutes.",
        "Each of {b} crates is packed with {a} {thing} by {name}. Determine how many lie in all the crates.",
    ),
    "linear_function": (
        "The function f is given by f(x) = {a}x + {c}. Work out the value of f({b}) as a whole number.",
        "A taxi ride costs {a} dollars per mile plus a fee of {c} dollars. What does {name} pay for {b} miles?",
        "Evaluate the algebraic expression {a}n + {c} for the case in which the variable n is equal to {b}.",
        "Starting with {c} {thing}, {name} collects {a} a day for {b} days. Determine the final number.",
    ),
    "ratio_equation": (
        "A number x satisfies the equation x / {a} = {b}. Solve this equation for the unknown number x.",
        "{name} shares some {thing} equally among {a} friends, and each gets {b}. How many were shared?",
        "When an unknown quantity is divided by {a}, the quotient is {b}. Which quantity was divided?",
        "Determine the value of the variable z for which the fraction z / {a} is exactly equal to {b}.",
    ),
}

GEOMETRY: dict[str, tuple[str, str, str, str]] = {
    "rectangle_area": (
        "A rectangle has length {a} cm and width {b} cm. What is the area of this rectangle in square cm?",
        "The sides of a rectangular garden of {name} measure {a} m and {b} m. Find the area of the garden.",
        "A parallelogram with a base of {a} units has a height of {b} units. Compute the area it encloses.",
        "Determine the area covered by a flat rectangular plate whose two side lengths are {a} and {b}.",
    ),
    "segment_difference": (
        "Point C lies on segment AB. The segment AB is {a} units long and AC is {b} units. How long is CB?",
        "A ray cuts an arc of length {a} into two arcs. One of them has length {b}. What length has the other arc?",
        "From a straight pole with a length of {a} inches, {name} cuts off {b} inches. Find the remaining length.",
        "Two concentric circles have radii {a} and {b}. Determine the width of the ring between the circles.",
    ),
    "path_length": (
        "Points A, B, C lie on a line in this order with AB = {a} and BC = {b}. What is the length of AC?",
        "On a circle, an arc of length {a} is followed by an arc of length {b}. How long is the joined arc?",
        "A walker follows one side of a triangle for {a} m and the next side for {b} m. How long is this path?",
        "Circles with radii {a} and {b} touch from outside. Determine the distance between the two centers.",
    ),
    "box_volume": (
        "A rectangular box is {a} cm long, {b} cm wide and {c} cm high. What is the volume in cubic cm?",
        "{name} fills a tank shaped like a cuboid with edges {a}, {b} and {c} feet. Find the volume of the tank.",
        "How many unit cubes fit in a solid prism whose three edge lengths are {a}, {b} and {c} units?",
        "Determine the space inside a brick shaped carton that measures {a} by {b} by {c} in inches.",
    ),
    "joined_area": (
        "A rectangle of {a} by {b} units is joined to a small triangle of area {c}. What is the total area?",
        "The floor of a room is a rectangle of {a} m by {b} m plus a corner of {c} square m. Find its area.",
        "{name} paints a rectangular wall with sides {a} and {b}, and a door of area {c}. How large is the surface?",
        "Determine the area of a figure made of a parallelogram (base {a}, height {b}) and a square of area {c}.",
    ),
}

NUMBER_THEORY: dict[str, tuple[str, str, str, str]] = {
    "division_identity": (
        "When the integer N is divided by {a}, the quotient is {b} and the remainder is {c}. What is N?",
        "A positive integer leaves remainder {c} on division by {a} with quotient {b}. Find this integer.",
        "Dividing a whole number by {a} gives {b} groups with {c} left over. Which whole number was it?",
        "Determine the dividend of a division with divisor {a}, whole quotient {b}, and remainder {c}.",
    ),
    "coprime_lcm": (
        "What is the least common multiple of the integers {a} and {b}, which share no factor besides 1?",
        "Find the smallest positive integer that is divisible by both of the coprime numbers {a} and {b}.",
        "Two gears with {a} and {b} teeth are coprime. After how many teeth do they first meet again?",
        "Given gcd({a}, {b}) = 1, determine the lowest positive number that is a multiple of each one.",
    ),
    "larger_integer": (
        "Two positive integers differ by {b}, and the smaller integer is {a}. What is the larger integer?",
        "An integer k is congruent to 0 modulo {a}, and k lies between 1 and {a}. Find the integer k + {b}.",
        "Counting upwards by ones from the integer {a}, which integer does {name} reach after {b} steps?",
        "Determine the sum of the digits of M if its odd digits add to {a} and its even digits to {b}.",
    ),
    "integer_multiple": (
        "List the positive multiples of {a} in increasing order. Which integer stands at position {b}?",
        "An integer has exactly two factors in a product, {a} and {b}. What integer is this product?",
        "The number of multiples of {a} up to the integer M, which is itself a multiple, is {b}. Find M.",
        "Determine the integer whose quotient on exact division by the divisor {a} turns out to be {b}.",
    ),
    "next_multiple": (
        "An integer leaves remainder {b} when divided by {a}. What must be added to reach the next multiple?",
        "Working modulo {a}, find the least positive residue that is congruent to the opposite of {b}.",
        "The integer n is congruent to {b} modulo {a}. What is the least positive t making n + t divisible?",
        "Determine the additive inverse of the residue {b} in arithmetic modulo {a}, as a positive number.",
    ),
}

COMBINATORICS: dict[str, tuple[str, str, str, str]] = {
    "outfit_choices": (
        "{name} owns {a} shirts and {b} hats. In how many ways can one shirt and one hat be chosen?",
        "A menu offers {a} soups and {b} desserts. How many different meals of one soup and one dessert exist?",
        "A code has one of {a} letters and then one of {b} symbols. Count the number of possible codes.",
        "Determine how many pairs can be formed from one of {a} dancers and one of {b} singers.",
    ),
    "either_choice": (
        "A prize is either one of {a} books or one of {b} games. How many ways are there to choose a prize?",
        "{name} may take one of {a} trains or else one of {b} buses to town. Count the possible choices.",
        "A committee seat goes to one of {a} pupils or one of {b} teachers. In how many ways can it be filled?",
        "Determine the size of the union of two disjoint sets that contain {a} and {b} elements.",
    ),
    "ordered_pairs": (
        "A club has {a} members. In how many ways can a president and a different secretary be chosen?",
        "How many ordered arrangements of two different {thing} can {name} make out of {a} distinct {thing}?",
        "In a race with {a} runners and no ties, count the possible outcomes for the first and second place.",
        "Determine the number of permutations of length two that are drawn from a set of {a} elements.",
    ),
    "three_stage_routes": (
        "There are {a} roads from A to B, {b} from B to C and {c} from C to D. How many routes go from A to D?",
        "{name} picks one of {a} breads, one of {b} fillings and one of {c} sauces. Count the possible sandwiches.",
        "A badge shows one of {a} colors, one of {b} shapes and one of {c} numbers. How many badges can exist?",
        "Determine how many triples use one of {a} nouns, one of {b} verbs and one of {c} adverbs.",
    ),
    "forced_box": (
        "Some balls are put into {a} boxes. How many balls guarantee that some box has more than {b} balls?",
        "A drawer has socks in {a} colors. How many socks must {name} draw to be sure of more than {b} alike?",
        "By the pigeonhole principle, how many people ensure that one of {a} teams gets more than {b} of them?",
        "Determine the least number of letters that forces one of {a} slots to receive more than {b}.",
    ),
    "allowed_codes": (
        "Of {a} possible arrangements, {b} are forbidden by the rules. How many arrangements are allowed?",
        "There are {a} ways to seat a group, and {b} of these ways put rivals together. Count the other ways.",
        "Among {a} distinct codes, {b} have a repeated letter. In how many codes are all letters different?",
        "Determine the size of the complement of a subset with {b} elements in a set of {a} elements.",
    ),
}

PROBABILITY: dict[str, tuple[str, str, str, str]] = {
    "red_ball": (
        "A bag has {a} red balls and {b} blue balls. What is the probability that a random ball is red?",
        "{name} draws one card at random from {a} winning and {b} losing cards. Find the probability of a win.",
        "An urn has {a} gold and {b} silver {thing}. One is picked at random. How likely is it to be gold?",
        "Determine the chance that a random guest wears black when {a} guests do so and {b} do not.",
    ),
    "mean_total": (
        "The mean of a list of {b} test scores is {a}. What is the sum of all the scores in the list?",
        "On average {name} scores {a} points in a game. Over {b} games, how many points is this in total?",
        "A sample of {b} measurements has an average value of {a}. Find the total of the measurements.",
        "Determine the sum of a data set in which {b} values have the arithmetic mean of {a}.",
    ),
    "data_range": (
        "In a data set the largest value is {a} and the smallest value is {b}. What is the range of the data?",
        "The highest score in the statistics of a class was {a}, the lowest was {b}. Find the range of scores.",
        "Out of {a} equally likely outcomes, {b} are favorable. How many outcomes are not favorable?",
        "Determine the spread between the maximum {a} and the minimum {b} of a list of random temperatures.",
    ),
    "both_events": (
        "Two independent events have probabilities 1/{a} and 1/{b}. What is the probability of both events?",
        "{name} spins a fair wheel with {a} sectors and one with {b} sectors. How likely is one chosen pair?",
        "One of {a} doors and one of {b} keys is picked at random. Find the probability of the only right pair.",
        "Determine the chance of guessing a fair die with {a} faces and another one with {b} faces.",
    ),
    "survey_count": (
        "In a survey {a} people said yes and {b} people said no. What is the size of the sample in the survey?",
        "A frequency table shows {a} in the first class and {b} in the second class. Find the total frequency.",
        "A random sample holds {a} men and {b} women. How many people does this statistics study count?",
        "Determine the number of outcomes if {a} are favorable to an event while {b} are unfavorable.",
    ),
}

CALCULUS: dict[str, tuple[str, str, str, str]] = {
    "power_rule": (
        "The derivative of {a}x^{b} is a power of x with a coefficient. What is the coefficient?",
        "Differentiate f(x) = {a}x^{b} with respect to x. What number is the derivative f'(1) equal to?",
        "By the power rule the function y = {a}t^{b} has a slope at t = 1. Compute the slope at this point.",
        "Determine the rate of change at u = 1 of the curve that is described by g(u) = {a}u^{b}.",
    ),
    "joined_integrals": (
        "The integral of f from 0 to 2 is {a} and from 2 to 5 is {b}. What is the integral of f from 0 to 5?",
        "If f'(3) = {a} and g'(3) = {b}, what is the derivative of the sum f + g at the point x = 3?",
        "The limit of u(x) is {a} and the limit of v(x) is {b} as x goes to 0. Find the limit of u(x) + v(x).",
        "Determine the limit of a series that is the sum of two convergent series with limits {a} and {b}.",
    ),
    "constant_integral": (
        "Compute the definite integral of the constant function f(x) = {a} from x = {b} to x = {c}.",
        "A car moves at a constant speed of {a} m/s. Integrate the speed from time {b} to time {c} seconds.",
        "Find the area under the graph of the constant function y = {a} between x = {b} and x = {c}.",
        "Determine the change of F on the interval [{b}, {c}] when its derivative is always {a}.",
    ),
    "linear_limit": (
        "Find the limit of the continuous function h(x) = {a}x + {c} as the variable x approaches {b}.",
        "What value does the expression {a}t + {c} tend to in the limit when t tends to the number {b}?",
        "A quantity has derivative {a} everywhere and starts at {c} when t = 0. What is its value at t = {b}?",
        "Determine the antiderivative G with G' = {a} and G(0) = {c}, then state the number G({b}).",
    ),
    "slope_at_point": (
        "What is the slope of the tangent line to the parabola y = {a}x^2 at the point where x = {b}?",
        "Let f(x) = {a}x^2. Use differentiation to compute the value of the derivative f'({b}).",
        "The position of {name} is s(t) = {a}t^2 meters. Find the instantaneous velocity at t = {b}.",
        "Determine how fast the quantity {a}r^2 grows per unit of r at the moment when r reaches {b}.",
    ),
    "remaining_integral": (
        "The integral of f from 0 to 9 is {a} and from 0 to 4 is {b}. What is the integral from 4 to 9?",
        "If the limit of p(x) is {a} and the limit of q(x) is {b} at infinity, find the limit of p(x) - q(x).",
        "Given F(7) = {a}, F(1) = {b} and F' = f, use the fundamental theorem to integrate f from 1 to 7.",
        "Determine h'(2) for the difference h = f - g of two smooth curves with f'(2) = {a} and g'(2) = {b}.",
    ),
}
