"""Words that speech models write when nobody said them: a text with its evidence comes in, a reason to refuse goes out.

No rule looks at words alone, for people do say "thank you": the model's own doubt, or the length of the speech that the
voice detector found, has to agree.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import islice

DOUBT = 0.6  # a probability below this is no evidence of its own
FASTEST = 35.0  # characters a second: twice what hurried speakers reach
SLACK = 0.5  # seconds that the voice detector may miss at the edges of speech
LONGEST_UNIT = 4  # words that a loop repeats
FEWEST_TURNS = 4  # before a repetition is a loop
ENDLESS_TURNS = 10  # that nobody says, however sure the model is

# What Whisper learnt from the silent ends of subtitled films, in lower case without punctuation.
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
    """Say why a text was invented, given how sure the model is and how many seconds of speech there were."""
    words = _words(text)
    doubted = probability is not None and probability < DOUBT
    if len(text) > FASTEST * (spoken + SLACK):
        return "more words than anyone could say in that time"
    turns = _turns(words)
    if turns >= ENDLESS_TURNS or (turns >= FEWEST_TURNS and doubted):
        return "one word over and over"
    if doubted and " ".join(words) in PHRASES:
        return "words that the model writes when nobody speaks"
    return ""


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFC", text).lower().replace("'", "").replace("\N{RIGHT SINGLE QUOTATION MARK}", "")
    return re.findall(r"\w+", plain)


def _turns(words: list[str]) -> int:
    """Count how often the text says the same few words in a row, where it says nothing else."""
    for unit in range(1, LONGEST_UNIT + 1):
        if len(words) >= 2 * unit and all(a == b for a, b in zip(words, islice(words, unit, None), strict=False)):
            return len(words) // unit
    return 1
