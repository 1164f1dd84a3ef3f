"""A chat on the page: the answer appears while it is written. It knows strings and a function, and no model."""

import threading
from collections.abc import Callable, Iterable
from html import escape

import ipywidgets

Message = dict[str, str]                                           # role ("user" or "assistant") and content
Reply = Callable[[list[Message]], Iterable[str]]

PATIENCE = 10.0                                                    # seconds that "New" waits for the writing to stop
NAMES = {"user": "You", "assistant": "Model"}
SHEET = "background:#ffffff;color:#000000;border:1px solid #d0d0d0;border-radius:6px;padding:8px 12px;max-width:806px"
LINE = "white-space:pre-wrap;overflow-wrap:anywhere;margin:4px 0;font-size:14px;line-height:1.4"
EMPTY = "Write a message below and press Enter."


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
        super().__init__([self.conversation, ipywidgets.HBox([self.field, self.send, self.stop, self.new])])

    def __repr__(self) -> str:
        return "A chat box: write a message and press Enter. It needs a running notebook."

    def ask(self, text: str) -> None:
        """Add a message of the reader's and let the answer be written. An empty one, or one too early, does nothing."""
        if not text.strip() or self.writing:
            return
        self.messages.append({"role": "user", "content": text.strip()})
        self.field.value = ""
        self._set_writing(True)
        self._stop.clear()
        self._writer = threading.Thread(target=self._write, daemon=True)
        self._writer.start()

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

    def _write(self) -> None:
        answer, trouble = {"role": "assistant", "content": ""}, ""
        asked = list(self.messages)
        self.messages.append(answer)
        self._draw()
        try:
            for piece in self.reply(asked):
                answer["content"] += piece
                self._draw()
                if self._stop.is_set():
                    break
        except Exception as error:  # shown where the reader looks, instead of in a thread that nobody sees
            trouble = f"{type(error).__name__}: {error}"
        if trouble:
            self.messages[:] = self.messages[:-2]                  # the question may be asked again
        self._draw(trouble)
        self._set_writing(False)

    def _draw(self, trouble: str = "") -> None:
        self.conversation.value = conversation_html(self.messages, trouble)

    def _set_writing(self, writing: bool) -> None:
        self.field.disabled, self.send.disabled, self.stop.disabled = writing, writing, not writing

    def _on_field(self, _, content: dict, __) -> None:
        if content.get("event") == "submit":                       # what the page sends when Enter is pressed
            self.ask(self.field.value)


def conversation_html(messages: Iterable[Message], trouble: str = "") -> str:
    """The messages as HTML in which nothing of theirs is taken for markup; `trouble` is a line in italics below."""
    lines = [f"<b>{NAMES.get(one['role'], escape(one['role']))}:</b> {escape(one['content'])}" for one in messages]
    lines += [f"<i>{escape(trouble)}</i>"] if trouble else []
    lines = lines or [f"<i>{EMPTY}</i>"]
    inside = "".join(f'<div style="{LINE}">{line}</div>' for line in lines)
    return f'<div role="log" style="{SHEET}">{inside}</div>'


def conversation_text(messages: Iterable[Message]) -> str:
    """The same as plain text, one message a paragraph."""
    return "\n".join(f"{NAMES.get(one['role'], one['role'])}: {one['content']}" for one in messages)
