#!/usr/bin/env python3
"""Build the site into _docs, from the pages as they are saved: none is run.

    python tools/docs.py

Quarto builds it where `quarto` is on PATH, smalldocs where it is not, both from _quarto.yml; the result asks no other host for
anything. The last line says what built it, how many pages, and the seconds it took.
"""
import os, re, shutil, subprocess, time
import export, mend, pages, smallsite

PROC, DOCS = pages.ROOT/'_proc', pages.ROOT/'_docs'
FOLDED = '#| code-fold: show\n#| code-summary: "Exported source"\n' # nbdev puts it over the source of `#| exports`
ENTRY = re.compile(r'show_doc\(([\w.]+)\)')

def process():
    "nbdev's own processing of the pages into _proc, from scratch, and without its offer to install Quarto"
    from nbdev import quarto
    for folder in (PROC, DOCS): shutil.rmtree(folder, ignore_errors=True)
    export.complete_index()
    quarto._ensure_quarto = lambda: None
    quarto._pre_docs(n_workers=2, file_glob=None, file_re=quarto._def_file_re)

def cut(cell, kept):
    "An entry that ends after what the pattern `kept` finds in it"
    for output in cell['outputs']:
        data = output['data']
        data['text/markdown'] = re.sub(f'({kept}).*', r'\1', ''.join(data['text/markdown']), flags=re.S)
    return cell

def short(cell): return cut(cell, r'\n```\n\n\*[^\n]*') # of the docstring the first line: the rest repeats the comments of the signature
def heading_only(cell): return cut(cell, r'### \S+\n')

def with_sources(cells):
    "Where an exported cell is shown, the entries of what it defines come before it, as headings, and it is not folded"
    name = lambda cell: (found := ENTRY.search(pages.source(cell))) and found[1].rpartition('.')[2]
    cells[:] = [c for c in cells if not (name(c) or '').startswith('__')] # Python's own methods need no entry
    for cell in filter(name, cells): short(cell)
    for i, cell in enumerate(cells):
        if not pages.source(cell).startswith(FOLDED): continue
        cell['source'] = pages.source(cell).removeprefix(FOLDED)
        defined = re.findall(r'(?m)^(?:def|class) (\w+)', cell['source'])
        first, last = i, i + 1
        while first and name(cells[first-1]) in defined: first -= 1
        while last < len(cells) and name(cells[last]) in defined: last += 1
        entries = sorted(cells[first:i] + cells[i+1:last], key=lambda c: defined.index(name(c)))
        cells[first:last] = [*map(heading_only, entries), cell]

def main():
    start, has_quarto = time.monotonic(), shutil.which('quarto')
    os.chdir(pages.ROOT)
    process()
    for page in PROC.glob('*.ipynb'):
        nb = pages.read(page)
        with_sources(nb['cells'])
        pages.write(page, nb)
    if has_quarto: subprocess.run(['quarto', 'render', '--no-cache'], cwd=PROC, check=True) # as `nbdev_docs` does
    else:
        for warning in smallsite.build(PROC): print(f'warning: {warning}')
    (PROC/DOCS.name).rename(DOCS)
    mend.mend(DOCS)
    print(f"{len(list(DOCS.glob('*.html')))} pages in {DOCS.name}, by {'Quarto' if has_quarto else 'smalldocs'}, {time.monotonic() - start:.0f} s")

if __name__ == '__main__': main()
