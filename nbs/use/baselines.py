"""Measure `train_folder` against scikit-learn's logistic regression and random forest, untuned.

Five sets of 100 to 600 small pictures: scikit-learn's digits; the Debian packages
tuxpaint-stamps-default and openclipart-png; npm's emoji-datasource-google; one drawn here. Each is
split into training, validation and test pictures by five seeds; the epoch is chosen on validation,
and all are compared on test. It needs scikit-learn, in an environment of your own, and apt-get,
dpkg, npm and tar. The pictures go into --where; the figures into baselines.json beside this file,
after each training, so that a run that was ended goes on where it was.
"""
import argparse
import json
import os
import random
import re
import subprocess
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
import numpy as np
import torch
from PIL import Image, ImageDraw

MOST,SIDE = 60,64 # pictures of a class; pixels of the longer side
FIGURES = Path(__file__).with_suffix('.json')

def run(*command, cwd): subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.DEVNULL)

def fetch(name, where, get, suffix, *unpack):
    "The folder with what a package holds"
    if not (folder := where/name).exists():
        run(*get, name, cwd=where)
        (part := where/f'{name}.part').mkdir(exist_ok=True)
        archive = next(where.glob(f'{name}[-_]*{suffix}')).resolve()
        run(*[str(archive) if word == 'ARCHIVE' else word for word in unpack], cwd=part)
        part.rename(folder)
    return folder

def debian(name, where):
    return fetch(name, where, ('apt-get','download'), '.deb', 'dpkg', '-x', 'ARCHIVE', '.')
def npm(name, where):
    return fetch(name, where, ('npm','pack'), '.tgz', 'tar', 'xf', 'ARCHIVE')/'package'

def choose(files:list):
    "At most so many, always the same ones"
    return random.Random(0).sample(sorted(files), min(MOST, len(files)))

def digits(where):
    from sklearn.datasets import load_digits
    found = load_digits()
    for i in range(10):
        for x in found.images[found.target == i][:50]:
            yield str(i), Image.fromarray((x*15.9).astype(np.uint8))

def tuxpaint(where):
    stamps = debian('tuxpaint-stamps-default', where)/'usr/share/tuxpaint/stamps'
    for kind in ('animals','food','plants','seasonal','symbols','town','vehicles'):
        files = [f for f in (stamps/kind).rglob('*.png') if not re.search('mirror|flip', f.name)]
        for f in choose(files): yield kind, Image.open(f)

def openclipart(where):
    clips = debian('openclipart-png', where)/'usr/share/openclipart/png'
    for kind in ('animals','buildings','food','people','plants','tools','transportation'):
        for f in choose([*(clips/kind).rglob('*.png')]): yield kind, Image.open(f)

def emoji(where):
    package,by_kind = npm('emoji-datasource-google', where),{}
    for e in json.loads((package/'emoji.json').read_text(encoding='utf-8')):
        file = package/'img/google/64'/e['image']
        if file.exists() and e['category'] not in ('People & Body','Component'):
            by_kind.setdefault(e['category'], []).append(file)
    for kind,files in sorted(by_kind.items()):
        for f in choose(files): yield kind, Image.open(f)

def drawn(where):
    rng = random.Random(0)
    for kind in ('cross','disc','ring','square','triangle'):
        for _ in range(MOST):
            img = Image.new('RGB', (48,48), tuple(rng.choices(range(256), k=3)))
            draw,colour = ImageDraw.Draw(img),tuple(rng.choices(range(256), k=3))
            r,x,y,turn = (rng.uniform(*ends) for ends in ((8,16), (17,31), (17,31), (0,6.3)))
            def corners(n):
                angles = turn + 2*np.pi*np.arange(n)/n
                return [*zip(x + r*np.cos(angles), y + r*np.sin(angles))]
            if kind == 'disc': draw.ellipse((x-r, y-r, x+r, y+r), fill=colour)
            if kind == 'ring': draw.ellipse((x-r, y-r, x+r, y+r), outline=colour, width=4)
            if kind == 'square': draw.polygon(corners(4), fill=colour)
            if kind == 'triangle': draw.polygon(corners(3), fill=colour)
            if kind == 'cross':
                for i in (0,1): draw.line(corners(4)[i::2], fill=colour, width=4)
            yield kind, img

