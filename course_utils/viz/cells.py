"""What happens inside a recurrent cell, drawn: RNN, GRU and LSTM, in the same places and colours."""

from matplotlib.figure import Figure

from course_utils.errors import CourseError
from course_utils.viz.canvas import GATE, INPUT, MEMORY, PLAIN, STATE, Canvas, Point
from course_utils.viz.style import WIDTH

LEFT, RIGHT = 0.4, WIDTH - 0.4                                     # where what comes in and what goes out is named
INSIDE = (0.95, WIDTH - 0.85)                                      # from where to where the cell reaches
STATE_ROW, INPUT_ROW = 0.95, 0.45                                  # heights of the lines that bring h and x
GATE_ROW, GATE_WIDTH, GATE_HEIGHT = 1.75, 1.12, 0.62
BOTTOM, TOP = GATE_ROW - GATE_HEIGHT / 2, GATE_ROW + GATE_HEIGHT / 2
FOOT = 0.2                                                         # h enters a gate left of its middle, x right of it
RADIUS = 0.15                                                      # of × and +
THICK = 2.4                                                        # points: the line that the memory travels on


def cell_diagram(cell: str) -> Figure:
    """One step of a cell, "rnn", "gru" or "lstm": from the state before and the input to the state after.

    Green is the input, blue the hidden state, orange the memory. A cross multiplies and a plus adds, number by number;
    each box that ends in (·) has weights of its own for what enters it. Lines that cross without a dot do not touch.
    """
    draw = {"rnn": _rnn, "gru": _gru, "lstm": _lstm}
    if cell not in draw:
        raise CourseError(f"There is no diagram of {cell!r}; expected one of {', '.join(draw)}.")
    return draw[cell]().figure


def _rnn() -> Canvas:
    page, row, plus, x_row = Canvas(2.6), 1.75, 3.65, 0.3
    page.ground(INSIDE[0], 0.6, INSIDE[1], 2.48, "RNN cell")
    _name(page, LEFT, row, "h_{t-1}", STATE)
    page.line([(LEFT + 0.3, row), (1.6, row)], STATE)
    page.box(2.1, row, "$W_{hh}$", STATE, width=1.0)
    page.line([(2.6, row), (plus - RADIUS, row)], STATE)
    page.circle(plus, row, "+")
    page.line([(plus + RADIUS, row), (4.7, row)])
    page.box(5.2, row, "tanh", GATE, width=1.0)
    page.line([(5.7, row), (RIGHT - 0.2, row)], STATE)
    _name(page, RIGHT, row, "h_t", STATE)
    _name(page, LEFT, x_row, "x_t", INPUT)
    page.line([(LEFT + 0.3, x_row), (plus, x_row), (plus, 0.75)], INPUT)
    page.box(plus, 1.0, "$W_{ih}$", INPUT, width=1.0)
    page.line([(plus, 1.25), (plus, row - RADIUS)], INPUT)
    page.text(plus + 0.7, 1.0, "and the biases $b_{ih}$, $b_{hh}$", PLAIN, 9.5, align="left")
    return page


def _lstm() -> Canvas:
    forget, enter, candidate, output, end = 1.63, 2.91, 4.19, 5.47, 6.4
    page, memory_row, product_row, plus = Canvas(4.1), 3.5, 2.7, (enter + candidate) / 2
    page.ground(INSIDE[0], 0.14, INSIDE[1], 3.98, "LSTM cell")
    _memory(page, memory_row, forget, plus)
    _gate(page, forget, GATE_ROW, "forget", r"f=\sigma(\cdot)")
    _gate(page, enter, GATE_ROW, "input", r"i=\sigma(\cdot)")
    _gate(page, candidate, GATE_ROW, "candidate", r"g=\tanh(\cdot)", MEMORY)
    _gate(page, output, GATE_ROW, "output", r"o=\sigma(\cdot)")
    places = (forget, enter, candidate, output)
    _feed(page, "h_{t-1}", STATE, [(LEFT + 0.3, STATE_ROW)], [(x - FOOT, BOTTOM) for x in places])
    _feed(page, "x_t", INPUT, [(LEFT + 0.3, INPUT_ROW)], [(x + FOOT, BOTTOM) for x in places])
    page.line([(forget, TOP), (forget, memory_row - RADIUS)], GATE)
    page.line([(enter, TOP), (enter, product_row), (plus - RADIUS, product_row)], GATE)
    page.line([(candidate, TOP), (candidate, product_row), (plus + RADIUS, product_row)], MEMORY)
    page.circle(plus, product_row, "×")
    page.line([(plus, product_row + RADIUS), (plus, memory_row - RADIUS)], MEMORY)
    page.line([(end, memory_row), (end, 2.9)], MEMORY)
    page.dot(end, memory_row, MEMORY)
    page.box(end, 2.68, "tanh", MEMORY, width=0.6, height=0.42)
    page.line([(end, 2.47), (end, GATE_ROW + RADIUS)], MEMORY)
    page.line([(output + GATE_WIDTH / 2, GATE_ROW), (end - RADIUS, GATE_ROW)], GATE)
    page.circle(end, GATE_ROW, "×")
    page.line([(end, GATE_ROW - RADIUS), (end, STATE_ROW), (RIGHT - 0.2, STATE_ROW)], STATE)
    _name(page, RIGHT, STATE_ROW, "h_t", STATE)
    return page


