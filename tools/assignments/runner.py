"""Runs inside the sandbox, alone: takes a submitted cell from stdin, runs it on each case, writes what came out.

Standard library only. What comes in is a pickle of the grader's; what goes out is a line of JSON a case: plain data,
which does nothing to who reads it. The cell may forge these lines, but not the right values: they are not in here.
"""

import base64
import contextlib
import io
import json
import os
import pickle
import resource
import sys
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice

KEPT_CHARACTERS = 2_000                                 # of what the cell prints, and of an error's message
KEPT_ITEMS = 100_000                                    # of what a Python generator yields
SEQUENCES = {list: "list", tuple: "tuple", set: "set", frozenset: "set"}


class Head(io.TextIOBase):
    """A stream that keeps the beginning of what is written."""

    text = ""

    def write(self, text):
        """Keep what there is room for."""
        self.text += text[: KEPT_CHARACTERS - len(self.text)]
        return len(text)


def limit(limits):
    """Set resource limits, {"CPU": seconds, "DATA": bytes, ...}, for good: nothing here has the right to raise them.

    That of the address space, AS, which shared memory counts in too, is given beyond what the packages have mapped.
    """
    for name, most in limits.items():
        most += mapped() if name == "AS" else 0
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (most, most))


def mapped():
    """The bytes of address space that this process has mapped."""
    with open("/proc/self/statm", encoding="ascii") as sizes:
        return int(sizes.read().split()[0]) * resource.getpagesize()


def plain(value):
    """A value as JSON can hold it, with its type; of a type that no exercise asks for, the type's name alone."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if type(value) in SEQUENCES:
        return {"is": SEQUENCES[type(value)], "of": [plain(item) for item in value]}
    if isinstance(value, dict):
        return {"is": "mapping", "name": type(value).__name__, "of": [[plain(k), plain(v)] for k, v in value.items()]}
    if isinstance(value, Fraction):
        return {"is": "fraction", "of": [value.numerator, value.denominator]}
    return plain_array(value) or {"is": "other", "name": type(value).__name__}


def plain_array(value):
    """A NumPy array, NumPy number or torch tensor as bytes, dtype and shape; None for anything else."""
    torch, numpy = sys.modules.get("torch"), sys.modules.get("numpy")
    if torch and isinstance(value, torch.Tensor):
        whole = value.detach().cpu().resolve_conj()
        exact = whole.float() if whole.dtype == torch.bfloat16 else whole
        told = {"torch": str(whole.dtype).removeprefix("torch."), "grad": value.requires_grad}
        return plain_array(exact.numpy()) | told
    if numpy and isinstance(value, numpy.ndarray | numpy.generic) and value.dtype.kind in "biufcUS":
        data = base64.b64encode(numpy.ascontiguousarray(value).tobytes()).decode()
        kind = "array" if isinstance(value, numpy.ndarray) else "number"
        return {"is": kind, "dtype": value.dtype.str, "shape": list(value.shape), "of": data}
    return None


def plain_error(error):
    """The name and message of an exception."""
    arguments = [one for one in error.args if isinstance(one, str | int | float | None)][:4]
    message = [one[:KEPT_CHARACTERS] if isinstance(one, str) else one for one in arguments]
    return {"error": type(error).__name__, "arguments": message}


def tried(function, packed):
    """What a call comes to: a value, the arguments after the call and what was printed; or an error."""
    head = Head()
    try:
        with contextlib.redirect_stdout(head), contextlib.redirect_stderr(head):
            arguments = pickle.loads(packed)
            value = function(*arguments)
            iterated = isinstance(value, Iterator)
            value = list(islice(value, KEPT_ITEMS)) if iterated else value
        after = [plain(argument) for argument in arguments]
        return {"value": plain(value), "iterated": iterated, "after": after, "printed": head.text}
    except BaseException as error:                      # also SystemExit: an answer, not an order
        return dict(plain_error(error), printed=head.text)


def outcomes(request, names):
    """The outcome of each case, one by one; of a cell that defines a value, that value; of a cell that fails, why."""
    name = request["name"]
    try:
        exec(compile(request["source"], "the submitted cell", "exec"), names)
    except BaseException as error:
        yield plain_error(error)
        return
    if name not in names:
        yield plain_error(NameError(f"the cell defines no {name}"))
    elif not request["cases"]:
        yield tried(lambda: names[name], pickle.dumps(()))
    else:
        for packed in request["cases"]:
            yield tried(names[name], packed)


def as_line(outcome):
    """An outcome as one line of JSON, or the error that says why it cannot be one."""
    try:
        return json.dumps(outcome)
    except ValueError as error:                         # a whole number of thousands of digits
        return json.dumps(plain_error(error))


def main():
    """Read the request, and write a line when ready and a line for each outcome."""
    request = pickle.load(sys.stdin.buffer)
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    names = {"__name__": "__main__"}
    exec("\n".join(request["imports"]), names)
    limit(request["limits"])
    print("ready", file=lines, flush=True)
    for outcome in outcomes(request, names):
        print(as_line(outcome), file=lines, flush=True)


if __name__ == "__main__":
    main()
