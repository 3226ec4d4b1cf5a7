#!/usr/bin/env python3
"""Check what holds for every page: place, imports, exports, widths, exercises, saved outputs.

    python tools/check_pages.py [--no-outputs]

No linter knows what a lesson is. Prints one line for each problem, then the counts, and exits with 1
if there is a problem. `--no-outputs` leaves out whether saved outputs are fresh, for work in progress.
Pages that tools/exceptions.txt names are excused from what it says.
"""
import ast, re, sys

import pages
from as_shown import excused
from pages import DEFINITIONS, directives, is_exported, path_of, source, tree

EXCEPTIONS = pages.ROOT/'tools'/'exceptions.txt'
SHARED = {'rungs', 'convnets'}       # modules that several pages write
WRITTEN_BY_NBDEV = {'__init__', '_modidx'}
HEAVY = {'matplotlib', 'ipywidgets', 'wandb', 'tqdm', 'requests'} # imported where they are needed
OF_TORCH = {'forward', 'extra_repr'} # methods that every module has; the class's docstring is theirs
MOST = dict(cells=40, lines=15, shown=84, module=400)
OWN_PATHS = re.compile(r'/(home|root|tmp|Users|var/folders)/|[A-Z]:\\+Users|site-packages|'
                       + re.escape(str(pages.ROOT)))

def start_of(cell):
    lines = source(cell).splitlines()
    return next((l for l in lines if l.strip() and not pages.DIRECTIVE.match(l)), '')[:60]

# The pages together

def check_modules(book):
    "Each module has its page, which is named after it; what several pages write begins on the first"
    writes = {page: pages.exports_to(nb) for page, nb in book.items()}
    for page, module in writes.items():
        if module and module not in SHARED | {pages.title_of(page)}: yield page, f'it writes {module}'
    for module in {*writes.values()} - {None}:
        first, *_ = sorted((p for p, m in writes.items() if m == module), key=lambda p: p.name)
        begins = [p for p, nb in book.items() for c in pages.code_cells(nb)
                  if directives(c).get('default_exp') == module]
        if begins != [first]: yield first, f'default_exp {module} must stand here, and only here'
    for file in sorted(pages.LIB.rglob('*.py')):
        module = '.'.join(file.relative_to(pages.LIB).with_suffix('').parts)
        lines = len(file.read_text(encoding='utf-8').splitlines())
        if file.stem in WRITTEN_BY_NBDEV: continue
        if module not in writes.values(): yield None, f'{module}: no page writes it'
        if lines > MOST['module'] and module not in excused(EXCEPTIONS, 'module'):
            yield None, f'{module}: {lines} lines; above {MOST["module"]} it holds two ideas'

def used_in(nb):
    "The modules of this package that a page imports, but its own"
    used = set().union(*(pages.imported(tree(c)) for c in pages.code_cells(nb)))
    return used - {pages.exports_to(nb)}

def check_storeys(book):
    "Kit pages import the kit, lessons the kit and earlier lessons, other pages anything"
    home, place = {}, list(book)
    for page, nb in book.items(): home.setdefault(pages.exports_to(nb), page)
    for page, nb in book.items():
        here = pages.storey(page)
        for m in used_in(nb) & home.keys() if here < 2 else ():
            above = pages.storey(home[m]) - here
            if above > 0: yield page, f'it imports {m}, which a page above its storey writes'
            elif here == 1 and not above and place.index(home[m]) > place.index(page):
                yield page, f'it imports {m} of a later lesson'

def check_picture(book):
    "The picture on the page about contributing has an arrow wherever a folder imports from another"
    folder = {pages.exports_to(nb): page.parent.name for page, nb in book.items()}
    real = {(page.parent.name, folder[m]) for page, nb in book.items()
            for m in used_in(nb) & folder.keys() if page.parent != pages.NBS}
    page = pages.NBS/'contributing.ipynb'
    drawn = re.findall(r'(\w+) --> (\w+)', ''.join(map(source, book[page]['cells'])))
    for one, other in sorted({*drawn} ^ {(a, b) for a, b in real if a != b}):
        yield page, f'its picture of the imports must have, or must not have: {one} --> {other}'

