"""The chat page: whose assistant answers, what is said of it, and a sentence where a project cannot be used."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import nbformat
import pytest

from course_utils import app
from course_utils.app import about, chat_page, chosen, page
from course_utils.errors import CourseError
from course_utils.paths import REPOSITORY
from course_utils.project import save_project
from course_utils.viz.chatbot import ChatbotBox
from tests.support.tiny_project import tiny_project
from tools import bootstrap
from tools import chat_page as server


@pytest.fixture
def folder(tmp_path):
    """A saved project."""
    save_project(tmp_path / "mine", tiny_project("My <b>babbler</b>"))
    return tmp_path / "mine"


def told(widget) -> str:
    """The sentence that stands in the place of a conversation."""
    assert 'role="alert"' in widget.value
    return re.sub("<[^>]+>", "", widget.value)


# --- which project


def test_a_saved_project_answers_on_the_page_as_its_own_assistant_does(folder):
    said, box = chat_page({"COURSE_PROJECT": str(folder)}).children
    assert "<b>My &lt;b&gt;babbler&lt;/b&gt;.</b>" in said.value
    box.ask("Once upon")
    box.wait()
    expected = app.assistant(tiny_project()).answer("Once upon", seed=1)
    assert [one["content"] for one in box.messages] == ["Once upon", expected] and len(expected) == 20


def test_again_writes_another_answer_to_the_same_message(folder):
    box = chat_page({"COURSE_PROJECT": str(folder)}).children[1]
    box.ask("Once upon")
    box.wait()
    first = box.messages[-1]["content"]
    box.again.click()
    box.wait()
    assert [one["role"] for one in box.messages] == ["user", "assistant"] and box.messages[-1]["content"] != first


@pytest.mark.parametrize("environment", [{}, {"COURSE_PROJECT": ""}])
def test_where_no_project_is_named_the_courses_helper_answers(monkeypatch, environment):
    monkeypatch.setattr(app, "course_helper", lambda: tiny_project("The helper"))
    assert "The helper" in chat_page(environment).children[0].value


def test_a_folder_that_is_not_there_is_told_in_a_sentence_with_what_to_type(tmp_path):
    sentence = told(chat_page({"COURSE_PROJECT": str(tmp_path / "<i>none</i>")}))
    assert sentence.startswith("There is no folder") and sentence.endswith("make app PROJECT=folder.")
    assert "&lt;i&gt;none" in sentence


def test_a_folder_that_is_no_project_is_told_in_a_sentence(tmp_path):
    (tmp_path / "thesis.txt").write_text("ten years of work")
    assert tmp_path.name in told(chat_page({"COURSE_PROJECT": str(tmp_path)}))


def test_a_damaged_file_is_named(folder):
    (folder / "weights.safetensors").write_bytes(b"torn")
    assert "weights.safetensors" in told(chat_page({"COURSE_PROJECT": str(folder)}))


def test_a_model_that_cannot_be_loaded_is_told_in_a_sentence(monkeypatch, folder):
    def refuse(project):
        raise CourseError("smollm2 is not here; type: make assets.")

    monkeypatch.setattr(app, "assistant", refuse)
    assert told(chat_page({"COURSE_PROJECT": str(folder)})) == "smollm2 is not here; type: make assets."


def test_a_mistake_of_ours_is_not_hidden(monkeypatch):
    monkeypatch.setattr(app, "course_helper", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        chosen("")


# --- what is said of it


def test_what_a_writer_is_and_that_it_may_be_wrong_is_said_and_a_system_prompt_is_not_asked_for():
    project = tiny_project()
    said, box = page(project, app.assistant(project)).children
    assert "goes on" in said.value and "often wrong" in said.value
    assert "looks passages up" not in said.value and "likeliest" not in said.value
    assert box.system.layout.display == "none"


def test_a_helpers_passages_and_that_again_changes_nothing_are_said_and_it_has_a_system_prompt():
    bot = SimpleNamespace(system="Be kind.", write=None)
    project = tiny_project(sampling=None)
    settings = replace(project.settings, passages=2)
    said, box = page(replace(project, settings=settings), bot).children
    assert "looks passages up" in said.value and "Again gives the same" in said.value and "goes on" not in said.value
    assert isinstance(box, ChatbotBox) and box.system.value == "Be kind." and box.system.layout.display is None


def test_signs_that_cannot_be_seen_are_shown_by_their_number():
    assert "[U+202E]" in about(tiny_project("evil\u202elive"), None)


# --- the notebook and its server


def test_the_notebook_is_a_heading_and_the_page_without_outputs():
    notebook = nbformat.read(REPOSITORY / "app" / "chat.ipynb", as_version=4)
    heading, code = notebook.cells
    assert heading.source == "# Chat with your assistant" and notebook.metadata.title.startswith("Chat · ")
    assert code.source.endswith("\n\nchat_page()") and code.outputs == [] and code.execution_count is None
    assert "interact" not in code.source and notebook.metadata.kernelspec.name == "python3"


def test_the_page_is_made_of_nothing_from_afar():
    files = [path for path in (REPOSITORY / "app").rglob("*") if path.is_file()]
    assert len(files) == 3
    assert not [path.name for path in files if re.search(r"https?://|src=.?//", path.read_text(encoding="utf-8"))]


def test_a_project_is_found_from_the_notebooks_folder_and_other_templates_stay(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = server.places({"COURSE_PROJECT": "mine", "JUPYTER_PATH": "/theirs"})
    assert found["COURSE_PROJECT"] == str(tmp_path / "mine")
    ours, theirs = found["JUPYTER_PATH"].split(os.pathsep)
    assert theirs == "/theirs" and (REPOSITORY / "app" / "jupyter").samefile(ours)
    assert server.places({"COURSE_PROJECT": ""}) == {"JUPYTER_PATH": ours}


@pytest.mark.slow
def test_only_this_machine_may_be_served():
    command = [sys.executable, "-m", "tools.chat_page", "--no-browser", "--Voila.ip=0.0.0.0"]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    assert result.returncode == 1
    assert "expected --Voila.ip=127.0.0.1, got 0.0.0.0." in result.stderr and "Traceback" not in result.stderr


# --- make app


@pytest.mark.parametrize(("purpose", "module"), [("lab", "jupyterlab"), ("app", "tools.chat_page")])
def test_what_is_asked_for_is_set_up_for_a_learner_and_then_opened(monkeypatch, purpose, module):
    done = []
    monkeypatch.setattr(bootstrap, "set_up", lambda purpose, venv: done.append(purpose) or "python")
    monkeypatch.setattr(bootstrap, "become", done.append)
    assert bootstrap.main([purpose, "--", "--port", "8899"]) == 0
    assert done[0] == "learner" and done[1][:3] == ["python", "-m", module] and done[1][-2:] == ["--port", "8899"]


@pytest.mark.parametrize("browser", [True, False])
def test_the_chat_page_opens_a_browser_where_there_is_one(browser):
    assert ("--no-browser" in bootstrap.app_command("python", [], browser)) is not browser


@pytest.mark.parametrize(
    ("settings", "folder"),
    [(["PROJECT=my folder"], "my folder"), (["COURSE_PROJECT=theirs"], "theirs"), ([], "")],
)
def test_make_app_hands_on_the_folder_of_the_project(settings, folder):
    command = ["make", "-C", str(REPOSITORY), "--dry-run", "app", *settings]
    of_make = ("PROJECT", "COURSE_PROJECT", "MAKEFLAGS", "BOOTSTRAP", "PYTHON", "VENV", "ARGS")    # the tests' own
    environment = {name: value for name, value in os.environ.items() if name not in of_make}
    printed = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    assert f'COURSE_PROJECT="{folder}" python3 -m tools.bootstrap' in printed and " app -- " in printed
