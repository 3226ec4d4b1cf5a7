#!/usr/bin/env python3
"""Make slides of the lessons: nbconvert makes them of one notebook, and loads reveal.js from a CDN.

`make docs` comes first. In _docs/slides, each lesson is a column: its title and question, then what
its cells' `slide_type` says: `slide` (a new one), `fragment` (appears on it later), `-` (joins the
one before); other cells are left out. Where npm cannot bring reveal.js, there is no deck."""
import json, re, shutil

import docs, pages

DECK = docs.DOCS/'slides'

def markdown(text):
    return dict(cell_type='markdown', metadata={'slideshow': {'slide_type': 'slide'}}, source=text)

def kind(cell): return cell['metadata'].get('slideshow', {}).get('slide_type')

def front(page):
    "A page's title and question"
    text = pages.source(pages.read(page)['cells'][0])
    return [re.search(rf'(?m)^{mark} (.+)', text)[1] for mark in '#>']

def opening(parts, now):
    "What a column begins with: its question, and the list of columns, ticked off as far as we are"
    lines = [f'<li class="{"now" * (i == now)}">{"☑" if i < now else "☐"} {front(page)[0]}</li>'
             for i, page in enumerate(parts)]
    title, question = front(parts[now])
    return markdown(f'## {title}\n\n> {question}\n\n<ul class="to-do">{"".join(lines)}</ul>')

def prepared(cell, page):
    "A cell as a slide shows it: no options, a figure with its alt text, links into the site"
    said, text = pages.directives(cell), pages.source(cell)
    metadata = dict(slideshow=dict(slide_type=kind(cell).replace('slide', 'subslide')))
    if said.get('echo') == 'false': metadata['tags'] = ['no_source']
    def lead(m): return f'](../{pages.html_name((page.parent/m[1]).resolve())}'
    if cell['cell_type'] == 'markdown':
        text = re.sub(r'\]\(([\w./-]+\.ipynb)', lead, text)
        text = re.sub(r'(?<!`)\$([^$\n`]+)\$', lambda m: docs.formula(m[1]), text)
        return cell | dict(source=text, metadata=metadata)
    alt = {'image/png': dict(alt=said.get('fig-alt', '').strip('"'))}
    outputs = [o | dict(metadata=alt) if 'data' in o else o for o in cell['outputs']]
    if caption := said.get('fig-cap', '').strip('"'):
        text_of = {'text/markdown': f'*{caption}*'}
        outputs.append(dict(output_type='display_data', metadata={}, data=text_of))
    text = '\n'.join(l for l in text.splitlines() if not pages.DIRECTIVE.match(l))
    return cell | dict(source=text, metadata=metadata, outputs=outputs)

def column(page):
    "The slides of a page, from _proc, where nothing hidden is left"
    cells = pages.read(docs.PROC/pages.path_of(page))['cells']
    return [prepared(c, page) for c in cells if kind(c) in ('slide', 'fragment', '-')]

def main():
    import nbformat
    from nbconvert import SlidesExporter
    from traitlets.config import Config
    if not (reveal := docs.package('reveal.js')): return
    index, title = pages.NBS/'index.ipynb', front(pages.NBS/'index.ipynb')
    parts = [p for p in pages.all_pages() if pages.storey(p) == 1 and column(p)]
    cells = [markdown('# {}\n\n> {}'.format(*title)), *column(index)]
    for i, page in enumerate(parts): cells += [opening(parts, i), *column(page)]
    for i, cell in enumerate(cells): cell['id'] = f'cell-{i}'
    nb = dict(cells=cells, metadata=dict(title=title[0]), nbformat=4, nbformat_minor=5)
    tags = dict(enabled=True, remove_input_tags={'no_source'})
    export = SlidesExporter(template_file=str(docs.TOOLS/'slides.html.j2'), reveal_theme='white',
                            reveal_url_prefix='reveal', config=Config(TagRemovePreprocessor=tags))
    text, _ = export.from_notebook_node(nbformat.reads(json.dumps(nb), 4))
    def other_themes(folder, names): # they ask for fonts of another host
        return [n for n in names if folder.endswith('theme') and n not in ('white.css', 'fonts')]
    shutil.copytree(reveal/'dist', DECK/'reveal'/'dist', ignore=other_themes, dirs_exist_ok=True)
    shutil.copy(reveal/'LICENSE', DECK/'reveal')
    (DECK/'index.html').write_text(text, encoding='utf-8', newline='\n')
    print(f'{len(cells)} cells of {len(parts)} lessons in {DECK.relative_to(pages.ROOT)}')

if __name__ == '__main__': main()
