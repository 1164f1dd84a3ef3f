"""Start a student's server: hand out the lessons that the student lacks, then become jupyterhub-singleuser.

It runs as the student, on one machine and in a pod alike, so it can write nowhere that the student cannot. A notebook
that the student has changed is never touched; one still as it was handed out is renewed when the course changes.
"""

import hashlib
import json
import os
import shutil
import sys
from pathlib import Path

LESSONS = Path(__file__).resolve().parents[2] / "notebooks"
COURSE = "generative-ai-course"                         # the folder in the student's home
HANDED_OUT = ".handed_out.json"                         # in it: name of a notebook -> sha256 of what was handed out


def fingerprint(path: Path) -> str | None:
    """The sha256 of a file, None where there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None


def put(source: Path, target: Path) -> None:
    """Copy a file into place by one rename: a server killed meanwhile leaves the old file or the new one, whole."""
    part = target.with_name(f".{target.name}.part")
    shutil.copyfile(source, part)
    os.replace(part, target)


def handed_out(folder: Path) -> dict[str, str]:
    """The record of what was handed out; empty where there is none or it is damaged."""
    try:
        kept = json.loads((folder / HANDED_OUT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


def hand_out(lessons: Path, folder: Path) -> list[str]:
    """Copy the notebooks that the student lacks or has left as they were; returns the names of those copied."""
    folder.mkdir(parents=True, exist_ok=True)
    record, copied = handed_out(folder), []
    for source in sorted(lessons.glob("*.ipynb")):
        new, old = fingerprint(source), fingerprint(folder / source.name)
        if old is None or (old == record.get(source.name) and old != new):
            put(source, folder / source.name)
            record[source.name] = new
            copied.append(source.name)
    if copied:
        part = folder / f"{HANDED_OUT}.part"
        part.write_text(json.dumps(record, indent=1, sort_keys=True), encoding="utf-8")
        os.replace(part, folder / HANDED_OUT)
    return copied


def private_folder(folder: Path) -> Path:
    """The folder, made where it is not there, and closed to everybody else.

    That of the kernels has a short path, because the name of a socket may have 107 bytes and no more.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    return folder


def main() -> None:
    """Hand out, then become the server; the hub's own options are passed on."""
    course = Path.home() / COURSE
    lessons = Path(os.environ.get("COURSE_LESSONS") or LESSONS)
    try:
        os.environ["JUPYTER_RUNTIME_DIR"] = str(private_folder(Path.home() / ".kernels"))
        copied = hand_out(lessons, private_folder(course) / "notebooks")
        print(f"handed out: {', '.join(copied) or 'nothing new'}", flush=True)
    except OSError as error:                            # a full disk must not keep a student from the work on it
        print(f"no lessons handed out: {error}", file=sys.stderr, flush=True)
    os.environ.setdefault("COURSE_PROGRESS", str(course / "progress"))
    os.execv(sys.executable, [sys.executable, "-m", "jupyterhub.singleuser", *sys.argv[1:]])


if __name__ == "__main__":
    main()
