"""nbgrader's settings for this course. `make assignments` copies them into the course folder, grading/."""

import os
import sys
from pathlib import Path

from course_utils.paths import REPOSITORY

sys.path.append(str(REPOSITORY))  # nbgrader's own command starts elsewhere, and the grader is no installed package
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # it calls alembic by name

FOLDER = Path(__file__).resolve().parent
c = get_config()  # noqa: F821  (nbgrader puts it here)

c.CourseDirectory.root = str(FOLDER)
c.CourseDirectory.course_id = "generative-ai"

# The stub of an exercise stands above its solution, so nothing has to take the solution's place.
c.ClearSolutions.code_stub = {"python": ""}

# No submission is executed as a notebook: each exercise's cell goes into the sandbox instead.
c.Autograde.autograde_preprocessors = [
    "tools.assignments.grading.GradeInSandbox",
    "nbgrader.preprocessors.IgnorePattern",
    "nbconvert.preprocessors.ClearMetadataPreprocessor",
    "nbgrader.preprocessors.LimitOutput",
    "nbgrader.preprocessors.SaveAutoGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.GradeInSandbox.secret_file = str(FOLDER / "secret")

# "limits" grades without a sandbox, within limits of time and memory: only on a machine that holds nothing of worth.
c.GradeInSandbox.sandbox = "namespaces"
