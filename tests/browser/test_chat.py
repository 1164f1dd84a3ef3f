"""The chat box in a real JupyterLab without network: the answer is seen while it is written; Stop, New."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import run_cells
from tests.browser.lab import Lab

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
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A notebook with two chat boxes, run in a browser that reaches nothing but this machine."""
    folder, home = tmp_path_factory.mktemp("chat"), tmp_path_factory.mktemp("home")
    with run_cells(CELLS, folder, home, seconds=180) as lab:
        yield lab


@pytest.fixture(autouse=True)
def nothing_leaves_the_machine(lab: Lab) -> Iterator[None]:
    yield
    assert not lab.traffic.outside and not lab.traffic.failed, lab.traffic


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
