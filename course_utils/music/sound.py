"""Hear a tune: a plucked string from a sum of sines, in a few lines of NumPy."""

import io
import wave

import numpy as np

from course_utils.errors import CourseError
from course_utils.music.score import Score
from course_utils.shapes import check_counts

HARMONICS = (1.0, 0.5, 0.3, 0.15)                                  # loudness of the tone, of twice its frequency, …
ATTACK = 0.008                                                     # seconds from silence to full loudness
RELEASE = 0.015                                                    # seconds back to silence
DECAY = 0.5                                                        # seconds to 1/e
LONGEST = 600                                                      # seconds


def frequency(pitch: int) -> float:
    """Hertz of a MIDI pitch: 440 for 69, doubled by each octave of twelve."""
    return 440.0 * 2 ** ((pitch - 69) / 12)


def synthesise(score: Score, tempo: float, rate: int = 8000) -> np.ndarray:
    """A tune as samples in [-1, 1], float32, `rate` of them a second, at `tempo` beats a minute.

    A beat is `score.beat`; repeats are not repeated. Each note rises from silence and falls back to it, so that nothing
    clicks. Raises CourseError for a tempo or rate that is not positive, and for more than ten minutes of sound.
    """
    if not tempo > 0 or not rate > 0:
        raise CourseError(f"tempo and rate must be positive; got {tempo} beats a minute, {rate} samples a second.")
    tones = _tones(score)                                          # N pairs of pitch and length in whole notes
    ends = np.cumsum([float(length / score.beat) for _, length in tones]) * 60 / tempo
    if len(ends) and ends[-1] > LONGEST:
        raise CourseError(f"{ends[-1]:.0f} s of sound; expected {LONGEST} at most. Cut the tune with first_bars.")
    counts = np.diff(np.round(ends * rate).astype(int), prepend=0)                  # (N,) samples of each tone
    hertz = np.repeat([0.0 if pitch is None else frequency(pitch) for pitch, _ in tones], counts)
    phase = 2 * np.pi * np.cumsum(hertz) / rate
    sound = np.zeros(len(hertz))
    for k, loudness in enumerate(HARMONICS, start=1):
        heard = k * hertz < rate / 2                               # above, it would come back as a wrong, low tone
        sound += loudness / sum(HARMONICS) * np.sin(k * phase) * heard
    return (sound * _envelope(counts, rate) * (hertz > 0)).astype(np.float32)


def _tones(score: Score) -> list[tuple]:
    """Pitch and length of all that is struck: a held note lengthens the one before."""
    tones = []
    for note in score.notes:
        if note.held and tones:
            pitch, length = tones.pop()
            tones.append((pitch, length + note.length))
        else:
            tones.append((note.pitch, note.length))
    return tones


def _envelope(counts: np.ndarray, rate: int) -> np.ndarray:
    """The loudness of each sample by how long ago its tone began and how soon it ends."""
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    since = (np.arange(counts.sum()) - starts) / rate                               # seconds
    left = np.repeat(counts, counts) / rate - since
    return np.minimum(1, since / ATTACK) * np.minimum(1, left / RELEASE) * np.exp(-since / DECAY)


def wav_bytes(samples: np.ndarray, rate: int = 8000) -> bytes:
    """Samples in [-1, 1] as a WAV file of one byte each, for `IPython.display.Audio(data=…)`: 8 KB a second.

    Raises CourseError for samples outside.
    """
    check_counts(rate=rate or 0)
    samples = np.asarray(samples)
    if samples.dtype.kind not in "fiu":
        raise CourseError(f"samples hold {samples.dtype!r}; expected numbers in [-1, 1], as synthesise makes them.")
    if samples.ndim != 1 or not np.all(np.abs(samples) <= 1):
        raise CourseError(f"expected one row of samples in [-1, 1]; got shape {samples.shape}, up to {_peak(samples)}.")
    file = io.BytesIO()
    with wave.open(file, "wb") as recording:
        recording.setparams((1, 1, rate, len(samples), "NONE", ""))
        recording.writeframes(np.round(samples * 127 + 128).astype(np.uint8).tobytes())
    return file.getvalue()


def _peak(samples: np.ndarray) -> float:
    return float(np.abs(samples).max()) if samples.size else 0.0
