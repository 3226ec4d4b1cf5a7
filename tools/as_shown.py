#!/usr/bin/env python3
"""Run the cells of each lesson that its readers see, in order, in a new process in a new folder.

    python tools/as_shown.py climb train speed --except tools/exceptions.txt [--env NAME=VALUE ...]
    python tools/as_shown.py nbs/train/03_training.ipynb

nbdev_test runs hidden and exported cells, too, and misses no import that only they hold. Names mean
pages and folders of `nbs`, as nbdev put them into `_proc`; a path that ends in .ipynb is a page as
it was written. The exceptions' line `shown: PAGE …` names pages to leave out. The folder holds
nothing but the data (*.json) that lies beside the page. This file needs nothing but IPython."""
import argparse, atexit, contextlib, json, multiprocessing, os, re, shutil, signal, sys
import tempfile, time
from pathlib import Path

MARK = '\x1e'                                             # before each cell in the log
DIRECTIVE = re.compile(r'(?m)^\s*#\s*\|\s*([\w-]+)\s*:?[ \t]*(.*)')
UNSEEN = {'hide', 'export', 'exporti', 'default_exp'}     # nbdev drops these cells from the site
ELSEWHERE = {'slow', 'cuda', 'online'}                    # shown, and not run on every machine
OFF = dict(echo='false', eval='false', include='false').items()
PROXIES = 'HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy' # at which nobody answers
ENV = dict(NO_PROXY='127.0.0.1', WANDB_MODE='offline', WANDB_SILENT='true', TQDM_DISABLE='1',
           MPLBACKEND='Agg', PYTHONUTF8='1', OMP_NUM_THREADS='1', MKL_NUM_THREADS='1',
           OMP_WAIT_POLICY='PASSIVE', **dict.fromkeys(PROXIES, 'http://127.0.0.1:9')) # no spinning

def code_cells(page):
    "Each code cell: its id or number, number, directives, source"
    for i, cell in enumerate(json.loads(page.read_text(encoding='utf-8'))['cells']):
        source = ''.join(cell['source'])
        top = re.match(r'(\s*#.*(\n|$)|\s*%%.*\n|\s*\n)*', source)[0]
        found = {name: value.strip().lower() for name, value in DIRECTIVE.findall(top)}
        if cell['cell_type'] == 'code': yield cell.get('id', i), i, found, source

def shown(page, raw):
    "The cells that readers run, `{number: source}`; numbers and marks are those of `raw`"
    origin, cells = {key: (str(i), found) for key, i, found, _ in code_cells(raw)}, {}
    for key, i, found, source in code_cells(page):
        i, marks = origin.get(key, (f'{i} of {page.as_posix()}', {}))
        away = found.keys() & UNSEEN or marks.keys() & ELSEWHERE or found.items() & OFF
        is_entry = re.search(r'(?m)^show_doc', source) # nbdev shows what it returns, only
        if source.strip() and not away and not is_entry: cells[i] = source
    return cells

def excused(file, what):
    "The names in the lines `what: …` of a file of exceptions"
    lines = file.read_text(encoding='utf-8').splitlines() if file else []
    return {name for l in lines if l.startswith(f'{what}:') for name in l.split()[1:]}

def lessons(args):
    "The cells of each page, `{page: cells}`, and what is wrong already"
    out, found = {(args.nbs/name).as_posix() for name in excused(args.exceptions, 'shown')}, {}
    wrong = [f'{page}, an exception, is missing' for page in out if not Path(page).is_file()]
    for name in args.page:
        is_path, below = name.endswith('.ipynb'), sorted((args.nbs/name).rglob('[!.]*.ipynb'))
        itself = Path(name) if is_path else args.nbs/f'{name}.ipynb'
        raws = [p for p in [itself, *below] if p.is_file()]
        if not raws: wrong.append(f'{name} is missing')
        for raw in raws:
            page = raw if is_path else Path('_proc')/raw.relative_to(args.nbs)
            is_new = page.is_file() and page.stat().st_mtime >= raw.stat().st_mtime
            if raw.as_posix() in out and not is_path: continue
            if is_new: found[raw.as_posix()] = shown(page, raw)
            else: wrong.append(f'{page} is missing, or older than {raw}: process the pages first')
    return found, wrong

