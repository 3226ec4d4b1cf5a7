#!/usr/bin/env python3
"""Run a command in the project's environment, made first: uv and tox do it, no Python has them.

    python3 tools/env.py [--with dev,docs] [--python PYTHON] COMMAND [ARGUMENT ...]

COMMAND is what follows `python`, with paths from the project's folder: `-m torchnn_really climb`,
`tools/run_pages.py`. The environment is `.venv`; `--python` makes one for it, as `.venv-3.13`, and
`--with bench` another. Until a file of RECIPE changes, nothing is installed again."""
import hashlib, json, os, subprocess, sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BENCH = ROOT/'nbs'/'speed'/'bench-requirements.txt' # each to be installed as it stands
RECIPE = ['settings.ini', 'setup.py', 'pyproject.toml', 'constraints.txt']

def call(*command, **kwargs): return subprocess.run([*map(str, command)], check=True, **kwargs)

def venv_python(folder): return folder/('Scripts/python.exe' if os.name == 'nt' else 'bin/python')

def has_pip(python): return not subprocess.run([python, '-m', 'pip'], capture_output=1).returncode

def make_venv(folder, python=sys.executable):
    "A new environment with pip, also where Python came without `ensurepip` (as Debian's does)"
    venv = [python, '-m', 'venv', '--clear', str(folder)]
    if subprocess.run(venv, capture_output=True).returncode == 0: return
    call(*venv, '--without-pip')
    call(python, '-m', 'pip', '--python', venv_python(folder), 'install', 'pip', stdout=sys.stderr)

def install(python, extras):
    "Install the project; of the bench's packages those that can be had, naming the others"
    pip = python, '-m', 'pip', 'install', '-c', ROOT/'constraints.txt'
    ours = [e for e in extras if e != 'bench']
    call(*pip, 'torch', '-e', str(ROOT) + f"[{','.join(ours)}]"*bool(ours), stdout=sys.stderr)
    lines = BENCH.read_text(encoding='utf-8').splitlines() if 'bench' in extras else []
    for line in (l for l in lines if l and not l.startswith('#')):
        try: call(*pip, '--no-deps', line, stdout=sys.stderr)
        except subprocess.CalledProcessError: print(line, 'is not installed', file=sys.stderr)

def ensure(python, extras):
    "The Python of an environment that holds the project with these extras"
    code = 'import sys; print(*sys.version_info[:2], sep=".")'
    version = subprocess.check_output([python or sys.executable, '-c', code], text=True).strip()
    folder = ROOT/('.venv' + '-bench'*('bench' in extras) + f'-{version}'*bool(python))
    own, stamp = venv_python(folder), folder/'torchnn_really-installed.json'
    done = json.loads(stamp.read_text(encoding='utf-8') or '{}') if stamp.exists() else {}
    extras = sorted({*done.get('extras', []), *extras})
    files = [ROOT/f for f in RECIPE] + [BENCH]*('bench' in extras)
    recipe = hashlib.sha256(b''.join(f.read_bytes() for f in files) + str(ROOT).encode())
    wanted = dict(recipe=recipe.hexdigest(), extras=extras)
    if own.exists() and done == wanted: return own
    fresh = not (own.exists() and has_pip(own)) or stamp.exists() and 'recipe' not in done
    if fresh and int(version.split('.')[1]) < 11: sys.exit(
        f'torchnn_really needs Python 3.11 or newer, not {version}; name another one: PYTHON=…')
    print('installing', *extras, 'into', folder, file=sys.stderr, flush=True)
    if fresh: make_venv(folder, python or sys.executable)
    stamp.write_text(json.dumps(dict(extras=extras)), encoding='utf-8')
    install(own, extras)
    stamp.write_text(json.dumps(wanted), encoding='utf-8')
    return own

def main():
    given, command = {'--with': '', '--python': None}, sys.argv[1:]
    while command[1:] and command[0] in given: given[command[0]], *command = command[1:]
    if command[:1] in (['-h'], ['--help']): sys.exit(__doc__)
    try: python = ensure(given['--python'], [*filter(None, given['--with'].split(','))])
    except FileNotFoundError as e: sys.exit(f'could not install: {e.filename} is not there')
    except subprocess.CalledProcessError as e:
        sys.exit(f"could not install: `{' '.join(e.cmd)}` ended with {e.returncode}")
    except KeyboardInterrupt: sys.exit('\nstopped; the next run starts the installation again')
    os.chdir(ROOT)
    os.environ['PYTHONUTF8'] = '1'
    if os.name == 'nt': sys.exit(subprocess.run([python, *command]).returncode) # no exec there
    os.execv(python, [python, *command]) # the command's exit status and Ctrl-C are its own

if __name__ == '__main__': main()
