"""The chat box: what it asks for, what it shows while it is written, Stop, New, and text that is no markup.

And the chatbot's: the system prompt, another answer, what is no longer read, and a message that could not be sent.
"""

import re
import threading
from types import SimpleNamespace

import pytest

from course_utils.errors import CourseError
from course_utils.viz import chat_box, chatbot_box, conversation_html, conversation_text
from course_utils.viz.chat import EMPTY, PAUSE, visible


def piecewise(*pieces):
    """A reply that remembers what it was asked."""
    asked = []

    def reply(messages):
        asked.append([dict(message) for message in messages])
        yield from pieces

    return reply, asked


def ask(box, text):
    box.ask(text)
    box.wait()


def test_a_question_is_answered_and_the_whole_conversation_goes_along_the_next_time():
    reply, asked = piecewise("Pa", "ris.")
    box = chat_box(reply)
    assert EMPTY in box.conversation.value
    ask(box, "  The capital of France? ")
    ask(box, "Sure?")
    first = {"role": "user", "content": "The capital of France?"}
    assert asked[0] == [first]
    assert asked[1] == [first, {"role": "assistant", "content": "Paris."}, {"role": "user", "content": "Sure?"}]
    assert conversation_text(box.messages).splitlines()[:2] == ["You: The capital of France?", "Model: Paris."]
    assert box.field.value == "" and not box.field.disabled and box.stop.disabled


def test_the_answer_is_shown_while_it_is_written_and_stop_ends_it():
    shown, go_on = threading.Event(), threading.Event()

    def reply(messages):
        yield "one "
        shown.set()
        go_on.wait(5)
        yield "two "
        yield "three"

    box = chat_box(reply)
    box.ask("Count.")
    assert shown.wait(5)
    assert "one" in box.conversation.value and "two" not in box.conversation.value
    assert box.field.disabled and box.send.disabled and not box.stop.disabled
    box.ask("Too early.")
    box.stop.click()
    go_on.set()
    box.wait()
    assert [message["content"] for message in box.messages] == ["Count.", "one two "]
    assert not box.writing


def test_nothing_that_is_written_is_taken_for_markup():
    reply, _ = piecewise("<img src=x onerror=alert(1)>", " & more")
    box = chat_box(reply)
    ask(box, "<b>bold</b>")
    assert "<img" not in box.conversation.value and "<b>bold" not in box.conversation.value
    assert "&lt;img src=x onerror=alert(1)&gt; &amp; more" in box.conversation.value
    assert "<script" not in conversation_html([{"role": "<script>", "content": "x"}])


def test_new_forgets_the_conversation():
    reply, asked = piecewise("Yes.")
    box = chat_box(reply)
    ask(box, "One?")
    box.new.click()
    assert box.messages == [] and EMPTY in box.conversation.value
    ask(box, "Two?")
    assert asked[-1] == [{"role": "user", "content": "Two?"}]


def test_new_stops_what_is_being_written():
    begun = threading.Event()

    def endless(messages):
        while True:
            begun.set()
            yield "on and "

    box = chat_box(endless)
    box.ask("Go.")
    assert begun.wait(5)
    box.new.click()
    assert not box.writing and box.messages == []


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_an_empty_message_asks_nothing(text):
    reply, asked = piecewise("Yes.")
    ask(chat_box(reply), text)
    assert asked == []


def test_enter_sends_what_stands_in_the_field():
    reply, asked = piecewise("Yes.")
    box = chat_box(reply)
    box.field.value = "Hello"
    box.field._handle_custom_msg({"event": "submit"}, [])
    box.wait()
    assert asked == [[{"role": "user", "content": "Hello"}]]


def test_an_error_is_shown_in_the_box_and_the_question_may_be_asked_again():
    def broken(messages):
        yield "half"
        raise ValueError("the text is <too> long")

    box = chat_box(broken)
    ask(box, "Hello")
    assert "ValueError: the text is &lt;too&gt; long" in box.conversation.value
    assert box.messages == [] and not box.send.disabled
    assert box.field.value == "Hello"                              # so that it need not be typed again


def test_an_error_meant_for_the_reader_is_shown_without_its_class():
    def full(messages):
        raise CourseError("The message has 9 tokens, and 8 fit.")

    box = chat_box(full)
    ask(box, "Hello")
    assert "<i>The message has 9 tokens, and 8 fit.</i>" in box.conversation.value


