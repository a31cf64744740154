"""What a visitor does on the page."""

import io

import numpy as np
import soundfile
from playwright import sync_api

from voxjax.data import synthetic

RATE_HZ = synthetic.SAMPLE_RATE_HZ


def wav(samples, rate_hz=RATE_HZ):
    """A sound as the bytes of a WAV file."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format="WAV")
    return file.getvalue()


def speech(label="angry", speaker=0):
    """A WAV file with two stretches of synthetic speech and a pause."""
    first, second = (synthetic.render(synthetic.SPEAKERS[speaker], one, 0)[: 2 * RATE_HZ] for one in (label, "sad"))
    pause = 1e-4 * np.random.default_rng(0).normal(size=RATE_HZ)
    return wav(np.concatenate([pause, first, pause, second, pause]).astype(np.float32))


def upload(page, **files):
    """Chooses files, named `NAME.wav` unless their name has a suffix, and waits until the page has answered."""
    chosen = [
        {"name": name if "." in name else f"{name}.wav", "mimeType": "audio/wav", "buffer": content}
        for name, content in files.items()
    ]
    page.locator("input[type=file]").first.set_input_files(chosen)


def answered(page):
    """The headlines of the answers, as soon as there are any and the page is at rest."""
    found = page.get_by_role("heading").filter(has_text="with a confidence of")
    found.first.wait_for()
    settled(page)
    return [one.inner_text() for one in found.all()]


def settled(page):
    """Waits until the script has run to its end and every element has taken the place of its skeleton."""
    page.wait_for_function("document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'notRunning'")
    sync_api.expect(page.get_by_test_id("stSkeleton")).to_have_count(0)


def choose_model(page, name):
    """Adds a model to those that are compared."""
    field = page.get_by_role("combobox", name="Models")
    field.press_sequentially(name)
    page.get_by_role("option", name=name, exact=True).wait_for()
    field.press("Enter")
    field.press("Tab")  # closes the list, which hides the page from screen readers


def player(page):
    """The player's component."""
    return page.get_by_role("region", name="Waveform, spectrogram and timeline")


def current_time(page):
    """Where the recording plays, seconds."""
    return page.locator("audio").first.evaluate("one => one.currentTime")


def saved(page, button):
    """The bytes of a download, and its name."""
    with page.expect_download() as found:
        page.get_by_role("button", name=button, exact=True).first.click()
    with open(found.value.path(), "rb") as file:
        return file.read(), found.value.suggested_filename
