#!/usr/bin/env python3
"""Make a deck of slides of the pages, in _docs/slides: the cells whose `slideshow` metadata says so, as they were saved.

    python tools/slides.py

Each page of the course begins with the to-do list, ticked off as far as we are; then come its slides, downwards. A cell's
`slide_type` is `slide` (a new one), `fragment` (appears on it later) or `-` (joins the one before); other cells are left out. The
deck needs no network: reveal.js comes with it, fetched once with npm. Where npm is missing, one line says so and there is no deck.
"""
import argparse, html, json, re
import pages, smallsite, vendor
from docs import DOCS

DECK = DOCS/'slides'

STYLE = """
:root { --accent: #b83b0b; --line: #e4e0db; --faint: #68625c; }
body { background: #fff; }
.reveal { font: 25px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif; color: #1b1a19; }
.reveal .slides, .reveal .slides > section, .reveal .slides > section > section { text-align: left; }
.reveal .slides > section > section { max-height: 100%; overflow-y: auto; }
.reveal :is(h1, h2, h3) { margin: 0 0 .6em; font-weight: 650; letter-spacing: -.012em; line-height: 1.2; }
.reveal h1 { font-size: 2.2em; } .reveal h2 { font-size: 1.5em; } .reveal h3 { font-size: 1.15em; }
.reveal p { margin: .6em 0; }
.reveal a, .reveal .now { color: var(--accent); }
.reveal blockquote { margin: .8em 0; color: var(--faint); font-size: 1.15em; }
.reveal code, .reveal pre { font-family: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.reveal :not(pre) > code { padding: .05em .25em; border-radius: 4px; background: #fdf1ea; font-size: .88em; }
.reveal pre { margin: .4em 0; font-size: .74em; line-height: 1.45; white-space: pre; overflow-x: auto; }
.reveal .highlight { padding: .1em .9em; border-radius: 6px; background: #f6f4f2; }
.reveal .output pre { padding-left: .9em; border-left: 3px solid var(--line); }
.reveal table { border-collapse: collapse; font-size: .7em; }
.reveal td, .reveal th { padding: .25em .8em .25em 0; border-bottom: 1px solid var(--line); text-align: left; }
.reveal img { max-width: 100%; max-height: 480px; zoom: 1.25; }
.reveal .output div[style*="flex-wrap"] { zoom: 1.3; }
.reveal .output em { color: var(--faint); font-size: .8em; font-style: normal; }
.reveal .to-do { columns: 2; margin: 1.2em 0 0; padding: 0; list-style: none; font-size: .85em; }
.reveal .to-do li { break-inside: avoid; padding: .1em 0; } .reveal .to-do .now { font-weight: 650; }
.reveal .anchor-link { display: none; }
"""

def front(nb):
    "A page's title and description"
    text = next(pages.source(c) for c in nb['cells'] if c['cell_type'] == 'markdown')
    return (re.search(rf'(?m)^{mark} (.+)', text)[1] for mark in '#>')

def kind(cell): return cell['metadata'].get('slideshow', {}).get('slide_type')

def chosen(nb):
    "The cells of a page that are slides"
    return [c for c in nb['cells'] if kind(c) in ('slide', 'fragment', '-') and 'hide' not in pages.directives(c)]

def to_do(titles, now, question):
    "The to-do list at the beginning of a page: what is ticked off, and where we are"
    lines = [f'<li{" class=now" * (i == now)}>{"☑" if i < now else "☐"} {title}</li>' for i, title in enumerate(titles)]
    return f'## {titles[now]}\n\n> {question}\n\n<ul class="to-do">\n' + '\n'.join(lines) + '\n</ul>' if now < len(titles) else '## All of it\n\n<ul class="to-do">\n' + '\n'.join(lines) + '\n</ul>'

def with_formulas(text):
    "Formulas as MathML, outside code"
    parts = re.split(r'(```.*?```|`[^`]*`)', text, flags=re.S)
    for i in range(0, len(parts), 2):
        parts[i] = re.sub(r'\$\$(.+?)\$\$', lambda m: smallsite.formula(m[1], display=True), parts[i], flags=re.S)
        parts[i] = re.sub(r'\$([^$\n]+)\$', lambda m: smallsite.formula(m[1]), parts[i])
    return ''.join(parts)

