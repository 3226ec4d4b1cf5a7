#!/usr/bin/env python3
"""Install this clone's git hooks: those of `nbdev_install_hooks`, which keep notebooks mergeable, and the quick checks before a commit.

    python tools/hooks.py

They need no network, no environment that is switched on, and change nothing outside this clone: they call the Python that ran this. `git commit --no-verify` goes past
the checks once; removing .git/hooks/pre-commit, for good.
"""
import argparse, shlex, subprocess, sys
from pathlib import Path
import pages

def git(*args): return subprocess.run(['git', *args], cwd=pages.ROOT, check=True, capture_output=True, text=True).stdout.strip()

def script(name): return shlex.quote(Path(sys.executable).with_name(name).as_posix())

CHECKS = """#!/bin/sh
# Written by tools/hooks.py
PYTHONUTF8=1; export PYTHONUTF8
{python} tools/sync.py && {python} tools/check_pages.py --no-outputs
"""
TRUST = """#!/bin/sh
# Written by tools/hooks.py
{trust}
"""

def main():
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    folder, python = pages.ROOT/git('rev-parse', '--git-path', 'hooks'), shlex.quote(Path(sys.executable).as_posix())
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (('pre-commit', CHECKS), ('post-merge', TRUST)):
        file = folder/name
        if file.exists() and 'Written by tools/hooks.py' not in file.read_text(encoding='utf-8'): sys.exit(f'{file} is there already, and is not ours: move it away first')
        file.write_text(text.format(python=python, trust=script('nbdev_trust')), encoding='utf-8', newline='\n')
        file.chmod(0o755)
    git('config', 'merge.nbdev-merge.name', 'notebooks, by nbdev')
    git('config', 'merge.nbdev-merge.driver', script('nbdev_merge') + ' %O %A %B %P')
    print(f'hooks installed in {folder.relative_to(pages.ROOT) if folder.is_relative_to(pages.ROOT) else folder}: pre-commit, post-merge, and a merge driver for notebooks')

if __name__ == '__main__': main()
