#!/usr/bin/env python3
"""Check types with pyright, which reads no Markdown: the README's Python becomes a file first."""
import re, subprocess, sys
import pages

def quick_start(language):
    "What the README's heading \"Quick start\" shows in a language"
    text = (pages.ROOT/'README.md').read_text(encoding='utf-8')
    section = re.search(r'^(#+) Quick start\n(.*?)(?=^\1 |\Z)', text, re.M | re.S)[2]
    return ''.join(re.findall(f'^```{language}\n(.*?)^```', section, re.M | re.S))

if __name__ == '__main__':
    file = pages.ROOT/'build'/'quick_start.py' # pyrightconfig.json names it
    file.parent.mkdir(exist_ok=True)
    file.write_text(quick_start('python'), encoding='utf-8')
    command = [sys.executable, '-m', 'pyright', '--pythonpath', sys.executable]
    sys.exit(subprocess.run(command, cwd=pages.ROOT).returncode)
