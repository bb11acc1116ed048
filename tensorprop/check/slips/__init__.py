"""What is wrong with a rule: the slips that a hand makes, and the search for the one that was made."""
