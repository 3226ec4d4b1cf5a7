#!/usr/bin/env python3
"""Run the pages as tests, or run them and save the outputs that readers see.

    python tools/run_pages.py [PAGE ...] [--data sample|mnist] [--flags 'slow cuda'] [--jobs 2] [--timeout 300]
    python tools/run_pages.py --save [PAGE ...]

Each page runs in its own process, with a time limit, with progress bars off and W&B offline. Cells marked `#| slow`, `#| cuda`
or `#| online` are skipped unless `--flags` names the mark (`--save` runs the slow ones). The sample is used unless `--data mnist`;
MNIST comes from the folder that TORCHNN_REALLY_TEST_MNIST names (served on loopback and downloaded), otherwise from the cache.
A page is saved only if all of it passed. The last line is `N passed, N failed` (pages), with `, N skipped` (cells) where there are any.
"""
import argparse, contextlib, functools, http.server, json, os, signal, subprocess, sys, tempfile, threading, time, traceback
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
    "Run one page in this process, telling `report` how far it came, and keep its cells' outputs if `save`"
    from execnb.shell import CaptureShell
    def tell(**what): report.write_text(json.dumps(what), encoding='utf-8')
    before, nb, marks = page.read_bytes(), pages.read(page), []
    os.chdir(page.parent)
    sys.path.insert(0, str(pages.ROOT))
    shell = CaptureShell(mpl_format='retina')
    shell._showtraceback = lambda *args: None # else it stands among the outputs, in colours
    for i, cell in enumerate(nb['cells']):
        if cell['cell_type'] != 'code' or not pages.source(cell).strip(): continue
        if mark := skipped(cell, run_flags): marks.append(mark); continue
        tell(cell=f'cell {i}:\n\n{pages.source(cell)}')
        outputs = list(shell.run(pages.source(cell)))
        if shell.exc: fail(shell.exc, outputs)
        cell['outputs'] = outputs
    if save:
        tell(cell='after the last cell:')
        if page.read_bytes() != before: sys.exit('the page was changed while it ran: nothing saved')
        nb['metadata']['outputs_of'] = pages.fingerprint(page)
        pages.write(page, nb)
    tell(finished=True, skipped=marks)

def fail(error, outputs):
    "Print what the cell printed and the traceback from the cell on, and end this process with whatever it started"
    print(''.join(''.join(o['text']) for o in outputs if o['output_type'] == 'stream'), file=sys.stderr)
    tb = error.__traceback__
    while tb and 'IPython' in tb.tb_frame.f_code.co_filename: tb = tb.tb_next
    traceback.print_exception(type(error), error, tb)
    sys.stdout.flush(); sys.stderr.flush()
    os._exit(1)

# In the process that runs them all

def start(page, args, env, folder):
    "Start a page in a process of its own; what it prints and reports goes to `folder`"
    command = [sys.executable, str(Path(__file__).resolve()), '--child', str(page), '--report', str(folder/f'{page.stem}.json'), '--flags', args.flags]
    with open(folder/f'{page.stem}.log', 'wb') as log:
        return subprocess.Popen(command + ['--save']*args.save, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

def end(proc):
    "End a page and whatever it started"
    if os.name == 'nt': subprocess.run(['taskkill', '/T', '/F', '/PID', str(proc.pid)], capture_output=True)
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError): os.killpg(proc.pid, signal.SIGKILL)
    proc.wait()

def judge(page, status, seconds, args, folder):
    "The result of a page from what it reported; `status` is its exit status, or None if it had to be stopped"
    report, log = folder/f'{page.stem}.json', folder/f'{page.stem}.log'
    told = json.loads(report.read_text(encoding='utf-8') or '{}') if report.exists() else {}
    if status == 0 and told.get('finished'): return Result(page, True, seconds, Counter(told['skipped']), '')
    cell = f"{page.name}, {told.get('cell', 'before the first cell:')}\n"
    why = f'stopped: it ran past its limit of {args.timeout:g} s' if status is None else '' if status == 1 else f'its process ended with status {status}'
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
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try: yield f'http://127.0.0.1:{server.server_port}/'
    finally: server.shutdown(); server.server_close()

