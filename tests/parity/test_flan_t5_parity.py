"""The real flan-T5: our encoder–decoder against transformers on its weights, and what it writes and answers."""

import json
import re
import string
from dataclasses import replace

import pytest
import torch

from course_utils import assets
from course_utils.text_to_text import load_encoder_decoder, load_flan_t5
from tools.verified import Verified

pytestmark = pytest.mark.usefixtures("one_thread")
TOLERANCE = 1e-4                                                   # of the spread of the numbers that are compared
START, END = 0, 1
VERIFIES = [
    Verified(
        "09",
        "hidden states and logits of flan-T5 on our network",
        "`transformers`, on the same weights",
        TOLERANCE,
        "of the spread",
    ),
    Verified(
        "09", "what flan-T5 writes on our network", "`transformers`: greedy tokens on eight prompts", "equal tokens"
    ),
]
TOWER = (
    "The Eiffel Tower is a lattice tower on the Champ de Mars in Paris, France. It is named after the engineer "
    "Gustave Eiffel, whose company built the tower from 1887 to 1889."
)
PROMPTS = [
    f"Article: {TOWER}\n\nQuestion: Which engineer is the tower named after?",
    "Read this and answer the question\n\nAnna is 31 and lives in Oslo.\n\nWhere does Anna live?",
    "Write a title: fix the broken login page, add tests for the password reset and update the readme",
    "Summarize:\n\nThe user asked for faster tests, so the slow ones were found and run in parallel.",
    "The film was a complete waste of time.\n\nIs this review positive or negative?",
    "I loved every minute of it.\nIs this movie review sentence negative or positive?",
    "translate English to German: The house is wonderful.",
    "Translate from Spanish to English:\n\nLa casa es bonita.\n\nEnglish:",
]
TOPICS = [
    "Geography", "Biology and health sciences", "Physical sciences", "Arts", "Technology", "History",
    "Philosophy and religion", "Mathematics",
]  # fmt: skip
# Words of the introductions, written down before the model was asked.
QUESTIONS = [
    ("Marie Curie", "With whom did she share the 1903 Nobel Prize in Physics?", ["Pierre Curie", "her husband"]),
    ("Albert Einstein", "In which year did Einstein receive the Nobel Prize?", ["1921"]),
    ("Berlin Wall", "When did the construction of the wall begin?", ["13 August 1961"]),
    ("Great Barrier Reef", "In which sea is the reef located?", ["Coral Sea"]),
    ("Sahara", "What is the area of the Sahara?", ["9,200,000 square kilometres"]),
    ("Jupiter", "How long is the orbital period of Jupiter?", ["11.86 years"]),
    ("Moby-Dick", "Who wrote Moby-Dick?", ["Herman Melville"]),
    ("Moby-Dick", "What is the name of the whaling ship?", ["Pequod"]),
    ("Golden Gate Bridge", "Which county does the bridge link to San Francisco?", ["Marin County", "Marin"]),
    ("Helium", "What is the symbol of helium?", ["He"]),
    ("Machu Picchu", "In which country is Machu Picchu?", ["Peru", "southern Peru"]),
    ("Alan Turing", "Of which science is Turing considered to be the father?", ["theoretical computer science"]),
]
REVIEWS = {
    "positive": [
        "A warm, funny and moving film.", "The best meal I have had in years.", "I could not put this book down.",
        "The staff were kind and the room was spotless.", "Brilliant acting and a clever plot.", "We will come back.",
        "Everything worked on the first try.", "The children loved it.", "Great value for the price.",
        "An unforgettable concert.", "Not a single dull minute.", "It is not bad at all.",
    ],
    "negative": [
        "The soup was cold and the waiter was rude.", "I fell asleep after ten minutes.", "I want my money back.",
        "It broke on the second day.", "The plot makes no sense.", "A boring and far too long film.",
        "The worst hotel I have ever stayed in.", "The battery lasts an hour at most.", "Not worth the wait.",
        "Nobody answered my complaint.", "The songs all sound the same.", "I would not recommend it to anybody.",
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def introductions():
    return json.loads((assets.path("wiki") / "summaries_en-us.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def flan():
    return load_flan_t5()


@pytest.fixture(scope="module")
def ours():
    return load_encoder_decoder("flan-t5")[0]


@pytest.fixture(scope="module")
def written(flan):
    """What transformers writes after each prompt, greedily: (1, T) ids from the start on, and the source ids."""
    sources = [flan.tokenizer(prompt, return_tensors="pt").input_ids for prompt in PROMPTS]
    return [(source, flan.model.generate(source, max_new_tokens=16, do_sample=False)) for source in sources]


def difference(found: torch.Tensor, expected: torch.Tensor) -> float:
    """The largest one, in units of the spread of what is expected."""
    return ((found - expected).abs().max() / expected.std()).item()


@torch.no_grad()
def largest_differences(ours, flan, written) -> tuple[float, float]:
    """Over all prompts: of the encoder's hidden states, and of the logits."""
    hidden, logits = [], []
    for source, target in written:
        theirs = flan.model(source, decoder_input_ids=target)
        hidden.append(difference(ours.encode(source), theirs.encoder_last_hidden_state))
        logits.append(difference(ours(source, target)[0], theirs.logits))
    return max(hidden), max(logits)


@torch.no_grad()
def greedy(ours, source: torch.Tensor, longest: int) -> list[int]:
    """The likeliest token each time, the whole target read anew for each."""
    encoded, target = ours.encode(source), torch.tensor([[START]])
    while target.shape[1] <= longest and target[0, -1] != END:
        target = torch.cat([target, ours.decode(target, encoded)[:, -1:].argmax(dim=-1)], dim=1)
    return target[0].tolist()


# --- our model on its weights ---------------------------------------------------------------------


def test_hidden_states_and_logits_are_those_of_transformers(ours, flan, written):
    hidden, logits = largest_differences(ours, flan, written)
    print(f"largest difference over {len(PROMPTS)} prompts, of the spread: hidden {hidden:.1e}, logits {logits:.1e}")
    assert hidden < TOLERANCE and logits < TOLERANCE


def test_the_greedy_tokens_of_eight_prompts_are_those_of_transformers(ours, written):
    for prompt, (source, target) in zip(PROMPTS, written, strict=True):
        assert greedy(ours, source, longest=16) == target[0].tolist(), prompt


@torch.no_grad()
def test_a_text_beside_a_longer_one_gives_what_it_gives_alone(ours, flan, written):
    batch = flan.tokenizer(PROMPTS[-2:], return_tensors="pt", padding=True)
    mask, target = batch.attention_mask.bool(), written[-2][1]
    assert mask[0].sum() < mask[1].sum()
    together = ours(batch.input_ids, target.repeat(2, 1), mask=mask)[0]
    assert difference(together[0], ours(written[-2][0], target)[0][0]) < TOLERANCE


@pytest.mark.parametrize("change", ["one way", "nearer buckets", "scaled output"])
def test_a_wrong_part_shows(change, ours, flan, written, monkeypatch):
    if change == "one way":
        monkeypatch.setattr(ours.encoder.distance, "both_ways", False)
    elif change == "nearer buckets":
        monkeypatch.setattr(ours.encoder.distance, "furthest", 64)
    else:
        monkeypatch.setattr(ours, "config", replace(ours.config, scaled_output=True))
    assert largest_differences(ours, flan, written[:1])[1] > 100 * TOLERANCE


# --- what the model writes ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prompt", "text"),
    [(0, "Gustave Eiffel"), (2, "Fix broken login page"), (6, "Das Haus ist wunderbar.")],
)
def test_what_it_wrote_when_this_was_written_it_writes_today(flan, prompt, text):
    assert flan.write(PROMPTS[prompt], 16) == text


def bare(answer: str) -> str:
    """Lower case without articles, superfluous blanks and punctuation, as of Rajpurkar et al. 2016, section 6.1.

    But what stands between two digits is kept: 11.86 is not 1186.
    """
    marks = f"[{re.escape(string.punctuation)}]"
    plain = re.sub(rf"(?<!\d){marks}|{marks}(?!\d)", "", answer.lower())
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", plain).split())


def test_a_bare_answer_keeps_the_point_in_a_number():
    assert bare("The “Pequod”, 11.86 years.") == "“pequod” 11.86 years"
    assert bare("9,200,000 sq. miles!") == "9,200,000 sq miles"


def test_five_of_twelve_questions_are_answered_in_the_exact_words_and_none_on_another_text(flan, introductions):
    right, right_on_another = 0, 0
    for i, (title, question, accepted) in enumerate(QUESTIONS):
        another = QUESTIONS[i - 3][0]
        answers = [bare(flan.answer(question, introductions[name]["extract"])) for name in (title, another)]
        found = [answer in map(bare, accepted) for answer in answers]
        right, right_on_another = right + found[0], right_on_another + found[1]
        print(f"{found[0]!s:5}  {question}  {answers[0]!r}; on {another}: {answers[1]!r}")
    print(f"in the exact words: {right} of {len(QUESTIONS)}; on another introduction: {right_on_another}")
    assert right >= 5
    assert right_on_another == 0


def test_sixteen_of_24_reviews_are_told_apart(flan):
    wrong = []
    for kind, reviews in REVIEWS.items():
        for review in reviews:
            found = flan.classify(review, list(REVIEWS), "Is this review positive or negative?")
            wrong += [review] if next(iter(found)) != kind else []
    print(f"reviews: {24 - len(wrong)} of 24; wrong: {wrong}")
    assert len(wrong) <= 8                                         # 12 by guessing


def test_calibrated_labels_tell_topics_apart_where_plain_ones_guess(flan, introductions):
    articles = [[a for a in introductions.values() if a["topic"] == topic][100:102] for topic in TOPICS]
    unread = flan.classify("N/A", TOPICS)                          # as `classify_calibrated` does, but once for all
    plain = calibrated = 0
    for article in sum(articles, []):
        found = flan.classify(article["extract"].split(". ")[0], TOPICS)
        plain += next(iter(found)) == article["topic"]
        gain = {label: found[label] / unread[label] for label in found}
        calibrated += max(gain, key=gain.get) == article["topic"]
    print(f"topics of 16 introductions: {plain} plain, {calibrated} calibrated, 2 by guessing")
    assert calibrated >= 8 and calibrated > plain
