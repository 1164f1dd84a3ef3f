"""Serve app/chat.ipynb as a page, to this machine alone: `make app PROJECT=folder`.

Voilà runs the notebook once for each page that is opened, in a kernel of its own, and shows what the cells make.
"""

import os
import sys
import webbrowser
from collections.abc import Mapping, Sequence
from pathlib import Path

from voila.app import Voila

APP = Path(__file__).resolve().parent.parent / "app"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
WIDGETS = ["@jupyter-widgets/jupyterlab-manager", "@voila-dashboards/widgets-manager8"]
# The page asks its own server alone, and no other page may hold it in a frame. Voilà's scripts stand in the page.
POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
# A name that is not this machine's is refused: else a stranger's page could have its own name lead here, and read.
TORNADO = {"allow_remote_access": False, "ws_ping_timeout": 30_000, "headers": {"Content-Security-Policy": POLICY}}
SETTINGS = {
    "Voila": {
        "ip": "127.0.0.1",
        "auto_token": True,                                        # others at this machine do not have it
        "config_file_paths": [],                                   # no setting of the reader's other pages
        "log_level": "ERROR",
        "tornado_settings": TORNADO,
    },
    "VoilaConfiguration": {
        "template": "course",
        "allow_template_override": "NO",
        "allow_theme_override": "NO",
        "extension_allowlist": WIDGETS,
        "file_allowlist": [],
    },
    "VoilaExecutor": {"cell_error_instruction": "More stands where make app was typed."},
    # Between server and kernel too nobody else at this machine reads along, where the kernel knows how.
    "KernelManager": {"transport_encryption": "auto"},
    # A page that is closed ends its kernel. Where it could not say so, the model's memory is given back after this.
    "MappingKernelManager": {"cull_idle_timeout": 300, "cull_interval": 30},
}


class ChatPage(Voila):
    """Voilà on one machine: it says the address with its token, and opens a browser there."""

    def initialize(self, argv: Sequence[str] | None = None) -> None:
        """Read the options, which win over SETTINGS. Ends the program where they would let other machines in."""
        self.update_config(type(self.config)(SETTINGS))
        super().initialize(argv)
        if self.ip not in LOOPBACK:
            sys.exit(f"The chat page is for this machine alone: expected --Voila.ip=127.0.0.1, got {self.ip}.")
        self.voila_configuration.prelaunch_hook = give_cookie
        # `launch_browser` is called where the port is known, and so it is told whether to do that in another place.
        self.opens, self.open_browser = self.open_browser, True

    def launch_browser(self) -> None:
        """Say where the page is and open it; Voilà's own way would leave the token out."""
        print(f"The chat page is at\n\n    {self.display_url}\n\nCtrl-C stops it.", flush=True)
        if self.opens:
            webbrowser.open(self.display_url)


def give_cookie(handler, notebook, cwd) -> None:
    """Let the page have the cookie without which it may not say that it is closed."""
    _ = handler.xsrf_token


def places(environment: Mapping[str, str]) -> dict[str, str]:
    """What to set in the environment, for our template to be found, and the project too from the kernel's folder."""
    found = {"JUPYTER_PATH": os.pathsep.join(filter(None, [str(APP / "jupyter"), environment.get("JUPYTER_PATH")]))}
    if project := environment.get("COURSE_PROJECT"):
        found["COURSE_PROJECT"] = str(Path(project).expanduser().absolute())
    return found


def main() -> None:
    """Serve until Ctrl-C. COURSE_PROJECT names the project's folder; the options are Voilà's."""
    os.environ |= places(os.environ)
    ChatPage.launch_instance([str(APP / "chat.ipynb"), *sys.argv[1:]])


if __name__ == "__main__":
    main()
