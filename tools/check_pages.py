#!/usr/bin/env python3
"""Check what holds for every page: its name and place, what it imports and exports, its exercises, its saved outputs.

    python tools/check_pages.py [--no-outputs]

Prints one line for each problem and exits with 1 if there is any. `--no-outputs` leaves out whether saved outputs are there and
fresh, for work in progress.
"""
import argparse, ast, re, sys
from collections import Counter
import pages
from pages import DEFINITIONS, FUNCTIONS, code_cells, directives, is_exported, number, source, tree

RUNGS = {str(n) for n in range(11, 18)}    # the pages that write one module together, `rungs`
PLUMBING = {'all', '__main__'}             # numbered pages without prose, and so without exercises
HEAVY = {'matplotlib', 'ipywidgets', 'wandb', 'tqdm', 'requests'} # imported inside the functions that need them
OF_TORCH = {'forward', 'extra_repr'}       # methods that every module has; the class's docstring is theirs
WRITTEN_BY_NBDEV = {'__init__', '_modidx'}
CHECKS = re.compile(r'(test_|assert_|expect_|check_)\w+|gradcheck|backward|step|zero_grad|close') # what these return is no output
OWN_PATHS = re.compile(rf"/(home|root|tmp|Users|var/folders)/|[A-Z]:\\+Users|site-packages|{re.escape(str(pages.ROOT))}")

def title(page): return page.stem.split('_', 1)[1] if number(page) else page.stem
def has_prose(page): return title(page) not in PLUMBING
def name_of(f): return f.id if isinstance(f, ast.Name) else f.attr if isinstance(f, ast.Attribute) else ''
def start_of(cell): return next((l for l in source(cell).splitlines() if l.strip() and not pages.DIRECTIVE.match(l)), '')[:60]

# The pages together

def check_names(book):
    "Numbers are unique, a page is named after its module, and each module has its page"
    numbers = Counter(int(number(p)) for p in book if number(p))
    yield from (f'page number {n:02} is used {times} times' for n, times in numbers.items() if times > 1)
    writes, defaults = {p: pages.exports_to(nb) for p, nb in book.items()}, Counter()
    for page, nb in book.items():
        module = writes[page]
        if module and not number(page): yield f'{page.name}: writes `{module}`; a page without a number exports nothing'
        elif module and module != ('rungs' if number(page) in RUNGS else title(page)):
            yield f'{page.name}: writes `{module}`; ' + ('pages 11 to 17 write `rungs`' if number(page) in RUNGS else f'call it {number(page)}_{module}.ipynb')
        if module and not pages.module_file(module).exists(): yield f'{page.name}: its module {module} is missing: run nbdev_export'
        defaults.update(d['default_exp'] for c in code_cells(nb) if 'default_exp' in (d := directives(c)))
    yield from (f'`{m}` is the default_exp of {times} cells: the last one overwrites the others' for m, times in defaults.items() if times > 1)
    for file in sorted(pages.LIB.rglob('*.py')):
        module = '.'.join(file.relative_to(pages.LIB).with_suffix('').parts)
        if file.stem not in WRITTEN_BY_NBDEV and module not in writes.values(): yield f'torchnn_really/{file.relative_to(pages.LIB)}: no page writes it'

def defined(cell):
    "Names that a cell defines at top level"
    for n in tree(cell).body:
        if isinstance(n, DEFINITIONS): yield n.name
        if isinstance(n, ast.Assign): yield from (t.id for target in n.targets for t in ast.walk(target) if isinstance(t, ast.Name))

def check_imports_point_down(book):
    "A page imports what itself or a page with a lower number writes; a page without a number imports anything"
    first, names = {}, {} # who writes a module first, and who writes each name of it
    for page, nb in book.items():
        module = pages.exports_to(nb)
        if not (number(page) and module): continue
        first.setdefault(module, page)
        for cell in filter(is_exported, code_cells(nb)): names.update({f'{module}.{name}': page for name in defined(cell)})
    for page, nb in book.items():
        for cell in code_cells(nb) if number(page) else []:
            used = {m: first[m] for m in pages.imported(tree(cell)) if m in first}
            for module, chosen in pages.imports(tree(cell)):
                used.update({k: names[k] for n in chosen or [] if (k := f"{module.removeprefix('torchnn_really.')}.{n}") in names})
            yield from (f'{page.name}: imports {what}, which {writer.name} writes later' for what, writer in sorted(used.items()) if int(number(writer)) > int(number(page)))

