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
import argparse, contextlib, functools, http.server, json, os, signal, subprocess, sys, tempfile
import threading, time, traceback
from collections import Counter, namedtuple
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pages

FLAGS, MARK = ['slow', 'cuda', 'online'], '\x1e' # MARK: before each cell in what a page's process says
Result, RUNNING = namedtuple('Result', 'page seconds skipped trouble'), set()

# In the process of one page

def skipped(cell, run_flags):
    "The mark for which a cell is left out of this run, or None"
    d = pages.directives(cell)
    if d.get('eval', '').lower() == 'false': return 'eval: false'
    return next((f for f in FLAGS if f in d and f not in run_flags), None)

def child(page, run_flags, save):
    "Run one page in this process, say where it is and what was skipped; keep the outputs if `save`"
    from execnb.shell import CaptureShell
    before, nb, marks = page.read_bytes(), pages.read(page), []
    os.chdir(page.parent)
    sys.path.insert(0, str(page.parent)) # as in Jupyter
    shell = CaptureShell(mpl_format='retina')
    shell._showtraceback = lambda *args: None # else it stands among the outputs, in colours
    for i, cell in enumerate(nb['cells']):
        if not pages.is_code(cell): continue
        if mark := skipped(cell, run_flags): marks.append(mark); continue
        print(f'{MARK}cell {i}:\n\n{pages.source(cell)}\n', flush=True)
        outputs = list(shell.run(pages.source(cell)))
        if shell.exc: fail(shell.exc, outputs)
        cell['outputs'] = outputs
    print(f'{MARK}after the last cell:', flush=True)
    if save:
        if page.read_bytes() != before: sys.exit('the page was changed while it ran: nothing saved')
        nb['metadata']['outputs_of'] = pages.fingerprint(nb)
        pages.write(page, nb)
    print(f'{MARK}{json.dumps(marks)}', flush=True)

def fail(error, outputs):
    "Print what the cell printed and the traceback from it on; end with whatever it started"
    print(''.join(''.join(o['text']) for o in outputs if o['output_type'] == 'stream'))
    tb = error.__traceback__
    while tb and 'IPython' in tb.tb_frame.f_code.co_filename: tb = tb.tb_next
    traceback.print_exception(type(error), error, tb, file=sys.stdout)
    sys.stdout.flush()
    os._exit(1)

# In the process that runs them all

def end(proc):
    "End a page and whatever it started"
    if os.name == 'nt':
        subprocess.run(['taskkill', '/T', '/F', '/PID', str(proc.pid)], capture_output=True)
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(proc.pid, signal.SIGKILL)
    proc.wait()
    RUNNING.discard(proc)

