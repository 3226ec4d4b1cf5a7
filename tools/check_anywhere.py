#!/usr/bin/env python3
"""Check what no linter knows: CONTRIBUTING's twins of make, symlinks, the cell that installs."""
import json, os, re, subprocess, sys, tempfile
from pathlib import Path
import pages

PIP = """import json, os, sys
with open(os.environ['SEEN'], 'a', encoding='utf-8') as f: f.write(json.dumps(sys.argv[1:]))
sys.exit('FAILS' in os.environ)"""

def install(*there, **where):
    "Run the cell beside a stand-in for pip and what is `there`: its status, what pip was asked for"
    with tempfile.TemporaryDirectory() as top:
        for file, text in (('pip.py', PIP), ('seen', ''), *((f'{name}.py', '') for name in there)):
            Path(top, file).write_text(text, encoding='utf-8')
        theirs = ('COLAB_', 'KAGGLE_', 'PYTHON')
        env = {k: v for k, v in os.environ.items() if not k.startswith(theirs)}
        env |= dict(SEEN=f'{top}/seen', **where)
        command = [sys.executable, '-S', '-c', pages.source(pages.install_cell())]
        done = subprocess.run(command, cwd=top, env=env, capture_output=True)
        return done.returncode, Path(top, 'seen').read_text(encoding='utf-8')

def check_install():
    "It asks pip on Colab and Kaggle alone, where the package is missing, and fails with it"
    asks = json.dumps(['install', '--quiet', f"git+{pages.settings()['git_url']}"])
    colab, kaggle = dict(COLAB_RELEASE_TAG='1'), dict(KAGGLE_KERNEL_RUN_TYPE='1')
    here, fails = [pages.LIB.name], dict(colab, FAILS='1')
    for there, where, *wanted in (([], {}, 0, ''), ([], colab, 0, asks), ([], kaggle, 0, asks),
                                  (here, colab, 0, ''), (here, {}, 0, ''), ([], fails, 1, asks)):
        if wanted != (got := [*install(*there, **where)]): yield f'install: {there, where, got}'
    exec(pages.source(pages.install_cell()), names := {})
    if left := names.keys() - {'__builtins__'}: yield f'install: it leaves names behind: {left}'

def check_twins():
    "CONTRIBUTING.md has a row for each target, with its commands"
    make = (pages.ROOT/'Makefile').read_text(encoding='utf-8')
    text = (pages.ROOT/'CONTRIBUTING.md').read_text(encoding='utf-8')
    rows = dict(re.findall(r'(?m)^\| `make (\w+)` \|(.*)$', text))
    targets = dict(re.findall(r'(?m)^([a-z]+): .*\n((?:\t.*\n)*)', make.replace('help:', '')))
    yield from (f'CONTRIBUTING.md or Makefile lacks make {n}' for n in targets.keys() ^ rows.keys())
    for name in targets.keys() & rows.keys():
        for command in re.findall(r'\t(?:\$\(RUN\) )?(.*?)(?: \$\(\w+\))*\n', targets[name]):
            if f'`{command}' not in rows[name]: yield f'CONTRIBUTING.md: make {name} is {command}'

listing = subprocess.check_output(['git', 'ls-files', '-s'], cwd=pages.ROOT, text=True).splitlines()
found = [f'a symlink: {line}' for line in listing if line.startswith('120000')]
if found := [*found, *check_install(), *check_twins()]: sys.exit('\n'.join(found))
print('nothing found that would stop another system')
