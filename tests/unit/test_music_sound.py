"""What is heard is in tune and in time, does not click, and fits into a small recording."""

import io
import wave

import numpy as np
import pytest

from course_utils.errors import CourseError
from course_utils.music import parse, synthesise, wav_bytes

JIG = "M:6/8\nL:1/8\nK:G\nD|GAB c2A|BGE D2:|\nd|gfe dcB|A2F G2:|\n"


def tune(body: str, metre: str = "4/4"):
    return parse(f"M:{metre}\nL:1/8\nK:C\n{body}")


def strongest(samples: np.ndarray, rate: int) -> float:
    """The frequency in Hz with most energy."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return np.fft.rfftfreq(len(samples), 1 / rate)[spectrum.argmax()]


@pytest.mark.parametrize(("note", "hertz"), [("A", 440.0), ("a", 880.0), ("C", 261.63), ("G,", 196.0), ("b'", 1975.53)])
@pytest.mark.parametrize("rate", [8000, 22050])
def test_a_note_sounds_at_its_frequency(note, hertz, rate):
    samples = synthesise(tune(f"{note}8", metre="4/4"), tempo=120, rate=rate)  # four beats: 2 s, bins of 0.5 Hz
    assert strongest(samples, rate) == pytest.approx(hertz, abs=0.5)


def test_each_note_of_a_melody_sounds_in_its_time():
    samples = synthesise(tune("A2e2z2A2"), tempo=60)  # one second each
    seconds = samples.reshape(4, 8000)
    assert strongest(seconds[0], 8000) == pytest.approx(440, abs=1)
    assert strongest(seconds[1], 8000) == pytest.approx(659.26, abs=1)
    assert not seconds[2].any()
    assert strongest(seconds[3], 8000) == pytest.approx(440, abs=1)


def test_tempo_counts_beats_of_the_metre():
    assert len(synthesise(tune("A8"), tempo=120)) == 2 * 8000  # four quarters
    assert len(synthesise(tune("A8", metre="C|"), tempo=120)) == 8000  # two halves
    assert len(synthesise(tune("A6", metre="6/8"), tempo=60)) == 2 * 8000  # two dotted quarters
    assert len(synthesise(tune("A8"), tempo=120, rate=22050)) == 2 * 22050


def test_rounding_to_samples_does_not_add_up():
    assert len(synthesise(tune("(3ABc" * 300), tempo=97)) == round(300 * 60 / 97 * 8000)


def test_samples_stay_inside_one_and_fill_much_of_it():
    samples = synthesise(parse(JIG), tempo=100)
    assert samples.dtype == np.float32
    assert 0.5 < np.abs(samples).max() <= 1


def test_nothing_clicks_where_a_note_begins_or_ends():
    samples = synthesise(tune("A2E2zA2A,2z2"), tempo=240)  # an eighth is 1,000 samples
    for boundary in (2000, 4000, 5000, 7000, 9000):
        assert np.abs(samples[boundary - 3 : boundary + 3]).max() < 0.03
    assert abs(samples[0]) < 0.001 and abs(samples[-1]) < 0.03


def test_no_harmonic_comes_back_from_above_half_the_rate():
    samples = synthesise(tune("b'8"), tempo=60)  # 1975.5 Hz: only two harmonics fit
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    loud = np.fft.rfftfreq(len(samples), 1 / 8000)[spectrum > 0.02 * spectrum.max()]
    assert all(min(abs(hertz - 1975.5), abs(hertz - 3951)) < 10 for hertz in loud)


def test_a_held_note_is_not_struck_again():
    tied, whole, twice = (synthesise(tune(body), tempo=60) for body in ("A4-|A4", "A8", "A4|A4"))
    np.testing.assert_array_equal(tied, whole)
    assert np.abs(twice[16050:16150]).max() > 1.5 * np.abs(tied[16050:16150]).max()


def test_a_tune_without_notes_is_silent_and_short():
    assert synthesise(tune(""), tempo=100).shape == (0,)
    assert not synthesise(tune("z8"), tempo=100).any()


@pytest.mark.parametrize(("tempo", "rate"), [(0, 8000), (-1, 8000), (float("nan"), 8000), (100, 0)])
def test_a_tempo_or_rate_of_nothing_is_refused(tempo, rate):
    with pytest.raises(CourseError, match="must be positive"):
        synthesise(parse(JIG), tempo, rate)


def test_endless_music_is_refused_before_it_fills_the_memory():
    with pytest.raises(CourseError, match="600 at most"):
        synthesise(tune("A99" * 99), tempo=1)


def test_a_recording_holds_the_samples_in_bytes():
    with wave.open(io.BytesIO(wav_bytes(np.array([0, 1, -1, 0.5]), rate=4000))) as recording:
        assert recording.getparams()[:4] == (1, 1, 4000, 4)  # mono, one byte, rate, samples
        assert list(recording.readframes(4)) == [128, 255, 1, 192]  # 128 + 127 x, to the even one: 191.5


def test_ten_seconds_take_eighty_kilobytes():
    assert 80_000 < len(wav_bytes(np.zeros(80_000))) < 80_100


@pytest.mark.parametrize("samples", [[1.01], [-2.0], [float("nan")], [[0.0, 0.0]]])
def test_samples_that_do_not_fit_are_refused(samples):
    with pytest.raises(CourseError, match=r"in \[-1, 1\]"):
        wav_bytes(np.array(samples))


def test_an_empty_recording_is_a_recording():
    with wave.open(io.BytesIO(wav_bytes(np.array([])))) as recording:
        assert recording.getnframes() == 0
