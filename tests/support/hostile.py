"""Text as an attacker would type it: each line tries, in its own way, to become part of the page instead of its words.

What runs leaves a mark in its window, `__ran`, or asks the address `evil.example` for something.
"""

RUN = "window.__ran=1"
AWAY = "http://evil.example/x"
STRINGS = (
    # elements that run something as soon as they are parsed
    f"<script>{RUN}</script>",
    f"</script><script>{RUN}</script>",
    f"<<script>{RUN}//<</script>",
    f"<img src=x onerror={RUN}>",
    f"<svg onload={RUN}>",
    "<svg><script>window&#46;__ran&#61;1</script></svg>",
    f"<details open ontoggle={RUN}>x</details>",
    f"<video><source onerror={RUN}></video>",
    f"<x onclick={RUN} style=position:fixed;inset:0>x</x>",
    f"<iframe srcdoc='<script>parent.{RUN.removeprefix('window.')};{RUN}</script>'></iframe>",
    f"<form action=javascript:{RUN}><button autofocus onfocus={RUN}>x</button></form>",
    f"<a href='javascript:{RUN}'>x</a>",
    # out of an attribute, an element or a comment
    f'"><img src=x onerror={RUN}>',
    f"'><img src=x onerror={RUN}>",
    f'" autofocus tabindex="0" onfocus="{RUN}',
    f"' autofocus tabindex='0' onfocus='{RUN}",
    f"</textarea></title></style></noscript></pre></svg><img src=x onerror={RUN}>",
    f"--><img src=x onerror={RUN}><!--",
    f"]]><img src=x onerror={RUN}>",
    # read once too often, or by another reader than HTML
    f"&lt;img src=x onerror={RUN}&gt;",
    f"&#60;img src=x onerror={RUN}&#62;",
    f"\\u003cimg src=x onerror={RUN}\\u003e",
    f"%3Cimg src=x onerror={RUN}%3E",
    f"＜img src=x onerror={RUN}＞",
    f"\u202e<img src=x onerror={RUN}>",
    f'<math><mtext><mglyph><style><!--</style><img title="--&gt;&lt;img src=x onerror={RUN}&gt;">',
    f"{{{{constructor.constructor('{RUN}')()}}}}${{{RUN}}}<%={RUN}%>",
    f"[x](javascript:{RUN})",
    f'![x](x" onerror="{RUN})',
    f"$\\href{{javascript:{RUN}}}{{x}}$",
    # from elsewhere
    f"<style>@import '{AWAY}';*{{background:url({AWAY})}}</style>",
    f"red;background:url({AWAY});width:expression({RUN})",
    f"<link rel=stylesheet href={AWAY}><base href={AWAY}>",
    f"<meta http-equiv=refresh content='0;url={AWAY}'>",
    f"<object data={AWAY}></object><embed src={AWAY}>",
)
# As long, and letters: what a page is made of must not depend on which of both it shows. `$` may begin a formula.
HARMLESS = tuple(("$" if set("$\\") & set(text) else "").ljust(len(text), "s") for text in STRINGS)