def run_page(args, env, page):
    "Run a page in a process of its own"
    command = [sys.executable, __file__, '--child', str(page), '--flags', args.flags]
    began, status = time.perf_counter(), None
    with tempfile.TemporaryFile('w+', encoding='utf-8', errors='replace') as log:
        proc = subprocess.Popen(command + ['--save']*args.save, env=env, stdin=subprocess.DEVNULL,
                                stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        RUNNING.add(proc)
        with contextlib.suppress(subprocess.TimeoutExpired): status = proc.wait(args.timeout)
        seconds = time.perf_counter() - began
        end(proc)
        log.seek(0)
        last = log.read().rpartition(MARK)[2]
    if status == 0 and last.startswith('['):
        return Result(page, seconds, Counter(json.loads(last.partition('\n')[0])), '')
    why = {None: f'stopped: it ran past its limit of {args.timeout:g} s', 1: ''}
    why = why.get(status, f'its process ended with status {status}')
    return Result(page, seconds, Counter(), f'{pages.path_of(page)}, {last.strip()}\n{why}\n')

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
    env = os.environ | dict(
        OMP_NUM_THREADS=args.threads, MKL_NUM_THREADS=args.threads,
        TORCHNN_REALLY_DATA=args.data, WANDB_MODE='offline', WANDB_SILENT='true',
        WANDB_DIR=str(home/'runs'), TQDM_DISABLE='1', PYTHONUTF8='1', PYTHONHASHSEED='0',
        IN_TEST='1', OMP_WAIT_POLICY='PASSIVE') # cells that ask for two threads must not spin
    env['PYTHONPATH'] = os.pathsep.join([str(pages.ROOT), *filter(None, [env.get('PYTHONPATH')])])
    folder = os.environ.get('TORCHNN_REALLY_TEST_MNIST')
    if args.data == 'sample' or folder: env['TORCHNN_REALLY_HOME'] = str(home)
    def python(code, **more):
        return subprocess.run([sys.executable, '-c', code], env=env | more).returncode
    if args.data == 'mnist' and folder:
        with serve(folder) as address: failed = python(DOWNLOAD.format(address), NO_PROXY='127.0.0.1')
        if failed: sys.exit(f'MNIST could not be loaded from {folder}')
    elif args.data == 'mnist' and python(THERE):
        sys.exit('MNIST is not in the cache; download it first: torchnn_really data')
    return env

def is_called(page, name):
    "Whether a name from the command line means a page: its path, folder, file, or title"
    path = pages.path_of(page)
    return name.removeprefix('nbs/').rstrip('/') in (
        path, path.removesuffix('.ipynb'), page.name, page.stem, pages.title_of(page), page.parent.name)

def chosen_pages(names):
    "The pages, companions included, that some names mean; all of them if there are none"
    every = pages.all_pages() + pages.companions()
    for name in names:
        if not any(is_called(p, name) for p in every): sys.exit(f'no page is called {name}')
    return [p for p in every if not names or any(is_called(p, n) for n in names)]

def stopped(signum, frame):
    "A shell's background jobs ignore SIGINT; `timeout` and CI send SIGTERM: both end the pages"
    for proc in list(RUNNING): end(proc)
    print('stopped', file=sys.stderr, flush=True)
    os._exit(128 + signum)

def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('page', nargs='*', help='paths, folders or titles of pages; default: all')
    p.add_argument('--data', choices=['sample', 'mnist'], help='default: sample; mnist with --save')
    p.add_argument('--flags', default='', help='marks whose cells run all the same: slow, cuda, online')
    p.add_argument('--jobs', type=int, help='pages at a time (default 2, and 1 with --save)')
    p.add_argument('--timeout', type=float, default=300, help='seconds a page may take')
    p.add_argument('--threads', default='1', help='that torch computes with')
    p.add_argument('--save', action='store_true', help='write the outputs into the pages')
    p.add_argument('--child', type=Path, help=argparse.SUPPRESS)
    args = p.parse_args()
    if unknown := sorted(set(args.flags.split()) - set(FLAGS)):
        p.error(f"--flags knows {', '.join(FLAGS)}, not {', '.join(unknown)}")
    return args

def main():
    args = options()
    if args.child: return child(args.child, args.flags.split(), args.save)
    args.data = args.data or ('mnist' if args.save else 'sample')
    if args.save: args.flags = f'{args.flags} slow'
    chosen, failed, cells = chosen_pages(args.page), 0, 0
    if not chosen: sys.exit(f'there are no pages in {pages.NBS}')
    for signum in (signal.SIGINT, signal.SIGTERM): signal.signal(signum, stopped)
    with (tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
          ThreadPoolExecutor(max(1, args.jobs or 2 - args.save)) as pool):
        env = environment(args, Path(folder)/'home')
        for r in pool.map(functools.partial(run_page, args, env), chosen):
            failed, cells = failed + bool(r.trouble), cells + r.skipped.total()
            if r.trouble: print(f'\n{r.trouble}', file=sys.stderr, flush=True)
            marks = ', '.join(f'{n} {mark}' for mark, n in r.skipped.items())
            note, verdict = f'  (cells skipped: {marks})'*bool(marks), 'FAILED' if r.trouble else 'ok'
            print(f'{verdict:6} {r.seconds:6.1f} s  {pages.path_of(r.page)}{note}', flush=True)
    said = f'{len(chosen) - failed} passed, {failed} failed'
    print(said + f', {cells} skipped'*bool(cells), flush=True)
    sys.exit(failed > 0)

if __name__ == '__main__': main()
