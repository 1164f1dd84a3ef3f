"""Evaluate the three worked examples and write data/results/capstone_*.json; some minutes on one core.

The helper's passages, its threshold and its prompt were chosen on the validation questions; what is written is of test.
"""

import argparse
import sys

import torch

from course_utils import examples
from course_utils.assistant import assistant
from course_utils.paths import RESULTS
from course_utils.report import choose_least, evaluate

MADE = {
    "helper": (examples.course_helper, examples.course_task),
    "speech": (examples.speech_writer, examples.speech_task),
    "tune": (examples.tune_writer, examples.tune_task),
}


def main(arguments: list[str] | None = None) -> int:
    """Command line. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.capstone", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(MADE)}; all where none is named")
    names = parser.parse_args(arguments).names or list(MADE)
    torch.set_num_threads(1)
    for name in names:
        make, task = MADE[name]
        project = make()
        bot = assistant(project)
        report = evaluate(project, task(), bot=bot)
        report.write(RESULTS / f"capstone_{name}.json")
        print(report, end="\n\n")
        if name == "helper":
            for part in ("validation", "test"):
                print(part, choose_least(bot, examples.course_task(part).questions))
    return 0


if __name__ == "__main__":
    sys.exit(main())
