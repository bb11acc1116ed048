"""The search for a formula in vectors and matrices: sums, products, carried indices, forms of their own."""
