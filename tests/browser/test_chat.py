"""The chat box and the chatbot's in a real JupyterLab without network: the answer is seen while it is written.

Stop, New, Again with another seed, the system prompt, what is no longer read, a message that comes back; by keyboard.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import run_cells
from tests.browser.lab import Lab

pytestmark = pytest.mark.usefixtures("nothing_leaves_the_machine")

CELLS = (
    """import time
from course_utils.viz import chat_box
def slow(messages):
    yield f"<b>{len(messages)}</b> "
    for number in range(200):
        time.sleep(0.05)
        yield f"{number} "
chat_box(slow)""",
    """import torch
from course_utils.engine import Engine
torch.set_num_threads(1)
engine = Engine("smollm2", context=256)
chat_box(lambda messages: engine.reply(messages, longest=24))""",
    """from types import SimpleNamespace
from course_utils.conversation import Chatbot, ChatConfig
from course_utils.viz import chatbot_box
class Words:                                                       # a token is a word; it says what it was told
    context = 60
    def prompt(self, messages):
        return " ".join(one["content"] for one in messages)
    def tokenizer(self, text, add_special_tokens, verbose):
        return SimpleNamespace(input_ids=text.split())
    tokenizer.all_special_tokens = ["<end>"]
    def stream(self, text, longest, generator, sample):
        yield f"{text.split()[0]} {generator.initial_seed()} "
        for number in range(200 if text.endswith("Count.") else 3):
            time.sleep(0.02)
            yield f"{number} "
chatbot_box(Chatbot(Words(), ChatConfig(system="kind", longest=20)))""",
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A notebook with three chat boxes, run in a browser that reaches nothing but this machine."""
    folder, home = tmp_path_factory.mktemp("chat"), tmp_path_factory.mktemp("home")
    with run_cells(CELLS, folder, home, seconds=180) as lab:
        yield lab


def box(lab: Lab, number: int) -> tuple[Locator, Locator]:
    """The cell of a chat box and its conversation."""
    cell = lab.page.locator(".jp-CodeCell").nth(number)
    return cell, cell.get_by_role("log")


def ask(cell: Locator, text: str) -> None:
    field = cell.get_by_placeholder("Your message")
    field.fill(text)
    field.press("Enter")


def test_the_answer_grows_until_stop_and_new_begins_again(lab: Lab, screenshots: Path):
    cell, log = box(lab, 0)
    expect(log).to_contain_text("Write a message below")
    ask(cell, "Count <i>please</i>.")
    expect(log).to_contain_text("You: Count <i>please</i>.")  # as text, not in italics
    expect(log).to_contain_text("<b>1</b> 0 1 2")
    expect(cell.get_by_placeholder("Your message")).to_be_disabled()
    before = log.inner_text()
    expect(log).to_contain_text(" 9 ", timeout=15_000)
    assert len(log.inner_text()) > len(before)
    lab.page.screenshot(path=screenshots / "chat-writing.png")
    cell.get_by_role("button", name="Stop").click()
    expect(cell.get_by_placeholder("Your message")).to_be_enabled()
    stopped = log.inner_text()
    lab.page.wait_for_timeout(400)
    assert log.inner_text() == stopped and " 199" not in stopped
    cell.get_by_role("button", name="New").click()
    expect(log).to_have_text(re.compile("^Write a message below"))


def test_the_chat_model_answers_and_remembers_the_conversation(lab: Lab, screenshots: Path):
    cell, log = box(lab, 1)
    ask(cell, "What is the capital of France?")
    expect(log).to_contain_text("Paris", timeout=60_000)
    expect(cell.get_by_placeholder("Your message")).to_be_enabled(timeout=60_000)
    cell.get_by_placeholder("Your message").fill("And of Italy?")
    cell.get_by_role("button", name="Send").click()
    expect(log).to_contain_text("Rome", timeout=60_000)
    expect(log.locator("b")).to_have_text(["You:", "Model:", "You:", "Model:"])
    lab.page.screenshot(path=screenshots / "chat-model.png")


def finish(cell: Locator, log: Locator, *answers: str) -> None:
    """Wait until nothing is being written and these are the answers."""
    expect(cell.get_by_role("button", name="Stop")).to_be_disabled()
    lines = log.locator("div").filter(has_text=re.compile("^Model:"))
    expect(lines).to_have_text([f"Model: {answer}" for answer in answers])


def test_the_chatbot_is_told_stopped_and_asked_again_by_keyboard(lab: Lab, screenshots: Path):
    cell, log = box(lab, 2)
    field, again = cell.get_by_label("Message"), cell.get_by_role("button", name="Again")
    expect(cell.get_by_label("System prompt")).to_have_value("kind")
    expect(again).to_be_disabled()
    ask(cell, "Hello <b>you</b>\x1b")
    finish(cell, log, "kind 1 0 1 2")
    expect(log).to_contain_text("You: Hello <b>you</b>[U+001B]")
    again.press("Enter")
    finish(cell, log, "kind 2 0 1 2")
    expect(cell.get_by_role("status")).to_have_text("Another answer: seed 2.")
    cell.get_by_label("System prompt").fill("brief")
    ask(cell, "Count.")
    expect(cell.locator(".course-chat")).to_contain_text("brief 1 0 1 2")
    expect(field).to_be_focused()
    lab.page.screenshot(path=screenshots / "chatbot-writing.png")
    cell.get_by_role("button", name="Stop").press("Enter")
    expect(again).to_be_enabled()
    expect(field).to_be_focused()                                  # and not on a button that is switched off
    assert " 199" not in log.inner_text() and "brief 1 0 1 2" in log.inner_text()
    cell.get_by_role("button", name="New").press("Enter")
    expect(log).to_have_text(re.compile("^Write a message below"))


def test_the_chatbot_says_what_it_no_longer_reads_and_gives_back_what_is_too_long(lab: Lab, screenshots: Path):
    cell, log = box(lab, 2)
    cell.get_by_label("System prompt").fill("kind")
    for number in (1, 2, 3):
        ask(cell, "word " * 11 + f"{number}.")
        finish(cell, log, *["kind 1 0 1 2"] * number)
    expect(cell.get_by_role("status")).to_have_text("The first 2 messages no longer fit and are not read.")
    long = "<img src=x onerror=alert(1)> " * 1700                  # 5,100 words
    ask(cell, long)
    expect(log).to_contain_text("The message has 5100 tokens, and 39 fit: the model holds 60")
    expect(cell.get_by_label("Message")).to_have_value(long.strip())
    assert cell.locator("img").count() == 0
    lab.page.screenshot(path=screenshots / "chatbot-full.png")