def check_listed(book):
    "Every page stands in the sidebar, every lesson in the front page's table, every module in `all`"
    places = {'nbs/sidebar.yml': (pages.NBS/'sidebar.yml').read_text(encoding='utf-8') if (pages.NBS/'sidebar.yml').exists() else ''}
    places |= {f'{name}.ipynb': '\n'.join(source(c) for p, nb in book.items() if p.stem == name for c in nb['cells']) for name in ('index', '89_all')}
    for page, nb in book.items():
        module = pages.exports_to(nb)
        wanted = ['nbs/sidebar.yml'] + ['index.ipynb']*bool(number(page) and has_prose(page)) + ['89_all.ipynb']*bool(module and int(number(page)) < 89 and not module.startswith('nn.'))
        for where in wanted:
            if not re.search(rf'torchnn_really\.{module} ' if where.startswith('89') else rf'\b{re.escape(page.name)}\b', places[where]): yield f'{page.name}: {where} does not mention it'

# One page

def check_front(page, nb):
    "The first Markdown cell holds the title and the description alone: nbdev drops any other text in it"
    lines = next((source(c) for c in nb['cells'] if c['cell_type'] == 'markdown'), '').splitlines()
    if not any(l.startswith('# ') for l in lines): yield 'the first Markdown cell has no `# title`'
    if not any(l.startswith('> ') for l in lines): yield 'the first Markdown cell has no `> description`'
    others = [l for l in lines if l.strip() and not re.match(r'# |> |- [\w-]+: ', l)]
    if others: yield f'the first Markdown cell may hold only `# title`, `> description` and `- key: value`, not: {others[0][:60]}'

def check_install(page, nb):
    "A page with code begins with the cell that installs the package on Colab and Kaggle"
    if pages.with_install(nb)['cells'] != nb['cells']: yield 'the cell that installs the package (INSTALL in tools/pages.py) is missing, changed or not the first: run tools/sync.py --fix'

def at_import(body):
    "The statements that run when a module is imported"
    for n in body:
        yield n
        if not isinstance(n, FUNCTIONS): yield from at_import([c for c in ast.iter_child_nodes(n) if isinstance(c, ast.stmt | ast.ExceptHandler)])

def check_import_cells(page, nb):
    "Imports stand in cells of their own (building the site runs those cells), and exported ones are light"
    for cell in code_cells(nb):
        body = tree(cell).body
        if {isinstance(n, ast.Import | ast.ImportFrom) for n in body} == {True, False}: yield f'a cell mixes imports with other code: {start_of(cell)}'
        for n in at_import(body) if is_exported(cell) else []:
            roots = {a.name.split('.')[0] for a in n.names} if isinstance(n, ast.Import) else {n.module.split('.')[0]} if isinstance(n, ast.ImportFrom) and n.module else set()
            yield from (f'exports a top-level import of {m}: import it inside the function that needs it' for m in sorted(roots & HEAVY))

def is_commented(cell):
    "Whether a cell holds a comment that is no directive"
    lines = source(cell).splitlines()
    return any(not pages.DIRECTIVE.match(lines[i-1][column:]) for i, column in pages.comments(source(cell)).items())

def check_directives(page, nb):
    "Directives stand where nbdev reads them, and a cell that a plain run leaves out says why"
    for cell in code_cells(nb):
        d = directives(cell)
        below = [l for l in source(cell).splitlines() if (m := re.match(r'#\|\s*([\w-]+)', l)) and m[1] not in d]
        yield from (f'nbdev does not see this below a line of code: {l}' for l in below)
        mark = next((m for m in ('cuda', 'online') if m in d), 'eval: false' if d.get('eval', '').lower() == 'false' else None)
        if mark and not is_commented(cell) and not (title(page) == '__main__' and start_of(cell) == 'main()'): yield f'`#| {mark}` without a comment that says why: {start_of(cell)}'

def check_exercises(page, nb):
    "Two exercises: a function `check_X`, called on the reader's `X` and on `X_solution`"
    if not (number(page) and has_prose(page)): return
    names = {name for cell in code_cells(nb) for name in defined(cell)}
    calls = {(name_of(n.func), name_of(n.args[0])) for cell in code_cells(nb) for n in ast.walk(tree(cell)) if isinstance(n, ast.Call) and n.args}
    exercises = sorted(n.removesuffix('_solution') for n in names if n.endswith('_solution'))
    if len(exercises) < 2: yield f"{len(exercises)} of 2 exercises: each has a function `check_X`, the reader's `X` and `X_solution`"
    for x in exercises:
        if f'check_{x}' not in names: yield f'{x}_solution has no check_{x}'
        else: yield from (f'check_{x} is never called on {of}' for of in (x, f'{x}_solution') if (f'check_{x}', of) not in calls)

def arguments(f):
    a = f.args
    return [x for x in [*a.posonlyargs, *a.args, a.vararg, *a.kwonlyargs, a.kwarg] if x and x.arg not in ('self', 'cls')]

