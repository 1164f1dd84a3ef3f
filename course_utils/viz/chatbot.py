"""A chatbot on the page: the chat box with a system prompt, its memory shown, and another answer when asked for."""

from collections.abc import Iterable
from typing import Protocol

import ipywidgets

from course_utils.viz.chat import ChatBox, Message, forgotten, lines_html

# White in a dark theme too, and nowhere without a mark of where the keyboard is.
RULES = """<style>
.course-chat{background:#fff;border:1px solid #d0d0d0;border-radius:6px;padding:6px 12px;margin:2px}
.course-chat .widget-html{min-height:0;height:auto;margin:0}
.course-chat .widget-html+.widget-html{margin-top:-4px}
.course-chat .widget-html-content{color:#000}
.course-chat-system textarea{font-family:inherit}
.course-chat [role=log]:focus-visible{outline:3px solid #0072b2;outline-offset:2px}
.course-chat-row button:focus-visible{outline:3px solid #0072b2;outline-offset:1px}
</style>"""
WIDE = {"width": "auto", "max_width": "832px"}
TALL = {"max_height": "420px", "overflow": "auto", "flex_flow": "column-reverse"}  # it scrolls from its end
LABEL = {"description_width": "110px"}
STATUS = "font-size:13px;line-height:18px;min-height:18px"
TIPS = {
    "Send": "Send the message, as Enter does",
    "Stop": "Stop the answer; what is written stays",
    "Again": "Another answer to the last message",
    "New": "Forget the conversation and begin anew",
}


class Reading(Protocol):
    """What a bot reads of a conversation."""

    left_out: int                                                  # messages at the beginning that no longer fit


class Bot(Protocol):
    """What the box needs to know of a chatbot; `course_utils.conversation.Chatbot` is one."""

    system: str                                                    # the system prompt to begin with

    def read(self, messages: list[Message]) -> Reading:
        """What of a conversation is read; its first message is the system prompt."""

    def write(self, reading: Reading, seed: int) -> Iterable[str]:
        """The next answer, piece by piece."""


def chatbot_box(bot: Bot) -> "ChatbotBox":
    """A conversation with a field for the system prompt above it, a field to write in and four buttons below.

    Send, or Enter; Stop; Again, which writes another answer to the last message, with the next seed; New. A line below
    says how many messages no longer fit into what the model reads. An error stands in the conversation, and the message
    that caused it in the field again.
    """
    return ChatbotBox(bot)


class ChatbotBox(ChatBox):
    """The widget of `chatbot_box`. The first answer to a message has the seed 1, each further one the next."""

    def __init__(self, bot: Bot):
        self.bot, self.seed, self.left_out = bot, 1, 0
        self.system = ipywidgets.Textarea(bot.system, description="System prompt", rows=2, layout=WIDE, style=LABEL)
        self.system.add_class("course-chat-system")
        self.answer, self.status = ipywidgets.HTML(), ipywidgets.HTML(RULES)
        self.again = ipywidgets.Button(description="Again", disabled=True)
        super().__init__(bot.write)
        self.again.on_click(lambda _: self.write_again())
        self.field.layout, self.field.style = {"flex": "1 1 260px", "width": "auto"}, LABEL
        self.field.description = "Message"
        for button in (self.send, self.stop, self.again, self.new):
            button.layout.width, button.tooltip = "72px", TIPS[button.description]
            button.on_click(lambda _: self.field.focus())          # a button that is switched off would lose the focus
        self._draw()

    def __repr__(self) -> str:
        return "A chatbot: write a message and press Enter. It needs a running notebook."

    def write_again(self) -> None:
        """Put another answer in the place of the last one. Too early, or without one, it does nothing."""
        if self.writing or not self.messages:
            return
        before = list(self.messages)
        self.messages.pop()
        self._begin(before)

    def begin_again(self) -> None:
        """Stop, and forget the conversation. The system prompt stays."""
        self._stop.set()
        self.wait()
        self.left_out, self.seed = 0, 1
        super().begin_again()
        self._set_writing(self.writing)

    def _rows(self) -> list[ipywidgets.Widget]:
        lines = ipywidgets.VBox([self.conversation, self.answer], layout={"flex": "0 0 auto", "overflow": "visible"})
        sheet = ipywidgets.VBox([lines], layout=WIDE | TALL)
        sheet.add_class("course-chat")
        buttons = ipywidgets.HBox([self.send, self.stop, self.again, self.new], layout={"overflow": "visible"})
        row = ipywidgets.HBox([self.field, buttons], layout=WIDE | {"flex_flow": "row wrap"})
        row.add_class("course-chat-row")
        return [self.system, sheet, self.status, row]

    def _begin(self, before: list[Message], text: str = "") -> None:
        self.seed = 1 if text else self.seed + 1
        self._draw()
        super()._begin(before, text)

    def _pieces(self, asked: list[Message]) -> Iterable[str]:
        reading = self.bot.read([{"role": "system", "content": self.system.value.strip()}, *asked])
        if reading.left_out != self.left_out:
            self.left_out = reading.left_out
            self._draw_conversation(asked)
        return self.bot.write(reading, self.seed)

    def _draw(self, trouble: str = "") -> None:
        self.answer.value = ""
        self._draw_conversation(self.messages, trouble)

    def _draw_conversation(self, messages: list[Message], trouble: str = "") -> None:
        lines = lines_html(messages, (trouble,), self.left_out)
        self.conversation.value = f'<div role="log" aria-label="Conversation" tabindex="0">{lines}</div>'
        said = [forgotten(self.left_out), f"Another answer: seed {self.seed}." if self.seed > 1 else ""]
        self.status.value = f'{RULES}<div role="status" style="{STATUS}">{" ".join(filter(None, said))}</div>'

    def _draw_answer(self) -> None:
        # Apart from the rest, which may be long by now: a page is sent so much twenty times a second.
        self.answer.value = lines_html(self.messages[-1:])

    def _set_writing(self, writing: bool) -> None:
        # The field stays open: who types there keeps the focus. What is sent too early stays in it.
        self.send.disabled, self.stop.disabled = writing, not writing
        self.again.disabled = writing or not self.messages
