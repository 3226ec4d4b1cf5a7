#!/usr/bin/env python3
"""Make README.md and CONTRIBUTING.md from their pages in nbs/, without Quarto.

    python tools/readme.py [--check]

Markdown stays as it is, links to pages lead into nbs/, code that readers see becomes Python blocks followed by the text that it
printed, pictures of cells with a label become files in nbs/; cells under `#| hide`, `#|` lines and `:::` fences are left out.
`--check` writes nothing and exits with 1 if a file differs.
"""
import argparse, base64, re, sys
import pages

MADE = {pages.ROOT/'README.md': pages.NBS/'index.ipynb', pages.ROOT/'CONTRIBUTING.md': pages.NBS/'contributing.ipynb'}
IMAGES = pages.NBS

def front(text):
    "The first cell's title and description, without its `- key: value` lines"
    return '\n'.join(l for l in text.splitlines() if not re.match(r'- [\w-]+: ', l)).strip()

def for_a_code_host(text):
    "Markdown as a code host reads it: links lead into nbs/, diagrams without Quarto's options, no fences of divisions"
    text = re.sub(r'\]\((?=[^)/\s:]+\.ipynb[)#])', '](nbs/', text)
    text = re.sub(r'(?m)^%%\|.*\n', '', text)
    if ':::' in text: text = re.sub(r'\n{3,}', '\n\n', re.sub(r'(?m)^:::.*$', '', text))
    return text.replace('```{mermaid}', '```mermaid').strip()

def block(text, language): return f'```{language}\n{text}\n```'

def output_text(output):
    "What one output says in plain text; a table's plain text stands for its HTML"
    if output['output_type'] == 'stream': return ''.join(output['text']) if output['name'] == 'stdout' else ''
    data = output.get('data', {})
    return '' if any(k.startswith('image/') for k in data) else ''.join(data.get('text/plain', ''))

def shown(cell):
    "A code cell's code and output as readers see them, either may be empty"
    d = pages.directives(cell)
    off = {name for name in ('include', 'echo', 'output') if d.get(name, '').lower() == 'false'}
    if 'hide' in d or 'include' in off: return '', ''
    code = '' if 'echo' in off else '\n'.join(l for l in pages.source(cell).splitlines() if not pages.DIRECTIVE.match(l))
    said = [] if 'output' in off else [t.rstrip() for t in map(output_text, cell['outputs']) if t.strip()]
    return code.strip(), '\n'.join(said)

def picture(cell):
    "The file for a cell's picture with its bytes, and the Markdown that shows it; nothing for a cell without a label or a picture"
    d = pages.directives(cell)
    found = [o['data']['image/png'] for o in cell['outputs'] if 'image/png' in o.get('data', {})]
    if not (found and d.get('label', '').startswith('fig-')): return {}, ''
    file = IMAGES/f"{d['label'].removeprefix('fig-')}.png"
    alt, caption = (d.get(k, '').strip('"') for k in ('fig-alt', 'fig-cap'))
    return {file: base64.b64decode(''.join(found[0]))}, f'![{alt}]({file.relative_to(pages.ROOT).as_posix()})\n\n*{caption}*'

def made_of(page):
    "A page's text for a code host and the files of its pictures; code cells that nothing parts share a block"
    parts, waiting, files = [f'<!-- Made from nbs/{page.name} by tools/readme.py: edit that page, not this file. -->'], [], {}
    for cell in pages.read(page)['cells'] + [dict(cell_type='markdown', source='')]:
        is_code = cell['cell_type'] == 'code'
        code, said = shown(cell) if is_code else ('', '')
        new, image = picture(cell) if is_code else ({}, '')
        files |= new
        waiting += [code]*bool(code)
        if waiting and (said or image or not is_code): parts.append(block('\n\n'.join(waiting), 'python')); waiting = []
        if said: parts.append(block(said, 'text'))
        if image: parts.append(image)
        if not is_code: parts.append(for_a_code_host(pages.source(cell)) if len(parts) > 1 else front(pages.source(cell)))
    return '\n\n'.join(filter(None, parts)) + '\n', files

def all_made():
    "Every file that is made from a page, with its bytes"
    made = {}
    for file, page in MADE.items():
        text, files = made_of(page)
        made |= files | {file: text.encode()}
    return made

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--check', action='store_true', help='only say whether the files are in step')
    check = p.parse_args().check
    stale = {file: data for file, data in all_made().items() if not file.exists() or file.read_bytes() != data}
    if check and stale: sys.exit('\n'.join(f'{file.name} differs from its page: run tools/readme.py' for file in stale))
    for file, data in stale.items(): file.write_bytes(data)

if __name__ == '__main__': main()
