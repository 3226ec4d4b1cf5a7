#!/usr/bin/env python3
"""Make README.md, CONTRIBUTING.md and what else is made from pages; `nbdev_readme` needs Quarto.

    python tools/made.py

Markdown stays as it is, links to pages lead into nbs/, code that readers see becomes Python blocks
followed by the text that it printed, pictures of cells with a label become files in nbs/; cells
under `#| hide`, `#|` lines and `:::` fences are left out. Besides, every page with code gets the
cell that installs the package on Colab, and nbs/ the copy of _quarto.yml that nbdev looks for.
"""
import base64, re

import pages

MADE = {pages.ROOT/'README.md': 'index.ipynb', pages.ROOT/'CONTRIBUTING.md': 'contributing.ipynb'}

def front(text):
    "The first cell's title and description, without its `- key: value` lines"
    return '\n'.join(l for l in text.splitlines() if not re.match(r'- [\w-]+: ', l)).strip()

def for_a_code_host(text):
    "Markdown as a code host reads it: links lead into nbs/, no options of Quarto's"
    text = re.sub(r'\]\((?=[\w./-]+\.ipynb[)#])', '](nbs/', text)
    text = re.sub(r'(?m)^%%\|.*\n', '', text)
    if ':::' in text: text = re.sub(r'\n{3,}', '\n\n', re.sub(r'(?m)^:::.*$', '', text))
    return text.replace('```{mermaid}', '```mermaid').strip()

def block(text, language): return f'```{language}\n{text}\n```'

def output_text(output):
    "What one output says in plain text; a table's plain text stands for its HTML"
    if output['output_type'] == 'stream':
        return ''.join(output['text']) if output['name'] == 'stdout' else ''
    data = output.get('data', {})
    return '' if any(k.startswith('image/') for k in data) else ''.join(data.get('text/plain', ''))

def shown(cell):
    "A code cell's code and output as readers see them, either may be empty"
    d = pages.directives(cell)
    off = {k for k in ('include', 'echo', 'output') if d.get(k, '').lower() == 'false'}
    if 'hide' in d or 'include' in off: return '', ''
    lines = [] if 'echo' in off else pages.source(cell).splitlines()
    said = [] if 'output' in off else [t.rstrip() for t in map(output_text, cell['outputs'])]
    code = '\n'.join(l for l in lines if not pages.DIRECTIVE.match(l))
    return code.strip(), '\n'.join(filter(None, said))

def picture(cell):
    "The file for a labelled cell's picture, with its bytes, and the Markdown that shows it"
    d = pages.directives(cell)
    found = [o['data']['image/png'] for o in cell['outputs'] if 'image/png' in o.get('data', {})]
    if not (found and d.get('label', '').startswith('fig-')): return {}, ''
    name = f"{d['label'].removeprefix('fig-')}.png"
    alt, caption = (d.get(k, '').strip('"') for k in ('fig-alt', 'fig-cap'))
    file = {pages.NBS/name: base64.b64decode(''.join(found[0]))}
    return file, f'![{alt}](nbs/{name})\n\n*{caption}*'

def made_of(page):
    "A page's text and pictures for a code host; code cells that nothing parts share a block"
    note = f'<!-- Made from nbs/{page.name} by tools/made.py: edit that page, not this file. -->'
    parts, waiting, files = [note], [], {}
    for cell in pages.read(page)['cells'] + [dict(cell_type='markdown', source='')]:
        is_code = cell['cell_type'] == 'code'
        code, said = shown(cell) if is_code else ('', '')
        new, image = picture(cell) if is_code else ({}, '')
        files |= new
        waiting += [code]*bool(code)
        if waiting and (said or image or not is_code):
            parts.append(block('\n\n'.join(waiting), 'python'))
            waiting = []
        if said: parts.append(block(said, 'text'))
        if image: parts.append(image)
        if not is_code: parts.append((for_a_code_host if parts[1:] else front)(pages.source(cell)))
    return '\n\n'.join(filter(None, parts)) + '\n', files

def write():
    "Write every file that is made from a page"
    for file, name in MADE.items():
        text, files = made_of(pages.NBS/name)
        for made, data in (files | {file: text.encode()}).items(): made.write_bytes(data)

def write_into_pages():
    "Put the cell that installs the package into every page, and a copy of _quarto.yml into nbs/"
    for page in pages.all_pages() + pages.companions():
        nb = pages.read(page)
        if (new := pages.with_install(nb)) != nb: pages.write(page, new)
    text = (pages.ROOT/'_quarto.yml').read_text(encoding='utf-8')
    text = f'# A copy of ../_quarto.yml, by tools/made.py: edit that one\n{text}'
    (pages.NBS/'_quarto.yml').write_text(text, encoding='utf-8', newline='\n')

if __name__ == '__main__':
    write_into_pages()
    write()
