"""Write `data/README.md`, a card for each asset, from the manifest and the prose in `data/cards/`.

    python -m tools.data_cards              write it
    python -m tools.data_cards --check      exit 1 if the committed one is not what would be written
    python -m tools.data_cards --pin NAME   build the asset NAME and write the sha256 of its files into the manifest

A new asset: CONTRIBUTING.md.
"""

import argparse
import re
import sys
import tempfile
from pathlib import Path

import pooch

from course_utils.assets import MANIFEST, READERS, Asset, load_manifest
from course_utils.paths import DATA
from course_utils.sources import Debian, Hub, Package, Source

CARDS = DATA / "cards"
README = DATA / "README.md"
SOURCE = {"wheel": "", "source": " (source distribution)"}
INTRODUCTION = """\
# Data and models

<!-- Written by `python -m tools.data_cards` from assets.toml and cards/. Change those, not this file. -->

What the lessons read, whose it is, and what is wrong with it. Two corpora and three tables are in this repository, each
with a card of its own:

- the Spanish and English sentences of [`es_en.tsv.xz`](es_en.tsv.xz) ([card](cards/es_en.md));
- the pictures of [`emoji.npz`](emoji.npz) ([card](cards/emoji.md));
- the shares of women in occupations of [`labour_shares.tsv`](labour_shares.tsv) ([card](cards/labour_shares.md));
- the harmful and harmless prompts of [`safety_prompts.tsv`](safety_prompts.tsv) ([card](cards/safety_prompts.md));
- the questions on the lessons of [`course_questions.tsv`](course_questions.tsv) ([card](cards/course_questions.md)).

The rest is not: `make assets` fetches all of it into `data/cache/` (another folder: `COURSE_CACHE`), and every file is
compared with the sha256 in [`assets.toml`](assets.toml) before it is used. In a notebook, `assets.path("sotu")` gives
the folder. With `COURSE_OFFLINE=1` only the cache is read.

| Name | What | Licence | Download | On disk |
|---|---|---|---|---|
"""


def cards(manifest: Path = MANIFEST, prose: Path = CARDS) -> str:
    """The text of `data/README.md`. Raises FileNotFoundError for an asset without prose."""
    assets = load_manifest(manifest).values()
    overview = "".join(
        f"| [`{asset.name}`](#{asset.name}) | {asset.title} | {asset.licence} "
        f"| {megabytes(asset.sources[0].bytes)} | {megabytes(asset.bytes)} |\n"
        for asset in assets
    )
    return INTRODUCTION + overview + "".join(card(asset, prose) for asset in assets)


def card(asset: Asset, prose: Path) -> str:
    """One asset: the facts of the manifest, then the prose, then the files."""
    facts = {
        "Whose": asset.author,
        "Licence": asset.licence,
        "Home": f"<{asset.homepage}>",
        "Cite": asset.citation,
        "Obtained from": ";<br>or else ".join(describe(source) for source in asset.sources),
    }
    table = "".join(f"| {key} | {value} |\n" for key, value in facts.items())
    text = (prose / f"{asset.name}.md").read_text(encoding="utf-8").strip()
    head = f"\n## {asset.name}\n\n{asset.title}.\n\n| | |\n|---|---|\n{table}"
    return f"{head}\n{text}\n\n### Files\n\n{file_table(asset)}"


def describe(source: Source) -> str:
    """Where the files come from, in a table cell."""
    read = ", ".join(f"`{name}`" for name in (source.files if isinstance(source, Hub) else source.members))
    if isinstance(source, Package):
        return (
            f"`{source.requirement}`{SOURCE[source.kind]} on the package index ({source.bytes:,} bytes, sha256 "
            f"`{source.sha256}`, licence of the package: {source.licence}), downloaded and not installed; "
            f"of it {read} below `{source.root}/`"
        )
    if isinstance(source, Debian):
        return (
            f"`{source.requirement}` of Debian ({source.bytes:,} bytes, sha256 `{source.sha256}`), downloaded with "
            f"apt-get and not installed; of it {read} below `/{source.root}/`"
        )
    return f"{read} of `{source.repo}` on the Hugging Face Hub at commit `{source.revision}` ({source.bytes:,} bytes)"


def file_table(asset: Asset) -> str:
    """Name, size and sha256 of each file; a folder of many files is one row."""
    rows: dict[str, str] = {}
    for name, expected in asset.files.items():
        folder = Path(name).parent.as_posix()
        inside = [file for other, file in asset.files.items() if Path(other).parent.as_posix() == folder]
        if len(inside) > 10:
            size = sum(file.bytes for file in inside)
            rows[folder] = f"| `{folder}/`: {len(inside)} files | {size:,} | each in [`assets.toml`](assets.toml) |\n"
        else:
            rows[name] = f"| `{name}` | {expected.bytes:,} | `{expected.sha256}` |\n"
    return "| File | Bytes | sha256 |\n|---|---|---|\n" + "".join(rows.values())


def megabytes(count: int) -> str:
    """`4496084` to `4.5 MB`."""
    return f"{count / 1e6:.1f} MB"


def pin(name: str, manifest: Path = MANIFEST) -> None:
    """Build an asset from its first source and put the table of its files into the manifest, for an older one."""
    asset = load_manifest(manifest)[name]
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "made"
        made.mkdir()
        READERS[asset.reader](asset.sources[0].read(Path(folder)), made)
        lines = [table_line(path, made) for path in sorted(made.rglob("*")) if path.is_file()]
    without = re.sub(rf"\n\[{re.escape(name)}\.files\]\n[^\[]*", "\n", manifest.read_text(encoding="utf-8"))
    manifest.write_text(f"{without.rstrip()}\n\n[{name}.files]\n{''.join(lines)}", encoding="utf-8")


def table_line(path: Path, folder: Path) -> str:
    """`"names.csv" = { bytes = 1054986, sha256 = "cd5e…" }`."""
    name = path.relative_to(folder).as_posix()
    return f'"{name}" = {{ bytes = {path.stat().st_size}, sha256 = "{pooch.file_hash(path)}" }}\n'


def main(arguments: list[str] | None = None) -> int:
    """Command line. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.data_cards", description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only say whether data/README.md is current")
    parser.add_argument("--pin", nargs="+", default=[], metavar="NAME", help="write the sha256 of an asset's files")
    options = parser.parse_args(arguments)
    for name in options.pin:
        pin(name)
    text = cards()
    if options.check:
        current = README.exists() and README.read_text(encoding="utf-8") == text
        print("data/README.md is current" if current else "data/README.md is stale: type `python -m tools.data_cards`")
        return 0 if current else 1
    README.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