def prepared(cell):
    "A cell as a slide shows it"
    cell, text = {**cell, 'metadata': dict(slideshow=dict(slide_type=kind(cell)))}, pages.source(cell)
    if cell['cell_type'] == 'markdown':
        text = re.sub(r'\]\(((?:\d+_)?\w[\w.]*\.ipynb)(#[^)]*)?\)', lambda m: f"](../{pages.html_name(pages.NBS/m[1])}{m[2] or ''})", text)
        return cell | dict(source=with_formulas(text))
    said = pages.directives(cell)
    outputs = [{**o, 'metadata': {'image/png': dict(alt=said['fig-alt'].strip('"'))}} if 'fig-alt' in said and 'image/png' in o.get('data', {}) else o for o in cell['outputs']]
    if 'fig-cap' in said: outputs.append(dict(output_type='display_data', metadata={}, data={'text/markdown': f"*{said['fig-cap'].strip(chr(34))}*"}))
    if said.get('echo') == 'false': cell['metadata']['tags'] = ['hide_code']
    return cell | dict(outputs=outputs, source='\n'.join(l for l in text.splitlines() if not pages.DIRECTIVE.match(l)))

def stacks():
    "The deck: for each page its slides, for each slide its cells"
    book = {page: pages.read(page) for page in pages.all_pages()}
    index, parts = book[pages.NBS/'index.ipynb'], {page: nb for page, nb in book.items() if pages.number(page) and chosen(nb)}
    titles = [next(front(nb)) for nb in parts.values()]
    title, description = front(index)
    openings = [f'# {title}\n\n> {description}', *(to_do(titles, i, [*front(nb)][1]) for i, nb in enumerate(parts.values())), to_do(titles, len(titles), '')]
    for opening, nb in zip(openings, [index, *parts.values(), dict(cells=[])]):
        stack = [[dict(cell_type='markdown', metadata={}, source=opening)]]
        for cell in chosen(nb):
            if kind(cell) == 'slide': stack.append([])
            stack[-1].append(prepared(cell))
        yield stack

def exporter():
    "What makes HTML of some cells, without a page around it"
    from nbconvert import HTMLExporter
    from traitlets.config import Config
    return HTMLExporter(template_name='basic', exclude_input_prompt=True, exclude_output_prompt=True,
                        config=Config(TagRemovePreprocessor=dict(enabled=True, remove_input_tags={'hide_code'})))

def as_html(cell, export):
    "One cell as HTML; what appears later is a fragment"
    import nbformat
    nb = dict(cells=[cell | dict(id='cell')], metadata=dict(language_info=dict(name='python')), nbformat=4, nbformat_minor=5)
    text, _ = export.from_notebook_node(nbformat.reads(json.dumps(nb), 4)) # reading joins the lines of texts
    return f'<div class="fragment">{text}</div>' if kind(cell) == 'fragment' else text

def page_of(stacks, title):
    "The deck as a page: reveal.js beside it, and nothing from elsewhere"
    from pygments.formatters import HtmlFormatter
    export = exporter()
    sections = [[''.join(as_html(cell, export) for cell in slide) for slide in stack] for stack in stacks]
    body = '\n'.join(f"<section>{''.join(f'<section>{slide}</section>' for slide in stack)}</section>" for stack in sections)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{html.escape(title)}</title>
<link rel="icon" href="../favicon.svg"><link rel="stylesheet" href="reveal/dist/reset.css"><link rel="stylesheet" href="reveal/dist/reveal.css">
<style>{HtmlFormatter().get_style_defs('.highlight')}{STYLE}</style></head>
<body><div class="reveal"><div class="slides">
{body}
</div></div><script src="reveal/dist/reveal.js"></script>
<script>Reveal.initialize({{hash: true, slideNumber: 'c/t', width: 1200, height: 760, margin: .05, center: false, transition: 'none'}});</script></body></html>"""

def main():
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    try: vendor.bring('reveal.js', DECK/'reveal')
    except vendor.Missing as e: print(f'left out: the slides ({e})'); return
    deck = list(stacks())
    (DECK/'index.html').write_text(page_of(deck, next(front(pages.read(pages.NBS/'index.ipynb')))), encoding='utf-8', newline='\n')
    print(f'{sum(map(len, deck))} slides of {len(deck) - 2} pages in {DECK.relative_to(pages.ROOT)}')

if __name__ == '__main__': main()
