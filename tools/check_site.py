#!/usr/bin/env python3
"""Check _proc and _docs: link checkers know nothing of entries, alt texts, or pages to be left out.

_proc is what every builder reads, _docs what one made of it. Exits with 1 if there is a problem."""
import importlib, re, sys
from urllib.parse import unquote

from bs4 import BeautifulSoup

import docs, pages

HEADINGS = ['h1', 'h2', 'h3', 'h4']
FIGURE = re.compile(r'(?m)^!\[[^\]]*\]\([^)]*\)(?!\S*\{[^}]*fig-alt=)\s*$')
LEFT_OUT = re.compile(r'(?<!nbs/)\bchecks/\w+\.(?:html|llms)')

def check_processed(nb):
    "What a builder would spoil: a source in one string, a figure without alt text, links in code"
    for cell in nb['cells']:
        source, text = cell['source'], pages.source(cell)
        shown = [o.get('data', {}) for o in cell.get('outputs', [])]
        said = ''.join(''.join(data.get('text/markdown', '')) for data in shown)
        said += text*(cell['cell_type'] == 'markdown')
        code, alt = ''.join(docs.FENCE.findall(said)), FIGURE.search(said)
        if isinstance(source, str) or any(not line.endswith('\n') for line in source[:-1]):
            yield f'a source is no list of lines: {text[:40]}'
        is_figure = any(kind.startswith('image/') for data in shown for kind in data)
        for key in {'fig-cap', 'fig-alt'} - pages.directives(cell).keys() if is_figure else ():
            yield f'no {key}: {text[:40]}'
        if link := docs.LINK.search(code): yield f'a link in code: {link[0]}'
        if alt: yield f'Quarto drops this alt text, use fig-alt: {alt[0]}'
        if f'({docs.SITE}/' in said: yield f'a link to our own site by its address: {text[:40]}'

def check_links(file, page, ids):
    tags = page.select('a[href], link[rel=canonical], meta[property="og:image"]')
    for link in {tag.get('href', tag.get('content')) for tag in tags}:
        path, _, anchor = link.partition('#')
        path = path.replace(docs.SITE, str(docs.DOCS), 1)
        if re.match(r'[a-z]+:|//', path): continue
        there = (file.parent/unquote(path)).resolve() if path else file
        if there.is_dir(): there /= 'index.html'
        if not there.exists(): yield f'a link leads nowhere: {link}'
        elif anchor and unquote(anchor) not in ids.get(there, [anchor]):
            yield f'no such anchor: {link}'

def check_page(page, notebook, names):
    "Cells that are to be folded are, and names in prose have a link"
    folded = [c for c in pages.read(notebook)['cells'] if 'code-fold' in pages.directives(c)]
    if len(page('details')) < len(folded): yield f'{len(folded)} cells should be folded'
    for tag in page.main(['pre', 'script', 'style', 'annotation']): tag.extract()
    elsewhere = ['a', 'figcaption', 'header', *HEADINGS] # where no names are linked
    code = {c.text.removesuffix('()') for c in page.main('code') if not c.find_parent(elsewhere)}
    yield from (f'{name} has no link in prose' for name in sorted(code & names))
def public_names():
    "Every name that a module exports, its page, its anchor, and whether nbdev links to it"
    from torchnn_really._modidx import d as index
    for page in pages.all_pages():
        module = f'torchnn_really.{pages.exports_to(pages.read(page))}'
        if module not in index['syms'] or module.endswith('.__main__'): continue
        held = importlib.import_module(module)
        for name in held.__all__:
            if not hasattr(it := getattr(held, name), '__qualname__') or it.__module__ != module:
                continue # a constant, or passed on
            place, _ = index['syms'][module].get(f'{module}.{name}', (None, None))
            html, anchor = (place or f'{pages.html_name(page)}#{name.lower()}').split('#')
            yield name, docs.DOCS/html, anchor, bool(place)

def check_entry(entry, name):
    "A public name has an entry, and something stands under it"
    if not entry: yield f'{name} has no entry'; return
    heading = entry if entry.name in HEADINGS else entry.find(HEADINGS)
    below = (tag.name for tag in heading.find_all_next([*HEADINGS, 'pre', 'p', 'table'])
             if tag.text.strip() != 'source') # the next entry's link to its source
    if heading.name >= next(below) in HEADINGS: yield f'the entry of {name} is empty'

def found_in(site):
    "Pairs of a file and its problems, for the `{file: notebook}` that there should be"
    files = [f for f in docs.DOCS.rglob('*.html') if 'slides' not in f.parts]
    made = {f: BeautifulSoup(f.read_text('utf-8'), 'html.parser') for f in files}
    ids = {f: {tag['id'] for tag in page(id=True)} for f, page in made.items()}
    for file in site.keys() ^ made.keys() ^ {docs.DOCS/'404.html'}:
        yield file, ['it is not there, or has no page']
    for name, file, anchor, _ in public_names():
        if file in made: yield file, check_entry(made[file].find(id=anchor), name)
    linked = {name for name, *_, linked in public_names() if linked}
    for file in made: yield file, check_links(file, made[file], ids)
    for file in site.keys() & made.keys():
        yield file, check_page(made[file], site[file], linked)
    processed = {docs.PROC/pages.path_of(page) for page in site.values()}
    for file in docs.PROC.rglob('*.ipynb'):
        if file not in processed: yield file, ['it is to be left out']
        else: yield file, check_processed(pages.read(file))
    for file in (docs.DOCS/name for name in ('robots.txt', 'search.json', 'sitemap.xml')):
        if not file.exists(): yield file, ['it is missing']
        elif LEFT_OUT.search(file.read_text('utf-8')): yield file, ['it names a page of checks/']

def main():
    if not (docs.DOCS/'index.html').exists(): sys.exit('_docs holds no site: run make docs')
    site = {docs.DOCS/pages.html_name(page): page for page in pages.all_pages()}
    lines = {f'{file.relative_to(pages.ROOT)}: {line}' for file, found in found_in(site)
             for line in found}
    print('\n'.join(sorted(lines)) or f'site in order: {len(site)} pages')
    sys.exit(bool(lines))

if __name__ == '__main__': main()
