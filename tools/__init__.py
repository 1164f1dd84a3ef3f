"""What maintainers run, each as `python -m tools.NAME` from the root of the repository. No lesson imports it."""
