#!/usr/bin/env python3
"""Run a command in the project's environment, made first if it is missing.

    python3 tools/env.py [--with dev] [--python PATH] COMMAND [ARGUMENT ...]

COMMAND is what follows `python` in a shell: `-m torchnn_really climb`, or `tools/run_pages.py`. The environment is `.venv`, or
the one `--python` belongs to. It is installed with the constraints once: until settings.ini, setup.py or the constraints change,
another run installs nothing.
"""
import argparse, hashlib, json, os, subprocess, sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RECIPE = ['settings.ini', 'setup.py', 'pyproject.toml', 'constraints.txt']  # when one of these changes, install again

def venv_python(folder): return folder/('Scripts/python.exe' if os.name == 'nt' else 'bin/python')

def make_venv(folder):
    "A new environment in `folder`, also where Python came without `ensurepip` (as Debian's does)"
    if subprocess.run([sys.executable, '-m', 'venv', str(folder)], capture_output=True).returncode:
        subprocess.run([sys.executable, '-m', 'venv', '--clear', '--without-pip', str(folder)], check=True)

def pip(python):
    "The pip that installs into `python`: its own, or this interpreter's pointed at it"
    own = subprocess.run([python, '-m', 'pip', '--version'], capture_output=True).returncode == 0
    return [python, '-m', 'pip'] if own else [sys.executable, '-m', 'pip', '--python', python]

def ensure(python, extra):
    "Install the project into `python`'s environment, unless this very recipe is there already"
    recipe = hashlib.sha256(b''.join((ROOT/f).read_bytes() for f in RECIPE) + str(ROOT).encode()).hexdigest()
    prefix = subprocess.run([python, '-c', 'import sys; print(sys.prefix)'], capture_output=True, text=True, check=True).stdout.strip()
    stamp = Path(prefix)/'torchnn_really-installed.json'
    done = json.loads(stamp.read_text()) if stamp.exists() else {}
    extras = sorted(set(done.get('extras', [])) | {extra} - {''}) if done.get('recipe') == recipe else [e for e in [extra] if e]
    if done == dict(recipe=recipe, extras=extras): return
    print(f"installing torchnn_really{extras or ''} into {prefix} …", file=sys.stderr, flush=True)
    install = [*pip(python), 'install', '--quiet', '--disable-pip-version-check', '-c', str(ROOT/'constraints.txt')]
    subprocess.run([*install, 'torch'], check=True)
    subprocess.run([*install, '-e', f"{ROOT}{'[' + ','.join(extras) + ']' if extras else ''}"], check=True)
    stamp.write_text(json.dumps(dict(recipe=recipe, extras=extras)))

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--with', dest='extra', default='', choices=['', 'dev', 'lab'], help='the extra to install: dev (test tools) or lab (JupyterLab)')
    p.add_argument('--python', default='', help='use this interpreter and its environment in place of .venv')
    p.add_argument('command', nargs=argparse.REMAINDER)
    args = p.parse_args()
    if sys.version_info < (3, 11) and not args.python: sys.exit(f'torchnn_really needs Python 3.11 or newer, this is {sys.version.split()[0]}; name another one: PYTHON=…')
    python = args.python or str(venv_python(ROOT/'.venv'))
    try:
        if not args.python and not Path(python).exists(): make_venv(ROOT/'.venv')
        ensure(python, args.extra)
    except subprocess.CalledProcessError as e: sys.exit(f'could not install: `{" ".join(map(str, e.cmd))}` ended with {e.returncode}')
    if args.command:
        try: sys.exit(subprocess.run([python, *args.command], cwd=ROOT, env={**os.environ, 'PYTHONUTF8': '1'}).returncode)
        except KeyboardInterrupt: sys.exit(130)

if __name__ == '__main__': main()
