"""Derivations: the passage from law to law, the reasons, the sentences, and the page that holds them."""
