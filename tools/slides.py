#!/usr/bin/env python3
"""Make slides of the lessons: nbconvert makes them of one notebook, and loads reveal.js from a CDN.

`make docs` comes first. In _docs/slides, each lesson is a column: its title and question; what its
cells' `slide_type` says: `slide` (a new one, of a text from its heading on), `fragment` (appears on
it later), `-` (joins it), others are left out; and the part's to-do list, ticked off so far. What
is too tall goes on on the next. Where npm cannot bring reveal.js, there is no deck."""
import json, re, shutil

import docs, pages

DECK = docs.DOCS/'slides'

def markdown(text, kind='subslide'):
    return dict(cell_type='markdown', metadata=dict(slideshow=dict(slide_type=kind)), source=text)

def kind(cell): return cell['metadata'].get('slideshow', {}).get('slide_type')

def front(page):
    "A page's title and question"
    text = pages.source(pages.read(page)['cells'][0])
    return [re.search(rf'(?m)^{mark} (.+)', text)[1] for mark in '#>']

def to_do(lessons, done):
    "A list of lessons, of which those that are `done` are ticked off"
    items = (f'<li>{"☐☑"[page in done]} {front(page)[0]}</li>' for page in lessons)
    return markdown(f'## To do\n\n<ul class="to-do">{"".join(items)}</ul>')

def columns(lessons):
    "The slides of a part: its list, and for each lesson its question, its slides, and the list"
    yield to_do(lessons, [])
    for i, page in enumerate(lessons, 1):
        yield markdown('## {}\n\n> {}'.format(*front(page)), 'slide')
        yield from (*column(page), to_do(lessons, lessons[:i]))

def prepared(cell, page):
    "A cell as a slide shows it: no options, a figure with its alt text, links into the site"
    said, text = pages.directives(cell), pages.source(cell)
    metadata = dict(slideshow=dict(slide_type=kind(cell).replace('slide', 'subslide')))
    if said.get('echo') == 'false': metadata['transient'] = dict(remove_source=True)
    def lead(m): return f'](../{pages.html_name((page.parent/m[1]).resolve())}'
    if cell['cell_type'] == 'markdown':
        text = re.sub(r'\]\(([\w./-]+\.ipynb)', lead, text[text.rfind('\n## ')+1:])
        math = r'(?<!`)(\$\$?)([^$\n`]+)\1'
        text = re.sub(math, lambda m: docs.formula(m[2], len(m[1]) > 1), text)
        return cell | dict(source=text, metadata=metadata)
    figure = {'image/png': {key: said.get(key, '').strip('"') for key in ('fig-alt', 'fig-cap')}}
    outputs = [o | dict(metadata=figure) if 'data' in o else o for o in cell['outputs']]
    text = '\n'.join(l for l in text.splitlines() if not pages.DIRECTIVE.match(l))
    return cell | dict(source=text, metadata=metadata, outputs=outputs)

def column(page):
    "The slides of a page, from _proc, where nothing hidden is left"
    cells = pages.read(docs.PROC/pages.path_of(page))['cells']
    return [prepared(c, page) for c in cells if kind(c) in ('slide', 'fragment', '-')]

def main():
    import nbformat
    from nbconvert import SlidesExporter
    if not (reveal := docs.package('reveal.js')): return
    index, title = pages.NBS/'index.ipynb', front(pages.NBS/'index.ipynb')
    lessons = [p for p in pages.all_pages() if pages.storey(p) == 1 and column(p)]
    cells = [markdown('# {}\n\n> {}'.format(*title), 'slide'), *column(index)]
    for part in dict.fromkeys(p.parent for p in lessons):
        cells += columns([p for p in lessons if p.parent == part])
    for i, cell in enumerate(cells): cell['id'] = f'cell-{i}'
    nb = dict(cells=cells, metadata=dict(title=title[0]), nbformat=4, nbformat_minor=5)
    export = SlidesExporter(template_file=str(docs.TOOLS/'slides.html.j2'), reveal_theme='white',
                            reveal_url_prefix='reveal')
    text, _ = export.from_notebook_node(nbformat.reads(json.dumps(nb), 4))
    def other_themes(folder, names): # they ask for fonts of another host
        return [n for n in names if folder.endswith('theme') and n not in ('white.css', 'fonts')]
    shutil.copytree(reveal/'dist', DECK/'reveal'/'dist', ignore=other_themes, dirs_exist_ok=True)
    shutil.copy(reveal/'LICENSE', DECK/'reveal')
    (DECK/'index.html').write_text(text, encoding='utf-8', newline='\n')
    print(f'{len(cells)} cells of {len(lessons)} lessons in {DECK.relative_to(pages.ROOT)}')

if __name__ == '__main__': main()
