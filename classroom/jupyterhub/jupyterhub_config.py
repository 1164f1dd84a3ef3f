"""JupyterHub for a class on one Linux machine. As root: `jupyterhub -f classroom/jupyterhub/jupyterhub_config.py`.

Students are the machine's own users in one Unix group, and log in by PAM. Each has a copy of the lessons at home; data
and models are read from one shared folder. README.md beside this file says how to set it up and what was measured.

Settings, all by environment:
  COURSE_HUB_STATE      folder of the hub's database, cookie secret and process ids     /srv/course-hub
  COURSE_HUB_GROUP      Unix group whose members may log in                             course
  COURSE_HUB_TEACHERS   names, by commas, who may start and stop the servers of others  nobody
  COURSE_HUB_ADDRESS    where the hub listens; beyond loopback only behind TLS          http://127.0.0.1:8000
  COURSE_HUB_SUBDOMAINS address under which each student has a name, https://hub.…      one name for all
  COURSE_HUB_MEMORY     most unshared memory of one process of a student                6G
  COURSE_HUB_THREADS    threads of one calculation                                      1
  COURSE_HUB_IDLE       seconds after which an idle server is stopped                   3600
  COURSE_LESSONS        the folder of notebooks to hand out                             notebooks of the course
  COURSE_CACHE          the shared folder of data and models                            data/cache of the course
  COURSE_PROFILE        smoke, quick or full                                            quick
  COURSE_HUB_LOAD_TEST  a password with which any name may log in, on loopback, all as one Unix user; never in class
"""

import os
import resource
import shutil
import sys
from pathlib import Path
from urllib.parse import urlsplit

from jupyterhub.spawner import LocalProcessSpawner, SimpleLocalProcessSpawner

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
LOOPBACK = ("127.0.0.1", "localhost", "::1")
c = get_config()  # noqa: F821 - JupyterHub puts it here


def setting(name: str, otherwise: str) -> str:
    """The setting COURSE_HUB_`name`."""
    return os.environ.get(f"COURSE_HUB_{name}") or otherwise


state = Path(setting("STATE", "/srv/course-hub"))
address = setting("ADDRESS", "http://127.0.0.1:8000")
load_test = os.environ.get("COURSE_HUB_LOAD_TEST", "")
idle_seconds = setting("IDLE", "3600")

# ---- the hub and its proxy -------------------------------------------------------------------------------------------

state.mkdir(parents=True, exist_ok=True)
state.chmod(0o700)
c.JupyterHub.bind_url = address
c.JupyterHub.subdomain_host = setting("SUBDOMAINS", "")
c.JupyterHub.hub_bind_url = setting("API_ADDRESS", "http://127.0.0.1:8081")
c.JupyterHub.db_url = f"sqlite:///{state / 'jupyterhub.sqlite'}"
c.JupyterHub.cookie_secret_file = str(state / "cookie_secret")
# Servers live on while the hub is stopped, upgraded or killed; the next hub finds them by its database.
c.JupyterHub.cleanup_servers = False
c.ConfigurableHTTPProxy.pid_file = str(state / "proxy.pid")
c.ConfigurableHTTPProxy.api_url = setting("PROXY_ADDRESS", "http://127.0.0.1:8001")
# The one on the search path, else the one that came with the course's packages.
beside_python = str(Path(sys.executable).with_name("configurable-http-proxy"))
c.ConfigurableHTTPProxy.command = [shutil.which("configurable-http-proxy") or beside_python]

# ---- who may come in -------------------------------------------------------------------------------------------------

if load_test:
    if urlsplit(address).hostname not in LOOPBACK:
        raise SystemExit(f"COURSE_HUB_LOAD_TEST lets anybody in: expected a loopback address, got {address}; unset it.")
    c.JupyterHub.authenticator_class = "shared-password"
    c.SharedPasswordAuthenticator.user_password = load_test
    c.Authenticator.allow_all = True
else:
    c.JupyterHub.authenticator_class = "pam"
    c.PAMAuthenticator.allowed_groups = {setting("GROUP", "course")}
    c.PAMAuthenticator.open_sessions = False
    c.Authenticator.admin_users = {name.strip() for name in setting("TEACHERS", "").split(",")} - {""}

# ---- a student's server ----------------------------------------------------------------------------------------------


class Limited:
    """A local process whose every child is refused memory beyond `mem_limit`: a MemoryError in one student's cell."""

    def make_preexec_fn(self, name):
        """Set the limit before the process becomes the student's, who could lower it but never raise it."""
        become, limit = super().make_preexec_fn(name), self.mem_limit

        def prepare():
            if limit:
                resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
            become()

        return prepare


class StudentServer(Limited, LocalProcessSpawner):
    """A server that runs as the Unix user who logged in."""


class LoadTestServer(Limited, SimpleLocalProcessSpawner):
    """A server for a user who exists in the hub alone."""


c.JupyterHub.spawner_class = LoadTestServer if load_test else StudentServer
c.SimpleLocalProcessSpawner.home_dir_template = str(state / "homes" / "{username}")
c.Spawner.cmd = [sys.executable, str(HERE / "start_server.py")]
c.Spawner.default_url = "/lab/tree/generative-ai-course/notebooks/00_start_here.ipynb"
c.Spawner.mem_limit = setting("MEMORY", "6G")
# A lesson that was closed keeps its kernel, and that its gigabyte: half an hour is enough to come back.
c.Spawner.args = ["--MappingKernelManager.cull_idle_timeout=1800", "--MappingKernelManager.cull_interval=120"]
# Anybody on the machine could listen to what a kernel prints into a TCP port; a socket in a private folder is closed.
c.Spawner.args.append("--KernelManager.transport=ipc")
if load_test and os.geteuid() == 0:
    c.Spawner.args.append("--allow-root")                            # a student's server is never root's
c.Spawner.start_timeout, c.Spawner.http_timeout = 300, 300           # a whole class at once is slow to start
c.Spawner.environment = {
    "COURSE_CACHE": os.environ.get("COURSE_CACHE") or str(REPOSITORY / "data" / "cache"),
    "COURSE_LESSONS": os.environ.get("COURSE_LESSONS") or str(REPOSITORY / "notebooks"),
    "COURSE_OFFLINE": "1",                                           # one shared folder, not a download for each
    "COURSE_PROFILE": os.environ.get("COURSE_PROFILE") or "quick",
    "OMP_NUM_THREADS": setting("THREADS", "1"),
    "TOKENIZERS_PARALLELISM": "false",
}

# ---- what nobody uses is stopped -------------------------------------------------------------------------------------

culler = "idle-culler"
# A killed hub takes the culler along: the next hub starts its own.
with_the_hub = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
cull = [*with_the_hub, sys.executable, "-m", "jupyterhub_idle_culler", f"--timeout={idle_seconds}", "--cull-every=300"]
c.JupyterHub.services = [{"name": culler, "command": cull}]
c.JupyterHub.load_roles = [
    {
        "name": culler,
        "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
        "services": [culler],
    }
]
