"""The `openai` package as a client of a real server, with the demo models at two steps."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import openai
import pytest
from conftest import DEMO
from PIL import Image
from serving import Server

from orchestrator import sound
from orchestrator.studio.openai.transcript import Transcript

SPOKEN = "paint a red sailboat on the sea at sunset"
QUICK = {"steps": 2, "seed": 7}
RECORDING = DEMO / "recordings" / "01.wav"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def served(data: Path) -> Iterator[Server]:
    """One server for all tests: none leaves anything behind that affects another."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUDIO_TO_IMAGE_DATA", str(data))
        server = Server()
    yield server
    status, complaints = server.end()
    assert (status, "Traceback" in complaints, "ERROR" in complaints) == (0, False, False), complaints


@pytest.fixture(scope="module")
def client(served: Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key="any", max_retries=0, timeout=60) as client:
        yield client


def opened(b64: str | None) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(b64 or "")))


def refused(error: pytest.ExceptionInfo[openai.APIStatusError], param: str | None = None) -> dict[str, str]:
    assert error.value.param == param
    assert isinstance(error.value.body, dict)
    assert error.value.body["hint"]
    return error.value.body


def test_the_models_that_are_here_are_listed_and_described(client: openai.OpenAI) -> None:
    names = {model.id for model in client.models.list()}
    assert {"demo-speech", "demo-picture"} <= names
    assert client.models.retrieve("demo-picture").object == "model"
    assert client.models.retrieve("whisper-1").id == "demo-speech"


