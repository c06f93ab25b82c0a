"""The demo picture model: a tiny Stable Diffusion, trained on drawn scenes, and the judge of its pictures."""
