"""Everything that makes a model. Packages hold one group of models each; modules here are shared by all of them.

Training uses the program (`orchestrator`); the program never imports training, and no wheel contains it.
"""
