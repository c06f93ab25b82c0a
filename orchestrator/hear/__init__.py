"""What is in a recording: `speech/` writes down the words."""
