"""Sentences with two nouns and a pronoun that means one of them: which one is known, and no rule of order finds it.

Three kinds. *gender*: "The king called the queen … because she …". *number*: "The dog chased the cats until they …".
*meaning*: the pronoun fits both, and one word decides, "The cat slept on the rug because it was tired" (or soft). Pairs
that differ in one word are due to Winograd 1972 and to Levesque, Davis and Morgenstern 2012; the sentences are ours.

Every frame is used both ways round, so within each the first noun is meant as often as the second, the grammatical
subject as often as the other, and every noun as often as not.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from course_utils.errors import CourseError

CHOOSE, REPORT = "choose", "report"                                # two halves with no frame and no pair in common


@dataclass(frozen=True)
class PronounSentence:
    """A text, its pronoun, two nouns in the order of the text, and which of them (0 or 1) the pronoun means.

    subject: which of the two is the grammatical subject of the main clause. frame: the number of the pattern it was
    made from; sentences of one frame are alike, so they are not independent. half: "choose" or "report".
    """

    text: str
    pronoun: str
    nouns: tuple[str, str]
    right: int
    subject: int
    kind: str
    frame: int
    half: str

    def span(self, word: str) -> tuple[int, int]:
        """Where a word begins and ends in the text, in characters; each of the three stands there once.

        Raises CourseError for a word that is not in the text.
        """
        found = re.search(rf"\b{re.escape(word)}\b", self.text)
        if found is None:
            raise CourseError(f"{word!r:.60} is no word of {self.text!r}; expected the pronoun or one of the nouns.")
        return found.span()


# Each: the pattern, and which of {a} and {b} is the subject. The first twelve are for choosing, the rest for reporting.
GENDER_FRAMES = (
    ("The {a} called the {b} at noon because {p} was worried.", 0),
    ("The {a} thanked the {b} for the letter when {p} came home.", 0),
    ("The {a} sat down beside the {b} after {p} had eaten.", 0),
    ("Behind the {a} stood the {b}, and {p} looked tired.", 1),
    ("According to the {a} the {b} was late, but {p} never wore a watch.", 1),
    ("To the {a} the {b} gave a book, and then {p} left the room.", 1),
    ("The {a} followed the {b} to the station because {p} had no map.", 0),
    ("The {a} wrote to the {b} every week while {p} lived abroad.", 0),
    ("The {a} laughed at the {b} when {p} dropped the plate.", 0),
    ("In front of the {a} sat the {b}, but {p} saw nothing.", 1),
    ("From the {a} the {b} borrowed a coat, since {p} felt cold.", 1),
    ("Without the {a} the {b} could not leave, as {p} had lost the key.", 1),
    ("The {a} waited for the {b} until {p} had finished the work.", 0),
    ("The {a} showed the {b} a map, although {p} knew the way.", 0),
    ("The {a} met the {b} in the garden before {p} went to bed.", 0),
    ("Next to the {a} slept the {b}, and {p} snored loudly.", 1),
    ("For the {a} the {b} cooked a soup, as {p} was ill.", 1),
    ("With the {a} the {b} travelled north, because {p} wanted to see the sea.", 1),
    ("The {a} lent the {b} an umbrella before {p} went out.", 0),
    ("The {a} recognised the {b} at once, though {p} wore a mask.", 0),
    ("The {a} spoke to the {b} until {p} fell asleep.", 0),
    ("Beside the {a} marched the {b}, and {p} carried a flag.", 1),
    ("From the {a} the {b} heard the news after {p} came back.", 1),
    ("Like the {a} the {b} enjoyed music, and {p} played every evening.", 1),
)
GENDER_PAIRS = (
    ("king", "queen"), ("boy", "girl"), ("uncle", "aunt"), ("actor", "actress"), ("monk", "nun"), ("husband", "wife"),
    ("man", "woman"), ("father", "mother"), ("brother", "sister"), ("waiter", "waitress"), ("prince", "princess"),
    ("nephew", "niece"),
)  # fmt: skip

NUMBER_FRAMES = (
    ("The {a} chased the {b} until {p} grew tired.", 0),
    ("The {a} frightened the {b} because {p} made a loud noise.", 0),
    ("The {a} hid from the {b} when {p} came closer.", 0),
    ("Beside the {a} lay the {b}, and {p} seemed asleep.", 1),
    ("Near the {a} the {b} drank water before {p} ran away.", 1),
    ("After the {a} came the {b}, and {p} smelled of the barn.", 1),
    ("The {a} licked the {b} after {p} had rolled in the mud.", 0),
    ("The {a} ran past the {b} before {p} woke up.", 0),
    ("The {a} smelled the {b} long before {p} appeared.", 0),
    ("Above the {a} slept the {b}, until {p} fell down.", 1),
    ("In front of the {a} stood the {b}, but {p} did not look up.", 1),
    ("With the {a} the {b} lived for years, and {p} ate little.", 1),
    ("The {a} followed the {b} home because {p} wanted food.", 0),
    ("The {a} looked at the {b} before {p} jumped over the fence.", 0),
    ("The {a} bit the {b}, so {p} ended up in a cage.", 0),
    ("Behind the {a} walked the {b}, and {p} did not stop.", 1),
    ("From the {a} the {b} stole some food, although {p} had eaten.", 1),
    ("Opposite the {a} lived the {b}, but {p} never made a sound.", 1),
    ("The {a} ignored the {b} although {p} kept coming back.", 0),
    ("The {a} watched the {b} until {p} left the field.", 0),
    ("The {a} fought the {b} because {p} had come too close.", 0),
    ("Around the {a} ran the {b}, but {p} soon got tired.", 1),
    ("Next to the {a} rested the {b}, while {p} enjoyed the sun.", 1),
    ("For the {a} the {b} made room, because {p} needed shelter.", 1),
)
NUMBER_PAIRS = (
    ("dog", "cat"), ("horse", "goat"), ("mole", "hen"), ("bear", "seal"), ("lion", "monkey"), ("rat", "owl"),
    ("cow", "pig"), ("duck", "rabbit"), ("tiger", "zebra"), ("snake", "frog"), ("camel", "donkey"),
    ("eagle", "squirrel"),
)  # fmt: skip

# Pattern, subject, the words that make {a} and {b} the one that is meant, and two pairs of nouns. Twelve, then twelve.
MEANING_FRAMES = (
    ("The {a} slept on the {b} because it was {w}.", 0, "tired soft", "cat rug", "dog sofa"),
    ("The {a} did not fit into the {b} because it was too {w}.", 0, "large narrow", "piano van", "painting crate"),
    ("The {a} knocked over the {b} because it was {w}.", 0, "clumsy unstable", "goat ladder", "puppy vase"),
    ("The {a} ate the {b} because it was {w}.", 0, "hungry tasty", "mouse cheese", "rabbit carrot"),
    ("The {a} could not open the {b} because it was too {w}.", 0, "weak stiff", "dog door", "monkey jar"),
    ("The {a} cut the {b} easily because it was {w}.", 0, "sharp soft", "knife butter", "saw plank"),
    ("From the {a} the {b} drank until it was {w}.", 1, "empty satisfied", "bucket horse", "bowl kitten"),
    ("Into the {a} the {b} flew because it was {w}.", 1, "spotless confused", "window pigeon", "mirror sparrow"),
    ("Against the {a} the {b} scratched for an hour, since it was {w}.", 1, "rough itchy", "tree bear", "post cow"),
    ("On the {a} the {b} slipped because it was {w}.", 1, "icy clumsy", "path pony", "bridge donkey"),
    ("Through the {a} the {b} saw nothing because it was {w}.", 1, "thick blind", "curtain parrot", "fog owl"),
    ("In the {a} the {b} got wet because it was {w}.", 1, "leaky uncovered", "boat blanket", "tent mattress"),
    ("The {a} caught the {b} because it was {w}.", 0, "quick slow", "cheetah gazelle", "hawk vole"),
    ("The {a} crushed the {b} because it was so {w}.", 0, "heavy fragile", "boulder cottage", "wardrobe lamp"),
    ("The {a} broke the {b} because it was {w}.", 0, "hard brittle", "stone pane", "hammer tile"),
    ("The {a} refused the {b} because it was {w}.", 0, "stubborn rotten", "mule apple", "chimp banana"),
    ("The {a} watched the {b} because it was {w}.", 0, "curious colourful", "crow kite", "fox balloon"),
    ("The {a} could not cross the {b} because it was too {w}.", 0, "timid wide", "deer river", "lamb stream"),
    ("Over the {a} the {b} jumped with ease because it was {w}.", 1, "low agile", "wall leopard", "hedge foal"),
    ("From the {a} the {b} fell because it was {w}.", 1, "slippery drowsy", "branch sloth", "roof squirrel"),
    ("From the {a} the {b} was filled until it was {w}.", 1, "drained full", "barrel jug", "tank bottle"),
    ("In the {a} the {b} withered because it was {w}.", 1, "dark unwatered", "cellar plant", "shed rose"),
    ("Across the {a} the {b} struggled because it was {w}.", 1, "endless exhausted", "swamp ox", "desert camel"),
    ("Under the {a} the {b} collapsed because it was {w}.", 1, "heavy rickety", "statue bench", "load cart"),
)


def pronoun_sentences() -> tuple[PronounSentence, ...]:
    """All 288 sentences, the same each time: 96 of each kind in 24 frames, half of them for choosing."""
    return (*_gender(), *_number(), *_meaning())


def _half(frame: int, frames: int) -> str:
    return CHOOSE if frame < frames // 2 else REPORT


def _pair(pairs: tuple, frame: int) -> tuple[str, str]:
    """The pair for one of 24 frames, from the six of its half: each serves two frames."""
    half, place = divmod(frame, 12)
    return pairs[6 * half + place % 6]


def _gender() -> Iterator[PronounSentence]:
    for number, (pattern, subject) in enumerate(GENDER_FRAMES):
        half = _half(number, len(GENDER_FRAMES))
        male, female = _pair(GENDER_PAIRS, number)
        for nouns in ((male, female), (female, male)):
            for pronoun, meant in (("he", male), ("she", female)):
                text = pattern.format(a=nouns[0], b=nouns[1], p=pronoun)
                yield PronounSentence(text, pronoun, nouns, nouns.index(meant), subject, "gender", number, half)


def _number() -> Iterator[PronounSentence]:
    for number, (pattern, subject) in enumerate(NUMBER_FRAMES):
        frame, half = number + len(GENDER_FRAMES), _half(number, len(NUMBER_FRAMES))
        first, second = _pair(NUMBER_PAIRS, number)
        for nouns, single in (((first, second + "s"), 0), ((first + "s", second), 1)):
            for pronoun, right in (("it", single), ("they", 1 - single)):
                text = pattern.format(a=nouns[0], b=nouns[1], p=pronoun)
                yield PronounSentence(text, pronoun, nouns, right, subject, "number", frame, half)


def _meaning() -> Iterator[PronounSentence]:
    for number, (pattern, subject, words, *pairs) in enumerate(MEANING_FRAMES):
        frame = number + len(GENDER_FRAMES) + len(NUMBER_FRAMES)
        half = _half(number, len(MEANING_FRAMES))
        for pair in pairs:
            first, second = pair.split()
            for right, word in enumerate(words.split()):
                text = pattern.format(a=first, b=second, w=word)
                yield PronounSentence(text, "it", (first, second), right, subject, "meaning", frame, half)
