"""The demo models, trained from nothing: `python -m training.demo.make`."""
