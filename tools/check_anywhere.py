#!/usr/bin/env python3
"""Check what lets the project work on other systems than this one, as far as one system can tell.

    python tools/check_anywhere.py

The first cell of the pages installs the package on Colab and Kaggle, and does nothing elsewhere; every make target has the same
command for where there is no make; git holds no symlink; text files are opened with their encoding.
"""
import argparse, ast, itertools, json, os, re, subprocess, sys, tempfile
from pathlib import Path
import pages

# The cell that installs the package

PIP = "import json, os, sys; open(os.environ['SEEN'], 'a', encoding='utf-8').write(json.dumps(sys.argv[1:]) + '\\n'); sys.exit(int(os.environ['STATUS']))"

def install(there=False, status=0, **where):
    "Run the cell in a Python that has a stand-in for pip, and the package only if `there`; its exit status, what it printed, what pip was asked for"
    with tempfile.TemporaryDirectory() as top:
        seen, fake = Path(top)/'seen', Path(top)/'fake'
        (fake/'pip').mkdir(parents=True)
        (fake/'pip'/'__init__.py').touch()
        (fake/'pip'/'__main__.py').write_text(PIP, encoding='utf-8')
        if there: (fake/'torchnn_really.py').touch()
        env = {k: v for k, v in os.environ.items() if not k.startswith(('COLAB_', 'KAGGLE_', 'PYTHON'))}
        env |= dict(PYTHONPATH=str(fake), SEEN=str(seen), STATUS=str(status)) | where
        done = subprocess.run([sys.executable, '-S', '-c', pages.source(pages.install_cell())], env=env, cwd=top, capture_output=True, text=True)
        asked = [json.loads(line) for line in seen.read_text(encoding='utf-8').splitlines()] if seen.exists() else []
    return done.returncode, done.stdout + done.stderr, asked

def check_install():
    wanted, colab, kaggle = ['install', '--quiet', f"git+{pages.settings()['git_url']}"], dict(COLAB_RELEASE_TAG='release'), dict(KAGGLE_KERNEL_RUN_TYPE='Interactive')
    for name, got, asked in (('elsewhere', install(), []), ('on Colab', install(**colab), [wanted]), ('on Kaggle', install(**kaggle), [wanted]),
                             ('on Colab, where the package is there', install(there=True, **colab), []), ('elsewhere, where the package is there', install(there=True), [])):
        if got != (0, '', asked): yield f'the first cell of a page, {name}: {got}; it should print nothing and ask pip for {asked}'
    status, said, asked = install(status=1, **colab)
    if not (status and 'CalledProcessError' in said): yield f'the first cell of a page passes over a pip that failed: {status, said, asked}'
    code = pages.source(pages.install_cell())
    names = {}
    exec(code, names)
    if left := names.keys() - {'__builtins__'}: yield f'the first cell of a page leaves names behind: {left}'

# The rest

def targets():
    "Each make target with what its commands give to tools/env.py, or the whole command"
    found, name = {}, None
    for line in (pages.ROOT/'Makefile').read_text(encoding='utf-8').splitlines():
        if m := re.match(r'([a-z]+):', line): name = m[1]
        elif line.startswith('\t') and name: found.setdefault(name, []).append(re.sub(r' \$\(\w+\)', '', line.strip().removeprefix('$(RUN) ')))
    return found

def check_twins():
    "CONTRIBUTING.md has a row for each target, with its commands"
    rows = dict(re.findall(r'(?m)^\| `make (\w+)` \|(.*)$', (pages.ROOT/'CONTRIBUTING.md').read_text(encoding='utf-8')))
    for name, commands in targets().items():
        if name == 'help': continue # that table says what it says
        if name not in rows: yield f'CONTRIBUTING.md has no row for make {name}'
        yield from (f'CONTRIBUTING.md does not say that make {name} is `{c}`' for c in commands if name in rows and not said(c, name, rows))
    yield from (f'CONTRIBUTING.md has a row for make {name}, which the Makefile lacks' for name in rows.keys() - targets().keys())

def said(command, name, rows):
    "Whether a row says a command, by itself, as the name of its script, or by naming another target"
    if command in rows[name] or re.search(rf'the same with .*`{re.escape(Path(command).name)}`', rows[name]): return True
    return any(command in targets()[other] for other in re.findall(r'`make (\w+)`', rows[name]))

def check_symlinks():
    listing = subprocess.run(['git', 'ls-files', '--stage'], cwd=pages.ROOT, capture_output=True, text=True).stdout
    yield from (f'{line.split(None, 3)[3]} is a symlink, which a checkout on Windows makes a text file of' for line in listing.splitlines() if line.startswith('120000'))

def check_encodings():
    "Without `encoding`, a text file is read as each system likes"
    files = [*pages.LIB.rglob('*.py'), *(pages.ROOT/'tools').glob('*.py'), pages.ROOT/'setup.py']
    trees = [(f.relative_to(pages.ROOT).as_posix(), ast.parse(f.read_text(encoding='utf-8'))) for f in files]
    trees += [(page.name, pages.tree(c)) for page in pages.all_pages() for c in pages.code_cells(pages.read(page))]
    for name, tree in trees: yield from (f'{name}: no encoding: {ast.unparse(n)[:80]}' for n in ast.walk(tree) if isinstance(n, ast.Call) and opens_text(n))

def opens_text(call):
    "Whether a call opens a text file without saying its encoding"
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, 'id', '')
    if any(k.arg == 'encoding' for k in call.keywords): return False
    if name == 'read_text': return not call.args # a distribution's takes a name
    if name == 'write_text': return len(call.args) < 2
    mode = next((k.value for k in call.keywords if k.arg == 'mode'), call.args[1] if len(call.args) > 1 else ast.Constant('r'))
    return isinstance(call.func, ast.Name) and name == 'open' and 'b' not in getattr(mode, 'value', '') and 'devnull' not in ast.unparse(call.args[0])

def main():
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    found = list(itertools.chain(check_install(), check_twins(), check_symlinks(), check_encodings()))
    print('\n'.join(found) or 'nothing found that would stop another system')
    sys.exit(bool(found))

if __name__ == '__main__': main()