def check_listed(book):
    "The sidebar names every page, once, and no other"
    named = pages.in_sidebar()
    for page in {p for p in named if named.count(p) > 1} | book.keys() ^ {*named}:
        yield page, 'nbs/sidebar.yml must name each page that is there, once'

# One page

def check_front(page, nb):
    "nbdev drops any other text in the first Markdown cell"
    lines = next((source(c) for c in nb['cells'] if c['cell_type'] == 'markdown'), '').splitlines()
    for mark in ('# title', '> description'):
        if not any(l.startswith(mark[:2]) for l in lines): yield f'its first cell has no `{mark}`'
    others = [l for l in lines if l.strip() and not re.match(r'# |> |- [\w-]+: ', l)]
    if others: yield f'its first cell may hold only title, description, `- key: value`: {others[0]}'

def check_cells(page, nb):
    "Imports stand in cells of their own, exported ones are light; no exported cell patches a class"
    for cell in pages.code_cells(nb):
        body, exported = tree(cell).body, is_exported(cell)
        found = [n for n in body if isinstance(n, ast.Import | ast.ImportFrom)]
        if 0 < len(found) < len(body): yield f'a cell mixes imports with other code: {start_of(cell)}'
        roots = {name.split('.')[0] for n in found for name in pages.imports(n)}
        if exported and roots & HEAVY: yield f'exports a top-level import of {roots & HEAVY}'
        if exported and re.search('^@patch', source(cell), re.M): yield f'exports @patch: {start_of(cell)}'
        below = re.findall(r'(?m)^#\s*\|\s*([\w-]+)', source(cell))
        for name in set(below) - directives(cell).keys():
            yield f'nbdev does not see this below code: #| {name}'

def check_widths(page, nb):
    "What is shown of a lesson fits a page, and is short; the linter knows of other lines"
    cells = pages.code_cells(nb)
    if pages.storey(page) != 1: return
    if len(cells) > MOST['cells']: yield f'{len(cells)} code cells'
    for cell in filter(pages.is_shown, cells):
        lines = [l for l in source(cell).splitlines() if l.strip() and not pages.DIRECTIVE.match(l)]
        yield from (f'{len(l)} columns: {l.strip()[:60]}' for l in lines if len(l) > MOST['shown'])
        code = [l for l in lines if not re.match(r'\s+(\**\w+[:=].*, *#|".*"$|\))', l)] # no signatures
        if 'code-fold' not in directives(cell) and len(code) > MOST['lines']:
            yield f'{len(code)} lines: {start_of(cell)}'

def check_exercises(page, nb):
    "A lesson has two exercises: `check_X` is called on the reader's `X` and on `X_solution`"
    if pages.storey(page) != 1: return
    code = '\n'.join(map(source, pages.code_cells(nb)))
    found = sorted({*re.findall(r'(?m)^(?:def |class )?(\w+)_solution\b', code)})
    if len(found) < 2: yield f'{len(found)} of 2 exercises'
    for call in (f'check_{x}({of}' for x in found for of in (x, f'{x}_solution')):
        if not re.search(rf'\b{re.escape(call)}\b', code): yield f'there is no {call}…)'

def documented(node):
    "A public definition, and what of it should be documented: arguments, fields, methods"
    if node.name.startswith('_') and node.name != '__init__': return
    yield node
    if not isinstance(node, ast.ClassDef): yield from (a for a in ast.walk(node.args) if isinstance(a, ast.arg))
    for n in node.body if isinstance(node, ast.ClassDef) else ():
        if isinstance(n, ast.AnnAssign): yield n
        if isinstance(n, DEFINITIONS): yield from documented(n)

