"""Settings of Sphinx. Build with `make site`: the pages are laid out first, by `tools/site/staging.py`."""

from tools.notebooks.first_cell import setting

COURSE = setting()

project = "How generative AI works"
html_title = project
language = "en"

extensions = ["myst_nb", "sphinx_copybutton", "sphinx_design", "tools.site.extension"]

# The outputs are those that were committed; nothing runs here.
nb_execution_mode = "off"
nb_render_markdown_format = "gfm"
nb_ipywidgets_js = {}
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 4
myst_update_mathjax = False
html_math_renderer = "mathml"

html_theme = "sphinx_book_theme"
html_static_path = ["_static"]
html_css_files = ["course.css"]
html_favicon = "_static/favicon.svg"
html_context = {"default_mode": "auto"}
html_sidebars = {"**": ["search-button-field.html", "sbt-sidebar-nav.html"]}
html_use_index = False
html_sourcelink_suffix = ""
html_theme_options = {
    "repository_url": COURSE["repository"],
    "repository_branch": COURSE["tag"],
    "use_repository_button": True,
    "launch_buttons": {"colab_url": "https://colab.research.google.com"},
    "home_page_in_toc": True,
    "search_bar_text": "Search the course",
    "show_toc_level": 2,
    "navbar_start": [],
    "navbar_center": [],
    "navbar_end": [],
    "navbar_persistent": [],
    "footer_content_items": ["extra-footer.html"],
    "extra_footer": "<p>Code under the MIT licence; texts and figures under CC BY 4.0.</p>",
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}

copybutton_exclude = ".linenos, .gp, .go"
copybutton_selector = "div.highlight pre"