def environment(args, home):
    "The environment variables that pages run under"
    env = {**os.environ, 'TORCHNN_REALLY_DATA': args.data, 'WANDB_MODE': 'offline', 'WANDB_SILENT': 'true', 'WANDB_DIR': str(home/'runs'), 'TQDM_DISABLE': '1',
           'PYTHONUTF8': '1', 'PYTHONHASHSEED': '0', 'IN_TEST': '1', 'OMP_NUM_THREADS': '1', 'MKL_NUM_THREADS': '1',
           'OMP_WAIT_POLICY': 'PASSIVE'} # cells that ask for two threads must not spin while the page beside them works
    (home/'runs').mkdir(parents=True)
    folder = os.environ.get('TORCHNN_REALLY_TEST_MNIST')
    if args.data == 'sample' or folder: env['TORCHNN_REALLY_HOME'] = str(home)
    if args.data == 'mnist' and folder:
        with serve(folder) as address:
            code = f"from torchnn_really.data import load_mnist, load_mnist_test; load_mnist(['{address}']); load_mnist_test(['{address}'])"
            if subprocess.run([sys.executable, '-c', code], cwd=pages.ROOT, env=env | {'NO_PROXY': '127.0.0.1'}).returncode: sys.exit(f'MNIST could not be loaded from {folder}')
    elif args.data == 'mnist':
        code = 'from torchnn_really.data import has_mnist; raise SystemExit(not has_mnist())'
        if subprocess.run([sys.executable, '-c', code], cwd=pages.ROOT, env=env).returncode:
            sys.exit('MNIST is not in the cache; download it first: torchnn_really data')
    return env

def chosen_pages(names):
    "The pages that some names or numbers mean, all of them if there are none"
    found = {n: [p for p in pages.all_pages() if Path(n).stem in (p.stem, pages.number(p)) or Path(n).name == p.stem] for n in names}
    for name, hits in found.items():
        if not hits: sys.exit(f'no page is called {name}')
    return [p for p in pages.all_pages() if not names or any(p in hits for hits in found.values())]

def stopped(*args):
    print('stopped', file=sys.stderr, flush=True)
    sys.exit(143 if args else 130)

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('page', nargs='*', help='names or numbers of pages; all of them if none is given')
    p.add_argument('--data', choices=['sample', 'mnist'], help='default: sample, and mnist with --save')
    p.add_argument('--flags', default='', help='marks whose cells run all the same: slow, cuda, online')
    p.add_argument('--jobs', type=int, help='pages at a time (default 2, and 1 with --save)')
    p.add_argument('--timeout', type=float, default=300, help='seconds a page may take')
    p.add_argument('--save', action='store_true', help='write the outputs into the pages')
    p.add_argument('--child', type=Path, help=argparse.SUPPRESS)
    p.add_argument('--report', type=Path, help=argparse.SUPPRESS)
    args = p.parse_args()
    if args.child: return child(args.child, args.report, args.flags.split(), args.save)
    if unknown := set(args.flags.split()) - set(FLAGS): p.error(f"--flags knows {', '.join(FLAGS)}, not {', '.join(sorted(unknown))}")
    args.data = args.data or ('mnist' if args.save else 'sample')
    args.jobs = max(1, args.jobs or (1 if args.save else 2))
    if args.save: args.flags = f'{args.flags} slow'
    chosen = chosen_pages(args.page)
    if not chosen: sys.exit(f'there are no pages in {pages.NBS}')
    signal.signal(signal.SIGINT, signal.default_int_handler) # a shell's background jobs ignore it, and so would the pages
    signal.signal(signal.SIGTERM, stopped) # so that `timeout` and CI, too, end the pages
    passed = failed = cells = 0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        env = environment(args, Path(folder)/'home')
        with contextlib.closing(results(chosen, args, env, Path(folder))) as each:
            for r in each:
                passed, failed, cells = passed + r.passed, failed + (not r.passed), cells + r.skipped.total()
                if r.trouble: print(f'\n{r.trouble}', file=sys.stderr, flush=True)
                marks = ', '.join(f'{n} {mark}' for mark, n in r.skipped.items())
                print(f"{'ok' if r.passed else 'FAILED':6} {r.seconds:6.1f} s  {r.page.stem}{f'  (cells skipped: {marks})' if marks else ''}", flush=True)
    print(f"{passed} passed, {failed} failed{f', {cells} skipped' if cells else ''}", flush=True)
    sys.exit(failed > 0)

if __name__ == '__main__':
    try: main()
    except KeyboardInterrupt: stopped()