def test_a_missing_model_is_not_found_and_the_hint_fetches_it(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as error:
        client.models.retrieve("base.en")
    assert refused(error, "model")["hint"] == "audio-to-image models get base.en"
    assert error.value.code == "model_not_found"
    for model in ("gpt-5", "demo-picture", "../../etc/passwd", "/etc/passwd"):
        with pytest.raises(openai.NotFoundError, match="there is no speech model"):
            client.audio.transcriptions.create(file=RECORDING, model=model)
    with pytest.raises(openai.NotFoundError, match="there is no picture model") as error:
        client.images.generate(prompt="a red house", model="demo-speech")
    refused(error, "model")


@pytest.mark.parametrize("model", ["whisper-1", "gpt-4o-mini-transcribe-2025-12-15", "demo-speech"])
def test_a_recording_is_written_down(client: openai.OpenAI, model: str) -> None:
    assert client.audio.transcriptions.create(file=RECORDING, model=model).text == SPOKEN


def test_every_transcript_format_is_what_the_client_parses(client: openai.OpenAI) -> None:
    text = client.audio.transcriptions.create(file=RECORDING, model="whisper-1", response_format="text")
    assert text == f"{SPOKEN}\n"
    srt = client.audio.transcriptions.create(file=RECORDING, model="whisper-1", response_format="srt")
    assert srt.splitlines()[0::2] == ["1", SPOKEN]
    assert srt.splitlines()[1].startswith("00:00:00,000 --> 00:00:0")
    vtt = client.audio.transcriptions.create(file=RECORDING, model="whisper-1", response_format="vtt")
    assert vtt.startswith("WEBVTT\n\n00:00:00.000 --> 00:00:0")
    verbose = client.audio.transcriptions.create(file=RECORDING, model="whisper-1", response_format="verbose_json")
    assert (verbose.text, verbose.language) == (SPOKEN, "en")
    assert verbose.segments is not None
    assert verbose.segments[-1].end <= verbose.duration + 0.01
    assert verbose.segments[0].avg_logprob < 0


def test_silence_is_an_empty_text(client: openai.OpenAI, silence: Path) -> None:
    assert client.audio.transcriptions.create(file=silence, model="whisper-1").text == ""
    for form in ("srt", "text", "vtt"):
        written = client.audio.transcriptions.create(file=silence, model="whisper-1", response_format=form)
        assert str(written).strip() in ("", "WEBVTT")
    verbose = client.audio.transcriptions.create(file=silence, model="whisper-1", response_format="verbose_json")
    assert (verbose.segments, round(verbose.duration)) == ([], 2)


def test_words_come_as_a_stream(client: openai.OpenAI, tmp_path: Path) -> None:
    long = tmp_path / "long.wav"  # more than the demo model takes at once
    sound.write_wav(long, [block for path in sorted(RECORDING.parent.glob("*.wav"))[:5] for block in sound.read(path)])
    stream = client.audio.transcriptions.create(file=long, model="gpt-4o-transcribe", stream=True)
    *deltas, last = list(stream)
    assert last.type == "transcript.text.done"
    assert len(deltas) > 1
    assert last.text == "".join(each.delta for each in deltas if each.type == "transcript.text.delta")
    assert last.text.startswith(SPOKEN)


def test_a_file_that_is_not_a_recording_is_refused(client: openai.OpenAI, tmp_path: Path) -> None:
    text = tmp_path / "notes.wav"
    text.write_text("this is not a recording")
    for stream in (False, True):
        with pytest.raises(openai.APIError, match="not a sound file"):
            list(client.audio.transcriptions.create(file=text, model="whisper-1", stream=stream))


@pytest.mark.filterwarnings("ignore:deprecated")  # the whole method is, for OpenAI itself will end it
def test_a_model_that_knows_english_only_translates_nothing_and_says_which_does(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as error:
        client.audio.translations.create(file=RECORDING, model="whisper-1")
    assert refused(error)["hint"] == "get one that can: audio-to-image models get base"


def test_an_unknown_transcript_format_is_refused_by_name(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as error:
        client.audio.transcriptions.create(file=RECORDING, model="whisper-1", response_format="diarized_json")
    refused(error, "response_format")
    with pytest.raises(openai.BadRequestError) as error:
        client.audio.transcriptions.create(file=RECORDING, model="whisper-1", timestamp_granularities=["word"])
    refused(error, "timestamp_granularities[]")
    with pytest.raises(openai.BadRequestError) as error:
        client.audio.transcriptions.create(file=RECORDING, model="whisper-1", language="klingon")
    assert "language" in refused(error)["message"]


def test_words_become_pictures_in_the_form_asked_for(client: openai.OpenAI, served: Server) -> None:
    bare = client.images.generate(prompt="a red house", model="gpt-image-1", size="512x512", extra_body=QUICK)
    assert bare.size == "512x512"
    assert bare.data
    image = opened(bare.data[0].b64_json)
    assert image.size == (512, 512)
    fetched = served.client.get(bare.data[0].url or "")
    assert fetched.content == base64.b64decode(bare.data[0].b64_json or "")
    address = client.images.generate(prompt="a red house", response_format="url", size="auto", extra_body=QUICK).data
    assert address
    assert (address[0].b64_json, (address[0].url or "").startswith(f"{served.url}/v1/gallery/")) == (None, True)
    content = client.images.generate(prompt="a red house", response_format="b64_json", extra_body=QUICK).data
    assert content
    assert content[0].url is None
    assert opened(content[0].b64_json).tobytes() == image.tobytes(), "the same seed paints the same pixels"


def test_several_pictures_come_at_once(client: openai.OpenAI) -> None:
    made = client.images.generate(prompt="a tree", n=2, response_format="b64_json", extra_body={"steps": 1, "seed": 3})
    assert made.data
    assert len({each.b64_json for each in made.data}) == 2


def test_a_picture_is_painted_from_another(client: openai.OpenAI, tmp_path: Path) -> None:
    path, quick = tmp_path / "one.png", {"steps": 4, "strength": 0.5, "seed": 1}
    means = []
    for colour, image in (("red", path), ("blue", [path])):  # one picture alone goes under another name
        Image.new("RGB", (300, 200), colour).save(path)
        made = client.images.edit(image=image, prompt="a tree", response_format="b64_json", extra_body=quick)
        assert made.data
        means.append(np.asarray(opened(made.data[0].b64_json).convert("RGB")).mean(axis=(0, 1)))
    (red, _, red_blue), (blue_red, _, blue) = means
    assert red > blue_red + 20
    assert blue > red_blue + 20


@pytest.mark.parametrize(
    ("param", "value"),
    [
        ("size", "1024x1024"),
        ("size", "../512x512"),
        ("output_format", "jpeg"),
        ("background", "transparent"),
        ("stream", True),
        ("response_format", "svg"),
        ("model", 3),
        ("prompt", " "),
    ],
)
def test_a_wish_that_cannot_be_met_is_refused_by_name(client: openai.OpenAI, param: str, value: object) -> None:
    with pytest.raises(openai.BadRequestError) as error:
        client.images.generate(prompt="a red house", extra_body={param: value})
    told = refused(error, param)
    assert param != "size" or "512x512" in told["message"]


@pytest.mark.parametrize(
    "fields", [{"steps": 0}, {"n": 0}, {"n": "many"}, {"guidance": 1e9}, {"promt": "a"}, {"count": 99}]
)
def test_a_field_that_makes_no_sense_is_refused(client: openai.OpenAI, fields: dict[str, object]) -> None:
    with pytest.raises(openai.BadRequestError) as error:
        client.images.generate(prompt="a red house", extra_body=fields)
    refused(error)


@pytest.mark.parametrize("engine", ["apple", "coreml"])
def test_an_engine_that_does_not_fit_is_the_clients_mistake(client: openai.OpenAI, engine: str) -> None:
    with pytest.raises(openai.BadRequestError) as error:
        client.images.generate(prompt="a tree", extra_body=QUICK | {"engine": engine})
    refused(error)


def test_masks_and_files_that_are_not_pictures_are_refused(client: openai.OpenAI, tmp_path: Path) -> None:
    path = tmp_path / "red.png"
    Image.new("RGB", (8, 8), "red").save(path)
    with pytest.raises(openai.BadRequestError) as error:
        client.images.edit(image=path, mask=path, prompt="a tree")
    refused(error, "mask")
    for images in (RECORDING, [path, path]):
        with pytest.raises(openai.BadRequestError) as error:
            client.images.edit(image=images, prompt="a tree")
        assert "/" not in refused(error, "image")["message"]


def test_nothing_that_was_sent_stays_on_the_disk(client: openai.OpenAI, data: Path) -> None:
    client.audio.transcriptions.create(file=RECORDING, model="whisper-1")
    assert {path.suffix for path in (data / "jobs").iterdir()} <= {".json", ".part"}  # .part: a .json being written


def test_times_of_segments_become_cues() -> None:
    from orchestrator.events import Heard
    from orchestrator.hear.speech import Segment

    transcript = Transcript(translated=False, seconds=4000.5)
    timed = (Segment(text=" a", start=0.0, end=1.25), Segment(text=" b", start=3661.0, end=3999.9996))
    transcript.hear(Heard(transcript="a b", language="en", segments=timed))
    srt = bytes(transcript.response("srt").body).decode()
    assert srt == "1\n00:00:00,000 --> 00:00:01,250\na\n\n2\n01:01:01,000 --> 01:06:40,000\nb\n"
    transcript.hear(Heard(transcript="a b", language="en", segments=(*timed, Segment(text="c"))))
    assert [(start, end) for start, end, _ in transcript.cues] == [(0.0, 4000.5)]
