"""What every other room stands on: errors, files, configuration, labels, processes, progress."""
