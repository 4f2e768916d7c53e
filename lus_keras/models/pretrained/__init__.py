"""Weights from elsewhere: PyTorch checkpoints, read without running anything in them."""
