from setuptools import find_packages, setup

# `find:` sees folders of the package; these two lie at the top, where people look for them.
setup(
    packages=[
        *find_packages(include=["lus_keras", "lus_keras.*"]),
        "lus_keras.configs",
        "lus_keras.data_manifests",
    ]
)
