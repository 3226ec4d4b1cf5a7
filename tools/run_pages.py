#!/usr/bin/env python3
"""Run the pages as tests, or run them and save the outputs that readers see.

    python tools/run_pages.py [PAGE ...] [--data sample|mnist] [--flags 'slow cuda']
    python tools/run_pages.py --save [PAGE ...]

`nbdev_test` has no time limit for a page, leaks modules from page to page, and saves nothing. Here
each page runs in its own process. Cells marked `#| slow`, `#| cuda` or `#| online` are skipped
unless `--flags` names the mark (`--save` runs the slow ones). MNIST comes from the folder that
TORCHNN_REALLY_TEST_MNIST names, else from the cache. A page is saved only if all passed, and what
a mark as `#| needs keras` names is installed."""
import argparse, functools, gzip, os, sys, tempfile
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
import pages
from as_shown import ELSEWHERE as FLAGS, MARK, results

def skipped(cell, run_flags):
    "The mark for which a cell is left out of this run, or None"
    d = pages.directives(cell)
    if d.get('eval', '').lower() == 'false': return 'eval: false'
    return next((f for f in FLAGS if f in d and f not in run_flags), None)

def run_page(name, cells, folder, saved):
    "Run a page's cells where it lies, saying where we are; keep the outputs if it is in `saved`"
    from execnb.shell import CaptureShell
    page = pages.NBS/name
    before, nb = page.read_bytes(), pages.read(page)
    os.chdir(page.parent)
    sys.path[:0] = [str(page.parent), str(pages.ROOT)] # as in Jupyter, and this clone's package
    shell = CaptureShell(mpl_format='retina')
    shell.colors = 'nocolor' # of tracebacks
    for i, text in cells.items():
        print(f'{MARK}{i}', flush=True)
        outputs = list(shell.run(text))
        if shell.exc:
            print(''.join(line for o in outputs for line in o.get('text', [])), flush=True)
            os._exit(1) # whatever it started
        nb['cells'][int(i)]['outputs'] = outputs
    print(f'{MARK}after the last', flush=True)
    if name not in saved: return
    if page.read_bytes() != before: sys.exit('the page was changed while it ran: nothing saved')
    nb['metadata']['outputs_of'] = pages.fingerprint(nb)
    pages.write(page, nb)

def environment(args, home):
    "The environment variables that pages run under"
    env = dict(OMP_NUM_THREADS=args.threads, MKL_NUM_THREADS=args.threads, WANDB_MODE='offline',
               TORCHNN_REALLY_DATA=args.data, WANDB_SILENT='true', WANDB_DIR=str(home/'runs'),
               TQDM_DISABLE='1', PYTHONUTF8='1', PYTHONHASHSEED='0', IN_TEST='1',
               OMP_WAIT_POLICY='PASSIVE') # cells that ask for two threads must not spin
    env['PYTHONPATH'] = os.pathsep.join([str(pages.ROOT), os.environ.get('PYTHONPATH', '')])
    for folder in ('runs', 'mnist'): (home/folder).mkdir()
    files = Path(os.environ.get('TORCHNN_REALLY_TEST_MNIST', '')).glob('*-ubyte.gz')
    for file in files if args.data == 'mnist' else ():
        (home/'mnist'/file.stem).write_bytes(gzip.decompress(file.read_bytes()))
    if args.data == 'sample' or any((home/'mnist').iterdir()):
        env['TORCHNN_REALLY_HOME'] = str(home)
    os.environ |= env
    return env

def chosen_pages(names):
    "The pages, companions included, that paths, folders, files, titles mean; all without any"
    every, found = pages.all_pages() + pages.companions(), set()
    if names == ['stale']: return [p for p in pages.all_pages() if pages.is_stale(pages.read(p))]
    for name in names:
        name = name.removeprefix('nbs/').rstrip('/')
        meant = {p for p in every if name in (pages.path_of(p), pages.path_of(p.with_suffix('')),
                                              p.name, p.stem, pages.title_of(p), p.parent.name)}
        if not meant: sys.exit(f'no page is called {name}')
        found |= meant
    return [p for p in every if not names or p in found]

def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument('page', nargs='*', help='paths, folders, titles; stale: outdated outputs')
    p.add_argument('--data', choices=['sample', 'mnist'], help='default: sample; mnist with --save')
    p.add_argument('--flags', default='', help='marks whose cells are run: slow, cuda, online')
    p.add_argument('--timeout', type=float, default=300, help='seconds a page may take')
    p.add_argument('--threads', default='1', help='that torch computes with')
    p.add_argument('--save', action='store_true', help='write the outputs into the pages')
    args = p.parse_args()
    args.flags = args.flags.split() + ['slow']*args.save
    if unknown := {*args.flags} - FLAGS: p.error(f'--flags knows {FLAGS}, not {unknown}')
    args.data = args.data or ('mnist' if args.save else 'sample')
    args.jobs = 2 - args.save
    return args

def main():
    args = options()
    chosen, tasks, marks, lacks, failed = chosen_pages(args.page), {}, {}, {}, 0
    if not chosen and args.page != ['stale']: sys.exit(f'there are no pages in {pages.NBS}')
    for page in chosen:
        cells = {str(i): c for i, c in enumerate(pages.read(page)['cells']) if pages.is_code(c)}
        found, name = {i: skipped(c, args.flags) for i, c in cells.items()}, pages.path_of(page)
        marks[name] = Counter(filter(None, found.values()))
        needs = ' '.join(pages.directives(c).get('needs', '') for c in cells.values()).split()
        lacks[name] = [module for module in needs if not find_spec(module)]
        tasks[name] = {i: pages.source(c) for i, c in cells.items() if not found[i]}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        args.env = environment(args, Path(folder))
        if sys.platform == 'linux': import torch._dynamo, execnb.shell # noqa: E401,F401 once
        work = functools.partial(run_page, saved=[n for n in tasks if args.save and not lacks[n]])
        for name, seconds, _, trouble in results(tasks, args, work):
            failed += bool(trouble)
            if trouble: print(f'\n{name}, {trouble}\n', file=sys.stderr, flush=True)
            left_out = ', '.join(f'{n} {mark}' for mark, n in marks[name].items())
            note = f'  (cells skipped: {left_out})'*bool(left_out)
            if args.save and lacks[name]: note += f"  (not saved: no {', '.join(lacks[name])})"
            print(f"{'FAILED' if trouble else 'ok':6} {seconds:6.1f} s  {name}{note}", flush=True)
    n = sum(found.total() for found in marks.values())
    print(f'{len(chosen) - failed} passed, {failed} failed' + f', {n} skipped'*(n > 0), flush=True)
    sys.exit(failed > 0)

if __name__ == '__main__': main()
