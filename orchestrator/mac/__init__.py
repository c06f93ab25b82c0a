"""macOS only: the Shortcut, and the launchd agent that keeps `serve` running."""
