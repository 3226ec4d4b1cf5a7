#!/usr/bin/env python3
"""Run the pages as tests, or run them and save the outputs that readers see.

    python tools/run_pages.py [PAGE ...] [--data sample|mnist] [--flags 'slow cuda'] [--jobs 2] [--timeout 300]
    python tools/run_pages.py --save [PAGE ...]

Each page runs in its own process, with a time limit, with progress bars off and W&B offline. Cells marked `#| slow`, `#| cuda`
or `#| online` are skipped unless `--flags` names the mark (`--save` runs the slow ones). The sample is used unless `--data mnist`;
MNIST comes from the folder that TORCHNN_REALLY_TEST_MNIST names (served on loopback and downloaded), otherwise from the cache.
The last line is `N passed, N failed` (pages), with `, N skipped` (cells) where there are any.
"""
import argparse, concurrent.futures, contextlib, functools, http.server, os, signal, subprocess, sys, tempfile, threading, time, traceback
from collections import Counter
from pathlib import Path
import pages

FLAGS = ['slow', 'cuda', 'online']

def skipped(cell, run_flags):
    "The mark for which a cell is left out of this run, or None"
    d = pages.directives(cell)
    if d.get('eval', '').lower() == 'false': return 'eval: false'
    return next((f for f in FLAGS if f in d and f not in run_flags), None)

def child(page, run_flags, save):
    "Run one page in this process; its cells' outputs are kept if `save`"
    from execnb.shell import CaptureShell
    nb = pages.read(page)
    os.chdir(page.parent)
    sys.path.insert(0, str(pages.ROOT))
    shell = CaptureShell(mpl_format='retina')
    for i, cell in enumerate(nb['cells']):
        if cell['cell_type'] != 'code' or not pages.source(cell).strip(): continue
        if flag := skipped(cell, run_flags): print(f'skipped {flag}'); continue
        outputs = shell.run(pages.source(cell))
        if shell.exc:
            print(f'{page.name}, cell {i}:\n{pages.source(cell)}\n', file=sys.stderr)
            traceback.print_exception(type(shell.exc), shell.exc, shell.exc.__traceback__)
            sys.stderr.flush(); sys.stdout.flush()
            os._exit(1)
        cell['outputs'] = list(outputs)
    if save:
        nb['metadata']['outputs_of'] = pages.fingerprint(page)
        pages.write(page, nb)
    sys.stdout.flush()

def run(page, args, env):
    "Run one page in a process of its own: whether it passed, its seconds, cells skipped by mark, and what it wrote to stderr"
    command = [sys.executable, __file__, '--child', str(page), '--flags', args.flags] + ['--save']*args.save
    start = time.perf_counter()
    proc = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try: out, err = proc.communicate(timeout=args.timeout)
    except subprocess.TimeoutExpired:
        kill(proc)
        out, err = proc.communicate()
        err += f'\n{page.name}: stopped, it ran past its limit of {args.timeout} s\n'
    except BaseException:
        kill(proc)
        raise
    skips = Counter(l.removeprefix('skipped ') for l in out.splitlines() if l.startswith('skipped '))
    return page, proc.returncode == 0, time.perf_counter() - start, skips, err

def kill(proc):
    "End a page and whatever it started"
    if os.name == 'nt': proc.kill()
    else:
        with contextlib.suppress(ProcessLookupError): os.killpg(proc.pid, signal.SIGKILL)

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
    "The environment variables a page runs under"
    threads = '1' if args.jobs > 1 else str(min(2, os.cpu_count() or 1))
    env = {**os.environ, 'TORCHNN_REALLY_DATA': args.data, 'WANDB_MODE': 'offline', 'WANDB_SILENT': 'true', 'TQDM_DISABLE': '1', 'PYTHONUTF8': '1', 'IN_TEST': '1',
           'OMP_NUM_THREADS': threads, 'MKL_NUM_THREADS': threads}
    folder = os.environ.get('TORCHNN_REALLY_TEST_MNIST')
    if args.data == 'sample' or folder: env['TORCHNN_REALLY_HOME'] = str(home)
    if args.data == 'mnist' and folder:
        with serve(folder) as address:
            code = f"from torchnn_really.data import load_mnist, load_mnist_test; load_mnist(['{address}']); load_mnist_test(['{address}'])"
            subprocess.run([sys.executable, '-c', code], cwd=pages.ROOT, env=env, check=True)
    elif args.data == 'mnist':
        code = "from torchnn_really.data import has_mnist; raise SystemExit(not has_mnist())"
        if subprocess.run([sys.executable, '-c', code], cwd=pages.ROOT, env=env).returncode:
            sys.exit('MNIST is not in the cache; download it first: torchnn_really data')
    return env

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('page', nargs='*', help='names or numbers of pages; all of them if none is given')
    p.add_argument('--data', choices=['sample', 'mnist'], help='default: sample, and mnist with --save')
    p.add_argument('--flags', default='', help='marks whose cells run all the same: slow, cuda, online')
    p.add_argument('--jobs', type=int, help='pages at a time (default 2, and 1 with --save)')
    p.add_argument('--timeout', type=float, default=300, help='seconds a page may take')
    p.add_argument('--save', action='store_true', help='write the outputs into the pages')
    p.add_argument('--child', metavar='PAGE', help=argparse.SUPPRESS)
    args = p.parse_args()
    if args.child: return child(Path(args.child), args.flags.split(), args.save)
    args.data = args.data or ('mnist' if args.save else 'sample')
    args.jobs = args.jobs or (1 if args.save else 2)
    if args.save: args.flags = f'{args.flags} slow'
    chosen = [q for q in pages.all_pages() if not args.page or any(q.stem == a.removesuffix('.ipynb').removeprefix('nbs/') or q.stem.startswith(a + '_') for a in args.page)]
    if not chosen: sys.exit(f"no page matches {' '.join(args.page)}")
    results = []
    with tempfile.TemporaryDirectory() as home:
        env = environment(args, home)
        pool = concurrent.futures.ThreadPoolExecutor(args.jobs)
        jobs = [pool.submit(run, q, args, env) for q in chosen]
        try:
            for job in concurrent.futures.as_completed(jobs):
                page, ok, seconds, skips, err = job.result()
                results.append((ok, sum(skips.values())))
                if not ok: print(err, file=sys.stderr, flush=True)
                marks = ', '.join(f'{n} {flag}' for flag, n in skips.items())
                print(f"{'ok' if ok else 'FAILED':6} {seconds:6.1f} s  {page.stem}{f'  (cells skipped: {marks})' if marks else ''}", flush=True)
        finally: pool.shutdown(wait=False, cancel_futures=True)
    passed, cells = sum(ok for ok, _ in results), sum(n for _, n in results)
    print(f"{passed} passed, {len(results) - passed} failed{f', {cells} skipped' if cells else ''}", flush=True)
    sys.exit(passed < len(results))

if __name__ == '__main__': main()
