"""``python -m tensorprop``: the command line."""

from __future__ import annotations

from tensorprop.cli import main

if __name__ == "__main__":
    main()
