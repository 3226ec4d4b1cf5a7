#!/usr/bin/env python3
"""Check what holds for every page: place, imports, exports, widths, exercises, saved outputs.

    python tools/check_pages.py [--no-outputs]

No linter knows what a lesson is. Prints problems, the minutes that lessons take, and counts; exits
with 1 if there is a problem. With `--no-outputs`, for work in progress, stale outputs are none.
Pages that tools/exceptions.txt names are excused from what it says."""
import ast, json, re, sys

import pages
from as_shown import excused
from pages import DEFINITIONS, DIRECTIVE, directives, is_exported, path_of, source, tree

EXCEPTIONS = pages.ROOT/'tools'/'exceptions.txt'
SHARED = {'rungs', 'convnets', 'mini', 'nn.functional'} # several pages write it, or it is no lesson
SIGNATURE = re.compile(r'\s+(\**\w+[:=].*, *#|".*"$|\))') # no line of code for a reader
LINK = re.compile(r'\[([A-Z][^][`]*)\]\(([\w./-]+\.ipynb)\)') # to a page, and no section of it
MOST = dict(cells=40, lines=15, shown=84, module=400, minutes=20)
OWN_PATHS = re.compile(r'/(home|root|tmp|Users|var/folders)/|[A-Z]:\\+Users|site-packages|'
                       + re.escape(str(pages.ROOT)))

def start_of(cell):
    return next((l for l in source(cell).splitlines() if l and not DIRECTIVE.match(l)), '')[:60]

def prose(nb): return [source(c) for c in nb['cells'] if c['cell_type'] == 'markdown']

# The pages together

def check_modules(book):
    "Each module has a page that is named after it; what several pages write begins on the first"
    writes = {page: pages.exports_to(nb) for page, nb in book.items()}
    for page, module in writes.items():
        name = (module or '').removeprefix(f'{page.parent.name}.').removesuffix('.__init__')
        if name not in SHARED | {'', pages.title_of(page)}: yield page, f'it writes {module}'
    for module in {*writes.values()} - {None}:
        first, *_ = sorted((p for p, m in writes.items() if m == module), key=lambda p: p.name)
        begins = [p for p, nb in book.items() for c in pages.code_cells(nb)
                  if directives(c).get('default_exp') == module]
        if begins != [first]: yield first, f'default_exp {module} must stand here, and only here'
    for name, file in pages.modules().items():
        lines = len(file.read_text(encoding='utf-8').splitlines())
        if name not in writes.values(): yield None, f'no page writes {name}'
        if lines > MOST['module'] and name not in excused(EXCEPTIONS, 'module'):
            yield None, f'{name} has {lines} lines; above {MOST["module"]} it holds two ideas'

def imports_between(book):
    "Pairs of pages: one that imports, and the (first) one that writes what it imports"
    home = {}
    for page, nb in book.items(): home.setdefault(pages.exports_to(nb), page)
    for page, nb in book.items():
        used = set().union(*(pages.imported(tree(c)) for c in pages.code_cells(nb)))
        yield from ((page, home[m]) for m in used & home.keys() - {pages.exports_to(nb)})

def check_storeys(book):
    "Kit pages import the kit, lessons the kit and earlier lessons, other pages anything"
    place = list(book)
    for page, other in imports_between(book):
        here, there = pages.storey(page), pages.storey(other)
        is_later = here == there == 1 and place.index(other) > place.index(page)
        if is_later or here < 2 and there > here:
            yield page, f'it imports from {path_of(other)}, a later lesson or above its storey'

def check_picture(book):
    "The picture on the page about contributing has an arrow wherever a folder imports from another"
    page = pages.NBS/'contributing.ipynb'
    within = ((a, b) for a, b in imports_between(book) if a.parent not in (b.parent, pages.NBS))
    real = {(a.parent.name, b.parent.name) for a, b in within}
    drawn = re.findall(r'(\w+) --> (\w+)', ''.join(map(source, book[page]['cells'])))
    for one, other in sorted({*drawn} ^ real):
        yield page, f'its picture of the imports must have, or must not have: {one} --> {other}'

def check_listed(book):
    "The sidebar names every page, once, and no other"
    named = pages.in_sidebar()
    for page in {p for p in named if named.count(p) > 1} | book.keys() ^ {*named}:
        yield page, 'nbs/sidebar.yml must name each page that is there, once'

