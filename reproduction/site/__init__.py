"""The site: guides, figures, tables, models and the probe's leaderboard, from docs/ and records.

`build` stages Markdown pages in a folder that is laid out as the repository is, so that the relative links
of the guides hold, and Sphinx makes HTML of it. Sphinx with Furo was chosen because its search, fonts and
scripts are local and work from a file, because it follows the reader's dark or light scheme, and because it
refuses dead links. Numbers are written as HTML tables, which is fast and keeps them out of the search.
"""
