"""What a notebook says outside its code: plain sentences out of Markdown, and rules for them."""

import re
from pathlib import Path

from tools.notebooks.files import Notebook

LONGEST_SENTENCE = 40
CHEER = (
    "let's dive",
    "let us dive",
    "dive in",
    "dive into",
    "delve",
    "buckle up",
    "simply",
    "obviously",
    "needless to say",
    "as we all know",
    "exciting",
    "amazing",
    "awesome",
    "fascinating",
    "incredible",
    "in conclusion",
    "great job",
    "good job",
    "well done",
    "congratulations",
    "kudos",
    "worth noting",
    "game-changer",
    "game changer",
    "cutting-edge",
    "unleash",
    "unlock the power",
    "easy-peasy",
    "piece of cake",
    "magic of",
)
CHEER_PATTERN = re.compile(rf"\b({'|'.join(map(re.escape, CHEER))})\b", re.IGNORECASE)
EMOJI = re.compile(
    "[\U0001f000-\U0001faff\u2600-\u2604\u260e-\u26ff\u2705\u2728\u2753-\u2757\u2764\u27a1\u274c\u2b50\ufe0f]"
)
SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’)\]*_]*\s+")
LINK = re.compile(r"\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)|(?:src|href)=\"([^\"]+)\"")
PICTURE_WITHOUT_WORDS = re.compile(r"!\[\s*\]\(|<img(?![^>]*\balt=\"[^\"]+\")[^>]*>")
NOT_PROSE = (
    (re.compile(r"```.*?```", re.DOTALL), "\n\n"),
    (re.compile(r"\$\$.*?\$\$", re.DOTALL), "\n\n"),
    (re.compile(r"<!--.*?-->", re.DOTALL), ""),
    (re.compile(r"^\s*\|.*$", re.MULTILINE), "\n"),  # rows of tables
    (re.compile(r"^#+ .*$", re.MULTILINE), "\n"),  # headings
    (re.compile(r"`[^`]*`|\$[^$]*\$"), "x"),  # code and formulas in a line count as one word
    (re.compile(r"!\[[^\]]*\]\([^)]*\)"), ""),
    (re.compile(r"\[([^\]]*)\]\([^)]*\)"), r"\1"),
    (re.compile(r"</?[a-z][^>]*>"), " "),
)
BLOCK_START = re.compile(r"\n\s*\n|\n\s*(?=[-*+>] |\d+[.)] )|  \n|\\\n")


def sentences(markdown: str) -> list[str]:
    """The sentences of a Markdown text. A list item or paragraph ends one; code, formulas and tables are left out."""
    for pattern, instead in NOT_PROSE:
        markdown = pattern.sub(instead, markdown)
    blocks = (" ".join(block.split()) for block in BLOCK_START.split(markdown))
    return [sentence for block in blocks for sentence in SENTENCE_END.split(block) if sentence]


def words(sentence: str) -> int:
    """How many words a sentence has; marks that stand alone are none."""
    return sum(any(letter.isalnum() for letter in word) for word in sentence.split())


def short_sentences(notebook: Notebook) -> list[str]:
    """No sentence has more than 40 words."""
    return [
        f"Cell {number} has a sentence of {words(sentence)} words, more than {LONGEST_SENTENCE}: {sentence[:50]!r}"
        for number, cell in notebook.cells("markdown")
        for sentence in sentences(cell.source)
        if words(sentence) > LONGEST_SENTENCE
    ]


def no_cheer(notebook: Notebook) -> list[str]:
    """Nothing cheers the reader on or calls a thing easy."""
    return [
        f"Cell {number} says {found.group()!r}; say what is so instead."
        for number, cell in notebook.cells("markdown")
        for found in CHEER_PATTERN.finditer(cell.source)
    ]


def no_emoji(notebook: Notebook) -> list[str]:
    """No emoji in prose or code. What a model prints is its own affair."""
    return [
        f"Cell {number} contains the emoji {found.group()!r}."
        for number, cell in notebook.cells()
        for found in EMOJI.finditer(cell.source)
    ]


def links(markdown: str) -> list[str]:
    """Targets of all links and pictures of a Markdown text, code left out."""
    text = re.sub(r"```.*?```|`[^`]*`", "", markdown, flags=re.DOTALL)
    return [first or second for first, second in LINK.findall(text)]


def links_resolve(notebook: Notebook) -> list[str]:
    """Every link to a file of the course leads to one."""
    findings = []
    for number, cell in notebook.cells("markdown"):
        for link in links(cell.source):
            target = link.partition("#")[0]
            if target and ":" not in target and not Path(notebook.path.parent, target).exists():
                findings.append(f"Cell {number} links to {target}, which does not exist.")
    return findings


def embedded_pictures_have_alt_text(notebook: Notebook) -> list[str]:
    """Each picture in the prose has words for those who cannot see it."""
    return [
        f"Cell {number} has a picture without alt text."
        for number, cell in notebook.cells("markdown")
        if PICTURE_WITHOUT_WORDS.search(cell.source)
    ]
