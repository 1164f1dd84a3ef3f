"""What a page is made of and what can be read on it, to compare two pages that differ in their texts alone."""

from course_utils.viz import attention, chat

# JavaScript: each element below one with its attributes; the values too of those that could lead somewhere or run.
SKELETON = """root => [...root.querySelectorAll('*')].map(element => [element.tagName, ...[...element.attributes]
    .map(one => /^(href|src|action|data|on.*)$/.test(one.name) ? `${one.name}=${one.value}` : one.name)].join(' '))"""
# JavaScript: all that can be read below an element, or is read aloud, or shown in a bubble.
WORDS = """root => {
    const page = root.cloneNode(true);
    for (const element of page.querySelectorAll('script,style,noscript')) element.remove();
    const fields = [...root.querySelectorAll('input,textarea')].map(field => field.value);
    const spoken = [...page.querySelectorAll('*')].flatMap(element => ['title', 'aria-label']
        .map(name => element.getAttribute(name)).filter(Boolean));
    return [page.textContent, ...fields, ...spoken].join('\\n');
}"""


def is_seen(text: str, words: str) -> bool:
    """Whether a text can be read, with or without signs in the place of what is invisible."""
    return any(one in words for one in (text, attention.visible(text), chat.visible(text)))