def test_without_a_page_it_says_what_it_is():
    assert "chat" in repr(chat_box(piecewise()[0]))


def test_a_fast_answer_is_not_sent_to_the_page_for_every_piece():
    box, sent = chat_box(piecewise(*["a "] * 2000)[0]), []
    box.conversation.observe(lambda change: sent.append(change["new"]), "value")
    ask(box, "Go.")
    assert box.messages[-1]["content"] == "a " * 2000 and "a " * 2000 in sent[-1]
    assert len(sent) < 200                                         # 2 and one each PAUSE: a page takes 1000 a second
    assert PAUSE > 0.01


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("a\x00b\x1b[31m\x7f", "a[U+0000]b[U+001B][31m[U+007F]"),
        ("\u202egnp.exe", "[U+202E]gnp.exe"),                      # else the rest of the line runs from right to left
        ("half \ud83d", "half [U+D83D]"),                          # half a character cannot be sent to a page at all
        ("two\r\nlines\tand\rmore", "two\nlines\tand[U+000D]more"),
        ("Olá, 世界 👩\u200d🔬 e\u0301", "Olá, 世界 👩\u200d🔬 e\u0301"),
    ],
)
def test_a_character_that_cannot_be_seen_is_shown_by_its_number(text, seen):
    message = [{"role": "user", "content": text}]
    assert visible(text) == seen
    assert seen in conversation_html(message) and conversation_text(message) == f"You: {seen}"
    conversation_html(message).encode()


STATIC = [
    {"role": "system", "content": "Be <i>kind</i>."},
    {"role": "user", "content": "One?"},
    {"role": "assistant", "content": "Yes."},
    {"role": "user", "content": "Two?"},
]


def test_a_conversation_is_shown_without_a_kernel_and_says_what_is_not_read():
    assert conversation_text(STATIC, left_out=2).splitlines() == [
        "System prompt: Be <i>kind</i>.",
        "You: One?",
        "Model: Yes.",
        "You: Two?",
        "(The first 2 messages no longer fit and are not read.)",
    ]
    lines = re.findall("<div style=.*?</div>", conversation_html(STATIC, left_out=2).split(">", 1)[1])
    assert [("#595959" in line) for line in lines] == [False, True, True, False, False]  # grey: one exchange
    assert "Be &lt;i&gt;kind&lt;/i&gt;." in lines[0] and "The first 2 messages no longer fit" in lines[-1]
    assert "no longer" not in conversation_html(STATIC) + conversation_text(STATIC)
    assert "The first message no longer fits and is not read." in conversation_text(STATIC, left_out=1)


class Echo:
    """A bot that remembers what it was asked, holds four messages besides the system prompt, and names its seed."""

    system = "Be kind."

    def __init__(self):
        self.asked, self.pause, self.paused = [], threading.Event(), threading.Event()
        self.pause.set()

    def read(self, messages):
        self.asked.append([dict(message) for message in messages])
        if len(messages[-1]["content"]) > 1000:
            raise CourseError("The message is <too> long.")
        return SimpleNamespace(left_out=max(0, len(messages) - 5), last=messages[-1]["content"])

    def write(self, reading, seed):
        yield f"{reading.last} "
        self.paused.set()
        self.pause.wait(5)
        yield f"seed {seed}"


@pytest.fixture
def bot():
    return Echo()


@pytest.fixture
def box(bot):
    return chatbot_box(bot)


def contents(box):
    return [message["content"] for message in box.messages]


def test_the_system_prompt_is_read_first_and_may_be_changed_between_two_messages(bot, box):
    assert box.system.value == "Be kind."
    ask(box, "One?")
    box.system.value = "  Be brief. "
    ask(box, "Two?")
    box.system.value = ""
    ask(box, "Three?")
    assert [asked[0] for asked in bot.asked] == [
        {"role": "system", "content": text} for text in ("Be kind.", "Be brief.", "")
    ]
    assert [len(asked) for asked in bot.asked] == [2, 4, 6] and "system" not in [one["role"] for one in box.messages]


