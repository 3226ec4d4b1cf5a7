#!/usr/bin/env python3
"""Check what holds for every page: place, imports, exports, widths, exercises, saved outputs.

    python tools/check_pages.py [--no-outputs]

No linter knows what a lesson is. Prints one line for each problem, then the counts, and exits with 1
if there is a problem. `--no-outputs` leaves out whether saved outputs are fresh, for work in progress.
Pages that tools/exceptions.txt names are excused from what it says.
"""
import ast, re, sys
from collections import Counter, defaultdict

import pages
from pages import DEFINITIONS, FUNCTIONS, directives, is_exported, path_of, source, tree

SHARED = {'rungs', 'convnets'}       # modules that several pages write
WRITTEN_BY_NBDEV = {'__init__', '_modidx'}
HEAVY = {'matplotlib', 'ipywidgets', 'wandb', 'tqdm', 'requests'} # imported where they are needed
OF_TORCH = {'forward', 'extra_repr'} # methods that every module has; the class's docstring is theirs
MOST = dict(cells=40, lines=15, shown=84, columns=100, module=400, names=70, tools=1500, minutes=20)
CHECKS = re.compile(r'(test_|assert_|expect_|check_)\w+|gradcheck|backward|step|zero_grad|close')
OWN_PATHS = re.compile(r'/(home|root|tmp|Users|var/folders)/|[A-Z]:\\+Users|site-packages|'
                       + re.escape(str(pages.ROOT)))

def start_of(cell):
    lines = source(cell).splitlines()
    return next((l for l in lines if l.strip() and not pages.DIRECTIVE.match(l)), '')[:60]

def name_of(f):
    return f.id if isinstance(f, ast.Name) else f.attr if isinstance(f, ast.Attribute) else ''

def excused():
    "`{what: pages}` of the exceptions, a line each: `cells: climb/01_data.ipynb …`"
    text = (pages.ROOT/'tools'/'exceptions.txt').read_text(encoding='utf-8')
    lines = (l.partition(':') for l in text.splitlines() if l and not l.startswith('#'))
    return {what: set(names.split()) for what, _, names in lines}

# The pages together

def check_modules(book):
    "Each module has its page, which is named after it; what several pages write begins on the first"
    writes = {page: pages.exports_to(nb) for page, nb in book.items()}
    defaults = defaultdict(list)
    for page, nb in book.items():
        for cell in pages.code_cells(nb):
            if 'default_exp' in (d := directives(cell)): defaults[d['default_exp']].append(page)
        module = writes[page]
        if module and module not in SHARED | {pages.title_of(page)}: yield page, f'it writes {module}'
        if module and not pages.module_file(module).exists(): yield page, f'{module} is missing'
    for module, found in defaults.items():
        if len(found) > 1: yield found[1], f'{module} has another default_exp in {path_of(found[0])}'
        first = min((p for p, m in writes.items() if m == module), key=lambda p: p.name)
        if found[0] != first: yield found[0], f'default_exp {module} must stand in {path_of(first)}'
    for file in sorted(pages.LIB.rglob('*.py')):
        module = '.'.join(file.relative_to(pages.LIB).with_suffix('').parts)
        lines = len(file.read_text(encoding='utf-8').splitlines())
        if file.stem in WRITTEN_BY_NBDEV: continue
        if module not in writes.values(): yield None, f'{module}: no page writes it'
        if lines > MOST['module'] and module not in excused()['module']:
            yield None, f'{module}: {lines} lines; above {MOST["module"]} it holds two ideas'

def check_storeys(book):
    "Kit pages import the kit, lessons the kit and earlier lessons, other pages anything"
    place = {}
    for i, (page, nb) in enumerate(book.items()):
        if module := pages.exports_to(nb): place.setdefault(module, (pages.storey(page), i))
    for i, (page, nb) in enumerate(book.items()):
        own, here = pages.exports_to(nb), pages.storey(page)
        used = set().union(*(pages.imported(tree(c)) for c in pages.code_cells(nb))) - {own}
        for level, at, m in ((*place[m], m) for m in used if m in place and here < 2):
            if level > here: yield page, f'it imports {m}, which a page above its storey writes'
            elif level == here == 1 and at > i: yield page, f'it imports {m} of a later lesson'

