#!/usr/bin/env python3
"""Clean, export and make what is made from pages, then say what that changed and what git lacks.

    python tools/sync.py [--fix]

nbdev's commands write and say nothing of what was out of step; `nbdev_readme` needs Quarto. Exits
with 1 if a file was not in step or is not in git; with `--fix`, for use before a commit, with 0.
"""
import os, subprocess, sys
from pathlib import Path

import made, pages

def git(*args):
    return subprocess.run(['git', *args], cwd=pages.ROOT, capture_output=True, text=True,
                          encoding='utf-8').stdout

def state(): return {f: git('hash-object', f) for f in git('ls-files', '--modified').split()}

def unknown(): return git('ls-files', '--others', '--exclude-standard', 'nbs', 'torchnn_really')

def run(*command):
    env = {k: v for k, v in os.environ.items() if k != 'IN_TEST'} # it stops nbdev's export
    done = subprocess.run(command, cwd=pages.ROOT, env=env | {'PYTHONUTF8': '1'})
    if done.returncode: sys.exit(f"`{' '.join(command)}` ended with {done.returncode}")

def main():
    before, fix = state(), '--fix' in sys.argv
    made.write_into_pages()
    for name in ('nbdev_clean', 'nbdev_export'):
        run(str(Path(sys.executable).with_name(name)))
    made.write()
    after = state()
    for file in (changed := sorted(f for f in before | after if before.get(f) != after.get(f))):
        print(f"{file}: {'brought in step' if fix else 'was not in step with the pages'}")
    for file in (new := unknown().split()): print(f'{file}: not in git yet')
    if not changed + new: print('in step')
    elif not fix: sys.exit('Not in step. It is now: look at `git diff`, add what is new, commit.')

if __name__ == '__main__': main()
