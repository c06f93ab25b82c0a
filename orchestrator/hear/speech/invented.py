"""Detect words that a speech model wrote but nobody said (hallucinations).

No rule looks at the words alone, because people do say "thank you": the model's probability or the amount of detected
speech has to agree.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import islice

LOW_PROBABILITY = 0.6  # below this the model is unsure
MAX_CHARACTERS_PER_SECOND = 35.0  # twice as fast as hurried speakers
SLACK = 0.5  # seconds of speech that the voice detector may miss at the edges
MAX_LOOP_WORDS = 4  # words in the repeated unit
MIN_REPETITIONS = 4  # a loop if the model is unsure
CERTAIN_REPETITIONS = 10  # a loop however sure the model is

# Phrases that Whisper learnt from the silent ends of subtitled films, lower case without punctuation.
PHRASES = frozenset(
    {
        "you", "thank you", "thank you very much", "thank you so much", "thanks", "thanks for watching",
        "thank you for watching", "thanks for listening", "thank you for listening", "please subscribe", "subscribe",
        "please subscribe to my channel", "see you next time", "see you in the next video", "bye", "bye bye", "okay",
        "ok", "so", "oh", "hmm", "yeah", "the", "im sorry", "the end", "to be continued", "copyright wdr 2021",
        "subtitles by the amara org community", "untertitel der amara org community",
        "sous titres réalisés par la communauté d amara org", "untertitel im auftrag des zdf für funk 2017",
        "untertitelung des zdf 2020", "vielen dank", "merci", "gracias", "gracias por ver el video", "www mooji org",
        "字幕由amara org社区提供", "请不吝点赞 订阅 转发 打赏支持明镜与点点栏目", "ご視聴ありがとうございました",
        "시청해주셔서 감사합니다", "продолжение следует", "субтитры сделал dimatorzok", "спасибо",
    }
)  # fmt: skip


def reason(text: str, probability: float | None, spoken: float) -> str:
    """Return why a text must be invented, given its probability and the seconds of detected speech; '' if it is not."""
    words = _words(text)
    unsure = probability is not None and probability < LOW_PROBABILITY
    if len(text) > MAX_CHARACTERS_PER_SECOND * (spoken + SLACK):
        return "more words than anyone could say in that time"
    repetitions = _repetitions(words)
    if repetitions >= CERTAIN_REPETITIONS or (repetitions >= MIN_REPETITIONS and unsure):
        return "the same words over and over"
    if unsure and " ".join(words) in PHRASES:
        return "words that the model writes when nobody speaks"
    return ""


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFC", text).lower().replace("'", "").replace("\N{RIGHT SINGLE QUOTATION MARK}", "")
    return re.findall(r"\w+", plain)


def _repetitions(words: list[str]) -> int:
    """Return how often the text repeats its first few words; 1 if it has any others."""
    for unit in range(1, MAX_LOOP_WORDS + 1):
        if len(words) >= 2 * unit and all(a == b for a, b in zip(words, islice(words, unit, None), strict=False)):
            return len(words) // unit
    return 1
