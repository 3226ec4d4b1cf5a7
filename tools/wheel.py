#!/usr/bin/env python3
"""Check what users get: build the package, look into it, and follow the README's quick start where this repository is not. Then
run pages there, each alone in an empty folder, and one as on Colab, where the package is missing and its first cell installs it.

    python tools/wheel.py [--keep FOLDER] [--tag v1.2.3]

What README.md's heading "Quick start" shows is run as it stands, its `bash` blocks as one script and then its `python` blocks as
another, in a folder that holds only `photos` and `new.jpg`, with a new environment first on PATH and a new HOME. The constraints that hold there: this very wheel, and the torch of constraints.txt.
Nothing else is pinned, so the newest fastcore is tried, and the test tools are not there. As on Colab means: with its environment
variable, and git sent from the repository's address to a copy of this one; pip must leave torch as it is. `--keep` leaves what was built and
checked in a folder; `--tag` stops at once unless the tag is that of settings.ini's version.
"""
import argparse, os, re, shutil, subprocess, sys, tarfile, tempfile, time, zipfile
from pathlib import Path
import env, pages, run_pages

ROOT, LIMIT = env.ROOT, 1200 # seconds that one command may take
NAME, MIN_FASTCORE = 'torchnn_really', 2

def run(what, command, quiet=False, **kwargs):
    "Run a command, say how long it took, and stop if it fails; what a quiet one prints is shown only then"
    start = time.perf_counter()
    if quiet: kwargs |= dict(stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try: done = subprocess.run(command, timeout=LIMIT, stdin=subprocess.DEVNULL, **kwargs)
    except subprocess.TimeoutExpired: sys.exit(f'wheel check: {what}: stopped after {LIMIT} s')
    if done.returncode: sys.exit(f"{done.stdout or ''}wheel check: {what}: ended with {done.returncode}")
    print(f'-- {what}: {time.perf_counter() - start:.1f} s', flush=True)

def build(clean, dist):
    "Build the sdist and, from it, the wheel, in a clean copy: setuptools also packs whatever an older egg-info here lists"
    shutil.copytree(ROOT, clean, symlinks=True, ignore=shutil.ignore_patterns('.*', '*.egg-info', '__pycache__', 'build', 'dist'))
    run('build', [sys.executable, '-m', 'build', '--outdir', str(dist), str(clean)], quiet=True)
    return next(dist.glob('*.tar.gz')), next(dist.glob('*.whl'))

def look_into(sdist, wheel):
    "Both hold the modules, the sample and the licence, and no pages"
    with tarfile.open(sdist) as t: in_sdist = {n.partition('/')[2] for n in t.getnames()}
    with zipfile.ZipFile(wheel) as z: in_wheel = set(z.namelist())
    package = {f.relative_to(ROOT).as_posix() for f in (ROOT/NAME).rglob('*') if f.suffix in ('.py', '.npz', '.md') or f.name == 'py.typed'}
    missing = [f'{f} is not in the {kind}' for kind, names in (('sdist', in_sdist), ('wheel', in_wheel)) for f in sorted(package) if f not in names]
    missing += [f'LICENSE is not in the {kind}' for kind, names in (('sdist', in_sdist), ('wheel', in_wheel)) if not any(n.endswith('LICENSE') for n in names)]
    strays = [f'{n} does not belong in the package' for n in sorted(in_sdist | in_wheel) if n.endswith('.ipynb') or n.startswith(('nbs/', 'tools/'))]
    if missing + strays: sys.exit('\n'.join(['wheel check:', *missing, *strays]))
    print(f'{wheel.name}, {wheel.stat().st_size/1e6:.1f} MB: {len(in_wheel)} files, as they should be')

def quick_start():
    "What the README's heading \"Quick start\" shows: its shell commands, its Python"
    section = re.search(r'^(#+) Quick start\n(.*?)(?=^\1 |\Z)', (ROOT/'README.md').read_text(encoding='utf-8'), re.M | re.S)
    blocks = re.findall(r'^```(bash|python)\n(.*?)^```', section[2], re.M | re.S) if section else []
    shell, python = (''.join(code for language, code in blocks if language == l) for l in ('bash', 'python'))
    if not (shell and python): sys.exit('wheel check: README.md has no bash and python blocks under "Quick start"')
    return shell, python

def draw_photos(folder):
    "What the README calls `photos`, with a sub-folder for each kind, and `new.jpg`: discs and bars on paper that is not quite white"
    from PIL import Image, ImageDraw
    def picture(i, kind):
        image = Image.new('RGB', (80 + i, 64), (240 - i, 235, 225))
        d, (x, y) = ImageDraw.Draw(image), (20 + i % 9, 16 + i % 7)
        d.ellipse([x, y, x+30, y+30], fill=(40, 90, 60+i)) if kind == 'leaf' else d.rectangle([x, y+11, x+42, y+19], fill=(150, 40+i, 40))
        return image
    for kind in ('leaf', 'mug'):
        (folder/'photos'/kind).mkdir(parents=True)
        for i in range(30): picture(i, kind).save(folder/'photos'/kind/f'{i}.jpg')
    picture(31, 'leaf').save(folder/'new.jpg')

def surroundings(venv, home, wheel):
    "The environment variables of someone who has nothing of this project yet"
    torch = next(l for l in (ROOT/'constraints.txt').read_text(encoding='utf-8').splitlines() if l.startswith('torch=='))
    (home/'constraints.txt').write_text(f'{torch}\n{NAME} @ {wheel.as_uri()}\n', encoding='utf-8')
    mine = {k: v for k, v in os.environ.items() if not k.startswith(('TORCHNN_REALLY_', 'PYTHON', 'VIRTUAL_ENV'))}
    return mine | {'PATH': f'{env.venv_python(venv).parent}{os.pathsep}{mine["PATH"]}', 'HOME': str(home), 'PIP_CONSTRAINT': str(home/'constraints.txt'), 'PIP_QUIET': '1'}

SURE = f"""
from importlib.metadata import distribution, version, PackageNotFoundError
import {NAME}
assert 'site-packages' in {NAME}.__file__, {NAME}.__file__
assert int(version('fastcore').split('.')[0]) >= {MIN_FASTCORE}, 'fastcore ' + version('fastcore') + ' is not the newest'
try: distribution('nbdev')
except PackageNotFoundError: pass
else: raise SystemExit('nbdev is there: the quick start needs a test tool')
print('fastcore', version('fastcore'), 'torch', version('torch'))
"""

# Pages, away from the repository

ALONE, ON_COLAB = ['11', '22'], '10' # numbers of pages
RUN = """
import json, os, sys
from IPython.core.interactiveshell import InteractiveShell
page, left_out = sys.argv[1], {*map(int, sys.argv[2:])}
with open(page, encoding='utf-8') as f: cells = json.load(f)['cells']
shell = InteractiveShell.instance()
for i, cell in enumerate(cells):
    if cell['cell_type'] == 'code' and i not in left_out and not shell.run_cell(''.join(cell['source'])).success: sys.exit(f'{page}, cell {i}')
if left := {*os.listdir()} - {page}: sys.exit(f'{page} leaves files beside it: {left}')
"""
FROM_GIT = f"""
import json
from importlib.metadata import distribution
told = json.loads(distribution('{NAME}').read_text('direct_url.json'))
assert told['vcs_info']['vcs'] == 'git', told
"""

def run_alone(what, number, python, away, env):
    "Copy a page into an empty folder, and run its cells there, but those marked as for elsewhere"
    page, = run_pages.chosen_pages([number])
    away.mkdir()
    shutil.copy(page, away)
    left_out = [str(i) for i, c in enumerate(pages.read(page)['cells']) if run_pages.skipped(c, [])]
    few = dict(TORCHNN_REALLY_DATA='sample', TORCHNN_REALLY_HOME=str(away.parent/'home'/'cache'), WANDB_MODE='offline', WANDB_SILENT='true', TQDM_DISABLE='1', MPLBACKEND='agg', PYTHONUTF8='1')
    run(f'{page.name} {what}', [python, '-c', RUN, page.name, *left_out], quiet=True, cwd=away, env=env | few)

def as_git(clean):
    "Make a git repository of a folder; the environment variables that send git there instead of to the project's address"
    git = ['git', '-c', 'user.name=nobody', '-c', 'user.email=nobody@localhost', '-c', 'core.autocrlf=false']
    for command in (['init', '--quiet'], ['add', '--all'], ['commit', '--quiet', '-m', 'as it is']): subprocess.run([*git, *command], cwd=clean, check=True)
    return dict(GIT_CONFIG_COUNT='1', GIT_CONFIG_KEY_0=f'url.{clean.as_uri()}.insteadOf', GIT_CONFIG_VALUE_0=pages.settings()['git_url'])

def torch_is(python, env):
    "What tells whether torch was installed anew: its version and when its files were written"
    code = "import os, torch; print(torch.__version__, os.stat(torch.__file__).st_mtime_ns)"
    return subprocess.run([python, '-c', code], env=env, check=True, capture_output=True, text=True).stdout

def as_on_colab(python, clean, away, env):
    "Without the package, a page installs it from git, and leaves torch alone"
    run('remove the package', [python, '-m', 'pip', 'uninstall', '--yes', NAME], quiet=True, cwd=away.parent, env=env)
    env = {k: v for k, v in env.items() if k != 'PIP_CONSTRAINT'} | as_git(clean) | dict(COLAB_RELEASE_TAG='release')
    before = torch_is(python, env)
    run_alone('as on Colab', ON_COLAB, python, away, env)
    run('it was installed from git', [python, '-c', FROM_GIT], cwd=away, env=env)
    if (after := torch_is(python, env)) != before: sys.exit(f'wheel check: torch was {before.strip()}, is {after.strip()}')

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--keep', type=Path, metavar='FOLDER', help='put the sdist and the wheel here, once they have passed')
    p.add_argument('--tag', help='the tag of a release, as v1.2.3')
    args, version = p.parse_args(), pages.settings()['version']
    if args.tag and args.tag != f'v{version}': sys.exit(f'--tag is {args.tag}, but settings.ini says version {version}: change one of them')
    shell, code = quick_start()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as top:
        clean, dist, venv, home, away = (Path(top).resolve()/n for n in ('clean', 'dist', 'venv', 'home', 'away'))
        for folder in (home, away): folder.mkdir()
        sdist, wheel = build(clean, dist)
        look_into(sdist, wheel)
        env.make_venv(venv)
        print(f'{sys.version.split()[0]}, a new environment', flush=True)
        draw_photos(away)
        python, where = str(env.venv_python(venv)), dict(cwd=away, env=surroundings(venv, home, wheel))
        for what, script, command in (('the quick start in the shell', shell, ['bash', '-e', '-c']), ('the quick start in Python', code, [python, '-c'])):
            print(script, end='', flush=True)
            run(what, [*command, script], **where)
        run('pip check', [python, '-m', 'pip', 'check'], **where)
        run('newest fastcore, no test tools', [python, '-c', SURE], **where)
        for number in ALONE: run_alone('alone', number, python, Path(top).resolve()/number, where['env'])
        as_on_colab(python, clean, Path(top).resolve()/ON_COLAB, where['env'])
        if args.keep:
            args.keep.mkdir(parents=True, exist_ok=True)
            for built in (sdist, wheel): shutil.copy2(built, args.keep)
    print('the quick start works, and so do pages alone')

if __name__ == '__main__': main()
