"""Descriptions of data sets: source, licence, how labels are read."""
