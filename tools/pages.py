"""What the other tools know about the pages: their cells, directives, modules, imports, and what their outputs were made from"""
import ast, hashlib, io, json, os, re, tokenize
from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NBS, LIB = ROOT/'nbs', ROOT/'torchnn_really'
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef
DEFINITIONS = FUNCTIONS | ast.ClassDef

def settings():
    "What settings.ini says"
    config = ConfigParser(delimiters=['='])
    config.read(ROOT/'settings.ini', encoding='utf-8')
    return config['DEFAULT']

# Pages and their cells

def all_pages():
    "Every page, in reading order, those without a number first"
    return sorted(NBS.glob('*.ipynb'), key=lambda p: (p.stem[0].isdigit(), p.stem))

def number(page):
    "A page's number as it stands in its name, `'11'`, or None"
    found = re.match(r'(\d+)_', page.stem)
    return found and found[1]

def html_name(page):
    "What a page is called on the site: `11_scratch.ipynb` is `scratch.html` there"
    return re.sub(r'^\d+[a-zA-Z0-9]*_', '', page.name.lower()).removesuffix('.ipynb') + '.html'

def read(page): return json.loads(page.read_text(encoding='utf-8'))

def write(page, nb):
    "Put `nb` in a page's place in one step, so that whoever stops this leaves the old page whole"
    new = page.with_name(f'.{page.name}.tmp')
    new.write_text(json.dumps(nb, indent=1, ensure_ascii=False, sort_keys=True) + '\n', encoding='utf-8', newline='\n')
    os.replace(new, page)

def source(cell): return ''.join(cell['source'])
def is_code(cell): return cell['cell_type'] == 'code' and bool(source(cell).strip())
def code_cells(nb): return [c for c in nb['cells'] if is_code(c) and c.get('id') != INSTALL_ID]

# The first code cell of every page: the tools write it, and count it nowhere

INSTALL_ID = 'install'
INSTALL = """#| hide
# On Colab and Kaggle, this installs the package if it is missing; anywhere else it does nothing
if {'COLAB_RELEASE_TAG', 'KAGGLE_KERNEL_RUN_TYPE'} & {*__import__('os').environ} and not __import__('importlib.util').util.find_spec('torchnn_really'):
    __import__('subprocess').run([__import__('sys').executable, '-m', 'pip', 'install', '--quiet', 'git+ADDRESS'], check=True)"""

def install_cell():
    "It holds no import statement, since nbdev wants those in cells of their own and runs them for the site, and it leaves no name behind"
    lines = INSTALL.replace('ADDRESS', settings()['git_url']).splitlines(keepends=True)
    return dict(cell_type='code', execution_count=None, id=INSTALL_ID, metadata=dict(jupyter=dict(source_hidden=True)), outputs=[], source=lines)

def with_install(nb):
    "`nb` with that cell before its first code cell, or without one where there is no code"
    cells = [c for c in nb['cells'] if c.get('id') != INSTALL_ID]
    first = next((i for i, c in enumerate(cells) if is_code(c)), None)
    return {**nb, 'cells': cells if first is None else [*cells[:first], install_cell(), *cells[first:]]}

DIRECTIVE = re.compile(r'#\s*\|\s*([\w-]+):?[ \t]*(.*)')

def directives(cell):
    "The `#|` lines at the top of a cell as a dict: `{'export': '', 'fig-alt': 'A digit'}`; nbdev reads no others"
    found = {}
    for line in source(cell).splitlines():
        if directive := DIRECTIVE.match(line): found[directive[1]] = directive[2].strip()
        elif line.strip(): break
    return found

def is_exported(cell): return bool(directives(cell).keys() & {'export', 'exports', 'exporti'})

def tree(cell):
    "A cell's statements; lines of shell and magic commands do not count"
    lines = source(cell).splitlines()
    if any(l.startswith('%%') for l in lines): return ast.parse('')
    return ast.parse('\n'.join('' if l.lstrip().startswith(('%', '!')) else l for l in lines))

# Modules, and who writes and imports them

def module_file(name): return LIB/(name.replace('.', '/') + '.py')

def exports_to(nb):
    "Name of the module that a page writes to, or None"
    for c in code_cells(nb):
        d = directives(c)
        name = d.get('default_exp') or d.get('exports') or d.get('export')
        if name: return name

def imports(body, module=''):
    "Each import in some code as a pair (module, its names or None), with the dots of `module`'s relative imports resolved"
    for n in ast.walk(body):
        if isinstance(n, ast.Import): yield from ((a.name, None) for a in n.names)
        elif isinstance(n, ast.ImportFrom):
            home = ['torchnn_really', *module.split('.')]
            base = home[:len(home) - n.level] if n.level else []
            yield '.'.join(base + [n.module]*bool(n.module)), [a.name for a in n.names]

def imported(body, module=''):
    "Names of this package's modules that some code imports: `{'data', 'rungs'}`; `module` is the one it stands in"
    found = set()
    for name, names in imports(body, module):
        package, _, rest = name.partition('.')
        if package == 'torchnn_really': found |= {rest} | {f'{rest}.{n}'.lstrip('.') for n in names or []}
    return {m for m in found if m and module_file(m).exists()}

# What outputs were made from

def comments(text):
    "Column of the comment on each line that has one: `{1: 14}`"
    return {t.start[0]: t.start[1] for t in tokenize.generate_tokens(io.StringIO(text).readline) if t.type == tokenize.COMMENT}

def _essence(text):
    "Code without what changes no output: docstrings, comments in signatures, directives, nbdev's marks, blank lines. Other comments may be shown."
    lines, column = text.split('\n'), comments(text)
    for n in ast.walk(ast.parse(text)):
        if isinstance(n, DEFINITIONS | ast.Module) and ast.get_docstring(n, clean=False) is not None:
            doc = n.body[0]
            if isinstance(n, ast.Module) or doc.lineno > n.lineno: lines[doc.lineno-1:doc.end_lineno] = ['']*(doc.end_lineno - doc.lineno + 1)
        if isinstance(n, FUNCTIONS):
            for i in range(n.lineno, n.body[0].lineno): lines[i-1] = lines[i-1][:column.get(i)]
    return '\n'.join(l.rstrip() for l in lines if l.strip() and not DIRECTIVE.match(l) and not l.startswith('# %%'))

def _cell_essence(cell):
    try: return _essence(source(cell))
    except (SyntaxError, tokenize.TokenError): return source(cell) # it holds a shell or magic command

def fingerprint(page):
    "A hash of a page's code and of every module of ours it reaches: when it changes, the page's saved outputs are out of date"
    cells = code_cells(read(page))
    todo, reached = set().union(*(imported(tree(c)) for c in cells)), {}
    while todo:
        name = todo.pop()
        text = module_file(name).read_text(encoding='utf-8')
        reached[name] = _essence(text)
        todo |= imported(ast.parse(text), name) - reached.keys()
    code = [_cell_essence(c) for c in cells] + [f'{name}\n{reached[name]}' for name in sorted(reached)]
    return hashlib.sha256('\n\n'.join(code).encode()).hexdigest()[:16]
