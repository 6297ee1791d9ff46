"""``python -m fencepost`` is the ``fencepost`` command."""

from fencepost.harness.cli import main

main()
