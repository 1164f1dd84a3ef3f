"""Signals that come while a layer multiplies: nothing breaks, by whichever oneDNN torch brings."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from course_utils.models import onednn
from course_utils.paths import REPOSITORY
from course_utils.seeding import generator

# Of a broken oneDNN's processes eleven in twelve ended, most within three signals; one linear layer withstood 400.
FEWEST_SIGNALS = 200
STORM = """
import signal, sys, time, torch
from course_utils.models.onednn import LSTM
from course_utils.models.products import Linear
torch.manual_seed(1)
layer, x = {}
heard = []
signal.signal(signal.SIGALRM, lambda number, frame: heard.append(number))
signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
until = time.monotonic() + 100
while len(heard) < int(sys.argv[1]) and time.monotonic() < until:
    made = layer(x)
    (made[0] if isinstance(made, tuple) else made).sum().backward()
signal.setitimer(signal.ITIMER_REAL, 0)
print(len(heard))
"""
LAYERS = {
    "linear": "Linear(128, 512), torch.randn(4096, 128)",
    "lstm": "LSTM(64, 128, batch_first=True), torch.randn(32, 64, 64)",
}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such timer")
@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_signals_in_the_midst_of_a_product_break_nothing(layer):
    command = [sys.executable, "-c", STORM.format(layer), str(FEWEST_SIGNALS)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, f"{done.returncode}: {done.stderr}"
    assert int(done.stdout) >= FEWEST_SIGNALS


@pytest.mark.parametrize(("said", "version"), [("  - Intel(R) MKL-DNN v3.7.1 (Git Hash 8d26)", (3, 7, 1)), ("GCC", ())])
def test_its_version_is_what_torch_says_of_how_it_was_built(said, version, monkeypatch):
    monkeypatch.setattr(torch.__config__, "show", lambda: f"PyTorch built with:\n{said}\n  - NNPACK is enabled\n")
    assert onednn.version() == version


@pytest.mark.parametrize("stoppable", [True, False])
def test_an_lstm_has_the_numbers_of_torchs_with_and_without_onednn(stoppable, monkeypatch):
    monkeypatch.setattr(onednn, "STOPPABLE", stoppable)
    theirs, x = nn.LSTM(5, 7, batch_first=True), torch.randn(3, 4, 5, generator=generator(1))
    ours = onednn.LSTM(5, 7, batch_first=True)
    ours.load_state_dict(theirs.state_dict())
    before = torch.backends.mkldnn.enabled
    hidden, state = ours(x)
    again, _ = ours(x, state)
    assert torch.backends.mkldnn.enabled == before
    assert torch.allclose(hidden, theirs(x)[0], atol=1e-6) and torch.allclose(again, theirs(x, state)[0], atol=1e-6)