def check_docs(page, nb):
    "Public definitions have a docstring, their arguments and fields a comment"
    for cell in filter(is_exported, pages.code_cells(nb)):
        lines = source(cell).splitlines()
        for n in (n for d in tree(cell).body if isinstance(d, DEFINITIONS) for n in documented(d)):
            name = getattr(n, 'name', None) or getattr(n, 'arg', None) or n.target.id
            if isinstance(n, DEFINITIONS): said = ast.get_docstring(n) or name in OF_TORCH | {'__init__'}
            else: said = name in ('self', 'cls') or '#' in ''.join(lines[n.lineno-1:n.end_lineno])
            if not said: yield f'{name} is not documented: {start_of(cell)}'

def check_prose(page, nb):
    for text in (source(c) for c in nb['cells'] if c['cell_type'] == 'markdown'):
        yield from (f'prose names a page by its number: {m}' for m in re.findall(r'\b[Pp]ages? \d+', text))

# The saved outputs

def check_outputs(page, nb):
    "No error, and nothing of the machine they were made on"
    for cell in pages.code_cells(nb):
        outputs = cell.get('outputs', [])
        if any(o['output_type'] == 'error' for o in outputs): yield f'a saved error: {start_of(cell)}'
        said = (v for o in outputs for k, v in {'text/': o.get('text', ''), **o.get('data', {})}.items()
                if 'text/' in k)
        if found := OWN_PATHS.search(' '.join(map(''.join, said))):
            yield f'an output shows a path of its machine ({found[0]}): {start_of(cell)}'

def check_fresh(page, nb):
    "The outputs are those of the code"
    if pages.code_cells(nb) and nb['metadata'].get('outputs_of') != pages.fingerprint(nb):
        yield 'stale outputs: run make pages'

TOGETHER = dict(modules=check_modules, storeys=check_storeys, picture=check_picture,
                listed=check_listed)
ALONE = dict(front=check_front, cells=check_cells, widths=check_widths,
             exercises=check_exercises, docs=check_docs, prose=check_prose, outputs=check_outputs,
             fresh=check_fresh)
OF_COMPANIONS = ('front', 'prose') # nbdev does not process them

def problems(book, companions, fresh):
    "Every problem of every page, as pairs"
    for what, check in TOGETHER.items():
        for page, problem in check(book): yield what, page, problem
    for page, nb in (book | companions).items():
        for what in OF_COMPANIONS if page in companions else ALONE:
            if what != 'fresh' or fresh:
                yield from ((what, page, problem) for problem in ALONE[what](page, nb))

def lines(found):
    "The problems that nothing excuses, a line each, no line twice"
    allowed = {what: excused(EXCEPTIONS, what) for what in TOGETHER | ALONE}
    return dict.fromkeys(f'{page and path_of(page)}: {problem}' for what, page, problem in found
                         if not page or path_of(page) not in allowed[what])

# The counts

def python_lines(files): return sum(bool(l.strip()) for f in files for l in f.open(encoding='utf-8'))

def public_names():
    sys.path.insert(0, str(pages.ROOT))
    from torchnn_really import all as everything
    return len([n for n in everything.__all__ if not n.startswith('_')])

def counts(book, companions):
    "What there is: how many, of what, and the most that it may be, if there is a limit"
    beside = sorted((pages.NBS/'speed').glob('*.py'))
    others = {*pages.ROOT.glob('tools/*.py'), *pages.NBS.rglob('*.py')} - {*beside}
    yield len(book), f'pages and {len(companions)} companions seen'
    yield public_names(), 'names in torchnn_really.all', 70
    yield python_lines(others), 'lines of tools', 1500
    yield python_lines(beside), 'lines beside the pages on speed', 500

def main():
    book = {p: pages.read(p) for p in pages.all_pages()}
    companions = {p: pages.read(p) for p in pages.companions()}
    found = list(lines(problems(book, companions, '--no-outputs' not in sys.argv)))
    print('\n'.join(found))
    for n, what, *most in counts(book, companions):
        print(n, what, *(f'(at most {m})' for m in most))
        found += [what for m in most if n > m]
    sys.exit(len(found) > 0)

if __name__ == '__main__': main()
