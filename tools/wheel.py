#!/usr/bin/env python3
"""Build the package, look into it, and use it as its users do: twine and its like only look.

    python tools/wheel.py [--keep FOLDER]

README.md's "Quick start" is run as it stands, in a folder with `photos` and `new.jpg`, with the
newest of all packages but torch. Then pages run, each alone in an empty folder, one as on Colab:
git is sent from the repository's address to this clone's commit, and torch must stay as it is.
"""
import argparse, json, os, re, shutil, sys, tarfile, tempfile, zipfile
from pathlib import Path
from subprocess import DEVNULL, PIPE, STDOUT, run
import env, pages, run_pages

NAME, LICENCES = 'torchnn_really', {'LICENSE', 'LICENSE-CC-BY-SA-3.0'}
ALONE, ON_COLAB = ['climb/03_scratch.ipynb', 'train/05_convnets.ipynb'], 'climb/02_gradients.ipynb'
RUN = """import json, os, sys
from IPython.core.interactiveshell import InteractiveShell
for cell in json.load(open('cells.json')): InteractiveShell.instance().run_cell(cell).raise_error()
assert os.listdir() == ['cells.json'], os.listdir()"""

def call(what, *command, quiet=True, **kwargs):
    "Run a command, and stop if it fails; what a quiet one prints is shown only then"
    print('--', what, flush=True)
    if quiet: kwargs |= dict(stdout=PIPE, stderr=STDOUT)
    done = run(command, timeout=1200, stdin=DEVNULL, text=True, encoding='utf-8', **kwargs)
    if done.returncode: sys.exit(f"{done.stdout or ''}wheel: {what}: ended with {done.returncode}")
    return done.stdout

def look_into(clean, sdist, wheel):
    "The wheel holds the package and the licences and no more, the sdist the pages as well"
    def files(name): return {f.relative_to(clean).as_posix() for f in clean.glob(f'{name}/**/*.*')}
    with tarfile.open(sdist) as t: in_sdist = {n.partition('/')[2] for n in t.getnames()}
    with zipfile.ZipFile(wheel) as z: names = z.namelist()
    in_wheel = {re.sub('[^/]*info/(licenses/)?', '', n) for n in names}
    about = {'METADATA', 'RECORD', 'WHEEL', 'entry_points.txt', 'top_level.txt'}
    wrong = in_wheel ^ (files(NAME) | LICENCES | about) | (files('nbs') | LICENCES) - in_sdist
    if wrong: sys.exit(f'wheel: missing, or there by mistake: {sorted(wrong)}')

def quick_start(language):
    "What the README's heading \"Quick start\" shows in a language"
    text = (pages.ROOT/'README.md').read_text(encoding='utf-8')
    section = re.search(r'^(#+) Quick start\n(.*?)(?=^\1 |\Z)', text, re.M | re.S)[2]
    return ''.join(re.findall(f'^```{language}\n(.*?)^```', section, re.M | re.S))

def draw_photos(folder):
    "What the README calls `photos`, with a sub-folder for each kind, and `new.jpg`"
    from PIL import Image
    for kind, draw in (('leaf', Image.radial_gradient), ('mug', Image.linear_gradient)):
        (folder/'photos'/kind).mkdir(parents=True)
        for i in range(30): draw('L').resize((80+i, 64)).save(folder/'photos'/kind/f'{i}.jpg')
    Image.radial_gradient('L').rotate(9).save(folder/'new.jpg')

def run_alone(name, python, top, around):
    "Run a page's cells, but those marked as for elsewhere, in an empty folder"
    cells = pages.read(pages.NBS/name)['cells']
    kept = [pages.source(c) for c in cells if pages.is_code(c) and not run_pages.skipped(c, [])]
    away = top/Path(name).stem
    away.mkdir()
    (away/'cells.json').write_text(json.dumps(kept), encoding='utf-8')
    few = dict(TORCHNN_REALLY_DATA='sample', WANDB_MODE='offline', TQDM_DISABLE='1')
    call(f'{name} alone', python, '-c', RUN, cwd=away, env=around | few)

def use(top, wheel):
    "Do in a new environment what users do who have nothing of this project yet"
    env.make_venv(top/'venv')
    pip = python, _, _ = env.venv_python(top/'venv'), '-m', 'pip'
    pins = (pages.ROOT/'constraints.txt').read_text(encoding='utf-8')
    (top/'pins.txt').write_text(f'{pins}{NAME} @ {wheel.as_uri()}\n', encoding='utf-8')
    theirs = ('TORCHNN_REALLY_', 'PYTHON', 'VIRTUAL_ENV')
    around = {k: v for k, v in os.environ.items() if not k.startswith(theirs)} | dict(
        HOME=str(top), PYTHONUTF8='1', MPLBACKEND='agg', PIP_CONSTRAINT=str(top/'pins.txt'),
        PATH=f'{python.parent}{os.pathsep}{os.environ["PATH"]}')
    draw_photos(top/'away')
    for line in (('bash', '-exc', quick_start('bash')), (python, '-c', quick_start('python'))):
        call('the quick start', *line, cwd=top/'away', env=around, quiet=False)
    call('pip check', *pip, 'check', env=around)
    have = call('what came with it', *pip, 'freeze', env=around)
    if 'nbdev' in have or 'fastcore==1' in have: sys.exit(f'wheel: as users have it? {have}')
    for page in ALONE: run_alone(page, python, top, around)
    call('remove the package', *pip, 'uninstall', '-y', NAME, env=around)
    del around['PIP_CONSTRAINT']
    torch = next((top/'venv').rglob('torch/version.py'))
    before = torch.stat().st_mtime_ns
    run_alone(ON_COLAB, python, top, around | dict(
        COLAB_RELEASE_TAG='release', GIT_CONFIG_KEY_0=f'url.{pages.ROOT.as_uri()}.insteadOf',
        GIT_CONFIG_COUNT='1', GIT_CONFIG_VALUE_0=pages.settings()['git_url']))
    if f'{NAME} @ git+' not in call('came it from git?', *pip, 'freeze', env=around): sys.exit('no')
    if torch.stat().st_mtime_ns != before: sys.exit('wheel: on Colab, torch was installed again')

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument('--keep', metavar='FOLDER', help='put sdist and wheel here if all is well')
    keep = p.parse_args().keep
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        top = Path(name).resolve()
        built = shutil.ignore_patterns('.*', '*.egg-info', '__py*', 'build', 'dist', 'nbdev.yml')
        shutil.copytree(pages.ROOT, top/'clean', ignore=built)
        call('build', sys.executable, '-m', 'build', '--outdir', top/'dist', top/'clean')
        sdist, wheel = next(top.glob('dist/*.gz')), next(top.glob('dist/*.whl'))
        look_into(top/'clean', sdist, wheel)
        use(top, wheel)
        if keep: shutil.copytree(top/'dist', keep, dirs_exist_ok=True)
    print('the quick start works, and so do pages alone')

if __name__ == '__main__': main()
