#!/usr/bin/env python3
"""Check types with pyright, which reads no Markdown: the README's Python becomes a file first."""
import subprocess, sys
import pages, wheel

file = pages.ROOT/'build'/'quick_start.py' # pyrightconfig.json names it
file.parent.mkdir(exist_ok=True)
file.write_text(wheel.quick_start('python'), encoding='utf-8')
command = [sys.executable, '-m', 'pyright', '--pythonpath', sys.executable]
sys.exit(subprocess.run(command, cwd=pages.ROOT).returncode)
