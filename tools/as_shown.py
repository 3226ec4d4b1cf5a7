#!/usr/bin/env python3
"""Run what a lesson's readers see, its shown cells, in order, in a new process in an empty folder.
nbdev_test can't: it runs hidden and exported cells, too, and misses no import that only they hold.

    python tools/as_shown.py train speed/02_lean [--except train/01_tracking] [--env NAME=VALUE ...]
    python tools/as_shown.py nbs/train/03_training.ipynb

A name is a page or a folder below `nbs`; what is shown of it is what nbdev wrote to `_proc`. A path
that ends in .ipynb is a page taken as it was written, by nbdev's rules. Needs nothing but IPython.
"""
import argparse, atexit, contextlib, json, multiprocessing, os, re, signal, sys, tempfile, time
from importlib import metadata
from pathlib import Path

DIRECTIVE = re.compile(r'\s*#\s*\|\s*([\w-]+)\s*:?[ \t]*(.*)')
UNSEEN = {'hide', 'export', 'exporti', 'default_exp'}     # nbdev drops these cells from the site
MARKS = {'slow', 'cuda', 'online'}                        # seen, but not for every machine
OFF = dict(echo='false', eval='false', include='false').items()
NOT_CODE = re.compile(r'(?m)^\s*%.*|^.*#\s*\|\s*hide_line\s*$')  # nor on the site
PROXIES = ['http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY']
ENV = dict.fromkeys(PROXIES, 'http://127.0.0.1:9')        # nobody listens there: offline
ENV |= dict(NO_PROXY='localhost,127.0.0.1', WANDB_MODE='offline', WANDB_SILENT='true')
ENV |= dict(TQDM_DISABLE='1', MPLBACKEND='Agg', PYTHONUTF8='1', PYTHONHASHSEED='0')
ENV |= dict(OMP_NUM_THREADS='1', MKL_NUM_THREADS='1', OMP_WAIT_POLICY='PASSIVE')

# Which cells

def directives(source):
    "The `#|` lines at the top of a cell as a dict"
    found = {}
    for line in source.splitlines():
        if match := DIRECTIVE.match(line): found[match[1]] = match[2].strip().lower()
        elif line.strip() and not line.startswith('%%'): break
    return found

def code_cells(page):
    "Number, id, directives and source of each code cell"
    for i, cell in enumerate(json.loads(page.read_text(encoding='utf-8'))['cells']):
        source = ''.join(cell['source'])
        if cell['cell_type'] == 'code': yield i, cell.get('id', i), directives(source), source

def shown(page, raw):
    "The cells that readers run, as pairs of number and source; `raw` has marks that nbdev takes out"
    origin = {key: (i, d.keys() & MARKS) for i, key, d, _ in code_cells(raw)}
    for i, key, d, source in code_cells(page):
        i, marks = origin.get(key, (i, set()))
        if marks or d.keys() & UNSEEN or d.items() & OFF or re.search(r'(?m)^show_doc\(', source): continue
        if (source := NOT_CODE.sub('', source)).strip(): yield i, source

def named(names, nbs):
    "The pages that `names` mean, in order, and what is wrong with the names"
    found = {n: sorted(p for p in [nbs/f'{n}.ipynb', *(nbs/n).rglob('*.ipynb')] if p.is_file()
                       and not re.search('/[._]', f'/{p.relative_to(nbs).as_posix()}')) for n in names}
    pages = [p for ps in found.values() for p in ps]
    return pages, [f'no page of {nbs} is called {n}' for n, ps in found.items() if not ps]

def lessons(args):
    "The cells of each page that is to be run, `{page: cells}`, and what is wrong already"
    nbs, cells = args.nbs, {}
    direct = [Path(n) for n in args.page if n.endswith('.ipynb')]
    pages, wrong = named([n for n in args.page if not n.endswith('.ipynb')], nbs)
    left_out, unknown = named(args.exceptions, nbs)
    wrong += unknown + [f'{p} is missing' for p in direct if not p.is_file()]
    pairs = [(p, Path('_proc')/p.relative_to(nbs)) for p in pages if p not in left_out]
    for raw, page in pairs + [(p, p) for p in direct if p.is_file()]:
        if page.is_file() and page.stat().st_mtime >= raw.stat().st_mtime:
            cells[raw.with_suffix('').as_posix()] = list(shown(page, raw))
        else: wrong.append(f'{page} is missing or older than {raw}: process the pages first')
    return cells, wrong

def strange_to(package):
    "The modules here that would not be where only a package and what it requires are installed"
    todo, mine = [package], set()
    plain = lambda name: re.sub(r'[-_.]+', '-', name).lower()
    while todo:
        if (name := plain(todo.pop())) in mine: continue
        mine.add(name)
        with contextlib.suppress(metadata.PackageNotFoundError):
            required = [r for r in metadata.requires(name) or [] if 'extra ==' not in r]
            todo += [re.match(r'[\w.-]+', r)[0] for r in required]
    holders = metadata.packages_distributions().items()
    return {module for module, names in holders if not {*map(plain, names)} & mine}

# Running them

