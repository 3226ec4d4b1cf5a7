#!/usr/bin/env python3
"""Install git hooks; `nbdev_install_hooks` also writes into the home folder, and checks nothing."""
import shlex, subprocess, sys
from pathlib import Path

def git(*args): return subprocess.check_output(['git', *args], text=True).strip()
def tool(name): return shlex.quote(Path(sys.executable).with_name(name).as_posix())
python, folder = tool(Path(sys.executable).name), Path(git('rev-parse', '--git-path', 'hooks'))
checks = f'{python} tools/sync.py && {python} tools/check_pages.py --no-outputs'
folder.mkdir(parents=True, exist_ok=True)
for file, line in ((folder/'pre-commit', checks), (folder/'post-merge', tool('nbdev_trust'))):
    if file.exists() and 'PYTHONUTF8' not in file.read_text(): sys.exit(f'{file} is not ours')
    file.write_text(f'#!/bin/sh\nexport PYTHONUTF8=1\n{line}\n', encoding='utf-8', newline='\n')
    file.chmod(0o755)
git('config', 'merge.nbdev-merge.driver', tool('nbdev_merge') + ' %O %A %B %P')
