"""Descriptions of data sets: source, license, how labels are read."""
