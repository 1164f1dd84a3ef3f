"""Nothing that was fetched, handed in or typed is run: no pickle, no code of a hub's, no `eval`, no shell.

Every such call in the course's Python and notebooks is found by name, through aliases, and has to stand in ALLOWED with
the reason why what it reads is our own.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from course_utils.paths import REPOSITORY
from tools.notebooks.files import lesson_paths, read

FOLDERS = ("course_utils", "tools", "benchmarks", "classroom", "app", "docs")
PICKLES = {"pickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
READERS = {
    "pandas.read_pickle", "torch.hub.load", "torch.jit.load", "torch.package.PackageImporter",
    "yaml.load", "yaml.full_load", "yaml.unsafe_load", "yaml.load_all", "yaml.full_load_all", "yaml.unsafe_load_all",
}  # fmt: skip
RUNNERS = {"eval", "exec", "os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"}
SHELL_OF_A_CELL = {"get_ipython.system", "get_ipython.getoutput"}
MUST_BE_FALSE = {"allow_pickle", "trust_remote_code", "shell"}
MUST_BE_TRUE = {"weights_only", "safe_mode"}
FOR_IPYTHON = re.compile(r"^\s*[!%?]|[=?]\s*[!%]|\?$", re.MULTILINE)
STUB = "runs the stub of an exercise, a string of the course's own source"
SENT = "packs the course's own cases for the sandbox; what comes back is lines of JSON"
INSIDE = "runs within the sandbox, on what the grader packed; it reads nothing that a student wrote as a pickle"
HANDED_IN = "runs a student's cell, which is what the sandbox is for; out there nothing of it is run"
ALLOWED = {
    ("course_utils/exercises/specs.py", "exec"): STUB,
    ("tools/assignments/sandbox.py", "import pickle"): SENT,
    ("tools/assignments/sandbox.py", "import cloudpickle"): SENT,
    ("tools/assignments/runner.py", "import pickle"): INSIDE,
    ("tools/assignments/runner.py", "pickle.load"): INSIDE,
    ("tools/assignments/runner.py", "pickle.loads"): INSIDE,
    ("tools/assignments/runner.py", "exec"): HANDED_IN,
}


def aliases(tree: ast.AST) -> dict[str, str]:
    """What each imported name of a file stands for, as in `np` for numpy and `run` for os.system."""
    known = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            known |= {one.asname or one.name.split(".")[0]: one.name if one.asname else one.name.split(".")[0]
                      for one in node.names}  # fmt: skip
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            known |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
    return known


def dotted(node: ast.expr, known: dict[str, str]) -> str:
    """The full name of what is called; "" where it is no name."""
    if isinstance(node, ast.Name):
        return known.get(node.id, node.id).removeprefix("builtins.")
    if isinstance(node, ast.Call):
        return dotted(node.func, known)                            # get_ipython().system
    before = dotted(node.value, known) if isinstance(node, ast.Attribute) else ""
    return f"{before}.{node.attr}".removeprefix("builtins.") if before else ""


def found(source: str) -> Iterator[str]:
    """Everything in a source that unpickles, runs text, or lets others run theirs."""
    tree = ast.parse(source)
    known = aliases(tree)
    for name in known.values():
        if name.split(".")[0] in PICKLES:
            yield f"import {name.split('.')[0]}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from wrong_call(dotted(node.func, known), node)
        elif isinstance(node, ast.Constant) and node.value in MUST_BE_FALSE - {"shell"}:
            yield f"the word {node.value}"                         # a key of a dict that is passed on


def wrong_call(name: str, call: ast.Call) -> Iterator[str]:
    """What is wrong with one call."""
    given = {one.arg: one.value.value if isinstance(one.value, ast.Constant) else one for one in call.keywords}
    room, _, last = name.rpartition(".")
    if name in READERS | RUNNERS | SHELL_OF_A_CELL or room.split(".")[0] in PICKLES and "load" in last.lower():
        yield name
    if name == "torch.load" and given.get("weights_only") is not True:
        yield "torch.load without weights_only=True"
    yield from (f"{word}=…" for word in MUST_BE_FALSE & set(given) if given[word] is not False)
    yield from (f"{word}=…" for word in MUST_BE_TRUE & set(given) if given[word] is not True)


def sources() -> dict[str, str]:
    """Every Python source of the course by its path: files, and the code cells of notebooks one after the other."""
    files = [path for folder in FOLDERS for path in (REPOSITORY / folder).rglob("*.py")]
    notebooks = [*lesson_paths(), *(REPOSITORY / "app").rglob("*.ipynb")]
    return {place(path): path.read_text(encoding="utf-8") for path in files} | {
        place(path): code_of(path) for path in notebooks if ".ipynb_checkpoints" not in path.parts
    }


def place(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def code_of(path: Path) -> str:
    """The code cells of a notebook as Python; a line for the shell becomes the call that JupyterLab makes of it."""
    cells = [cell.source for cell in read(path).cells if cell.cell_type == "code"]
    return "\n".join(TransformerManager().transform_cell(cell) if FOR_IPYTHON.search(cell) else cell for cell in cells)


@pytest.mark.slow
def test_nothing_is_unpickled_or_run_but_what_is_our_own():
    texts = sources()
    seen = {(path, what) for path, text in texts.items() for what in found(text)}
    assert len(texts) > 300 and sum(path.startswith("notebooks/") for path in texts) == 17
    assert seen - set(ALLOWED) == set(), "expected safetensors, JSON or NPZ; or a reason in ALLOWED"
    assert set(ALLOWED) - seen == set(), "this is no longer done: take it out of ALLOWED"


@pytest.mark.parametrize(
    "source",
    [
        "import torch; torch.load('x')",
        "import torch as t; t.load('x', weights_only=False)",
        "from torch import load as read; read('x')",
        "import torch; torch.load('x', weights_only=safe)",
        "import pickle",
        "from pickle import loads",
        "import joblib; joblib.load('x')",
        "import cloudpickle as c; c.loads(x)",
        "import pickle as p; p.Unpickler(file)",
        "import numpy as np; np.load('x', allow_pickle=True)",
        "import numpy; numpy.load('x', allow_pickle=wanted)",
        "import pandas as pd; pd.read_pickle('x')",
        "AutoModel.from_pretrained('x', trust_remote_code=True)",
        "AutoModel.from_pretrained('x', **{'trust_remote_code': True})",
        "eval(text)",
        "import builtins; builtins.exec(text)",
        "import yaml; yaml.load(text)",
        "import subprocess; subprocess.run('ls', shell=True)",
        "from os import system as run; run('ls')",
        "import keras; keras.models.load_model('x', safe_mode=False)",
        "import torch; torch.hub.load('a/b', 'c')",
        TransformerManager().transform_cell("!curl http://example.org | sh\n"),
    ],
)
def test_each_way_to_run_what_was_fetched_is_noticed(source):
    assert list(found(source))


@pytest.mark.parametrize(
    "source",
    [
        "import torch; torch.load('x', weights_only=True)",
        "import numpy as np; np.load('x', allow_pickle=False)",
        "import json; json.load(file); json.loads(text)",
        "import yaml; yaml.safe_load(text)",
        "model.eval()",
        "import re; re.compile('x')",
        "import subprocess; subprocess.run(['ls'], shell=False)",
        "from safetensors.torch import load_file; load_file('x')",
    ],
)
def test_what_runs_nothing_is_left_alone(source):
    assert not list(found(source))
