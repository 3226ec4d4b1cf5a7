#!/usr/bin/env python3
"""Check the types with pyright in basic mode: in the modules, and in the README's Python, as an editor shows them to whoever uses the package.

    python tools/check_types.py
"""
import json, shutil, subprocess, sys, tempfile
from pathlib import Path
import pages, wheel

def findings(folder):
    "What pyright finds in the Python of a folder"
    config = dict(typeCheckingMode='basic', pythonVersion=pages.settings()['min_python'], extraPaths=[str(pages.ROOT)])
    (folder/'pyrightconfig.json').write_text(json.dumps(config), encoding='utf-8')
    done = subprocess.run([sys.executable, '-m', 'pyright', '--outputjson', '--pythonpath', sys.executable], cwd=folder, capture_output=True, text=True, encoding='utf-8')
    try: found = json.loads(done.stdout)
    except ValueError: sys.exit(f'pyright ended with {done.returncode}: {done.stderr or done.stdout}')
    for d in found['generalDiagnostics']: yield f"{Path(d['file']).relative_to(folder)}:{d['range']['start']['line']+1}: {d['message']} ({d.get('rule', d['severity'])})"
    if not found['summary']['filesAnalyzed']: sys.exit('pyright read no file')

def main():
    with tempfile.TemporaryDirectory() as top: # a copy, because pyright has no absolute paths to look into
        folder = Path(top).resolve()
        shutil.copytree(pages.LIB, folder/pages.LIB.name, ignore=shutil.ignore_patterns('__pycache__'))
        (folder/'quick_start.py').write_text(wheel.quick_start()[1], encoding='utf-8')
        problems = list(findings(folder))
    if problems: sys.exit('\n'.join([*problems, f'{len(problems)} problems with types']))
    print('types in order: pyright finds nothing in the modules, nor in the README')

if __name__ == '__main__': main()
