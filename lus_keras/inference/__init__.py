"""Trained networks on new videos: predict, explain, overlay and export."""
