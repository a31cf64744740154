"""What the service takes and gives, as its OpenAPI document states it."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

MEDIA_TYPES = {
    "json": "application/json",
    "jsonl": "application/x-ndjson",
    "csv": "text/csv",
    "eaf": "application/xml",
    "vtt": "text/vtt",
}


class Failure(BaseModel):
    """A request that was not answered."""

    error: str = Field(description="One line: what was expected, what was found and what to do.")


class Prediction(BaseModel):
    """The emotion of a recording."""

    model_config = ConfigDict(extra="allow")

    emotion: str | None = Field(description="The most probable label; null where it is withheld.")
    confidence: float = Field(description="Its calibrated probability, from 0 to 1.")
    probabilities: dict[str, float] = Field(description="By label; they sum to 1.")
    duration_s: float = Field(description="Seconds of sound.")
    model: str = Field(description="Name of the model.")
    distance: float | None = Field(description="From the training clips; above 1 unlike them.")
    entropy: float = Field(description="Of the probabilities: 0 certain, 1 all equal.")
    disagreement: float | None = Field(description="Of an ensemble's members, from 0 to 1; null for one member.")
    warnings: list[str] = Field(description="What to know before believing the answer.")


class SegmentAnswer(BaseModel):
    """A stretch of speech with one emotion."""

    start_s: float
    end_s: float
    speaker: str
    emotion: str | None
    confidence: float | None
    probabilities: dict[str, float]
    distance: float | None
    warnings: list[str]


class TimelineAnswer(BaseModel):
    """The emotions of a recording over time."""

    duration_s: float
    model: str
    labels: list[str]
    warnings: list[str]
    segments: list[SegmentAnswer]


class TimelineQuery(BaseModel):
    """How a timeline is made and written; the flags of `voxjax timeline`."""

    model_config = ConfigDict(extra="forbid")

    format: Literal["text", "json", "jsonl", "csv", "textgrid", "eaf", "vtt", "rttm"] = "json"
    window: float = Field(0.0, ge=0.0, le=3_600.0, description="Longest stretch with one answer, seconds; 0 default.")
    hop: float = Field(0.0, ge=0.0, le=3_600.0, description="Greatest distance of windows, seconds; 0 default.")
    vad: Literal["energy", "silero", "none"] = "energy"
    smoothing: Literal["viterbi", "median", "none"] = "viterbi"
    channels: Literal["mix", "separate"] = "mix"


class Metadata(BaseModel):
    """The model and the limits of the service."""

    model: str
    labels: list[str]
    sample_rate_hz: int
    parameters: int
    reject_below: float
    version: str
    corpus: str | None
    protocol: str | None
    licence: str | None
    figures: dict[str, Any] | None
    limits: dict[str, float]


class Health(BaseModel):
    """That the service runs."""

    status: Literal["ok"]


class Ready(BaseModel):
    """That the service takes requests."""

    ready: Literal[True]


class StreamStart(BaseModel):
    """The first message of a stream."""

    model_config = ConfigDict(extra="forbid", strict=True)

    rate: int = Field(ge=8_000, le=192_000, description="Samples a second.")
    format: Literal["pcm_s16le", "f32le"] = "pcm_s16le"
