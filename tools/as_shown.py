#!/usr/bin/env python3
"""Run the cells of each lesson that its readers see, in order, in a new process in an empty folder.

    python tools/as_shown.py climb train speed --except tools/exceptions.txt [--env NAME=VALUE ...]
    python tools/as_shown.py nbs/train/03_training.ipynb

nbdev_test runs hidden and exported cells, too, and misses no import that only they hold. Names mean
pages and folders of `nbs`; what is shown of them stands in `_proc`, where nbdev put it. A path
that ends in .ipynb is a page as it was written. Needs nothing but IPython.
"""
import argparse, atexit, contextlib, json, multiprocessing, os, re, signal, sys, tempfile, time
from pathlib import Path

MARK = '\x1e'                                             # before each cell in the log
DIRECTIVE = re.compile(r'\s*#\s*\|\s*([\w-]+)\s*:?[ \t]*(.*)')
UNSEEN = {'hide', 'export', 'exporti', 'default_exp'}     # nbdev drops these cells from the site
ELSEWHERE = {'slow', 'cuda', 'online'}                    # shown, and not run on every machine
OFF = dict(echo='false', eval='false', include='false').items()
NOT_CODE = re.compile(r'(?m)^\s*%.*|^.*#\s*\|\s*hide_line\s*$') # neither is on the site
PROXIES = ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy']
ENV = dict.fromkeys(PROXIES, 'http://127.0.0.1:9')        # nobody answers there
ENV |= dict(NO_PROXY='127.0.0.1', WANDB_MODE='offline', WANDB_SILENT='true', TQDM_DISABLE='1',
            MPLBACKEND='Agg', PYTHONUTF8='1', OMP_NUM_THREADS='1', MKL_NUM_THREADS='1')

# Which cells

def code_cells(page):
    "Number, id, directives and source of each code cell"
    for i, cell in enumerate(json.loads(page.read_text(encoding='utf-8'))['cells']):
        source = ''.join(cell['source'])
        top = re.match(r'(\s*#.*(\n|$)|\s*%%.*\n|\s*\n)*', source)[0].splitlines()
        found = {m[1]: m[2].strip().lower() for m in map(DIRECTIVE.match, top) if m}
        if cell['cell_type'] == 'code': yield i, cell.get('id', i), found, source

def shown(page, raw):
    "The cells that readers run, as pairs of number and source; only `raw` has nbdev's marks"
    origin = {key: (i, found.keys() & ELSEWHERE) for i, key, found, _ in code_cells(raw)}
    for i, key, found, source in code_cells(page):
        i, marks = origin.get(key, (i, set()))
        if marks or found.keys() & UNSEEN or found.items() & OFF: continue
        if re.search(r'(?m)^show_doc\(', source): continue
        if (source := NOT_CODE.sub('', source)).strip(): yield i, source

def excused(args, what):
    "Pages that the file of exceptions names in its line `what: …`"
    lines = args.exceptions.read_text(encoding='utf-8').splitlines() if args.exceptions else []
    return {args.nbs/n for l in lines if l.startswith(f'{what}:') for n in l.split()[1:]}

def lessons(args):
    "The cells of each page, `{page: cells}`, and what is wrong already"
    out, found = excused(args, 'shown'), {}
    wrong = [f'{p} is missing, and excused' for p in sorted(out) if not p.is_file()]
    for name in args.page:
        direct = name.endswith('.ipynb')
        raws = [Path(name)] if direct else (args.nbs/name).rglob('*.ipynb')
        raws = [p for p in sorted([args.nbs/f'{name}.ipynb', *raws]) if p.is_file()]
        if not raws: wrong.append(f'{name} is missing')
        for raw in raws:
            page = raw if direct else Path('_proc')/raw.relative_to(args.nbs)
            if not direct and raw in out or raw.parent.name.startswith('.'): continue
            is_new = page.is_file() and page.stat().st_mtime >= raw.stat().st_mtime
            if is_new: found[raw] = [*shown(page, raw)]
            else: wrong.append(f'{page} is missing, or older than {raw}: process the pages first')
    return found, wrong

# Running them

