"""Experiment configurations, one YAML file a paper; read by `lus_keras.core.config`."""