def undocumented(node, noted, inside=''):
    "What lacks a docstring or a docment among a public definition, its methods and its fields"
    name = inside + node.name
    special = re.fullmatch(r'__\w+__', node.name)
    if node.name.startswith('_') and node.name != '__init__': return # other special methods are documented by their protocol
    if not special and node.name not in OF_TORCH and not ast.get_docstring(node): yield f'{name} has no docstring'
    if isinstance(node, ast.ClassDef):
        if 'NamedTuple' in {name_of(b) for b in node.bases} or any('dataclass' in ast.unparse(d) for d in node.decorator_list):
            yield from (f'{name}.{n.target.id} has no docment' for n in node.body if isinstance(n, ast.AnnAssign) and n.lineno not in noted)
        for n in node.body:
            if isinstance(n, DEFINITIONS): yield from undocumented(n, noted, f'{name}.')
    else: yield from (f'argument {a.arg} of {name} has no docment' for a in arguments(node) if not noted.intersection(range(a.lineno, a.end_lineno+1)))

def check_docs(page, nb):
    "Exported definitions have docstrings, and their arguments docments: a comment on the argument's line"
    for cell in filter(is_exported, code_cells(nb)):
        noted = set(pages.comments(source(cell)))
        for n in tree(cell).body:
            if isinstance(n, DEFINITIONS): yield from undocumented(n, noted)

def check_links(page, nb):
    "Links from page to page lead somewhere"
    for cell in nb['cells']:
        if cell['cell_type'] != 'markdown': continue
        for target in re.findall(r'\]\(([^)\s#:]+\.(?:ipynb|html|qmd))(?:#[^)]*)?\)', source(cell)):
            if not (page.parent/target).exists(): yield f'a link leads nowhere: {target}'

# The saved outputs

def texts(output):
    "The text a reader sees of one output, pictures aside"
    data = output.get('data', {})
    return ''.join([*output.get('text', []), *(''.join(v) for k, v in data.items() if k.startswith('text/'))])

def check_outputs(page, nb):
    "Outputs show no error and nothing of the machine they were made on; pictures have a caption and a text for who cannot see them"
    for cell in code_cells(nb):
        outputs, d = cell.get('outputs', []), directives(cell)
        if any(o['output_type'] == 'error' for o in outputs): yield f'a saved error: {start_of(cell)}'
        found = OWN_PATHS.search(' '.join(map(texts, outputs)))
        if found: yield f'an output shows a path of the machine it was made on ({found[0]}): {start_of(cell)}'
        if any(k.startswith('image/') for o in outputs for k in o.get('data', {})):
            yield from (f'a picture without {key}: {start_of(cell)}' for key in ('fig-cap', 'fig-alt') if not d.get(key))

def shows_nothing(cell):
    "Whether a cell that ends in a value to look at has no output"
    d, body = directives(cell), tree(cell).body
    if cell.get('outputs') or not body or not isinstance(body[-1], ast.Expr) or source(cell).rstrip().endswith(';'): return False
    if is_exported(cell) or d.keys() & {'hide', 'cuda', 'online', 'eval'}: return False
    last = body[-1].value
    return not (isinstance(last, ast.Call) and CHECKS.fullmatch(name_of(last.func)))

def check_fresh(page, nb):
    "The outputs that readers see come from this code"
    if not code_cells(nb): return
    if nb['metadata'].get('outputs_of') != pages.fingerprint(page): yield 'outputs are out of date: run make pages'
    elif has_prose(page) and not any(c.get('outputs') for c in code_cells(nb)): yield 'it has no outputs: run make pages'
    else: yield from (f'a cell ends in a value but shows none; end it with a semicolon if that is meant: {start_of(c)}' for c in code_cells(nb) if shows_nothing(c))

def problems(fresh):
    "Every problem of every page, a line each"
    book = {p: pages.read(p) for p in pages.all_pages()}
    broken = set()
    for page, nb in book.items():
        for cell in code_cells(nb):
            try: tree(cell)
            except SyntaxError as e: broken.add(page); yield f'{page.name}: not Python ({e.msg}): {start_of(cell)}'
    book = {p: nb for p, nb in book.items() if p not in broken}
    if not book: yield f'no pages in {pages.NBS}'
    yield from check_names(book)
    yield from check_imports_point_down(book)
    yield from check_next_links({p: book[p] for p in book if number(p)})
    yield from check_listed(book)
    checks = [check_front, check_install, check_import_cells, check_directives, check_exercises, check_docs, check_links, check_outputs] + [check_fresh]*fresh
    for page, nb in book.items():
        for check in checks: yield from (f'{page.name}: {problem}' for problem in check(page, nb))

def check_next_links(book):
    "What a page calls the next page is the one with the next number"
    for page, after in zip(book, list(book)[1:]):
        for cell in book[page]['cells']:
            for link in re.findall(r'\]\(([^)#]+)[^)]*\), the next page', source(cell)):
                if link != after.name: yield f'{page.name}: {link} is called the next page, which is {after.name}'

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--no-outputs', action='store_true', help='do not ask whether saved outputs are there and fresh')
    found = list(problems(fresh=not p.parse_args().no_outputs))
    print('\n'.join(found) or 'pages in order')
    sys.exit(bool(found))

if __name__ == '__main__': main()
