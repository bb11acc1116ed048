"""Pages of others with live formulas: requests are found, answered and filled in.

In: a page with requests, ``explain wrt=W`` above some equations, in Markdown, MyST, reStructuredText, a notebook or
docstrings. Out: the page with its answers. `request` is what is asked, `fenced` and `directives` where it stands,
`answers` what it comes to, `files` what kind of page a file is; Sphinx and Python-Markdown ask the same `answers`.
"""
