#!/usr/bin/env python3
"""Clean, export and make what is made from pages, then say what that changed and what git lacks.

    python tools/sync.py [--fix]

nbdev's commands write and say nothing of what was out of step; `nbdev_readme` needs Quarto. Exits
with 1 if a file was not in step or is not in git; with `--fix`, for use before a commit, with 0.

README.md and CONTRIBUTING.md are their pages as a code host reads them: code that readers see, what
it printed, links that lead into nbs/, pictures of cells with a label as files there. Pages get the
cell that installs the package on Colab, and nbs/ the copy of _quarto.yml that nbdev looks for."""
import base64, os, re, subprocess, sys
from itertools import groupby
from pathlib import Path
import pages

MADE = {'README.md': 'index.ipynb', 'CONTRIBUTING.md': 'contributing.ipynb'}
NOTE = '<!-- Made from nbs/{} by tools/sync.py: edit that page, not this file. -->'

def prose(text):
    "Markdown without what only nbdev and Quarto read, its links led into nbs/"
    if text[:2] == '# ': text = re.sub(r'(?m)^- [\w-]+: .*\n?', '', text)
    text = re.sub(r'\]\((?=[\w./-]+\.ipynb[)#])', '](nbs/', re.sub(r'(?m)^%%\|.*\n', '', text))
    if ':::' in text: text = re.sub(r'\n{3,}', '\n\n', re.sub(r'(?m)^:::.*$', '', text))
    return text.replace('```{mermaid}', '```mermaid').strip()

def pieces(cell):
    "What a code host shows of a cell: pairs of a language, or none, and text; writes its picture"
    d, text = pages.directives(cell), pages.source(cell)
    if cell['cell_type'] == 'markdown': yield '', prose(text)
    code = '\n'.join(l for l in text.splitlines() if not pages.DIRECTIVE.match(l)).strip()
    if pages.is_code(cell) and pages.is_shown(cell): yield 'python', code
    for output in () if 'hide' in d else cell.get('outputs', ()):
        data = output.get('data', {})
        said = output['text'] if output.get('name') == 'stdout' else data.get('text/plain', '')
        if 'image/png' not in data: yield 'text', ''.join(said).rstrip()
        elif 'label' in d:
            name = d['label'].removeprefix('fig-') + '.png'
            (pages.NBS/name).write_bytes(base64.b64decode(''.join(data['image/png'])))
            alt, caption = d['fig-alt'].strip('"'), d['fig-cap'].strip('"')
            yield '', f'![{alt}](nbs/{name})\n\n*{caption}*'

def as_markdown(page):
    "A page for a code host; pieces in one language that nothing parts share a block"
    found, parts = [p for c in pages.read(page)['cells'] for p in pieces(c) if p[1]], []
    for language, group in groupby(found, lambda piece: piece[0]):
        text = ('\n' if language == 'text' else '\n\n').join(text for _, text in group)
        parts.append(f'```{language}\n{text}\n```' if language else text)
    return '\n\n'.join([NOTE.format(page.name), *parts]) + '\n'

def write_into_pages():
    "Put the cell that installs the package into every page, and a copy of _quarto.yml into nbs/"
    for page in pages.all_pages() + pages.companions():
        nb = pages.read(page)
        if (new := pages.with_install(nb)) != nb: pages.write(page, new)
    text = (pages.ROOT/'_quarto.yml').read_text(encoding='utf-8')
    text = f'# A copy of ../_quarto.yml, by tools/sync.py: edit that one\n{text}'
    (pages.NBS/'_quarto.yml').write_text(text, encoding='utf-8', newline='\n')

def git(*args):
    return subprocess.check_output(['git', *args], cwd=pages.ROOT, text=True, encoding='utf-8')

def state():
    return {f: git('hash-object', f) for f in git('diff', '--name-only', '--diff-filter=d').split()}

def nbdev(name):
    env = {k: v for k, v in os.environ.items() if k != 'IN_TEST'} # under it nbdev exports nothing
    command = Path(sys.executable).with_name(f'nbdev_{name}')
    done = subprocess.run([command], cwd=pages.ROOT, env=env | {'PYTHONUTF8': '1'})
    if done.returncode: sys.exit(f'`nbdev_{name}` ended with {done.returncode}')

def main():
    before, fix = state(), '--fix' in sys.argv
    write_into_pages()
    for name in ('clean', 'export'): nbdev(name)
    for file, page in MADE.items():
        (pages.ROOT/file).write_bytes(as_markdown(pages.NBS/page).encode())
    after = state()
    for file in (changed := sorted(f for f in before | after if before.get(f) != after.get(f))):
        print(f"{file}: {'brought in step' if fix else 'was not in step with the pages'}")
    new = git('ls-files', '--others', '--exclude-standard', 'nbs', 'torchnn_really').split()
    for file in new: print(f'{file}: not in git yet')
    if not changed + new: print('in step')
    elif not fix: sys.exit('Not in step. It is now: look at `git diff`, add what is new, commit.')

if __name__ == '__main__': main()
