"""Old Irish, Scottish and American tunes in ABC notation, and the compact text of a tune that a model reads."""

import json
import re
from dataclasses import dataclass

from course_utils import assets
from course_utils.errors import CourseError
from course_utils.text.splits import part_by_hash

COMMENTS_AND_WORDS = re.compile(r'%.*|"[^"\n]*"')
SIGNS_AND_GRACE_NOTES = re.compile(r"(?:H|!fermat:?a!)x|![\w.:]+!|\{[^}\n]*\}")   # a pause over a bar line is no rest
LINE_GOES_ON = re.compile(r"\\[ \t]*(?:\n|$)")
CHANGE = re.compile(r"(?:^|(?<=\|))[ \t]*([KLM]):[ \t]*([^\n]*)|\[([KLM]):[ \t]*([^]\n]*)\]", re.MULTILINE)
OTHER_FIELD = re.compile(r"^[NPQ]:.*\n?|\[[NPQ]:[^]\n]*\]", re.MULTILINE)
NOT_MUSIC = re.compile(r"[^A-Ga-gz0-9/|:\[\]()<>^_=,' -]")               # ornaments, bowings, accents, spacers
SLUR = re.compile(r"\((?![2-9])|\)")                                      # but `(3` is a triplet
TUPLET = re.compile(r"(\([2-9])(?::[2-9]?)* *(?:\1)*")
BROKEN_RHYTHM = re.compile(r" *([<>]+) *")
BAR_LINE = re.compile(r"([ |:\[\]]*[|:\[\]][ |:\[\]]*)([1-9](?:,[1-9])*)? *")
NEEDLESS_BAR = re.compile(r"^\|[|\]]?(?![:1-9])|(?<=[|\]:]\n)\|(?![|\]:1-9])|(?<=\|\|\n)\|\|(?![:1-9])")
SLUR_LIKE_A_TIE = re.compile(r"([A-Ga-g][,']*)([\d/]*)-(?![\s|:\]\d<>]*(?:\([2-9])?[\^_=]?\1(?![,']))")
STRAY = re.compile(r"[\^_=]+(?![A-Ga-g\^_=])|(?<![A-Ga-g,'])[,']+(?! *[1-9])|(?<![A-Ga-g,'\d/])-")
MODES = {"": "", "maj": "", "m": "m", "min": "m", "n": "m", "dor": "dor", "phr": "phr", "lyd": "lyd", "mix": "mix"}


@dataclass(frozen=True)
class Tune:
    """One tune as it was transcribed.

    `number` is its number in the file `file` of the collection; `transcriber` is the credit, empty where none is given;
    metre (`6/8`, `C|`), unit (what a letter lasts, `1/8`), key (`Em`, `A Dorian`) and `body` are ABC as it was written.
    """

    collection: str
    file: str
    number: int
    title: str
    transcriber: str
    metre: str
    unit: str
    key: str
    body: str


@dataclass(frozen=True)
class Tunes:
    """Distinct tunes in three parts."""

    train: list[Tune]
    validation: list[Tune]
    test: list[Tune]


def tune_text(tune: Tune) -> str:
    """The tune as a model reads it: metre, unit, key, music, a blank line; titles are left out.

    Of the music remain notes, rests, lengths, accidentals, triplets, ties, bar lines and their endings, and changes of
    metre, unit and key. The rest goes, and what can be written in two ways is written in one: see the card of the data.
    """
    return f"M:{tune.metre}\nL:{tune.unit}\nK:{short_key(tune.key)}\n{compact(tune.body)}\n\n"


def short_key(key: str) -> str:
    """`E Minor` to `Em`, `ADorian` to `Ador`, `D Major` to `D`. Raises CourseError for what is no key."""
    if key == "Hp":                                                       # bagpipes, which sharpen F and C unwritten
        return "D"
    found = re.fullmatch(r"([A-G][#b]?) *([A-Za-z]*)(?:=c)?", key)           # `Dmix=c` says it twice
    mode = MODES.get(found[2].lower()[:3]) if found else None
    if mode is None:
        raise CourseError(f"{key!r} is no key; expected such as G, Bb, Em, A Dorian or Dmix.")
    return found[1] + mode


def compact(body: str) -> str:
    """The music of ABC in one spelling and without what does not change the notes or their lengths."""
    music = SIGNS_AND_GRACE_NOTES.sub("", COMMENTS_AND_WORDS.sub("", body))
    music = OTHER_FIELD.sub("", CHANGE.sub(_change_on_its_own_line, LINE_GOES_ON.sub(" ", music)))
    lines = [line if re.match("[KLM]:", line) else _compact_line(line) for line in music.split("\n")]
    text = NEEDLESS_BAR.sub("", "\n".join(line for line in lines if line))
    return SLUR_LIKE_A_TIE.sub(r"\1\2", text).strip("\n")


def _change_on_its_own_line(found: re.Match) -> str:
    letter, value = found[1] or found[3], (found[2] or found[4]).strip()
    return f"\n{letter}:{short_key(value) if letter == 'K' else value}\n"


def _compact_line(line: str) -> str:
    line = line.translate(str.maketrans("xZ\t", "zz "))
    line = STRAY.sub("", TUPLET.sub(r"\1", SLUR.sub("", NOT_MUSIC.sub("", line))))
    line = BROKEN_RHYTHM.sub(r"\1", BAR_LINE.sub(_plain_bar_line, line))
    return re.sub("^([1-9]) *", r"[\1", " ".join(line.split()))            # a second ending after a line's end


def _plain_bar_line(found: re.Match) -> str:
    """One of `|`, `||`, `|]`, `|:`, `:|`, `::`, and the number of an ending, for all the ways to write them."""
    signs, ending = found[1].replace("[|]", "|").split(), found[2] or ""
    ends = any(sign.startswith(":") or sign == "|:|" for sign in signs)
    starts = any(sign.endswith(":") and sign != ":" for sign in signs)
    if not any("|" in sign or ":" in sign for sign in signs):
        return f" [{ending}" if ending else " "
    if ends or starts:
        return ("::" if ends and starts else ":|" if ends else "|:") + ending
    last = any("]" in sign for sign in signs)
    double = any("||" in sign or "[|" in sign for sign in signs)
    return ("|]" if last else "||" if double else "|") + ending


# --- reading them ---------------------------------------------------------------------------------


def load_tunes() -> Tunes:
    """Tunes of three collections, each once, in the order of the files.

    Of two transcriptions of the same tune of a book, and of two tunes with the same music, the first counts. Split by
    the music: of 100 tunes about 5 are test, 5 validation, 90 train.
    """
    parts = {"train": [], "validation": [], "test": []}
    seen = set()
    for line in (assets.path("tunes") / "tunes.jsonl").read_text(encoding="utf-8").splitlines():
        tune = Tune(**json.loads(line))
        music, place = compact(tune.body), _place(tune)
        if not seen & {music, place}:
            parts[part_by_hash(music, validation=5, test=5)].append(tune)
        seen |= {music, place}
    return Tunes(**parts)


def _place(tune: Tune) -> tuple:
    """Where in its book a tune stands: by its number, or by its file in the collection that has one for each."""
    return (tune.collection, tune.file if tune.collection == "ryansMammoth" else tune.number)