def _memory(page: Canvas, row: float, forget: float, plus: float) -> None:
    """The memory's way through the cell: multiplied by the forget gate, then something added."""
    _name(page, LEFT, row, "c_{t-1}", MEMORY)
    page.line([(LEFT + 0.3, row), (forget - RADIUS, row)], MEMORY, width=THICK)
    page.circle(forget, row, "×")
    page.line([(forget + RADIUS, row), (plus - RADIUS, row)], MEMORY, width=THICK)
    page.circle(plus, row, "+")
    page.line([(plus + RADIUS, row), (RIGHT - 0.2, row)], MEMORY, width=THICK)
    _name(page, RIGHT, row, "c_t", MEMORY)


def _gru() -> Canvas:
    update, candidate, product, reset = 1.87, 3.6, 4.85, 5.95
    page, row, mix_row, new_row = Canvas(4.45), 3.85, 3.1, 2.35
    page.ground(INSIDE[0], 0.14, INSIDE[1], 4.33, "GRU cell")
    _gate(page, update, GATE_ROW, "update", r"z=\sigma(\cdot)")
    _gate(page, candidate, new_row, "candidate", r"n=\tanh(\cdot)", STATE)
    _gate(page, reset, GATE_ROW, "reset", r"r=\sigma(\cdot)")
    page.box(product, 1.6, "$W_{hn}$", STATE, width=0.8, height=0.42)
    fork = (1.12, row)
    to_state = [(update - FOOT, BOTTOM), (product, 1.39), (reset - FOOT, BOTTOM)]
    to_input = [(update + FOOT, BOTTOM), (candidate, new_row - GATE_HEIGHT / 2), (reset + FOOT, BOTTOM)]
    _feed(page, "", STATE, [fork, (fork[0], STATE_ROW)], to_state)
    _feed(page, "x_t", INPUT, [(LEFT + 0.3, INPUT_ROW)], to_input)
    page.dot(*fork, STATE)
    page.line([(product, 1.81), (product, new_row - RADIUS)], STATE)
    page.line([(reset, TOP), (reset, new_row), (product + RADIUS, new_row)], GATE)
    page.circle(product, new_row, "×")
    page.line([(product - RADIUS, new_row), (candidate + GATE_WIDTH / 2, new_row)], STATE)
    _blend(page, row, mix_row, update, candidate, new_row + GATE_HEIGHT / 2)
    return page


def _blend(page: Canvas, row: float, mix_row: float, update: float, candidate: float, new_top: float) -> None:
    """The state's way through the GRU: z of the old state, and 1 − z of the candidate, are added."""
    _name(page, LEFT, row, "h_{t-1}", STATE)
    page.line([(LEFT + 0.3, row), (update - RADIUS, row)], STATE, width=THICK)
    page.line([(update + RADIUS, row), (candidate - RADIUS, row)], STATE, width=THICK)
    page.line([(candidate + RADIUS, row), (RIGHT - 0.2, row)], STATE, width=THICK)
    _name(page, RIGHT, row, "h_t", STATE)
    page.line([(update, TOP), (update, row - RADIUS)], GATE)
    page.dot(update, mix_row, GATE)
    minus = (update + candidate) / 2
    page.line([(update, mix_row), (minus - 0.2, mix_row)], GATE)
    page.circle(minus, mix_row, "1−", radius=0.2, size=11)
    page.line([(minus + 0.2, mix_row), (candidate - RADIUS, mix_row)], GATE)
    page.line([(candidate, new_top), (candidate, mix_row - RADIUS)], STATE)
    page.line([(candidate, mix_row + RADIUS), (candidate, row - RADIUS)], STATE)
    for x, y, sign in ((update, row, "×"), (candidate, mix_row, "×"), (candidate, row, "+")):
        page.circle(x, y, sign)


def _gate(page: Canvas, x: float, y: float, name: str, formula: str, colour: str = GATE) -> None:
    page.box(x, y, f"{name}\n${formula}$", colour, GATE_WIDTH, GATE_HEIGHT)


def _feed(page: Canvas, name: str, colour: str, begin: list[Point], ends: list[Point]) -> None:
    """A line that comes in, its name at its left end, and goes up to each of the ends, from left to right."""
    row, last = begin[-1][1], ends[-1]
    if name:
        _name(page, LEFT, row, name, colour)
    page.line([*begin, (last[0], row), last], colour)
    for x, y in ends[:-1]:
        page.dot(x, row, colour)
        page.line([(x, row), (x, y)], colour)


def _name(page: Canvas, x: float, y: float, formula: str, colour: str) -> None:
    page.text(x, y, f"${formula}$", colour, 13.5)
