"""What only macOS has: the Shortcut, and the launchd agent that keeps `serve` running."""