def child(cells, folder, env, look):
    "In a new process: run the cells, and keep what `look` sees in the end"
    atexit._clear() # a forked process is not to do what its parent has to
    if hasattr(os, 'setsid'): os.setsid() # so that what the cells start can be ended with them
    log = os.open(folder/'log', os.O_WRONLY)
    for stream in (1, 2): os.dup2(log, stream)
    os.environ |= {k: v.replace('{folder}', str(folder)) for k, v in env.items()}
    os.environ['IPYTHONDIR'] = str(folder)
    ours = Path(__file__).resolve().parent
    sys.path[:] = ['', *(p for p in sys.path if p and Path(p).resolve() != ours)]
    (folder/'empty').mkdir()
    os.chdir(folder/'empty')
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config
    quiet = Config(InteractiveShell=dict(colors='NoColor'), HistoryManager=dict(enabled=False))
    shell = InteractiveShell.instance(config=quiet)
    for i, source in cells:
        print(f'{MARK}cell {i}:\n{source}', flush=True)
        done = shell.run_cell(source, store_history=True).success
        sys.stdout.flush()
        if not done: os._exit(1)
    found = look(shell, (folder/'log').read_text(errors='replace')) if look else None
    (folder/'found').write_text(json.dumps(found))
    atexit._run_exitfuncs()
    os._exit(0)

def end(proc, folder):
    "End a process and what it started; gives what it left, and what went wrong"
    code = proc.exitcode
    with contextlib.suppress(OSError, AttributeError): os.killpg(proc.pid, signal.SIGKILL)
    proc.kill()
    proc.join()
    if code == 0 and (folder/'found').exists(): return json.loads((folder/'found').read_text()), ''
    said = (folder/'log').read_text(encoding='utf-8', errors='replace').rpartition(MARK)[2].strip()
    return None, said + {None: '\nstopped: out of time', 1: ''}.get(code, f'\nended with {code}')

def results(tasks, args, method='spawn', look=None):
    "Run `{key: cells}`, each in a process: yields key, seconds, what it left, what went wrong"
    waiting, running, context = list(tasks.items()), {}, multiprocessing.get_context(method)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as tmp:
        try:
            while waiting or running:
                while waiting and len(running) < args.jobs:
                    (key, cells), folder = waiting.pop(0), Path(tempfile.mkdtemp(dir=tmp))
                    (folder/'log').touch()
                    sys.stdout.flush() # else a forked process has it, too
                    proc = context.Process(target=child, args=(cells, folder, args.env, look))
                    proc.start()
                    running[key] = proc, folder, time.monotonic()
                time.sleep(.05)
                for key, (proc, folder, began) in list(running.items()):
                    seconds = time.monotonic() - began
                    if proc.is_alive() and seconds < args.timeout: continue
                    del running[key]
                    yield key, seconds, *end(proc, folder)
        finally:
            for proc, folder, _ in running.values(): end(proc, folder)

def arguments(doc):
    "The command's arguments, and the environment set"
    p = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument('page', nargs='+')
    p.add_argument('--except', dest='exceptions', type=Path, help='file with `shown: PAGE.ipynb …`')
    p.add_argument('--env', nargs='*', default=[], help='NAME=VALUE; {folder} is of the page alone')
    p.add_argument('--nbs', type=Path, default='nbs')
    p.add_argument('--jobs', type=int, default=2, help='how many at a time')
    p.add_argument('--timeout', type=float, default=300, help='seconds after which one is stopped')
    p.add_argument('--limit', type=float, default=1e9, help='seconds that are too many')
    args = p.parse_args()
    args.env = ENV | dict(e.split('=', 1) for e in args.env)
    os.environ |= args.env
    return args

def close(n, what, wrong):
    for problem in wrong: print(f'\n{problem}', file=sys.stderr)
    print(f'{n} {what}, {len(wrong)} problems')
    sys.exit(bool(wrong) or not n)

def main():
    args = arguments(__doc__)
    found, wrong = lessons(args)
    for page, seconds, _, trouble in results(found, args):
        if not trouble and seconds > args.limit: trouble = f'it took {seconds:.0f} s'
        if trouble: wrong.append(f'{page}, {trouble}')
        print(f"{'FAILED' if trouble else 'ok':6} {seconds:6.1f} s  {page}", flush=True)
    close(len(found), 'lessons run as shown', wrong)

if __name__ == '__main__': main()
