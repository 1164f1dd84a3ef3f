"""The most memory this process has held, for tests that start a child and ask it."""

import re
import resource
import sys


def peak_gigabytes() -> float:
    """Highest resident memory of this process so far, in GB of 10^9 bytes."""
    try:
        # Linux counts the memory of the process that started this one into ru_maxrss, but not into VmHWM.
        with open("/proc/self/status", encoding="ascii") as status:
            return int(re.search(r"VmHWM:\s+(\d+) kB", status.read())[1]) * 1024 / 1e9
    except FileNotFoundError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9