def check_listed(book):
    "The sidebar names every page, and no other"
    named = pages.in_sidebar()
    for page in book.keys() - set(named): yield page, 'nbs/sidebar.yml does not name it'
    for page in set(named) - book.keys(): yield page, 'nbs/sidebar.yml names it; it is not there'
    for page, times in Counter(named).items():
        if times > 1: yield page, 'nbs/sidebar.yml names it twice'

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
        roots = {name.split('.')[0] for n in found for name, _ in pages.imports(n)}
        if exported and roots & HEAVY: yield f'exports a top-level import of {roots & HEAVY}'
        if exported and re.search('^@patch', source(cell), re.M): yield f'exports @patch: {start_of(cell)}'
        d = directives(cell)
        lines = source(cell).splitlines()
        notes = [lines[i-1][at:] for i, at in pages.comments(source(cell)).items()]
        below = {m[1] for note in notes if (m := re.match(r'#\|\s*([\w-]+)', note))}
        for name in below - d.keys(): yield f'nbdev does not see this below code: #| {name}'
        mark = next((m for m in ('cuda', 'online', 'eval') if m in d), None)
        said = any(not pages.DIRECTIVE.match(note) for note in notes)
        if mark and not said and start_of(cell) != 'main()': yield f'{mark} without a reason: {start_of(cell)}'

def check_widths(page, nb):
    "What is shown of a lesson fits a page, and is short; no source is wider than 100 columns"
    lesson, cells = pages.storey(page) == 1, pages.code_cells(nb)
    if lesson and len(cells) > MOST['cells']: yield f'{len(cells)} code cells'
    for cell in cells:
        lines = [l for l in source(cell).splitlines() if l.strip() and not pages.DIRECTIVE.match(l)]
        seen = lesson and pages.is_shown(cell)
        most = MOST['shown' if seen else 'columns']
        yield from (f'{len(l)} columns: {l.strip()[:60]}' for l in lines if len(l) > most)
        code = [l for l in lines if not re.match(r'\s+(\**\w+[:=].*, *#|".*"$|\))', l)] # no signatures
        if seen and 'code-fold' not in directives(cell) and len(code) > MOST['lines']:
            yield f'{len(code)} lines: {start_of(cell)}'

def defined(nb):
    "Names that a page defines at top level"
    for n in (n for c in pages.code_cells(nb) for n in tree(c).body):
        if isinstance(n, DEFINITIONS): yield n.name
        targets = n.targets if isinstance(n, ast.Assign) else []
        yield from (t.id for target in targets for t in ast.walk(target) if isinstance(t, ast.Name))

def check_exercises(page, nb):
    "A lesson has two exercises: `check_X` is called on the reader's `X` and on `X_solution`"
    if pages.storey(page) != 1: return
    names = set(defined(nb))
    calls = {(name_of(n.func), name_of(n.args[0])) for cell in pages.code_cells(nb)
             for n in ast.walk(tree(cell)) if isinstance(n, ast.Call) and n.args}
    exercises = sorted(n.removesuffix('_solution') for n in names if n.endswith('_solution'))
    if len(exercises) < 2: yield f'{len(exercises)} of 2 exercises'
    for x in exercises:
        for of in (x, f'{x}_solution'):
            if (f'check_{x}', of) not in calls: yield f'check_{x} is not called on {of}'

def arguments(f):
    a = f.args
    found = [*a.posonlyargs, *a.args, a.vararg, *a.kwonlyargs, a.kwarg]
    return [x for x in found if x and x.arg not in ('self', 'cls')]

def undocumented(node, noted, inside=''):
    "What lacks a docstring or a docment among a public definition, its methods and its fields"
    name, special = inside + node.name, re.fullmatch(r'__\w+__', node.name)
    if node.name.startswith('_') and node.name != '__init__': return
    if not special and node.name not in OF_TORCH and not ast.get_docstring(node):
        yield f'{name} has no docstring'
    if isinstance(node, FUNCTIONS):
        for a in arguments(node):
            if noted.isdisjoint(range(a.lineno, a.end_lineno + 1)): yield f'{name}: no docment for {a.arg}'
        return
    bases = {name_of(b) for b in node.bases} | {ast.unparse(d) for d in node.decorator_list}
    for n in node.body:
        field = isinstance(n, ast.AnnAssign) and any(re.search('NamedTuple|dataclass', b) for b in bases)
        if field and n.lineno not in noted: yield f'{name}.{n.target.id} has no docment'
        if isinstance(n, DEFINITIONS): yield from undocumented(n, noted, f'{name}.')

def check_docs(page, nb):
    for cell in filter(is_exported, pages.code_cells(nb)):
        noted = set(pages.comments(source(cell)))
        for n in tree(cell).body:
            if isinstance(n, DEFINITIONS): yield from undocumented(n, noted)

def check_links(page, nb):
    for text in (source(c) for c in nb['cells'] if c['cell_type'] == 'markdown'):
        for target in re.findall(r'\]\(([^)\s#:]+\.(?:ipynb|html|qmd|png))(?:#[^)]*)?\)', text):
            if not (page.parent/target).exists(): yield f'a link leads nowhere: {target}'
        yield from (f'prose names a page by its number: {m}' for m in re.findall(r'\b[Pp]ages? \d+', text))

