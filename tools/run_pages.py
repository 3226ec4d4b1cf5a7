#!/usr/bin/env python3
"""Run the pages as tests, or run them and save the outputs that readers see.

    python tools/run_pages.py [PAGE ...] [--data sample|mnist] [--flags 'slow cuda'] [--jobs 2]
    python tools/run_pages.py --save [PAGE ...]

`nbdev_test` has no time limit for a page, leaks modules from page to page, and saves nothing. Here
each page runs in its own process, progress bars off and W&B offline. Cells marked `#| slow`,
`#| cuda` or `#| online` are skipped unless `--flags` names the mark (`--save` runs the slow ones).
MNIST comes from the folder that TORCHNN_REALLY_TEST_MNIST names (served on loopback and downloaded),
otherwise from the cache. A page is saved only if all of it passed. The last line is
`N passed, N failed` (pages), with `, N skipped` (cells) where there are any.
"""
import argparse
import contextlib
import functools
import http.server
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter, namedtuple
from pathlib import Path

import pages

FLAGS = ['slow', 'cuda', 'online']
Result = namedtuple('Result', 'page passed seconds skipped trouble')

# In the process of one page

def skipped(cell, run_flags):
    "The mark for which a cell is left out of this run, or None"
    d = pages.directives(cell)
    if d.get('eval', '').lower() == 'false': return 'eval: false'
    return next((f for f in FLAGS if f in d and f not in run_flags), None)

def child(page, report, run_flags, save):
    "Run one page in this process, tell `report` how far it came, keep its cells' outputs if `save`"
    from execnb.shell import CaptureShell
    def tell(**what): report.write_text(json.dumps(what), encoding='utf-8')
    before, nb, marks = page.read_bytes(), pages.read(page), []
    os.chdir(page.parent)
    sys.path.insert(0, str(pages.ROOT))
    shell = CaptureShell(mpl_format='retina')
    shell._showtraceback = lambda *args: None # else it stands among the outputs, in colours
    for i, cell in enumerate(nb['cells']):
        if not pages.is_code(cell): continue
        if mark := skipped(cell, run_flags): marks.append(mark); continue
        tell(cell=f'cell {i}:\n\n{pages.source(cell)}')
        outputs = list(shell.run(pages.source(cell)))
        if shell.exc: fail(shell.exc, outputs)
        cell['outputs'] = outputs
    if save:
        tell(cell='after the last cell:')
        if page.read_bytes() != before: sys.exit('the page was changed while it ran: nothing saved')
        nb['metadata']['outputs_of'] = pages.fingerprint(nb)
        pages.write(page, nb)
    tell(finished=True, skipped=marks)

def fail(error, outputs):
    "Print what the cell printed and the traceback from it on; end with whatever it started"
    said = (''.join(o['text']) for o in outputs if o['output_type'] == 'stream')
    print(''.join(said), file=sys.stderr)
    tb = error.__traceback__
    while tb and 'IPython' in tb.tb_frame.f_code.co_filename: tb = tb.tb_next
    traceback.print_exception(type(error), error, tb)
    sys.stdout.flush(); sys.stderr.flush()
    os._exit(1)

# In the process that runs them all

def start(page, args, env, folder):
    "Start a page in a process of its own; what it prints and reports goes to `folder`"
    name = pages.path_of(page).replace('/', '-')
    command = [sys.executable, str(Path(__file__).resolve()), '--child', str(page),
               '--report', str(folder/f'{name}.json'), '--flags', args.flags]
    with open(folder/f'{name}.log', 'wb') as log:
        return subprocess.Popen(command + ['--save']*args.save, env=env, stdin=subprocess.DEVNULL,
                                stdout=log, stderr=log, start_new_session=True)

def end(proc):
    "End a page and whatever it started"
    if os.name == 'nt':
        subprocess.run(['taskkill', '/T', '/F', '/PID', str(proc.pid)], capture_output=True)
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(proc.pid, signal.SIGKILL)
    proc.wait()

def judge(page, status, seconds, args, folder):
    "What came of a page; `status` is its exit status, or None if it had to be stopped"
    name = pages.path_of(page).replace('/', '-')
    report, log = folder/f'{name}.json', folder/f'{name}.log'
    told = json.loads(report.read_text(encoding='utf-8') or '{}') if report.exists() else {}
    if status == 0 and told.get('finished'):
        return Result(page, True, seconds, Counter(told['skipped']), '')
    cell = f"{pages.path_of(page)}, {told.get('cell', 'before the first cell:')}\n"
    why = f'its process ended with status {status}' if status != 1 else ''
    if status is None: why = f'stopped: it ran past its limit of {args.timeout:g} s'
    said = log.read_text(encoding='utf-8', errors='replace').strip('\n')
    return Result(page, False, seconds, Counter(), '\n'.join(filter(None, [cell, said, why])) + '\n')

def results(chosen, args, env, folder):
    "Run the pages, `args.jobs` at a time, and give each one's result in reading order"
    waiting, running, done = list(chosen), {}, {}
    try:
        for page in chosen:
            while page not in done:
                while waiting and len(running) < args.jobs:
                    q = waiting.pop(0)
                    running[q] = start(q, args, env, folder), time.perf_counter()
                for q, (proc, began) in list(running.items()):
                    seconds, status = time.perf_counter() - began, proc.poll()
                    if status is None and seconds < args.timeout: continue
                    end(proc)
                    del running[q]
                    done[q] = judge(q, status, seconds, args, folder)
                time.sleep(.05)
            yield done[page]
    finally:
        for proc, _ in running.values(): end(proc)

