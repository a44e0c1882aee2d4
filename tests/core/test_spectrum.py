from __future__ import annotations

import numpy as np
import pytest

from liveflight.core.spectrum import AudioFeatures, Samples, Spectrum

RATE = 44100
BANDS = ("low", "mid", "high")


def sine(hertz: float, seconds: float = 2.0, rate: int = RATE, peak: float = 0.5) -> Samples:
    times = np.arange(round(seconds * rate)) / rate
    return (peak * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def clicks(bpm: float, seconds: float = 10.0, rate: int = RATE) -> Samples:
    """A short 1 kHz blip on every beat, the first at 0."""
    sound = np.zeros(round(seconds * rate), np.float32)
    times = np.arange(rate // 10) / rate
    blip = 0.5 * np.sin(2 * np.pi * 1000 * times) * np.exp(-times / 0.01)
    for beat in range(int(seconds * bpm / 60)):
        start = round(beat * 60 / bpm * rate)
        sound[start : start + len(blip)] += blip[: len(sound) - start].astype(np.float32)
    return sound


def heard(
    sound: Samples, rate: int = RATE, gain: float | None = None, block: int = 735
) -> list[tuple[float, AudioFeatures]]:
    """After each block: the seconds so far, and what was heard."""
    spectrum, found = Spectrum(rate), []
    for end in range(block, len(sound) + 1, block):
        spectrum.hear(sound[end - block : end])
        found.append((end / rate, spectrum.features(gain)))
    return found


def onsets(sound: Samples, rate: int = RATE, block: int = 735) -> list[float]:
    return [second for second, now in heard(sound, rate, block=block) if now.onset]


# Levels


@pytest.mark.parametrize(("hertz", "band"), [(60, "low"), (1000, "mid"), (6000, "high")])
@pytest.mark.parametrize("rate", [44100, 48000, 96000])
def test_a_tone_is_as_loud_as_it_is_and_in_its_own_band(hertz: float, band: str, rate: int) -> None:
    _, now = heard(sine(hertz, rate=rate), rate, gain=0.0)[-1]
    assert now.level == pytest.approx(0.5 / np.sqrt(2), rel=0.01)
    assert getattr(now, band) == pytest.approx(0.5 / np.sqrt(2), rel=0.01)
    assert all(getattr(now, other) < 0.025 for other in BANDS if other != band)


def test_gain_is_in_decibels_and_stops_at_one() -> None:
    quiet = sine(1000, peak=0.02)
    level = 0.02 / np.sqrt(2)
    for gain, shown in ((0.0, level), (20.0, 10 * level), (-20.0, level / 10), (40.0, 1.0)):
        assert heard(quiet, gain=gain)[-1][1].level == pytest.approx(shown, rel=0.01)


@pytest.mark.parametrize("peak", [0.02, 0.2, 1.0])
def test_with_automatic_gain_the_loudest_is_one_however_loud(peak: float) -> None:
    _, now = heard(sine(1000, peak=peak))[-1]
    assert now.level == pytest.approx(1.0, abs=1e-6) == now.mid
    assert now.low < 0.05 and now.high < 0.05


def test_silence_and_hiss_far_below_are_not_blown_up() -> None:
    assert heard(np.zeros(RATE, np.float32))[-1][1] == AudioFeatures()
    hiss = np.random.default_rng(1).normal(0, 1e-5, RATE).astype(np.float32)
    assert heard(hiss)[-1][1].level < 0.01


def test_automatic_gain_forgets_within_seconds() -> None:
    sound = np.concatenate([sine(1000, 2.0, peak=1.0), sine(1000, 20.0, peak=0.2)])
    levels = dict(heard(sound, block=RATE // 10))
    assert levels[3.0].level == pytest.approx(0.2 * np.exp(0.1), rel=0.05)
    assert levels[22.0].level == pytest.approx(1.0, abs=0.01)


def test_a_meter_rises_at_once_and_falls_gently() -> None:
    sound = np.concatenate([sine(1000, 1.0), np.zeros(RATE, np.float32)])
    levels = {round(second, 2): now.level for second, now in heard(sound, block=441)}
    assert levels[0.05] > 0.9
    assert 0.3 < levels[1.3] / levels[1.18] < 0.45, "a time constant later: 1/e"
    assert levels[1.9] < 0.01


def test_a_sweep_wanders_through_the_bands_and_begins_nothing_on_its_way() -> None:
    times = np.arange(10 * RATE) / RATE
    ratio = 9000 / 40
    phase = 2 * np.pi * 40 * 10 / np.log(ratio) * (ratio ** (times / 10) - 1)
    sound = (0.5 * np.sin(phase)).astype(np.float32)
    loudest = [max(BANDS, key=lambda band: getattr(now, band))
               for _, now in heard(sound, gain=0.0, block=4410)]  # fmt: skip
    changes = [band for n, band in enumerate(loudest) if n == 0 or loudest[n - 1] != band]
    assert changes == ["low", "mid", "high"]
    crossing = 10 * np.log(150 / 40) / np.log(ratio)
    assert loudest.index("mid") / 10 == pytest.approx(crossing, abs=0.3)
    assert onsets(sound) == []


# Onsets


@pytest.mark.parametrize("bpm", [90.0, 120.0, 174.0])
@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_every_click_is_one_onset_within_50_ms(bpm: float, noise: float) -> None:
    sound = clicks(bpm)
    sound += np.random.default_rng(2).normal(0, noise, len(sound)).astype(np.float32)
    beats = np.arange(1, int(10 * bpm / 60)) * 60 / bpm
    found = np.array(onsets(sound, block=441))
    assert len(found) == len(beats)
    assert np.all((found - beats > 0) & (found - beats < 0.05))


def test_a_steady_sound_begins_nothing() -> None:
    noise = np.random.default_rng(3).normal(0, 0.1, 5 * RATE).astype(np.float32)
    assert onsets(noise) == []
    assert onsets(sine(220, 5.0)) == []


def test_chords_that_change_are_onsets() -> None:
    chords = [(220, 275, 330), (247, 311, 370), (262, 330, 392), (220, 275, 330)] * 2
    sound = np.concatenate([sum(sine(hertz, 0.5, peak=0.2) for hertz in c) for c in chords])
    found = onsets(sound.astype(np.float32), block=441)
    assert np.array(found) == pytest.approx(np.arange(1, 8) / 2, abs=0.05)


def test_an_onset_is_told_once() -> None:
    spectrum = Spectrum(RATE)
    spectrum.hear(clicks(60, 2.2))
    assert 0 < spectrum.features().onset <= 1
    assert spectrum.features().onset == 0.0


# Blocks


@pytest.mark.parametrize("block", [1, 64, 441, 1000])
def test_it_hears_the_same_however_the_samples_come(block: int) -> None:
    sound = clicks(120, 0.8)
    spectrum, whole = Spectrum(RATE), Spectrum(RATE)
    for start in range(0, len(sound), block):
        spectrum.hear(sound[start : start + block])
    whole.hear(sound)
    assert spectrum.features() == whole.features()
    assert whole.features().level > 0
