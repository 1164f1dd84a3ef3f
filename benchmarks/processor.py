"""What processor was measured on, as its system names it."""

import platform
import re
from pathlib import Path

LINUX_SAYS = Path("/proc/cpuinfo")
WIDE = {"avx2": "AVX2", "avx512f": "AVX-512", "amx_tile": "AMX"}   # what the speed of a product depends on
NUMBERS = "cpu family", "model"


def processor() -> str:
    """Its name, and as far as the system tells them its wide instructions."""
    said = LINUX_SAYS.read_text(encoding="utf-8") if LINUX_SAYS.exists() else ""
    return named(said) or platform.processor() or platform.machine()


def named(said: str) -> str:
    """From what /proc/cpuinfo says of its first core; empty where it names none.

    A name without a number may stand for any model of ten years, so the numbers of family and model come with it.
    """
    facts = dict(re.findall(r"^(\S[^\t:]*?)\s*:[ \t]*(.*)$", said.partition("\n\n")[0], re.MULTILINE))
    name = " ".join(re.sub(r"\((R|TM)\)", "", facts.get("model name", "")).split())
    if not name:
        return ""
    numbers = [] if re.search(r"\d", name) else [f"{key.split()[-1]} {facts[key]}" for key in NUMBERS if key in facts]
    flags = facts.get("flags", "").split()
    return ", ".join([name, *numbers, *(wide for flag, wide in WIDE.items() if flag in flags)])