def test_again_puts_another_answer_in_the_place_of_the_last(bot, box):
    assert box.again.disabled
    ask(box, "One?")
    ask(box, "Two?")
    for seed in (2, 3):
        box.again.click()
        box.wait()
        assert contents(box) == ["One?", "One? seed 1", "Two?", f"Two? seed {seed}"]
        assert f"seed {seed}." in box.status.value
    assert bot.asked[1] == bot.asked[2] == bot.asked[3]
    ask(box, "Three?")                                             # counted anew for each message: reproducible
    assert contents(box)[-1] == "Three? seed 1" and "seed" not in box.status.value


def test_again_without_an_answer_asks_nothing(bot, box):
    box.write_again()
    assert bot.asked == []


def test_what_is_no_longer_read_is_said_and_grey(box):
    for text in ("One?", "Two?"):
        ask(box, text)
    assert "no longer" not in box.status.value
    ask(box, "Three?")
    assert "The first 2 messages no longer fit" not in box.status.value  # 5 messages, 1 too many
    assert "The first message no longer fits and is not read." in box.status.value
    assert box.conversation.value.count("#595959") == 1
    ask(box, "Four?")
    assert "The first 3 messages no longer fit and are not read." in box.status.value
    box.new.click()
    assert "no longer" not in box.status.value and EMPTY in box.conversation.value and box.again.disabled
    assert box.system.value == "Be kind."


def test_stop_keeps_what_is_written_and_the_field_is_open_all_the_while(bot, box):
    bot.pause.clear()
    box.ask("One?")
    assert bot.paused.wait(5)
    assert "One? " in box.answer.value and "One?" in box.conversation.value and "Model" not in box.conversation.value
    assert not box.field.disabled and box.send.disabled and box.again.disabled and not box.stop.disabled
    box.field.value = "Too early?"
    box.send.click()
    box.write_again()
    assert box.field.value == "Too early?" and len(bot.asked) == 1
    box.stop.click()
    bot.pause.set()
    box.wait()
    assert box.messages[1]["content"].startswith("One? ") and len(box.messages) == 2
    assert box.answer.value == "" and not box.again.disabled and box.stop.disabled


def test_a_message_that_cannot_be_sent_stands_in_the_field_again_and_the_rest_goes_on(bot, box):
    ask(box, "One?")
    long = "word " * 5000
    ask(box, long)
    assert "The message is &lt;too&gt; long." in box.conversation.value
    assert box.field.value == long.strip() and contents(box) == ["One?", "One? seed 1"]
    ask(box, "Two?")
    assert contents(box)[2:] == ["Two?", "Two? seed 1"] and "long" not in box.conversation.value


def test_what_was_typed_meanwhile_is_kept_behind_a_message_that_comes_back(bot, box):
    def broken(reading, seed):
        box.field.value = "and more"
        raise ValueError("no")
        yield

    bot.write = broken
    ask(box, "One?")
    assert box.field.value == "One? and more"


def test_the_old_answer_stays_where_another_one_fails(bot, box):
    ask(box, "One?")
    bot.write = lambda reading, seed: [][0]
    box.field.value = "next"
    box.again.click()
    box.wait()
    assert contents(box) == ["One?", "One? seed 1"] and box.field.value == "next"
    assert "IndexError" in box.conversation.value and not box.again.disabled


def test_nothing_in_the_chatbots_box_is_taken_for_markup_while_it_is_written_or_later(bot, box):
    bot.pause.clear()
    box.system.value = "</textarea><script>alert(1)</script>"
    box.ask("<img src=x onerror=alert(1)>\x1b")
    assert bot.paused.wait(5)
    pages = [box.answer.value + box.conversation.value]
    bot.pause.set()
    box.wait()
    pages.append(box.conversation.value)
    assert all("<img" not in page and "<script" not in page and "\x1b" not in page for page in pages)
    assert pages[1].count("&lt;img src=x onerror=alert(1)&gt;[U+001B]") == 2


@pytest.mark.parametrize("text", ["", "  ", "\n\t"])
def test_an_empty_message_asks_the_chatbot_nothing(bot, box, text):
    ask(box, text)
    assert bot.asked == [] and EMPTY in box.conversation.value


def test_every_field_and_button_of_the_chatbot_says_what_it_is(box):
    assert (box.system.description, box.field.description) == ("System prompt", "Message")
    assert all(button.tooltip for button in (box.send, box.stop, box.again, box.new))
    assert 'role="log" aria-label="Conversation" tabindex="0"' in box.conversation.value
    assert "chatbot" in repr(box)
