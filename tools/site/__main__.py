"""Build the site: `python -m tools.site`. It asks the network for nothing, and neither do its pages."""

import argparse
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from sphinx.cmd.build import build_main

from course_utils.paths import REPOSITORY
from tools.notebooks.files import lesson_paths
from tools.site.staging import stage

# Nothing may be unresolved, and a warning is an error: a link that leads nowhere ends the build.
STRICT = ["-n", "-W", "--keep-going", "-q"]


def build(out: Path, jobs: int) -> int:
    """Build into `out`, which is replaced whole once everything is there; Sphinx's exit status."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".site-") as temporary:
        source, made, doctrees = (Path(temporary, name) for name in ("source", "site", "doctrees"))
        stage(source)
        status = build_main([*STRICT, "-j", str(jobs), "-d", str(doctrees), str(source), str(made)])
        if status == 0:
            give_originals(made)
            drop_templates(made)
            shutil.rmtree(out, ignore_errors=True)
            made.rename(out)
    return status


def give_originals(site: Path) -> None:
    """Put the committed notebooks where the page's download button looks: without solutions, and with their outputs."""
    for path in lesson_paths():
        shutil.copyfile(path, site / "_sources" / "notebooks" / path.name)


def drop_templates(site: Path) -> None:
    """Take away the theme's templates, which it copies beside its scripts: they are no pages."""
    for template in (site / "_static").glob("*macros.html"):
        template.unlink()


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.site", description=__doc__)
    parser.add_argument("--out", type=Path, default=REPOSITORY / "build" / "site", help="folder of the site")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="processes that Sphinx uses")
    chosen = parser.parse_args(arguments)
    began = time.monotonic()
    status = build(chosen.out.absolute(), chosen.jobs)
    if status == 0:
        pages = len(list(chosen.out.rglob("*.html")))
        print(f"{pages} pages in {time.monotonic() - began:.0f} s; open {chosen.out / 'index.html'}")
    return status


if __name__ == "__main__":
    sys.exit(main())