SETS = dict(digits=digits, drawn=drawn, emoji=emoji, openclipart=openclipart, tuxpaint=tuxpaint)

def make_set(name, where):
    "A folder with one sub-folder for each class; pictures small, on white"
    folder = where/'sets'/name
    if folder.exists(): return folder
    part = folder.with_name(f'{name}.part')
    for i,(kind,img) in enumerate(SETS[name](where)):
        (img := img.convert('RGBA')).thumbnail((SIDE,SIDE))
        page = Image.new('RGBA', img.size, 'white')
        page.alpha_composite(img)
        (part/kind).mkdir(parents=True, exist_ok=True)
        page.convert('RGB').save(part/kind/f'{i:04}.png')
    return part.rename(folder)

def measure(name, folder, seed, size, epochs):
    "Test accuracies of the three, by one seed"
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from torch.utils.data import TensorDataset
    from torchnn_really.pictures import folder_data, split_rows, train_folder
    torch.set_num_threads(1)
    data = folder_data(folder, size)
    x,y = (torch.cat(both) for both in zip(data.train_ds.tensors, data.valid_ds.tensors))
    rest,test = split_rows(y, .2, seed)
    train,valid = (rest[rows] for rows in split_rows(y[rest], .25, seed))
    train_ds,valid_ds = (TensorDataset(x[rows], y[rows]) for rows in (train,valid))
    data = data._replace(train_ds=train_ds, valid_ds=valid_ds, valid_files=[])
    start = time.perf_counter()
    model,history = train_folder('pictures', data, epochs, seed=seed, progress=False)
    seconds = time.perf_counter() - start
    with torch.inference_mode(): right = (model.eval()(x[test]).argmax(1) == y[test]).float().mean()
    def score(m): return m.fit(x[train].flatten(1), y[train]).score(x[test].flatten(1), y[test])
    return dict(set=name, seed=seed, size=size, classes=len(data.classes), pictures=len(y),
                tested=len(test), network=right.item(), epoch=history.best()['epoch'],
                epochs=len(history.epochs), asked=epochs, seconds=round(seconds, 1),
                logistic=score(LogisticRegression()),
                forest=score(RandomForestClassifier(random_state=seed)))

if __name__ == '__main__':
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument('--where', type=Path, required=True, help='folder for the pictures, about 1 GB')
    p.add_argument('--sets', nargs='+', default=[*SETS], choices=[*SETS])
    for name,n in dict(seeds=5, size=28, epochs=None, processes=2).items():
        p.add_argument(f'--{name}', type=int, default=n)
    args = p.parse_args()
    (args.where/'sets').mkdir(parents=True, exist_ok=True)
    os.environ['TORCHNN_REALLY_HOME'] = str(args.where) # the cache of pictures, too
    rows = json.loads(FIGURES.read_text(encoding='utf-8')) if FIGURES.exists() else []
    done = {(r['set'], r['seed'], r['size'], r['asked']) for r in rows}
    how = args.size,args.epochs
    todo = [(name, make_set(name, args.where), seed, *how) for seed in range(args.seeds)
            for name in args.sets if (name, seed, *how) not in done]
    with ProcessPoolExecutor(args.processes) as pool:
        for future in as_completed([pool.submit(measure, *task) for task in todo]):
            rows.append(new := future.result())
            rows.sort(key=lambda r: (r['set'], r['seed']))
            FIGURES.write_text(json.dumps(rows, indent=0), encoding='utf-8')
            print(new, flush=True)
