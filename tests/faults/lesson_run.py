"""Run a lesson in the smallest profile, in whatever surroundings this process has; prints what its cells printed.

    python -m tests.faults.lesson_run 01

The outputs of cells that train or measure time are left out, and so are pictures. Exit status 1 and the reason where a
cell raises or writes to stderr.
"""

import json
import sys

from tools.notebooks.execute import run
from tools.notebooks.files import lesson_paths, read

IGNORED = "nbval-ignore-output"


def texts(cell) -> list[str]:
    """What a cell printed and showed as text, and whether it complained."""
    found = []
    for output in cell.outputs:
        if output.output_type == "stream":
            found.append(f"{output.name}: {output.text}")
        else:
            found.append(output.get("data", {}).get("text/plain", output.output_type))
    return found


def main(number: str) -> None:
    """Print the texts of all cells whose outputs are compared."""
    (path,) = lesson_paths([number])
    notebook = read(path)
    run(notebook, path.name, profile="smoke", offline=True)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    stderr = [output.text for cell in cells for output in cell.outputs if output.get("name") == "stderr"]
    if stderr:
        sys.exit("a cell wrote to stderr: " + ascii(stderr))
    json.dump([texts(cell) for cell in cells if IGNORED not in cell.metadata.get("tags", [])], sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