def begin(work, key, cells, folder, env):
    "In a new process: work on cells, and keep what that gives"
    atexit._clear() # a forked process is not to do what its parent has to
    multiprocessing.set_start_method(None, force=True) # the system's own, as in Jupyter
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(os, 'setsid'): os.setsid() # so that what the cells start can be ended with them
    log = os.open(folder/'log', os.O_WRONLY | os.O_APPEND)
    for stream in (1, 2): os.dup2(log, stream)
    os.environ |= {k: v.replace('{folder}', str(folder)) for k, v in env.items()}
    (folder/'found').write_text(json.dumps(work(key, cells, folder)))
    sys.stdout.flush()
    atexit._run_exitfuncs()
    os._exit(0)

def run_shown(key, cells, folder, look=None):
    "Run cells with nothing at hand but the package and data; gives what `look` sees in the end"
    page, ours = Path(key if isinstance(key, str) else key[0]), Path(__file__).resolve().parent
    (folder/'empty').mkdir()
    for data in page.parent.glob('*.json'): shutil.copy(data, folder/'empty')
    os.chdir(folder/'empty')
    sys.path[:] = ['', *(p for p in sys.path if p and Path(p).resolve() != ours)]
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config
    quiet = Config(InteractiveShell=dict(colors='NoColor'), HistoryManager=dict(enabled=False))
    shell = InteractiveShell.instance(config=quiet, ipython_dir=str(folder))
    for i, source in cells.items():
        print(f'{MARK}{i}', flush=True)
        done = shell.run_cell(source, store_history=True).success
        sys.stdout.flush()
        if not done: os._exit(1)
    return look(shell, (folder/'log').read_text(errors='replace')) if look else None

def end(proc, folder, cells):
    "End a process and what it started; gives what it left, and what went wrong"
    code = proc.exitcode
    if os.name == 'nt': os.system(f'taskkill /T /F /PID {proc.pid} >NUL 2>&1')
    with contextlib.suppress(OSError, AttributeError): os.killpg(proc.pid, signal.SIGKILL)
    proc.kill()
    proc.join()
    if code == 0 and (folder/'found').exists(): return json.loads((folder/'found').read_text()), ''
    log = (folder/'log').read_text(encoding='utf-8', errors='replace')
    i, _, said = log.rpartition(MARK)[2].partition('\n')
    why = {None: 'stopped: out of time', 1: ''}.get(code, f'its process ended with {code}')
    parts = (f'cell {i}:', cells.get(i, ''), said, why)
    return None, '\n'.join(part.strip() for part in parts if part.strip())

def stop(number, frame):
    print('stopped', file=sys.stderr, flush=True)
    sys.exit(128 + number)

def results(tasks, args, work=run_shown):
    "Work on `{key: cells}`, each in a process: yields key, seconds, what it left, what went wrong"
    method = 'fork' if 'torch' in sys.modules else 'spawn' # forked, it need not be imported again
    waiting, running, context = list(tasks.items()), {}, multiprocessing.get_context(method)
    for number in (signal.SIGINT, signal.SIGTERM): signal.signal(number, stop) # also in background
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as tmp:
        try:
            while waiting or running:
                while waiting and len(running) < args.jobs:
                    (key, cells), folder = waiting.pop(0), Path(tempfile.mkdtemp(dir=tmp))
                    (folder/'log').touch()
                    sys.stdout.flush() # else a forked process has it, too
                    its = work, key, cells, folder, args.env
                    proc = context.Process(target=begin, args=its)
                    proc.start()
                    running[key] = time.monotonic(), proc, folder, cells
                time.sleep(.05)
                for key, (began, *its) in list(running.items()):
                    seconds = time.monotonic() - began
                    if its[0].is_alive() and seconds < args.timeout: continue
                    del running[key]
                    yield key, seconds, *end(*its)
        finally:
            for _, *its in running.values(): end(*its)

def arguments(doc):
    "The command's arguments, and the environment set"
    p = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument('page', nargs='+')
    p.add_argument('--except', dest='exceptions', type=Path, help='file of exceptions')
    p.add_argument('--env', nargs='*', default=[], help='NAME=VALUE; {folder} is of the page alone')
    p.add_argument('--nbs', type=Path, default='nbs', help='folder of all pages')
    p.add_argument('--jobs', type=int, default=2, help='how many run at a time')
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
