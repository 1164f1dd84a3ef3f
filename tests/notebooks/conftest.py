"""Where a browser runs the solved lessons, they are not run a second time without one."""

from tests.browser.lab import find_chromium

collect_ignore = ["test_solved.py"] if find_chromium() else []
