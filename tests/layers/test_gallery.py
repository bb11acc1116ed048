"""The gallery says what the layers say, and shows all of them."""

from __future__ import annotations

from tests.layers import gallery
from tests.layers.test_library import CLASSES


def test_the_gallery_is_what_the_layers_say() -> None:
    shown = [kind for room in gallery.ROOMS for kind in gallery.entries(room)]
    assert sorted(shown, key=lambda c: c.__name__) == CLASSES
    assert gallery.PAGE.read_text(encoding="utf-8") == gallery.page(), "write it again: python -m tests.layers.gallery"