def child(cells, folder, env, look):
    "In a new process: run cells, report how far they came, and in the end what `look` sees"
    if hasattr(os, 'setsid'): os.setsid() # whatever is started here can be ended with it
    log, report = folder/'log', folder/'report'
    out = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    for stream in (1, 2): os.dup2(out, stream)
    os.environ |= {k: v.replace('{folder}', str(folder)) for k, v in env.items()}
    os.environ['IPYTHONDIR'] = str(folder/'ipython')
    ours = Path(__file__).resolve().parent
    sys.path[:] = ['', *(p for p in sys.path if p and Path(p).resolve() != ours)]
    (folder/'empty').mkdir()
    os.chdir(folder/'empty')
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config
    quiet = Config(InteractiveShell=dict(colors='NoColor'), HistoryManager=dict(enabled=False))
    shell = InteractiveShell.instance(config=quiet)
    for i, source in cells:
        told = dict(cell=i, source=source, at=log.stat().st_size)
        report.write_text(json.dumps(told), encoding='utf-8')
        done = shell.run_cell(source, store_history=True).success
        sys.stdout.flush()
        if not done: os._exit(1)
    told = dict(found=look and look(shell, log.read_text(encoding='utf-8', errors='replace')))
    report.write_text(json.dumps(told), encoding='utf-8')
    atexit._run_exitfuncs()
    os._exit(0)

def end(proc):
    with contextlib.suppress(OSError, AttributeError): os.killpg(proc.pid, signal.SIGKILL)
    proc.kill()
    proc.join()

def judge(code, folder):
    "What a process left that ended with `code`, and what went wrong, where, and what was said there"
    log, report = folder/'log', folder/'report'
    told = json.loads(report.read_text(encoding='utf-8')) if report.exists() else {}
    if code == 0 and 'found' in told: return told['found'], ''
    said = log.read_bytes()[told.get('at', 0):].decode(errors='replace') if log.exists() else ''
    why = 'its time was over' if code is None else f'its process ended with {code}'*(code != 1)
    where = f"cell {told.get('cell', 'none')}:\n{told.get('source', '')}"
    return None, '\n'.join(filter(None, [where.rstrip(), said.strip(), why]))

def results(tasks, args, method='spawn', look=None):
    "Run `{key: cells}`, each in its own process: yields key, seconds, what it left, what went wrong"
    waiting, running = list(tasks.items()), {}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as tmp:
        try:
            while waiting or running:
                while waiting and len(running) < args.jobs:
                    key, cells = waiting.pop(0)
                    folder = Path(tempfile.mkdtemp(dir=tmp))
                    process = multiprocessing.get_context(method).Process
                    proc = process(target=child, args=(cells, folder, args.env, look))
                    sys.stdout.flush()
                    proc.start()
                    running[key] = proc, folder, time.monotonic()
                time.sleep(.05)
                for key, (proc, folder, began) in list(running.items()):
                    seconds = time.monotonic() - began
                    if proc.is_alive() and seconds < args.timeout: continue
                    found, trouble = judge(proc.exitcode, folder)
                    end(running.pop(key)[0])
                    yield key, seconds, found, trouble
        finally:
            for proc, *_ in running.values(): end(proc)

def arguments(parser):
    "The arguments, with those that both checks have; the environment is set for what starts here"
    add = parser.add_argument
    add('page', nargs='+', help='pages and folders below nbs, or paths of pages')
    add('--except', dest='exceptions', nargs='*', default=[], help='pages and folders to leave out')
    add('--env', nargs='*', default=[], help='variables, NAME=VALUE; {folder} is one for the page alone')
    add('--nbs', type=Path, default='nbs', help='folder of all pages')
    add('--jobs', type=int, default=2, help='how many run at a time')
    add('--timeout', type=float, default=300, help='seconds after which one is stopped')
    args = parser.parse_args()
    args.env = ENV | dict(pair.split('=', 1) for pair in args.env)
    os.environ |= args.env
    return args

def close(n, what, wrong):
    "Say what was found, and end: nothing seen is a failure, too"
    for text in wrong: print(f'\n{text}', file=sys.stderr)
    print(f'{n} {what}, {len(wrong)} problems')
    sys.exit(bool(wrong) or not n)

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument('--package', help='refuse imports of what is not installed with this package')
    p.add_argument('--limit', type=float, default=1e9, help='seconds that a lesson may take')
    args = arguments(p)
    cells, wrong = lessons(args)
    strange = strange_to(args.package) if args.package else set()
    for page, seconds, _, trouble in results(cells, args):
        found = [trouble] if trouble else []
        if seconds > args.limit: found.append(f'it took {seconds:.0f} s')
        for i, source in cells[page]:
            names = {*re.findall(r'(?m)^\s*(?:from|import)\s+(\w+)', source)} & strange
            found += [f'cell {i}: {name} does not come with {args.package}' for name in names]
        print(f"{'FAILED' if found else 'ok':6} {seconds:6.1f} s  {page}", flush=True)
        wrong += [f'{page}, {text}' for text in found]
    close(len(cells), 'lessons run as shown', wrong)

if __name__ == '__main__': main()