def check_links(book):
    "A link with a capital letter is a title, or the part of one before or after its colon"
    for page, nb in book.items():
        for text, to in LINK.findall('\n'.join(prose(nb))):
            title = prose(book.get((page.parent/to).resolve(), nb))[0].splitlines()[0][2:]
            if text.lower() not in [title.lower(), *title.lower().split(': ')]:
                yield page, f'a link to {to} says {text!r}, the title there is {title!r}'

def check_prose(page, nb):
    "nbdev drops any other text in the first Markdown cell; a page is known by its title"
    front, *others = prose(nb) or ['']
    if not re.fullmatch(r'# .+\n\n> .+\s*(\n- [\w-]+: .*)*', front):
        yield f'its first cell must be `# title`, `> description`, `- key: value`: {front[:60]}'
    for found in re.findall(r'\b[Pp]ages? \d+|`[<>]{7} .*`', '\n'.join(others)):
        yield f'it says {found}: name a page by its title, settle a conflict'

def check_cells(page, nb):
    "Imports stand in cells of their own; no exported cell patches a class"
    for cell in pages.code_cells(nb):
        body, start = tree(cell).body, start_of(cell)
        found = [n for n in body if isinstance(n, ast.Import | ast.ImportFrom)]
        if 0 < len(found) < len(body): yield f'a cell mixes imports with other code: {start}'
        below = {*re.findall(r'(?m)^#\s*\|\s*([\w-]+)', source(cell))} - directives(cell).keys()
        if below: yield f'nbdev does not see {below} below code: {start}'
        if is_exported(cell) and '\n@patch' in source(cell): yield f'exports @patch: {start}'

def check_widths(page, nb):
    "What is shown of a lesson fits a page, and is short; the linter knows of other lines"
    cells = pages.code_cells(nb)
    if pages.storey(page) != 1: return
    if len(cells) > MOST['cells']: yield f'{len(cells)} code cells'
    for cell in filter(pages.is_shown, cells):
        lines = [l for l in source(cell).splitlines() if l.strip() and not DIRECTIVE.match(l)]
        yield from (f'{len(l)} columns: {l.strip()[:60]}' for l in lines if len(l) > MOST['shown'])
        code = [l for l in lines if not (SIGNATURE.match(l) or pages.IMPORT.match(l))]
        if 'code-fold' not in directives(cell) and len(code) > MOST['lines']:
            yield f'{len(code)} lines: {start_of(cell)}'

def check_exercises(page, nb):
    "Each exercise has a solution, a lesson two: `check_X` is called on the reader's `X` and on it"
    if pages.storey(page) == 0: return
    code = '\n'.join(map(source, pages.code_cells(nb)))
    found = sorted({*re.findall(r'(?m)^(?:def |class )?(\w+)_solution\b', code)})
    n = len(re.findall(r'(?m)^#+ Exercise[ \d]*:', '\n'.join(prose(nb))))
    if len(found) != n or n < 2 and pages.storey(page) == 1:
        yield f'{n} exercises with {len(found)} solutions; a lesson has two'
    for call in (f'check_{x}({of}' for x in found for of in (x, f'{x}_solution')):
        if not re.search(rf'\b{re.escape(call)}\b', code): yield f'there is no {call}…)'

def documented(node):
    "What of a public definition should be documented: itself, its arguments, fields, methods"
    if node.name.startswith('_') and node.name != '__init__': return
    if node.name not in ('__init__', 'forward', 'extra_repr'): yield node # the class's is theirs
    if isinstance(node, ast.FunctionDef):
        found = (a for a in ast.walk(node.args) if isinstance(a, ast.arg))
        yield from (a for a in found if a.arg not in ('self', 'cls'))
    for n in node.body if isinstance(node, ast.ClassDef) else ():
        if isinstance(n, ast.AnnAssign): yield n
        if isinstance(n, DEFINITIONS): yield from documented(n)

def check_docs(page, nb):
    "Public definitions have a docstring, their arguments and fields a comment"
    for cell in filter(is_exported, pages.code_cells(nb)):
        lines = source(cell).splitlines()
        for n in (n for d in tree(cell).body if isinstance(d, DEFINITIONS) for n in documented(d)):
            comment = '#' in ''.join(lines[n.lineno-1:n.end_lineno])
            said = ast.get_docstring(n) if isinstance(n, DEFINITIONS) else comment
            name = getattr(n, 'name', getattr(n, 'arg', 'a field'))
            if not said: yield f'{name} is not documented: {lines[n.lineno-1].strip()}'

