"""Forms of expressions that have an operation of their own: a file each, with the form and its law at its head.

In: a node, or a product being put together, and the lowering that asks. Out: a rule that makes its value, or nothing
where the form does not fit. The plain way, grids and sums, is always among those that fit; where several do, the one
that is priced lowest is taken (`price`). No form knows a layer or a letter by its name.
"""