@contextlib.contextmanager
def serve(folder):
    "Serve a folder on loopback and give its address"
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args): pass
    handler = functools.partial(Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try: yield f'http://127.0.0.1:{server.server_port}/'
    finally: server.shutdown(); server.server_close()

DOWNLOAD = """from torchnn_really.all import load_mnist, load_mnist_test
load_mnist(['{0}']); load_mnist_test(['{0}'])"""
THERE = 'from torchnn_really.all import has_mnist; raise SystemExit(not has_mnist())'

def environment(args, home):
    "The environment variables that pages run under"
    (home/'runs').mkdir(parents=True)
    env = {**os.environ, 'TORCHNN_REALLY_DATA': args.data, 'WANDB_MODE': 'offline',
           'WANDB_SILENT': 'true', 'WANDB_DIR': str(home/'runs'), 'TQDM_DISABLE': '1',
           'PYTHONUTF8': '1', 'PYTHONHASHSEED': '0', 'IN_TEST': '1',
           'OMP_NUM_THREADS': str(args.threads), 'MKL_NUM_THREADS': str(args.threads),
           'PYTHONPATH': os.pathsep.join([str(pages.ROOT), *os.environ.get('PYTHONPATH', '').split(os.pathsep)]),
           'OMP_WAIT_POLICY': 'PASSIVE'} # cells that ask for two threads must not spin
    folder = os.environ.get('TORCHNN_REALLY_TEST_MNIST')
    if args.data == 'sample' or folder: env['TORCHNN_REALLY_HOME'] = str(home)
    if args.data == 'sample': return env
    def python(code, **more):
        return subprocess.run([sys.executable, '-c', code], cwd=pages.ROOT, env=env | more).returncode
    if folder:
        with serve(folder) as address: failed = python(DOWNLOAD.format(address), NO_PROXY='127.0.0.1')
        if failed: sys.exit(f'MNIST could not be loaded from {folder}')
    elif python(THERE): sys.exit('MNIST is not in the cache; download it first: torchnn_really data')
    return env

def is_called(page, name):
    "Whether a name from the command line means a page: its path, folder, file, or title"
    path = pages.path_of(page)
    return name.removeprefix('nbs/').rstrip('/') in (path, path.removesuffix('.ipynb'), page.name,
                                                     page.stem, pages.title_of(page), page.parent.name)

def chosen_pages(names):
    "The pages, companions included, that some names mean; all of them if there are none"
    every = pages.all_pages() + pages.companions()
    for name in names:
        if not any(is_called(p, name) for p in every): sys.exit(f'no page is called {name}')
    return [p for p in every if not names or any(is_called(p, n) for n in names)]

def stopped(*args):
    print('stopped', file=sys.stderr, flush=True)
    sys.exit(143 if args else 130)

def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('page', nargs='*', help='paths, folders or titles of pages; default: all')
    p.add_argument('--data', choices=['sample', 'mnist'], help='default: sample; mnist with --save')
    p.add_argument('--flags', default='', help='marks whose cells run all the same: slow, cuda, online')
    p.add_argument('--jobs', type=int, help='pages at a time (default 2, and 1 with --save)')
    p.add_argument('--threads', type=int, default=1, help='threads of torch in each page (default 1)')
    p.add_argument('--timeout', type=float, default=300, help='seconds a page may take')
    p.add_argument('--save', action='store_true', help='write the outputs into the pages')
    p.add_argument('--child', type=Path, help=argparse.SUPPRESS)
    p.add_argument('--report', type=Path, help=argparse.SUPPRESS)
    args = p.parse_args()
    if unknown := sorted(set(args.flags.split()) - set(FLAGS)):
        p.error(f"--flags knows {', '.join(FLAGS)}, not {', '.join(unknown)}")
    return args

def main():
    args = options()
    if args.child: return child(args.child, args.report, args.flags.split(), args.save)
    args.data = args.data or ('mnist' if args.save else 'sample')
    args.jobs = max(1, args.jobs or (1 if args.save else 2))
    if args.save: args.flags = f'{args.flags} slow'
    chosen = chosen_pages(args.page)
    if not chosen: sys.exit(f'there are no pages in {pages.NBS}')
    # a shell's background jobs ignore SIGINT; `timeout` and CI send SIGTERM: both end the pages
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, stopped)
    passed, failed, cells = 0, 0, 0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        env = environment(args, Path(folder)/'home')
        with contextlib.closing(results(chosen, args, env, Path(folder))) as each:
            for r in each:
                passed, failed, cells = passed + r.passed, failed + (not r.passed), cells + r.skipped.total()
                if r.trouble: print(f'\n{r.trouble}', file=sys.stderr, flush=True)
                marks = ', '.join(f'{n} {mark}' for mark, n in r.skipped.items())
                note = f'  (cells skipped: {marks})' if marks else ''
                verdict = 'ok' if r.passed else 'FAILED'
                print(f'{verdict:6} {r.seconds:6.1f} s  {pages.path_of(r.page)}{note}', flush=True)
    print(f"{passed} passed, {failed} failed{f', {cells} skipped' if cells else ''}", flush=True)
    sys.exit(failed > 0)

if __name__ == '__main__':
    try: main()
    except KeyboardInterrupt: stopped()