# The saved outputs

def texts(output):
    data = output.get('data', {})
    return ''.join([*output.get('text', []), *(''.join(v) for k, v in data.items() if 'text/' in k)])

def shows_nothing(cell):
    "Whether a cell that ends in a value to look at has no output"
    body, off = tree(cell).body, {'hide', 'cuda', 'online', 'eval'}
    if cell.get('outputs') or is_exported(cell) or directives(cell).keys() & off: return False
    if not body or not isinstance(body[-1], ast.Expr) or source(cell).rstrip().endswith(';'): return False
    last = body[-1].value
    return not (isinstance(last, ast.Call) and CHECKS.fullmatch(name_of(last.func)))

def check_outputs(page, nb):
    "No error, nothing of the machine they were made on; pictures can be read by who cannot see them"
    for cell in pages.code_cells(nb):
        outputs, d = cell.get('outputs', []), directives(cell)
        if any(o['output_type'] == 'error' for o in outputs): yield f'a saved error: {start_of(cell)}'
        if found := OWN_PATHS.search(' '.join(map(texts, outputs))):
            yield f'an output shows a path of its machine ({found[0]}): {start_of(cell)}'
        if any(k.startswith('image/') for o in outputs for k in o.get('data', {})):
            yield from (f'a picture without {k}: {start_of(cell)}' for k in ('fig-cap', 'fig-alt') if not d.get(k))

def check_fresh(page, nb):
    if not pages.code_cells(nb) or pages.title_of(page) == '__main__': return
    if nb['metadata'].get('outputs_of') != pages.fingerprint(nb): yield 'stale outputs: run make pages'
    else: yield from (f'a cell ends in a value but shows none: {start_of(c)}'
                      for c in pages.code_cells(nb) if shows_nothing(c))

TOGETHER = dict(modules=check_modules, storeys=check_storeys, listed=check_listed)
ALONE = dict(front=check_front, cells=check_cells, widths=check_widths,
             exercises=check_exercises, docs=check_docs, links=check_links, outputs=check_outputs,
             fresh=check_fresh)
OF_COMPANIONS = ('front', 'cells', 'widths', 'links')

def problems(book, companions, fresh):
    "Every problem of every page, a line each"
    allowed = excused()
    for what, check in TOGETHER.items():
        for page, problem in check(book):
            if not page or path_of(page) not in allowed.get(what, ()):
                yield f'{path_of(page)}: {problem}' if page else problem
    for page, nb in (book | companions).items():
        for what, check in ALONE.items():
            if what == 'fresh' and not fresh or page in companions and what not in OF_COMPANIONS: continue
            if path_of(page) in allowed.get(what, ()): continue
            yield from (f'{path_of(page)}: {problem}' for problem in check(page, nb))

# The counts

def minutes(nb):
    "How long a page takes to read: 200 words a minute, 3.5 s a line of shown code"
    words = sum(len(source(c).split()) for c in nb['cells'] if c['cell_type'] == 'markdown')
    lines = sum(len([l for l in source(c).splitlines() if l.strip()])
                for c in pages.code_cells(nb) if pages.is_shown(c))
    return words/200 + lines*3.5/60

def python_lines(files): return sum(bool(l.strip()) for f in files for l in f.open(encoding='utf-8'))

def public_names():
    from torchnn_really import all as everything
    return len([n for n in everything.__all__ if not n.startswith('_')])

def counts(book, companions):
    beside = sorted((pages.NBS/'speed').glob('*.py'))
    others = [f for f in [*pages.ROOT.glob('tools/*.py'), *pages.NBS.rglob('*.py')] if f not in beside]
    yield f'{len(book)} pages and {len(companions)} companions seen'
    for part in sorted({p.parent.name for p in book if pages.storey(p) == 1}):
        yield f'{part}: {sum(minutes(nb) for p, nb in book.items() if p.parent.name == part):.0f} minutes'
    yield f"{public_names()} names in torchnn_really.all, at most {MOST['names']}"
    yield f"{python_lines(others)} lines of tools, at most {MOST['tools']}"
    yield f'{python_lines(beside)} lines beside the pages on speed, at most 500'

def main():
    sys.path.insert(0, str(pages.ROOT))
    book = {p: pages.read(p) for p in pages.all_pages()}
    companions = {p: pages.read(p) for p in pages.companions()}
    found = list(dict.fromkeys(problems(book, companions, '--no-outputs' not in sys.argv)))
    said = list(counts(book, companions))
    for line in said:
        if (m := re.match(r'(\d+) .*at most (\d+)$', line)) and int(m[1]) > int(m[2]): found.append(line)
    print('\n'.join(found + said))
    sys.exit(len(found) > 0)

if __name__ == '__main__': main()
