"""The demo speech model: a tiny Whisper, trained on synthetic voices."""
