#!/usr/bin/env python3
"""Make README.md from nbs/index.ipynb, without Quarto.

    python tools/readme.py [--check]

Markdown stays as it is, links to pages lead into nbs/, code that readers see becomes Python blocks followed by the text that it
printed; cells under `#| hide` and `#|` lines are left out, and so are pictures. `--check` writes nothing and exits with 1 if
README.md differs.
"""
import argparse, re, sys
import pages

INDEX, README = pages.NBS/'index.ipynb', pages.ROOT/'README.md'
MARK = '<!-- Made from nbs/index.ipynb by tools/readme.py: edit that page, not this file. -->'

def front(text):
    "The first cell's title and description, without its `- key: value` lines"
    return '\n'.join(l for l in text.splitlines() if not re.match(r'- [\w-]+: ', l)).strip()

def with_links(text):
    "Links from page to page, as a code host needs them: `(11_scratch.ipynb)` becomes `(nbs/11_scratch.ipynb)`"
    return re.sub(r'\]\((?=[^)/\s:]+\.ipynb[)#])', '](nbs/', text)

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

def readme():
    "README.md's text, from the index page; code cells that nothing parts share a block"
    parts, waiting = [], []
    for cell in pages.read(INDEX)['cells'] + [dict(cell_type='markdown', source='')]:
        code, said = shown(cell) if cell['cell_type'] == 'code' else ('', '')
        waiting += [code]*bool(code)
        if waiting and (said or cell['cell_type'] == 'markdown'): parts.append(block('\n\n'.join(waiting), 'python')); waiting = []
        if said: parts.append(block(said, 'text'))
        if cell['cell_type'] == 'markdown': parts.append(with_links(pages.source(cell).strip()) if parts else front(pages.source(cell)))
    return '\n\n'.join([MARK, *filter(None, parts)]) + '\n'

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--check', action='store_true', help='only say whether README.md is in step')
    check = p.parse_args().check
    if not INDEX.exists(): sys.exit(f'{INDEX} is missing: README.md is made from it')
    text = readme()
    same = README.exists() and README.read_text(encoding='utf-8') == text
    if check and not same: sys.exit('README.md differs from nbs/index.ipynb: run tools/readme.py')
    if not same: README.write_text(text, encoding='utf-8', newline='\n')

if __name__ == '__main__': main()
