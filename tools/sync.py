#!/usr/bin/env python3
"""Check that everything made from the pages is in step with them: the modules, the cleaned pages themselves, README.md
and CONTRIBUTING.md with their pictures.

    python tools/sync.py [--fix]

Cleans the pages, exports the modules and makes those files, then says which files that changed, and which of them git does not know
yet; either exits with 1. The files are left in step: look at `git diff` and commit them. `--fix` does the same and exits with 0,
for use before a commit. It works in a checkout with changes of your own too: it compares the files before and after.
"""
import argparse, os, subprocess, sys
import pages

MADE = [pages.NBS, pages.LIB, pages.ROOT/'README.md', pages.ROOT/'CONTRIBUTING.md', pages.ROOT/'pyproject.toml']

def name(file): return file.relative_to(pages.ROOT).as_posix()

def snapshot():
    "The bytes of every page and everything made from the pages, without the returns that nbdev puts at the ends of lines on Windows; git leaves them out, too"
    files = [*pages.NBS.glob('*.ipynb'), *pages.NBS.glob('*.png'), *pages.NBS.glob('_quarto.yml'), *pages.LIB.rglob('*.py'), *(f for f in MADE if f.is_file())]
    return {name(f): f.read_bytes() if f.suffix == '.png' else f.read_bytes().replace(b'\r\n', b'\n') for f in files}

def bring_in_step():
    "Clean, export, README"
    env = {k: v for k, v in os.environ.items() if k != 'IN_TEST'} | {'PYTHONUTF8': '1'} # under IN_TEST nbdev exports nothing
    for command in (['tools/export.py'], ['tools/readme.py']):
        done = subprocess.run([sys.executable, *command], cwd=pages.ROOT, env=env).returncode
        if done: sys.exit(f"`python {' '.join(command)}` ended with {done}")

def untracked():
    "Files beside these that git does not know and does not ignore"
    listing = subprocess.run(['git', 'ls-files', '--others', '--exclude-standard', '--', *map(name, MADE)], cwd=pages.ROOT, capture_output=True, text=True)
    if listing.returncode: print(f'not asked which files git knows: {listing.stderr.strip()}', file=sys.stderr)
    return listing.stdout.splitlines()

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--fix', action='store_true', help='bring the files in step and exit with 0')
    fix = p.parse_args().fix
    before = snapshot()
    bring_in_step()
    after = snapshot()
    changed = sorted(f for f in before.keys() | after.keys() if before.get(f) != after.get(f))
    unknown = sorted(set(untracked()))
    for file in changed: print(f"{file}: {'brought in step' if fix else 'was not in step with the pages'}")
    for file in unknown: print(f'{file}: not in git yet')
    if not changed + unknown: print('in step')
    elif not fix: sys.exit('Not in step. The files are now: look at `git diff`, add what is new, and commit.')

if __name__ == '__main__': main()