def check_outputs(page, nb):
    "No error, and nothing of the machine they were made on"
    for cell in pages.code_cells(nb):
        outputs = cell.get('outputs', [])
        if 'error' in {o['output_type'] for o in outputs}: yield f'a saved error: {start_of(cell)}'
        said = [v for o in outputs for k, v in o.get('data', o).items() if 'image' not in k]
        if found := OWN_PATHS.search(json.dumps(said)):
            yield f'an output shows a path of its machine ({found[0]}): {start_of(cell)}'

def check_fresh(page, nb):
    "The outputs are those of the code, and there is one where a shown cell ends with a value"
    if pages.is_stale(nb): yield f'stale outputs: make pages ARGS={path_of(page)}'; return
    cells = pages.code_cells(nb)
    run = [c for c in cells if directives(c).keys().isdisjoint({'cuda', 'online', 'eval'})]
    for cell in (c for c in run if pages.is_shown(c) and not c.get('outputs')):
        match tree(cell).body:
            case [*_, ast.Expr(v)] if not isinstance(v, ast.Call): # a call may give None
                yield f'it ends with a value, and no output is saved: {start_of(cell)}'

TOGETHER = [check_modules, check_storeys, check_picture, check_listed, check_links]
ALONE = [check_prose, check_cells, check_widths, check_exercises, check_docs, check_outputs,
         check_fresh]

def problems(book, companions):
    "What the checks say of which page, where no exception excuses it"
    for check in TOGETHER: yield from check(book)
    for page, nb in (book | companions).items():
        for check in ALONE if page in book else [check_prose]:
            is_excused = path_of(page) in excused(EXCEPTIONS, check.__name__.removeprefix('check_'))
            yield from ((page, problem) for problem in check(page, nb) if not is_excused)

def minutes(nb):
    "How long a page takes: 200 words a minute, 3.5 seconds a shown line of code"
    lines = sum(len(source(c).splitlines()) for c in pages.code_cells(nb) if pages.is_shown(c))
    return len(re.findall(r'\w+', '\n'.join(prose(nb))))/200 + lines*3.5/60

def reading(book):
    "A line for each part with lessons: minutes of the whole, and minutes and code cells of each"
    lessons = {p: minutes(nb) for p, nb in book.items() if pages.storey(p) == 1}
    for part in dict.fromkeys(p.parent for p in lessons):
        its = {p: m for p, m in lessons.items() if p.parent == part}
        each = (f'{p.stem} {m:.0f} in {len(pages.code_cells(book[p]))} cells'
                + f' (above {MOST["minutes"]})'*(m > MOST['minutes']) for p, m in its.items())
        yield f'{part.name}: {sum(its.values()):.0f} minutes: {", ".join(each)}'

def python_lines(files):
    return sum(bool(l.strip()) for f in files for l in f.read_text(encoding='utf-8').splitlines())

def counts(book, companions):
    "What there is: how many, of what, and the most that it may be, if there is a limit"
    beside = sorted((pages.NBS/'speed').glob('*.py'))
    sys.path.insert(0, str(pages.ROOT))
    from torchnn_really import all as everything
    others = {*pages.ROOT.glob('tools/*.py'), *pages.NBS.rglob('*.py')} - {*beside}
    yield len(book), f'pages and {len(companions)} companions seen'
    yield len(everything.__all__), 'names in torchnn_really.all', 70
    yield python_lines(others), 'lines of tools', 1500
    yield python_lines(beside), 'lines beside the pages on speed', 500

def main():
    book = {p: pages.read(p) for p in pages.all_pages()}
    companions = {p: pages.read(p) for p in pages.companions()}
    found = [f'{page and path_of(page)}: {what}' for page, what in problems(book, companions)]
    print('\n'.join([*found, *reading(book)]))
    if '--no-outputs' in sys.argv: found = [f for f in found if ': stale outputs: ' not in f]
    for n, what, *most in counts(book, companions):
        print(n, what, *(f'(at most {m})' for m in most))
        found += [what for m in most if n > m]
    sys.exit(len(found) > 0)

if __name__ == '__main__': main()
