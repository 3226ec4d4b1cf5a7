"""What the other tools know about the pages: their cells, directives, modules, imports, and what their outputs were made from"""
import ast, hashlib, json, re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NBS, LIB = ROOT/'nbs', ROOT/'torchnn_really'

def all_pages():
    "Every page, in reading order, those without a number first"
    return sorted(NBS.glob('*.ipynb'), key=lambda p: (p.stem[0].isdigit(), p.stem))

def read(page): return json.loads(page.read_text(encoding='utf-8'))
def write(page, nb): page.write_text(json.dumps(nb, indent=1, ensure_ascii=False, sort_keys=True) + '\n', encoding='utf-8')
def source(cell): return ''.join(cell['source'])
def code_cells(nb): return [c for c in nb['cells'] if c['cell_type'] == 'code' and source(c).strip()]

def directives(cell):
    "The `#|` lines of a cell as a dict: `{'export': '', 'fig-alt': 'A digit'}`"
    found = re.findall(r'^#\s*\|\s*([\w-]+):?[ \t]*(.*)$', source(cell), re.M)
    return {name: value.strip() for name, value in found}

def tree(cell):
    "A cell's statements; lines of shell and magic commands do not count"
    lines = [l for l in source(cell).splitlines() if not l.lstrip().startswith(('%', '!'))]
    return ast.parse('\n'.join(lines))

def exports_to(page):
    "Name of the module a page writes to, or None"
    for c in code_cells(read(page)):
        d = directives(c)
        name = d.get('default_exp') or d.get('exports') or d.get('export')
        if name: return name

def imported(body):
    "Names of the modules of this package that some statements import: `{'data', 'rungs'}`"
    found = set()
    for n in ast.walk(body):
        if isinstance(n, ast.ImportFrom) and n.module == 'torchnn_really': found |= {a.name for a in n.names}
        elif isinstance(n, ast.ImportFrom) and (n.module or '').startswith('torchnn_really.'): found.add(n.module.split('.', 1)[1])
        elif isinstance(n, ast.ImportFrom) and n.level == 1 and n.module: found.add(n.module)
        elif isinstance(n, ast.ImportFrom) and n.level == 1: found |= {a.name for a in n.names}
        elif isinstance(n, ast.Import): found |= {a.name.split('.', 1)[1] for a in n.names if a.name.startswith('torchnn_really.')}
    return {m for m in found if (LIB/(m.replace('.', '/') + '.py')).exists()}

def _statements(body):
    "What some code does, whatever its comments and docstrings say"
    for n in ast.walk(body):
        if isinstance(n, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef, ast.Module)) and ast.get_docstring(n, clean=False) is not None:
            n.body = n.body[1:] or [ast.Pass()]
    return ast.dump(body)

def fingerprint(page):
    "A hash of a page's code and of every module of ours it reaches: when it changes, the page's saved outputs are out of date"
    trees = [tree(c) for c in code_cells(read(page))]
    todo, modules = set().union(*(imported(t) for t in trees)) if trees else set(), {}
    while todo:
        name = todo.pop()
        modules[name] = ast.parse((LIB/(name.replace('.', '/') + '.py')).read_text(encoding='utf-8'))
        todo |= imported(modules[name]) - modules.keys()
    code = [_statements(t) for t in trees] + [name + _statements(modules[name]) for name in sorted(modules)]
    return hashlib.sha256('\n'.join(code).encode()).hexdigest()[:16]
