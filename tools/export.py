#!/usr/bin/env python3
"""Clean the pages and write the modules from them, as `nbdev_clean` and `nbdev_export` do, with an index of all names.
Before that, put the cell that installs the package on Colab and Kaggle at the top of every page with code, and a copy of
_quarto.yml into nbs/, where nbdev looks for it: a link there would not survive a checkout on Windows.

    python tools/export.py

A page may grow a class by `@patch`, a method a cell. In the module each such method stands in its class: editors and type
checkers do not know `@patch`, and whoever opens the source finds the class whole. A docstring there goes on with what the
comments in the signature say of each argument, for `help`, Shift-Tab and editors, which show no comments.
"""
import ast, re, textwrap
import pages

def complete_index():
    "Let nbdev's index of names hold those of page 10 too: nbdev 2.4.14 passes over every page that has `auto` in its name"
    from nbdev import doclinks
    found = doclinks._iter_py_cells
    def all_cells(path):
        for cell in found(path): # those that nbdev wrote itself, marked `auto`, are not among them
            cell.nb = ''
            yield cell
    doclinks._iter_py_cells = all_cells

def said_of_arguments(n, said, lines):
    "What the comments in a signature say, as pairs of a name and its comment"
    a, start = n.args, n.body[0].lineno
    end = next((i for i in range(start - 1, n.lineno - 1, -1) if lines[i-1].lstrip().startswith((')', 'def '))), n.lineno)
    for arg in filter(None, [*a.posonlyargs, *a.args, a.vararg, *a.kwonlyargs, a.kwarg]):
        if arg.arg != 'self' and arg.lineno != end: yield '*'*(arg is a.vararg) + '**'*(arg is a.kwarg) + arg.arg, said.get(arg.lineno)
    if n.name != '__init__': yield 'returns', said.get(end)

def said_of_class(n, said, lines):
    "What the comments beside the fields of a class say, or those in the signature of what makes it"
    for field in n.body:
        if isinstance(field, ast.AnnAssign): yield field.target.id, said.get(field.lineno)
        if isinstance(field, pages.FUNCTIONS) and field.name == '__init__' and ast.get_docstring(field) is None: yield from said_of_arguments(field, said, lines)

def with_docments(text):
    "A module's source in which each docstring goes on with the comments of the signature, so that `help`, Shift-Tab and editors show them"
    lines = text.split('\n')
    said = {i: lines[i-1][column+1:].strip() for i, column in pages.comments(text).items()}
    for n in ast.walk(ast.parse(text)):
        if not isinstance(n, pages.DEFINITIONS) or ast.get_docstring(n) is None or (doc := n.body[0]).lineno == n.lineno: continue
        found = [(name, what) for name, what in (said_of_class if isinstance(n, ast.ClassDef) else said_of_arguments)(n, said, lines) if what]
        if not found: continue
        indent = ' '*doc.col_offset
        whole = '\n'.join([doc.value.value, '', *(f'{indent}{name}: {what}' for name, what in found)]).replace('\\', '\\\\').replace('"""', "'''")
        lines[doc.lineno-1:doc.end_lineno] = [f'{indent}"""{whole}\n{indent}"""'] + [None]*(doc.end_lineno - doc.lineno)
    return '\n'.join(l for l in lines if l is not None)

def put_install_cells():
    for page in pages.all_pages():
        nb = pages.read(page)
        if (new := pages.with_install(nb)) != nb: pages.write(page, new)

def patched(n):
    "The class that a definition patches, if it does"
    return isinstance(n, pages.FUNCTIONS) and any(isinstance(d, ast.Name) and d.id == 'patch' for d in n.decorator_list) and n.args.args[0].annotation.id

def as_method(n, lines):
    "The lines of a patched method as they stand in a class"
    rest = [l for l in lines[n.decorator_list[0].lineno-1:n.end_lineno] if l != '@patch']
    text = re.sub(rf'\bself:{patched(n)}\b', 'self', '\n'.join(rest), count=1)
    method = textwrap.indent(text, '    ')
    if ast.dump(ast.parse(textwrap.dedent(method))) != ast.dump(ast.parse(text)): raise ValueError(f'{n.name} holds a text of several lines, which would change in a class; write it with \\n')
    return ['', *method.split('\n')]

def merge_patches(text):
    "A module's source with each patched method in its class, in the order of the cells"
    body, lines = ast.parse(text).body, text.split('\n')
    ends = {n.name: n.end_lineno for n in body if isinstance(n, ast.ClassDef)}
    methods, gone = {name: [] for name in ends}, set()
    for n in body:
        if patched(n) in ends:
            methods[patched(n)] += as_method(n, lines)
            gone |= set(range(n.decorator_list[0].lineno, n.end_lineno + 1))
    grown = {ends[name]: added for name, added in methods.items()}
    text = '\n'.join('\n'.join([line, *grown.get(i, [])]) for i, line in enumerate(lines, 1) if i not in gone)
    text = re.sub(r'(?m)^# %% .*\n\s*(?=^# %% |\Z)', '', text) # the marks of cells that held nothing else
    return text if '@patch' in text else re.sub(r'(?m)^from fastcore\.basics import patch\n', '', text)

def put_quarto_yml():
    there, text = pages.NBS/'_quarto.yml', (pages.ROOT/'_quarto.yml').read_text(encoding='utf-8')
    there.write_text(f'# A copy of ../_quarto.yml, by tools/export.py: edit that one\n{text}', encoding='utf-8', newline='\n')

def main():
    from nbdev import doclinks
    from nbdev.clean import nbdev_clean
    complete_index()
    put_install_cells()
    put_quarto_yml()
    nbdev_clean(pages.NBS)
    doclinks.nbdev_export()
    for module in pages.LIB.glob('*.py'):
        if module.stem not in ('__init__', '_modidx'): module.write_text(with_docments(merge_patches(module.read_text(encoding='utf-8'))), encoding='utf-8', newline='\n')
    doclinks._build_modidx()

if __name__ == '__main__': main()
