"""Sphinx's settings of the site."""

project = "hybrid"
html_title = "hybrid"
html_theme = "furo"
extensions = ["myst_parser"]
myst_enable_extensions = ["attrs_inline", "colon_fence"]
myst_heading_anchors = 3
suppress_warnings = ["myst.header"]
html_static_path = ["_static"]
html_favicon = "_static/icon.svg"
html_css_files = ["site.css"]
html_js_files = ["tables.js"]
html_show_sourcelink = False
html_copy_source = False
html_show_copyright = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#00573F", "color-brand-content": "#0072B2"},
    "dark_css_variables": {"color-brand-primary": "#56d3a6", "color-brand-content": "#56B4E9"},
}
