#!/usr/bin/env python3
"""Run a command in the project's environment, made first if it is missing.

    python3 tools/env.py [--with dev,docs] [--python PYTHON] COMMAND [ARGUMENT ...]

COMMAND is what follows `python` in a shell, with paths from the project's folder: `-m torchnn_really climb`, or
`tools/run_pages.py`. The environment is `.venv`, or the one `--python` belongs to; `--with bench`, the frameworks that
`make bench` compares with, has one of its own, `.venv-bench`. It is installed once, with the constraints: until settings.ini,
setup.py, pyproject.toml, the constraints or nbs/speed/bench-requirements.txt change, another run installs nothing.
"""
import argparse, hashlib, json, os, subprocess, sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV, BENCH_VENV = ROOT/'.venv', ROOT/'.venv-bench'
RECIPE = ['settings.ini', 'setup.py', 'pyproject.toml', 'constraints.txt']  # when one of these changes, install again
BENCH = ROOT/'nbs'/'speed'/'bench-requirements.txt'  # each to be installed as it stands, without what it asks for

def refuse(python): sys.exit(f'torchnn_really needs Python 3.11 or newer, and {python} is older; name another one: PYTHON=… or --python …')

def venv_python(folder): return folder/('Scripts/python.exe' if os.name == 'nt' else 'bin/python')

def has_pip(python): return subprocess.run([python, '-m', 'pip', '--version'], capture_output=True).returncode == 0

def make_venv(folder):
    "A new environment in `folder`, with pip, also where Python came without `ensurepip` (as Debian's does)"
    if sys.version_info < (3, 11): refuse(sys.executable)
    if subprocess.run([sys.executable, '-m', 'venv', '--clear', str(folder)], capture_output=True).returncode == 0: return
    subprocess.run([sys.executable, '-m', 'venv', '--clear', '--without-pip', str(folder)], check=True)
    subprocess.run([sys.executable, '-m', 'pip', '--python', str(venv_python(folder)), 'install', '--quiet', '--disable-pip-version-check', 'pip'], check=True)

def stamp(prefix): return Path(prefix)/'torchnn_really-installed.json'

def recall(prefix):
    "What was installed in an environment, `{'recipe': …, 'extras': […]}`: nothing if none was, no recipe if it was cut short"
    try: return json.loads(stamp(prefix).read_text(encoding='utf-8'))
    except FileNotFoundError: return {}
    except ValueError: return dict(recipe=None, extras=[])

def own_python(venv):
    "The Python of `venv`; the environment is made if it is missing, and anew if its installation was cut short"
    python, done = venv_python(venv), recall(venv)
    if not python.exists() or done.get('recipe') is None and (done or not has_pip(python)): make_venv(venv)
    return str(python)

EXTRAS = dict(dev='test tools', docs='what builds and checks the site', lab='JupyterLab', types='pyright', bench='the frameworks that make bench compares with')

def known(names):
    "Names of extras, from `dev,docs`"
    found = names.split(',')
    if wrong := [name for name in found if name not in EXTRAS]: raise argparse.ArgumentTypeError(f"{wrong[0]!r} is no extra; there are {', '.join(EXTRAS)}")
    return found

def install_bench(install):
    "Install the frameworks; where one of the packages cannot be had, install the others, and say which are missing"
    install = [*install, '--no-deps']
    if subprocess.run([*install, '-r', str(BENCH)]).returncode == 0: return
    for line in BENCH.read_text(encoding='utf-8').splitlines():
        if line and not line.startswith('#') and subprocess.run([*install, line]).returncode: print(f'{line} could not be installed', file=sys.stderr, flush=True)

def ensure(python, wanted):
    "Install the project into `python`'s environment, unless this very recipe is there already; gives the full path of `python`"
    code = 'import sys; print(sys.executable, sys.prefix, sys.version_info >= (3, 11), sep="\\n")'
    python, prefix, new_enough = subprocess.run([python, '-c', code], capture_output=True, text=True, check=True).stdout.splitlines()
    if new_enough == 'False': refuse(python)
    done = recall(prefix)
    extras = sorted({*done.get('extras', []), *wanted})
    recipe = hashlib.sha256(b''.join((ROOT/f).read_bytes() for f in RECIPE) + BENCH.read_bytes()*('bench' in extras) + str(ROOT).encode()).hexdigest()
    if done == dict(recipe=recipe, extras=extras): return python
    print(f"installing torchnn_really{extras or ''} into {prefix} …", file=sys.stderr, flush=True)
    stamp(prefix).write_text(json.dumps(dict(recipe=None, extras=extras)), encoding='utf-8')
    install = [python, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-c', str(ROOT/'constraints.txt')]
    subprocess.run([*install, 'torch'], check=True)
    ours = [e for e in extras if e != 'bench']
    subprocess.run([*install, '-e', str(ROOT) + (f"[{','.join(ours)}]" if ours else '')], check=True)
    if 'bench' in extras: install_bench(install)
    stamp(prefix).write_text(json.dumps(dict(recipe=recipe, extras=extras)), encoding='utf-8')
    return python

def run(python, command):
    "Become the command, so that its exit status and Ctrl-C are its own"
    os.chdir(ROOT)
    env = {**os.environ, 'PYTHONUTF8': '1'}
    sys.stdout.flush(); sys.stderr.flush()
    if os.name == 'nt': sys.exit(subprocess.run([python, *command], env=env).returncode) # there, exec does not wait
    os.execve(python, [python, *command], env)

def split(argv):
    "This script's own options, which come first, and the command"
    n = 0
    while n < len(argv) and argv[n].startswith(('--with', '--python', '-h', '--help')): n += 2 if argv[n] in ('--with', '--python') else 1
    return argv[:n], argv[n:]

def main():
    p = argparse.ArgumentParser(usage='env.py [--with EXTRA,…] [--python PYTHON] COMMAND [ARGUMENT ...]', description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--with', dest='extras', default=[], type=known, help='extras to install: ' + ', '.join(f'{name} ({what})' for name, what in EXTRAS.items()))
    p.add_argument('--python', help='use this interpreter and its environment in place of .venv')
    options, command = split(sys.argv[1:])
    args = p.parse_args(options)
    try: python = ensure(args.python or own_python(BENCH_VENV if 'bench' in args.extras else VENV), args.extras)
    except FileNotFoundError as e: sys.exit(f'could not install: {e.filename} is not there')
    except subprocess.CalledProcessError as e: sys.exit(f"could not install: `{' '.join(map(str, e.cmd))}` ended with {e.returncode}")
    except KeyboardInterrupt: print('\nstopped; the next run starts the installation again', file=sys.stderr); sys.exit(130)
    if command: run(python, command)

if __name__ == '__main__': main()
