"""What the offline models give, pinned: a dependency that changes their numbers or words in silence shows here."""

import pytest
import torch

from course_utils import tasks
from course_utils.pretrained import ChatModel
from tools.verified import Verified

pytestmark = pytest.mark.usefixtures("one_thread")
NEAR, SHARE = 0.005, 0.002
VERIFIES = [
    Verified("06", "cosines of MiniLM's vectors", "what they were in November 2026", NEAR),
    Verified("07", "bits of a sentence by SmolLM2", "what they were in November 2026", SHARE, "of them"),
]


@pytest.fixture(scope="module", autouse=True)
def _let_go():
    tasks.let_go()
    yield
    tasks.let_go()


# --- minilm -----------------------------------------------------------------------------------------

PARAPHRASES = (
    ("The meeting was cancelled because of the storm.", "The storm forced them to call off the meeting."),
    ("A man is playing a guitar.", "Someone plays the guitar."),
    ("The price of bread rose last year.", "Bread became more expensive in the past year."),
    ("She forgot her keys at home.", "Her keys were left behind at the house."),
)
COSINES = (0.7989, 0.8406, 0.7569, 0.8190)                         # measured in November 2026
MARGIN = 0.4                                                       # measured: 0.757 at least against 0.167 at most


def test_minilm_puts_paraphrases_together_and_other_sentences_apart():
    vectors = tasks.embed([text for pair in PARAPHRASES for text in pair], "minilm")
    cosine = vectors[0::2] @ vectors[1::2].T                       # (4, 4)
    assert cosine.diag().tolist() == pytest.approx(COSINES, abs=NEAR)
    assert cosine.diag().min() > cosine[~torch.eye(4, dtype=torch.bool)].max() + MARGIN


# --- flan-t5 ----------------------------------------------------------------------------------------

QUESTIONS = (  # question, text, a word that a right answer holds
    ("Who wrote the letter?", "Anna wrote the letter to Peter on Monday.", "anna"),
    ("What colour is the car?", "The old car in the yard is red, and the house is white.", "red"),
    ("Where does the river end?", "The Danube rises in the Black Forest and ends in the Black Sea.", "black sea"),
    ("When was the bridge opened?", "The bridge was built by two firms and opened in 1937.", "1937"),
    ("How many pupils are in the class?", "The class has 24 pupils and one teacher.", "24"),
    ("What does the baker sell?", "The baker sells bread every morning, and the butcher sells meat.", "bread"),
    ("Who is the captain?", "The captain of the ship is Maria Lopez, and the cook is Tom Reed.", "lopez"),
    ("What is the capital of Kenya?", "Kenya is a country in East Africa. Its capital is Nairobi.", "nairobi"),
    ("Which animal sleeps under the table?", "The cat sits by the window while the dog sleeps under the table.", "dog"),
    ("What did the boy lose?", "On the way to school the boy lost his key.", "key"),
    ("Why was the match cancelled?", "The match was cancelled because of heavy rain.", "rain"),
    ("Which language is spoken in Brazil?", "Most people in Brazil speak Portuguese.", "portuguese"),
)
FLOOR = 7                                                          # of 12; measured in November 2026: 8


def test_flan_t5_answers_most_of_a_dozen_questions_from_the_text():
    answers = [tasks.answer(question, text, "flan-t5", 12) for question, text, _ in QUESTIONS]
    right = [word in answer.lower() for answer, (_, _, word) in zip(answers, QUESTIONS, strict=True)]
    assert sum(right) >= FLOOR, answers
    assert answers[3] == "1937" and answers[7] == "Nairobi"


# --- smollm2 ----------------------------------------------------------------------------------------

SPEECH = "We hold these truths to be self-evident, that all men are created equal."
BITS = 45.289                                                      # after its first token; measured in November 2026


@pytest.mark.slow                                                  # half a gigabyte is read
def test_smollm2_goes_on_as_it_did_and_is_as_surprised_as_it_was():
    assert tasks.generate_text("The capital of France is", "smollm2", 2) == " Paris."
    loaded = tasks.load("smollm2")
    assert ChatModel(loaded.model, loaded.tokenizer).bits(SPEECH) == pytest.approx(BITS, rel=SHARE)
