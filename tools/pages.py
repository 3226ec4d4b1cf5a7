"""What the other tools know about the pages: order, storeys, cells, directives, modules, imports.

nbdev knows one page at a time; the order of the pages stands in nbs/sidebar.yml alone."""
import ast, hashlib, json, os, re
from configparser import ConfigParser
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NBS, LIB = ROOT/'nbs', ROOT/'torchnn_really'
DEFINITIONS = ast.FunctionDef | ast.ClassDef
STOREYS = dict(kit=0, climb=1, train=1, speed=1, nn=1, scale=1, deeper=1) # others are above them

def settings():
    "What settings.ini says"
    config = ConfigParser(delimiters=['='])
    config.read(ROOT/'settings.ini', encoding='utf-8')
    return config['DEFAULT']

# Pages and their cells

def path_of(page):
    "A page's path within nbs/, as the sidebar names it: `'climb/03_scratch.ipynb'`"
    return page.relative_to(NBS).as_posix()

def in_sidebar():
    "The pages that the sidebar names, in its order"
    text = (NBS/'sidebar.yml').read_text(encoding='utf-8')
    return [NBS/name for name in re.findall(r'[\w./-]+\.ipynb', text)]

def companions():
    "Pages that are tested and not published"
    return sorted((NBS/'checks').glob('*.ipynb'))

def all_pages():
    "Every page that is published, in the sidebar's order; those it does not name come last"
    named, found = in_sidebar(), {*NBS.glob('[!.]*.ipynb'), *NBS.glob('[!.]*/*.ipynb')}
    last = sorted(found - {*named, *companions()})
    return [p for p in dict.fromkeys(named) if p in found] + last

def storey(page):
    "0: the kit; 1: a lesson; 2: above the lessons (tools for users, the front page, companions)"
    return STOREYS.get(page.relative_to(NBS).parts[0], 2)

def title_of(page):
    "A page's file name without its number: `03_scratch.ipynb` is `scratch`"
    return re.sub(r'^\d+[a-z]?_', '', page.stem)

def html_name(page):
    "A page's path on the site: `climb/03_scratch.ipynb` is `climb/scratch.html` there"
    return page.relative_to(NBS).with_name(f'{title_of(page).lower()}.html').as_posix()

def read(page): return json.loads(page.read_text(encoding='utf-8'))

def write(page, nb):
    "Put `nb` in a page's place in one step, so that whoever stops this leaves the old page whole"
    new = page.with_name(f'.{page.name}.tmp')
    text = json.dumps(nb, indent=1, ensure_ascii=False, sort_keys=True) + '\n'
    new.write_text(text, encoding='utf-8', newline='\n')
    os.replace(new, page)

def source(cell): return ''.join(cell['source'])
def is_code(cell): return cell['cell_type'] == 'code' and bool(source(cell).strip())
def code_cells(nb): return [c for c in nb['cells'] if is_code(c) and c.get('id') != INSTALL_ID]

# The first code cell of every page: the tools write it, and count it nowhere

INSTALL_ID = 'install'
def install_cell():
    "It holds no import statement, since nbdev runs those for the site, and leaves no name behind"
    text = (ROOT/'tools'/'install.py.j2').read_text(encoding='utf-8').strip()
    lines = text.replace('{{ git_url }}', settings()['git_url']).splitlines(keepends=True)
    return dict(cell_type='code', execution_count=None, id=INSTALL_ID, outputs=[], source=lines,
                metadata=dict(jupyter=dict(source_hidden=True)))

def with_install(nb):
    "`nb` with that cell before its first code cell, or without one where there is no code"
    cells = [c for c in nb['cells'] if c.get('id') != INSTALL_ID]
    first = next((i for i, c in enumerate(cells) if is_code(c)), None)
    if first is not None: cells = [*cells[:first], install_cell(), *cells[first:]]
    return {**nb, 'cells': cells}

DIRECTIVE = re.compile(r'#\s*\|\s*([\w-]+):?[ \t]*(.*)')

def directives(cell):
    "The `#|` lines at the top of a cell, as nbdev reads them: `{'hide': '', 'fig-alt': 'A dot'}`"
    found = {}
    for line in source(cell).splitlines():
        if directive := DIRECTIVE.match(line): found[directive[1]] = directive[2].strip()
        elif line.strip(): break
    return found

def is_exported(cell): return bool(directives(cell).keys() & {'export', 'exports', 'exporti'})

def is_shown(cell):
    "Whether the site shows a cell's source"
    d = directives(cell)
    unseen = {'hide', 'export', 'exporti'}
    return d.keys().isdisjoint(unseen) and 'false' not in (d.get('echo'), d.get('include'))

def tree(cell):
    "A cell's statements; lines of shell and magic commands do not count"
    lines = source(cell).splitlines()
    if any(l.startswith('%%') for l in lines): return ast.parse('')
    return ast.parse('\n'.join('' if l.lstrip().startswith(('%', '!')) else l for l in lines))

# Modules, and who writes and imports them

def exports_to(nb):
    "Name of the module that a page writes to, or None"
    said = (directives(c) for c in code_cells(nb))
    marks = 'default_exp', 'exports', 'export', 'exporti'
    return next((d[mark] for d in said for mark in marks if d.get(mark)), None)

def imports(body):
    "What some code imports: `{'numpy', 'torchnn_really.data.load_data'}`"
    for n in ast.walk(body):
        home = f'{n.module}.' if isinstance(n, ast.ImportFrom) else ''
        if isinstance(n, ast.Import | ast.ImportFrom): yield from (home + a.name for a in n.names)

@cache
def modules():
    "This package's modules and their files: `{'data': torchnn_really/data.py, 'nn.module': …}`"
    return {'.'.join(f.relative_to(LIB).with_suffix('').parts): f for f in LIB.rglob('[!_]*.py')}

def imported(body):
    "Names of this package's modules that some code imports: `{'data', 'nn.module'}`"
    found = [f'{name}.' for name in imports(body) if name.startswith('torchnn_really.')]
    return {m for m in modules() if any(n.startswith(f'torchnn_really.{m}.') for n in found)}

IMPORT = re.compile(r'(from [\w.]+ )?import ')

def fingerprint(nb):
    "A hash of a page's own code but its imports: when it changes, saved outputs are out of date"
    code = [l.rstrip() for c in code_cells(nb) for l in source(c).splitlines()]
    kept = '\n'.join(l for l in code if l and not DIRECTIVE.match(l) and not IMPORT.match(l))
    return hashlib.sha256(kept.encode()).hexdigest()[:16]

def is_stale(nb): return code_cells(nb) and nb['metadata'].get('outputs_of') != fingerprint(nb)
