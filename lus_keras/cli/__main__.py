"""`python -m lus_keras.cli`, the same as `lus-keras`."""

from lus_keras.cli import main

if __name__ == "__main__":
    main()
