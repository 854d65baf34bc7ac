"""`python -m controller` is `callbackd`."""

from controller.cli import main

if __name__ == "__main__":
    main()
