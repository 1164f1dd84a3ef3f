"""The chat box: what it asks for, what it shows while it is written, Stop, New, and text that is no markup."""

import threading

import pytest

from course_utils.viz import chat_box
from course_utils.viz.chat import EMPTY, conversation_html, conversation_text


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


def test_without_a_page_it_says_what_it_is():
    assert "chat" in repr(chat_box(piecewise()[0]))
