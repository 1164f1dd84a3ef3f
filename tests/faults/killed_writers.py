"""What test_progress_faults.py runs: processes that write progress, each killed at a random moment.

    python tests/faults/killed_writers.py 50     with COURSE_PROGRESS set

A line of JSON for each: how many exercises it was told are kept, and how many are.
"""

import json
import os
import random
import signal
import sys
import time

from course_utils.exercises import record

LONGEST = 0.03                                       # seconds until a writer is killed: some ten of its changes


def write_for_ever(number: int, told: int) -> None:
    """Keep one exercise after the other, and tell each that is kept through the pipe."""
    place = 0
    while True:
        place += 1
        if record.record_check(f"{number}.{place}", True) == "":
            os.write(told, f"{place}\n".encode())


def killed_once(number: int, chance: random.Random) -> list[int]:
    """Start a writer and kill it; how many exercises it was told are kept, and how many are."""
    reading, writing = os.pipe()
    writer = os.fork()
    if writer == 0:
        write_for_ever(number, writing)
    os.close(writing)
    told = os.read(reading, 100)                     # it has begun
    time.sleep(chance.uniform(0, LONGEST))
    os.kill(writer, signal.SIGKILL)
    os.waitpid(writer, 0)
    while more := os.read(reading, 10_000):
        told += more
    os.close(reading)
    kept = json.loads(record.progress_file().read_text())["exercises"]
    return [told.count(b"\n"), sum(id_.startswith(f"{number}.") for id_ in kept)]


def main() -> None:
    """Kill as many writers as the command line says, one after the other."""
    chance = random.Random(0)
    for number in range(int(sys.argv[1])):
        print(json.dumps(killed_once(number, chance)))


if __name__ == "__main__":
    main()
