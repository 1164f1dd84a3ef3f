"""A chat on the page: the answer appears while it is written. It knows strings and a function, and no model."""

import re
import threading
import time
from collections.abc import Callable, Iterable
from html import escape

import ipywidgets

from course_utils.errors import CourseError

Message = dict[str, str]                                           # role ("user" or "assistant") and content
Reply = Callable[[list[Message]], Iterable[str]]

PATIENCE = 10.0                                                    # seconds that "New" waits for the writing to stop
PAUSE = 0.05                                                       # seconds between two drawings; a page takes no more
NAMES = {"system": "System prompt", "user": "You", "assistant": "Model"}
SHEET = "background:#ffffff;color:#000000;border:1px solid #d0d0d0;border-radius:6px;padding:8px 12px;max-width:806px"
LINE = "white-space:pre-wrap;overflow-wrap:anywhere;margin:4px 0;font-size:14px;line-height:1.4"
UNREAD = ";color:#595959"                                          # grey, and still 7 to 1 on white
WAITING = "…"                                                      # where no word is yet
EMPTY = "Write a message below and press Enter."
# Signs that cannot be seen, or turn the direction of the line round, or are half a character: all but tab and newline.
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def chat_box(reply: Reply) -> "ChatBox":
    """A field to write in, and the conversation above it. `reply(messages)` gives the next answer piece by piece.

    messages: the conversation so far, oldest first, each a dict of role and content; the last is the reader's.
    """
    return ChatBox(reply)


class ChatBox(ipywidgets.VBox):
    """The widget of `chat_box`. The answer is written in a thread, so that Stop works meanwhile."""

    def __init__(self, reply: Reply):
        self.reply, self.messages = reply, []
        self._writer: threading.Thread | None = None
        self._stop = threading.Event()
        self.conversation = ipywidgets.HTML(conversation_html([]))
        self.field = ipywidgets.Text(placeholder="Your message", description="", layout={"width": "520px"})
        self.send, self.stop, self.new = (ipywidgets.Button(description=name) for name in ("Send", "Stop", "New"))
        for button in (self.send, self.stop, self.new):
            button.layout.width = "80px"
        self.stop.disabled = True
        self.field.on_msg(self._on_field)
        self.send.on_click(lambda _: self.ask(self.field.value))
        self.stop.on_click(lambda _: self._stop.set())
        self.new.on_click(lambda _: self.begin_again())
        super().__init__(self._rows())

    def __repr__(self) -> str:
        return "A chat box: write a message and press Enter. It needs a running notebook."

    def ask(self, text: str) -> None:
        """Add a message of the reader's and let the answer be written. An empty one, or one too early, does nothing.

        Where the answer fails, the message is taken back and stands in the field again.
        """
        if not text.strip() or self.writing:
            return
        before = list(self.messages)
        self.messages.append({"role": "user", "content": text.strip()})
        self.field.value = ""
        self._begin(before, text)

    def begin_again(self) -> None:
        """Stop, and forget the conversation."""
        self._stop.set()
        self.wait()
        self.messages.clear()
        self._draw()

    def wait(self) -> None:
        """Return when nothing is being written any more, or after ten seconds."""
        if self.writing:
            self._writer.join(PATIENCE)

    @property
    def writing(self) -> bool:
        """True while an answer is being written."""
        return self._writer is not None and self._writer.is_alive()

    def _rows(self) -> list[ipywidgets.Widget]:
        return [self.conversation, ipywidgets.HBox([self.field, self.send, self.stop, self.new])]

    def _pieces(self, asked: list[Message]) -> Iterable[str]:
        return self.reply(asked)

    def _begin(self, before: list[Message], text: str = "") -> None:
        self._set_writing(True)
        self._stop.clear()
        self._writer = threading.Thread(target=self._write, args=(before, text), daemon=True)
        self._writer.start()

    def _write(self, before: list[Message], text: str) -> None:
        trouble = ""
        try:
            self._stream()
        except Exception as error:  # shown where the reader looks, instead of in a thread that nobody sees
            trouble = str(error) if isinstance(error, CourseError) else f"{type(error).__name__}: {error}"
            self.messages[:] = before
            self.field.value = f"{text} {self.field.value}".strip() if text else self.field.value
        self._draw(trouble)
        self._set_writing(False)

    def _stream(self) -> None:
        asked, answer, drawn = list(self.messages), {"role": "assistant", "content": ""}, 0.0
        self.messages.append(answer)
        self._draw_answer()
        for piece in self._pieces(asked):
            answer["content"] += piece
            if time.monotonic() - drawn >= PAUSE:
                self._draw_answer()
                drawn = time.monotonic()
            if self._stop.is_set():
                break

    def _draw(self, trouble: str = "") -> None:
        self.conversation.value = conversation_html(self.messages, trouble)

    def _draw_answer(self) -> None:
        self._draw()

    def _set_writing(self, writing: bool) -> None:
        self.field.disabled, self.send.disabled, self.stop.disabled = writing, writing, not writing

    def _on_field(self, _, content: dict, __) -> None:
        if content.get("event") == "submit":                       # what the page sends when Enter is pressed
            self.ask(self.field.value)


def conversation_html(messages: Iterable[Message], trouble: str = "", left_out: int = 0) -> str:
    """The messages as HTML in which nothing of theirs is taken for markup; `trouble` is a line in italics below.

    left_out: so many messages at the beginning, a system prompt not counted, are grey: the model does not read them.
    """
    return f'<div role="log" style="{SHEET}">{lines_html(messages, (forgotten(left_out), trouble), left_out)}</div>'


def lines_html(messages: Iterable[Message], notes: Iterable[str] = (), left_out: int = 0) -> str:
    """The lines of `conversation_html` without the sheet they stand on; `notes` are in italics below."""
    lines = _lines(messages, left_out) + [_line(f"<i>{escape(visible(note))}</i>") for note in notes if note]
    return "".join(lines or [_line(f"<i>{EMPTY}</i>")])


def conversation_text(messages: Iterable[Message], left_out: int = 0) -> str:
    """The same as plain text, one message a paragraph."""
    lines = [f"{NAMES.get(one['role'], one['role'])}: {visible(one['content'])}" for one in messages]
    return "\n".join(lines + [f"({forgotten(left_out)})"] * (left_out > 0))


def forgotten(left_out: int) -> str:
    """The sentence that says how many messages are not read any more; "" for none."""
    if left_out < 1:
        return ""
    if left_out == 1:
        return "The first message no longer fits and is not read."
    return f"The first {left_out} messages no longer fit and are not read."


def visible(text: str) -> str:
    """The text with its number, as [U+001B], for each character that cannot be seen or would break the page."""
    return UNSEEN.sub(lambda match: f"[U+{ord(match[0]):04X}]", text.replace("\r\n", "\n"))


def _lines(messages: Iterable[Message], left_out: int) -> list[str]:
    lines, turn = [], 0
    for message in messages:
        turn += message["role"] != "system"
        name = NAMES.get(message["role"], escape(message["role"]))
        unread = message["role"] != "system" and turn <= left_out
        content = escape(visible(message["content"])) or WAITING
        lines.append(_line(f"<b>{name}:</b> {content}", UNREAD if unread else ""))
    return lines


def _line(inside: str, style: str = "") -> str:
    return f'<div style="{LINE}{style}">{inside}</div>'
