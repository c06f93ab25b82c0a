"""The stages put together: from a recording or words to a kept picture."""
